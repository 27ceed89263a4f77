/* Tests of net/http2_client.c: bytes in, bytes out, without a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "net/http2_client.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum
{
	DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7
};

static AzHttp2Client *client;
static AzBuffer output;
static AzMetadata no_metadata;

/* One stream and what became of it. */
typedef struct Sent
{
	AzHttp2Stream stream;
	AzAnswer	answer;
	int			times;
	AzHttp2End	end;
	AzCode		lost;
} Sent;

static void
note_end(AzHttp2Stream *stream, const AzHttp2End *end)
{
	Sent	   *sent = stream->owner;

	sent->times++;
	sent->end = *end;
	sent->lost = end->lost == NULL ? AZ_OK : end->lost->code;
	assert_null(stream->client);
}

static int
open_client(void **state)
{
	client = az_http2_client_create(4096, &client);
	return client == NULL;
}

static int
close_client(void **state)
{
	az_http2_client_free(client);
	az_buffer_free(&output);
	return 0;
}

static void
send_request(Sent *sent, AzBytes message)
{
	AzHttp2Request request = {
		.path = "/a.B/C",
		.authority = "a:1",
		.metadata = &no_metadata,
		.message = message,
		.timeout_us = INT64_MAX
	};

	memset(sent, 0, sizeof(*sent));
	sent->answer.arena = az_arena_create();
	sent->answer.address = "grpc://a:1";
	sent->answer.max_header_bytes = 1000;
	sent->answer.max_message_bytes = 1000;
	sent->stream.answer = &sent->answer;
	sent->stream.ended = note_end;
	sent->stream.owner = sent;
	assert_true(az_http2_client_send(client, &sent->stream, &request));
}

static void
free_sent(Sent *sent)
{
	if (sent->stream.client != NULL)
		az_http2_client_reset(&sent->stream);
	az_answer_free(&sent->answer);
	az_arena_free(sent->answer.arena);
}

/* Everything it wants to write. */
static AzBytes
gather(void)
{
	AzError		why;

	az_buffer_consume(&output, az_buffer_bytes(&output).len);
	assert_true(az_http2_client_gather(client, &output, SIZE_MAX, &why));
	return az_buffer_bytes(&output);
}

/* How many frames of a type are in what it wants to write. */
static int
count_frames(int type, int32_t stream_id)
{
	AzBytes		bytes = gather();
	int			count = 0;

	if (bytes.len >= strlen(PREFACE) &&
		memcmp(bytes.data, PREFACE, strlen(PREFACE)) == 0)
	{
		bytes.data += strlen(PREFACE);
		bytes.len -= strlen(PREFACE);
	}
	while (bytes.len >= 9)
	{
		size_t		len = (size_t) bytes.data[0] << 16 | (size_t) bytes.data[1] << 8 | bytes.data[2];

		if (bytes.data[3] == type && bytes.data[8] == stream_id)
			count++;
		bytes.data += 9 + len;
		bytes.len -= 9 + len;
	}
	assert_int_equal(bytes.len, 0);
	return count;
}

/* Gives it one frame of the peer. */
static bool
receive(int type, int flags, int32_t id, const void *payload, size_t len)
{
	uint8_t		frame[600] = {
		0, (uint8_t) (len >> 8), (uint8_t) len, (uint8_t) type,
		(uint8_t) flags, 0, 0, 0, (uint8_t) id
	};
	AzBytes		input = {frame, 9 + len};
	AzError		why;

	if (len > 0)
		memcpy(frame + 9, payload, len);
	return az_http2_client_receive(client, input, &why);
}

#define END_STREAM 1
#define END_HEADERS 4

static void
receive_settings(uint8_t max_streams)
{
	const uint8_t entry[] = {0, 3, 0, 0, 0, max_streams};

	assert_true(receive(SETTINGS, 0, 0, entry, max_streams == 0 ? 0 : 6));
}

static void
receive_answer(int32_t id)
{
	static const char trailers[] = "\0\13grpc-status\1" "0";

	assert_true(receive(HEADERS, END_HEADERS, id, "\210", 1));
	assert_true(receive(DATA, 0, id, "\0\0\0\0\2hi", 7));
	assert_true(receive(HEADERS, END_HEADERS | END_STREAM, id, trailers, sizeof(trailers) - 1));
}

static void
it_begins_with_the_preface_and_settings(void **state)
{
	AzBytes		bytes;

	assert_true(az_http2_client_has_output(client));
	bytes = gather();
	assert_true(bytes.len > strlen(PREFACE) + 9);
	assert_memory_equal(bytes.data, PREFACE, strlen(PREFACE));
	assert_int_equal(bytes.data[strlen(PREFACE) + 3], SETTINGS);
	assert_false(az_http2_client_has_output(client));
	assert_ptr_equal(az_http2_client_owner(client), &client);
}

static void
it_is_greeted_when_the_peers_settings_came(void **state)
{
	assert_false(az_http2_client_is_greeted(client));
	receive_settings(0);
	assert_true(az_http2_client_is_greeted(client));
	assert_true(az_http2_client_tell(client));
	assert_false(az_http2_client_tell(client));
	assert_false(az_http2_client_is_leaving(client));
}

static void
there_is_room_for_as_many_streams_as_the_peer_allows(void **state)
{
	Sent		sent[2];

	receive_settings(2);
	assert_int_equal(az_http2_client_room(client), 2);
	send_request(&sent[0], az_bytes_of("x"));
	assert_int_equal(az_http2_client_room(client), 1);
	send_request(&sent[1], az_bytes_of("x"));
	assert_int_equal(az_http2_client_room(client), 0);
	assert_int_equal(az_http2_client_streams(client), 2);
	receive_settings(1);
	assert_int_equal(az_http2_client_room(client), 0);
	gather();
	receive_answer(1);
	assert_true(az_http2_client_tell(client));
	assert_int_equal(az_http2_client_room(client), 0);
	receive_settings(5);
	assert_int_equal(az_http2_client_room(client), 4);
	free_sent(&sent[0]);
	free_sent(&sent[1]);
}

static void
several_requests_come_out_in_one_piece(void **state)
{
	Sent		sent[3];
	AzBytes		bytes;

	receive_settings(0);
	gather();
	for (int i = 0; i < 3; i++)
		send_request(&sent[i], az_bytes_of("hello"));
	bytes = gather();
	assert_true(bytes.len > 3 * (9 + 9 + 5 + 5));
	assert_false(az_http2_client_has_output(client));
	for (int i = 0; i < 3; i++)
	{
		assert_true(sent[i].stream.begun);
		free_sent(&sent[i]);
	}
}

static void
a_request_is_headers_and_then_its_framed_message(void **state)
{
	Sent		sent;
	AzBytes		bytes;

	receive_settings(0);
	gather();
	send_request(&sent, az_bytes_of("hello"));
	bytes = gather();
	assert_int_equal(bytes.data[3], HEADERS);
	assert_int_equal(bytes.data[8], 1);
	assert_memory_equal(bytes.data + bytes.len - 10, "\0\0\0\0\5hello", 10);
	assert_int_equal(bytes.data[bytes.len - 10 - 9 + 3], DATA);
	assert_int_equal(bytes.data[bytes.len - 10 - 9 + 4], END_STREAM);
	free_sent(&sent);
}

static void
no_more_is_gathered_at_a_time_than_asked_for_and_one_frame(void **state)
{
	Sent		sent;
	uint8_t		large[40000] = {0};
	AzBytes		message = {large, sizeof(large)};
	AzError		why;

	receive_settings(0);
	gather();
	send_request(&sent, message);
	az_buffer_consume(&output, az_buffer_bytes(&output).len);
	assert_true(az_http2_client_gather(client, &output, 1000, &why));
	assert_true(az_buffer_bytes(&output).len < 1000 + 16384 + 9);
	assert_true(az_http2_client_has_output(client));
	free_sent(&sent);
}

static void
an_answer_ends_its_stream_when_told(void **state)
{
	Sent		sent;
	AzBytes		message;
	AzError		status;

	receive_settings(0);
	send_request(&sent, az_bytes_of("x"));
	gather();
	receive_answer(1);
	assert_int_equal(sent.times, 0);
	assert_true(az_http2_client_tell(client));
	assert_int_equal(sent.times, 1);
	assert_int_equal(sent.end.outcome, AZ_HTTP2_ANSWERED);
	assert_true(az_answer_result(&sent.answer, &message, &status));
	assert_memory_equal(message.data, "hi", 2);
	assert_int_equal(count_frames(RST_STREAM, 1), 0);
	free_sent(&sent);
}

static void
an_answer_before_the_request_is_out_stops_the_request(void **state)
{
	Sent		sent;
	static const uint8_t large[100000];
	AzBytes		message = {large, sizeof(large)};

	receive_settings(0);
	send_request(&sent, message);
	gather();
	receive_answer(1);
	az_http2_client_tell(client);
	assert_int_equal(sent.end.outcome, AZ_HTTP2_ANSWERED);
	assert_int_equal(count_frames(RST_STREAM, 1), 1);
	free_sent(&sent);
}

static void
an_answer_that_is_of_no_use_is_reset(void **state)
{
	Sent		sent;

	receive_settings(0);
	send_request(&sent, az_bytes_of("x"));
	gather();
	assert_true(receive(HEADERS, END_HEADERS, 1, "\210", 1));
	assert_true(receive(DATA, 0, 1, "\7\0\0\0\0", 5));
	assert_true(receive(DATA, 0, 1, "more", 4));
	az_http2_client_tell(client);
	assert_int_equal(sent.times, 1);
	assert_int_equal(sent.end.outcome, AZ_HTTP2_ANSWERED);
	assert_int_equal(sent.answer.failure.code, AZ_INTERNAL);
	assert_int_equal(count_frames(RST_STREAM, 1), 1);
	free_sent(&sent);
}

static void
headers_over_the_limit_end_the_stream(void **state)
{
	Sent		sent;
	uint8_t		block[5 + 126] = {0x88, 0, 1, 'n', 126};

	memset(block + 5, 'v', 126);
	receive_settings(0);
	send_request(&sent, az_bytes_of("x"));
	sent.answer.max_header_bytes = 100;
	gather();
	assert_true(receive(HEADERS, END_HEADERS, 1, block, sizeof(block)));
	az_http2_client_tell(client);
	assert_int_equal(sent.times, 1);
	assert_int_equal(sent.answer.failure.code, AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(count_frames(RST_STREAM, 1), 1);
	free_sent(&sent);
}

static void
a_reset_is_told_with_its_error(void **state)
{
	Sent		sent;

	receive_settings(0);
	send_request(&sent, az_bytes_of("x"));
	gather();
	assert_true(receive(RST_STREAM, 0, 1, "\0\0\0\13", 4));
	az_http2_client_tell(client);
	assert_int_equal(sent.end.outcome, AZ_HTTP2_RESET);
	assert_int_equal(sent.end.error_code, 11);
	assert_string_equal(sent.end.error_name, "ENHANCE_YOUR_CALM");
	free_sent(&sent);
}

static void
a_refused_stream_is_unprocessed(void **state)
{
	Sent		sent;

	receive_settings(0);
	send_request(&sent, az_bytes_of("x"));
	gather();
	assert_true(receive(RST_STREAM, 0, 1, "\0\0\0\7", 4));
	az_http2_client_tell(client);
	assert_int_equal(sent.end.outcome, AZ_HTTP2_UNPROCESSED);
	free_sent(&sent);
}

static void
streams_after_the_last_one_of_a_goodbye_are_unprocessed(void **state)
{
	Sent		sent[2];

	receive_settings(0);
	send_request(&sent[0], az_bytes_of("x"));
	send_request(&sent[1], az_bytes_of("x"));
	gather();
	assert_true(receive(GOAWAY, 0, 0, "\0\0\0\1\0\0\0\0", 8));
	assert_true(az_http2_client_is_leaving(client));
	az_http2_client_tell(client);
	assert_int_equal(sent[0].times, 0);
	assert_int_equal(sent[1].times, 1);
	assert_int_equal(sent[1].end.outcome, AZ_HTTP2_UNPROCESSED);
	receive_answer(1);
	az_http2_client_tell(client);
	assert_int_equal(sent[0].end.outcome, AZ_HTTP2_ANSWERED);
	free_sent(&sent[0]);
	free_sent(&sent[1]);
}

static void
a_request_the_peer_could_not_see_is_unprocessed_when_all_is_lost(void **state)
{
	Sent		sent[2];
	AzError		why = {.code = AZ_UNAVAILABLE,.message = "gone"};

	receive_settings(0);
	send_request(&sent[0], az_bytes_of("x"));
	gather();
	send_request(&sent[1], az_bytes_of("x"));
	az_http2_client_end(client, &why);
	assert_int_equal(sent[0].end.outcome, AZ_HTTP2_LOST);
	assert_int_equal(sent[0].lost, AZ_UNAVAILABLE);
	assert_int_equal(sent[1].end.outcome, AZ_HTTP2_UNPROCESSED);
	assert_int_equal(az_http2_client_streams(client), 0);
	free_sent(&sent[0]);
	free_sent(&sent[1]);
}

static void
a_stream_that_is_given_up_is_reset_and_never_told(void **state)
{
	Sent		sent;

	receive_settings(0);
	send_request(&sent, az_bytes_of("x"));
	gather();
	az_http2_client_reset(&sent.stream);
	assert_null(sent.stream.client);
	assert_int_equal(az_http2_client_streams(client), 0);
	assert_int_equal(count_frames(RST_STREAM, 1), 1);
	receive_answer(1);
	az_http2_client_tell(client);
	assert_int_equal(sent.times, 0);
	free_sent(&sent);
}

static void
a_stream_given_up_before_it_is_written_costs_the_peer_nothing(void **state)
{
	Sent		sent[2];
	AzBytes		bytes;

	receive_settings(0);
	gather();
	send_request(&sent[0], az_bytes_of("x"));
	az_http2_client_reset(&sent[0].stream);
	free_sent(&sent[0]);
	bytes = gather();
	assert_int_equal(bytes.len, 0);
	send_request(&sent[1], az_bytes_of("x"));
	assert_int_equal(count_frames(HEADERS, 3), 1);
	free_sent(&sent[1]);
}

static void
a_stream_given_up_after_its_end_is_known_is_never_told(void **state)
{
	Sent		sent;

	receive_settings(0);
	send_request(&sent, az_bytes_of("x"));
	gather();
	receive_answer(1);
	az_http2_client_reset(&sent.stream);
	az_http2_client_tell(client);
	assert_int_equal(sent.times, 0);
	free_sent(&sent);
}

static void
what_is_not_http2_is_blamed_on_the_peer(void **state)
{
	static const char greeting[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	AzBytes		input = az_bytes_of(greeting);
	AzError		why;

	assert_null(az_http2_client_blame(client));
	assert_true(az_http2_client_receive(client, input, &why));
	assert_int_equal(count_frames(GOAWAY, 0), 1);
	assert_non_null(az_http2_client_blame(client));
	assert_false(az_http2_client_is_greeted(client));
}

static void
a_flood_of_settings_ends_the_session(void **state)
{
	int			n = 0;

	while (n < 100000 && receive(SETTINGS, 0, 0, NULL, 0))
		n++;
	assert_in_range(n, 1, 10000);
}

static void
a_ping_and_a_farewell_are_written(void **state)
{
	receive_settings(0);
	gather();
	assert_true(az_http2_client_ping(client));
	assert_int_equal(count_frames(PING, 0), 1);
	assert_true(az_http2_client_terminate(client));
	assert_int_equal(count_frames(GOAWAY, 0), 1);
	assert_null(az_http2_client_blame(client));
}

static void
other_frames_are_taken_without_a_word(void **state)
{
	receive_settings(0);
	assert_true(receive(PING, 1, 0, "12345678", 8));
	assert_true(receive(8, 0, 0, "\0\0\1\0", 4));
	assert_true(receive(77, 0, 0, "what", 4));
	gather();
	assert_null(az_http2_client_blame(client));
}

static void
freeing_forgets_the_streams_that_are_open(void **state)
{
	Sent		sent[2];

	receive_settings(0);
	send_request(&sent[0], az_bytes_of("x"));
	send_request(&sent[1], az_bytes_of("x"));
	gather();
	receive_answer(1);
	az_http2_client_free(client);
	client = NULL;
	assert_null(sent[0].stream.client);
	assert_null(sent[1].stream.client);
	assert_int_equal(sent[0].times + sent[1].times, 0);
	free_sent(&sent[0]);
	free_sent(&sent[1]);
}

static void
memory_running_out_is_an_error(void **state)
{
	Sent		sent;
	AzHttp2Request request = {
		.path = "/a.B/C",.authority = "a:1",.metadata = &no_metadata,
		.timeout_us = INT64_MAX
	};
	AzError		why = {0};

	fail_malloc_after(0);
	assert_null(az_http2_client_create(4096, NULL));
	fail_malloc_after(0);
	assert_false(az_http2_client_gather(client, &output, 1000, &why));
	assert_int_equal(why.code, AZ_RESOURCE_EXHAUSTED);
	memset(&sent, 0, sizeof(sent));
	fail_malloc_after(0);
	assert_false(az_http2_client_send(client, &sent.stream, &request));
	fail_malloc_after(-1);
	assert_null(sent.stream.client);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_client, close_client)
	const struct CMUnitTest tests[] = {
		TEST(it_begins_with_the_preface_and_settings),
		TEST(it_is_greeted_when_the_peers_settings_came),
		TEST(there_is_room_for_as_many_streams_as_the_peer_allows),
		TEST(several_requests_come_out_in_one_piece),
		TEST(a_request_is_headers_and_then_its_framed_message),
		TEST(no_more_is_gathered_at_a_time_than_asked_for_and_one_frame),
		TEST(an_answer_ends_its_stream_when_told),
		TEST(an_answer_before_the_request_is_out_stops_the_request),
		TEST(an_answer_that_is_of_no_use_is_reset),
		TEST(headers_over_the_limit_end_the_stream),
		TEST(a_reset_is_told_with_its_error),
		TEST(a_refused_stream_is_unprocessed),
		TEST(streams_after_the_last_one_of_a_goodbye_are_unprocessed),
		TEST(a_request_the_peer_could_not_see_is_unprocessed_when_all_is_lost),
		TEST(a_stream_that_is_given_up_is_reset_and_never_told),
		TEST(a_stream_given_up_before_it_is_written_costs_the_peer_nothing),
		TEST(a_stream_given_up_after_its_end_is_known_is_never_told),
		TEST(what_is_not_http2_is_blamed_on_the_peer),
		TEST(a_flood_of_settings_ends_the_session),
		TEST(a_ping_and_a_farewell_are_written),
		TEST(other_frames_are_taken_without_a_word),
		TEST(freeing_forgets_the_streams_that_are_open),
		TEST(memory_running_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
