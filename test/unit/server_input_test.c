/* Tests of messages as they come in, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/server.h"

#include "failing_malloc.h"
#include "server_stage.h"

static char filler[8 * MB];

/* A call of which the test sends DATA byte for byte as it likes. */
static H2Stream *
send_data(const char *path, const void *data, size_t len, bool last)
{
	H2Stream   *stream = begin_call(path);

	h2_peer_send(stage.peer, stream, data, len, last);
	return stream;
}

static void
expect_refusal(H2Stream *stream, AzCode code, const char *part)
{
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), code);
	if (strstr(h2_peer_message(stream), part) == NULL)
		fail_msg("no \"%s\" in \"%s\"", part, h2_peer_message(stream));
}

static void
expect_working_connection(void)
{
	H2Stream   *stream = call_with("/echo", "fine");

	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_false(stage.peer->ended);
	assert_int_equal(stage.peer->n_goaways, 0);
}

static void
a_message_may_come_byte_by_byte(void **state)
{
	static const char bytes[] = "\0\0\0\0\3abc\0\0\0\0\2de";
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/chat");
	for (size_t i = 0; i < sizeof(bytes) - 1; i++)
	{
		h2_peer_send(stage.peer, stream, bytes + i, 1, false);
		h2_peer_pump(stage.peer);
	}
	h2_peer_send(stage.peer, stream, "", 0, true);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_memory_equal(stream->input.data, bytes, sizeof(bytes) - 1);
	assert_string_equal(stage.events, "opened /chat\nmessage 3\nmessage 2\n"
						"half_closed\nclosed\n");
}

static void
several_messages_may_come_at_once_with_a_part_of_the_next(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = send_data("/chat", "\0\0\0\0\1a\0\0\0\0\0\0\0\0\0\3b", 17, false);
	TURN_UNTIL(stage.n_messages == 2);
	h2_peer_send(stage.peer, stream, "cd", 2, true);
	TURN_UNTIL(stream->closed);
	assert_int_equal(stage.n_messages, 3);
	assert_memory_equal(stream->input.data,
						"\0\0\0\0\1a\0\0\0\0\0\0\0\0\0\3bcd", 19);
}

static void
messages_behind_the_end_of_a_call_are_not_delivered(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = send_data("/stop", "\0\0\0\0\1z\0\0\0\0\1y", 12, false);
	TURN_UNTIL(stream->closed);
	assert_int_equal(stage.n_messages, 1);
	assert_int_equal(h2_peer_status(stream), AZ_ABORTED);
}

static void
a_message_of_exactly_the_limit_is_taken(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/hold");
	h2_peer_send_message(stage.peer, stream, filler, 4 * MB, true);
	TURN_UNTIL(stage.n_messages == 1);
	assert_int_equal(stage.message_bytes, 4 * MB);
	finish_held(AZ_OK, NULL);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

static void
a_message_over_the_limit_is_refused_before_its_payload_arrives(void **state)
{
	H2Stream   *neighbour;
	H2Stream   *stream;

	connect_peer();
	neighbour = begin_call("/chat");
	h2_peer_send_message(stage.peer, neighbour, "a", 1, false);
	TURN_UNTIL(stage.n_messages == 1);
	stream = send_data("/hold", "\0\0\x40\0\1", 5, false);
	expect_refusal(stream, AZ_RESOURCE_EXHAUSTED, "4194305 bytes");
	assert_non_null(strstr(h2_peer_message(stream), "limit of 4194304 bytes"));
	assert_non_null(strstr(h2_peer_message(stream),
						   "angzarr.max_message_size"));
	assert_int_equal(stage.n_messages, 1);
	assert_int_equal(stage.n_early, 1);

	/* The other stream goes on where it was. */
	h2_peer_send_message(stage.peer, neighbour, "b", 1, true);
	TURN_UNTIL(neighbour->closed);
	assert_int_equal(h2_peer_status(neighbour), 0);
	assert_int_equal(neighbour->input.len, 12);
	expect_working_connection();
}

static void
the_largest_length_is_refused_like_any_other(void **state)
{
	connect_peer();
	expect_refusal(send_data("/hold", "\0\xff\xff\xff\xff", 5, true),
				   AZ_RESOURCE_EXHAUSTED, "4294967295 bytes");
	expect_working_connection();
}

static void
a_compressed_message_is_unimplemented(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = send_data("/hold", "\1\0\0\0\1a", 6, true);
	expect_refusal(stream, AZ_UNIMPLEMENTED, "compressed");
	assert_string_equal(h2_peer_header(&stream->headers,
									   "grpc-accept-encoding"), "identity");
	expect_working_connection();
}

static void
a_broken_frame_ends_its_call_alone(void **state)
{
	connect_peer();
	expect_refusal(send_data("/hold", "\7garbage", 8, false), AZ_INTERNAL,
				   "flag byte 7");
	expect_working_connection();
}

static void
a_request_that_ends_inside_a_message_is_refused(void **state)
{
	connect_peer();
	expect_refusal(send_data("/hold", "\0\0\0\0\5abc", 8, true), AZ_INTERNAL,
				   "after 8 bytes");
	expect_refusal(send_data("/hold", "\0", 1, true), AZ_INTERNAL,
				   "after 1 bytes");
	assert_int_equal(stage.n_messages, 0);
	assert_int_equal(stage.n_early, 2);
	expect_working_connection();
}

static void
a_request_without_any_message_is_half_closed(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = send_data("/chat", "", 0, true);
	TURN_UNTIL(stream->closed);
	assert_string_equal(stage.events, "opened /chat\nhalf_closed\nclosed\n");
}

static void
trailers_of_a_client_end_its_request(void **state)
{
	static const H2Header trailers[] = {{"x-end", "1"}, {NULL}};
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/chat");
	h2_peer_send_message(stage.peer, stream, "a", 1, false);
	h2_peer_trailers(stage.peer, stream, trailers);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_string_equal(stage.events,
						"opened /chat\nmessage 1\nhalf_closed\nclosed\n");
}

/* What a server holds of unfinished messages is what clients could send. */
static size_t
taken_of(H2Stream **streams, size_t count, size_t each)
{
	size_t		taken = 0;

	for (size_t i = 0; i < count; i++)
		taken += each - streams[i]->output.len;
	return taken;
}

static void
unfinished_messages_of_a_connection_are_held_within_a_budget(void **state)
{
	H2Stream   *streams[20];
	size_t		taken;

	connect_peer();
	for (int i = 0; i < 20; i++)
	{
		streams[i] = begin_call("/hold");
		h2_peer_send_message(stage.peer, streams[i], filler, 1 * MB, false);
		/* All but the last byte: none of them can end. */
		streams[i]->output.len--;
	}
	do
	{
		taken = taken_of(streams, 20, MB + 4);
		turns(50);
	} while (taken == 0 || taken != taken_of(streams, 20, MB + 4));
	assert_in_range(taken, 4 * MB, 4 * MB + MB + 20 * 64 * KB);
	assert_int_equal(stage.n_messages, 0);

	/* As they end, the others get their turn. */
	for (int i = 0; i < 20; i++)
		h2_peer_send(stage.peer, streams[i], "", 1, true);
	TURN_UNTIL(stage.n_messages == 20);
	assert_int_equal(stage.message_bytes, 20 * MB);
}

static void
a_call_that_goes_gives_the_budget_back(void **state)
{
	H2Stream   *streams[12];
	H2Stream   *last;

	connect_peer();
	for (int i = 0; i < 12; i++)
	{
		streams[i] = begin_call("/hold");
		h2_peer_send_message(stage.peer, streams[i], filler, 1 * MB, false);
		streams[i]->output.len--;
	}
	turns(200);
	last = begin_call("/echo");
	h2_peer_send_message(stage.peer, last, filler, 3 * MB, true);
	turns(200);
	assert_false(last->closed);
	for (int i = 0; i < 12; i++)
		h2_peer_reset(stage.peer, streams[i], NGHTTP2_CANCEL);
	TURN_UNTIL(last->closed);
	assert_int_equal(h2_peer_status(last), 0);
}

static void
padding_does_not_use_up_the_windows(void **state)
{
	uint8_t		padded[1 + 5 + 200] = {200};
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);

	/* 30,000 padded frames would take the connection's window of 4 MB. */
	for (int i = 0; i < 30000; i++)
	{
		h2_peer_send_frame(stage.peer, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED,
						   stream->id, padded, sizeof(padded));
		if (i % 100 == 99)
			turns(2);
	}
	TURN_UNTIL(stage.n_messages == 30000);
	assert_int_equal(stage.peer->n_goaways, 0);
}

static void
memory_that_is_out_for_a_message_ends_its_call(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = send_data("/hold", "\0\0\0\x10\0abc", 8, false);
	TURN_UNTIL(stage.held != NULL);
	h2_peer_send(stage.peer, stream, filler, 4000, false);
	h2_peer_pump(stage.peer);
	fail_malloc_after(0);
	turn_server();
	assert_true(malloc_has_failed());
	fail_malloc_after(-1);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(stage.n_early, 1);
	expect_working_connection();
}

static void
a_call_that_asks_on_without_taking_answers_is_ended(void **state)
{
	nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
	H2Stream   *stream;

	connect_peer();
	nghttp2_submit_settings(stage.peer->session, NGHTTP2_FLAG_NONE, &none, 1);
	stream = begin_call("/chat");
	for (int i = 0; i < 64; i++)
		h2_peer_send_message(stage.peer, stream, filler, 256 * KB, i == 63);
	TURN_UNTIL(stage.n_early == 1);
	assert_in_range(stage.message_bytes, 8 * MB, 9 * MB);
	turns(20);
	assert_in_range(stage.message_bytes, 8 * MB, 9 * MB);
}

static void
a_held_call_gets_what_was_granted_and_no_more_until_it_is_let_go_on(void **state)
{
	H2Stream   *stream;
	AzServerCall *call;
	size_t		got;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	call = stage.held;
	az_server_call_hold(call, true);
	for (int i = 0; i < 300; i++)
		h2_peer_send_message(stage.peer, stream, filler, 1000, false);
	TURN_UNTIL(stage.n_messages > 60);
	turns(20);
	got = stage.n_messages;
	assert_in_range(got, 61, 66);
	expect_working_connection();
	turns(20);
	assert_int_equal(stage.n_messages, got + 1);
	az_server_call_hold(call, false);
	TURN_UNTIL(stage.n_messages == 301);
	stage.held = call;
	finish_held(AZ_OK, NULL);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

static void
a_held_call_can_end(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	az_server_call_hold(stage.held, true);
	for (int i = 0; i < 100; i++)
		h2_peer_send_message(stage.peer, stream, filler, 1000, false);
	TURN_UNTIL(stage.n_messages > 60);
	finish_held(AZ_ABORTED, "enough");
	expect_refusal(stream, AZ_ABORTED, "enough");
	expect_working_connection();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_message_may_come_byte_by_byte),
		STAGE_TEST(several_messages_may_come_at_once_with_a_part_of_the_next),
		STAGE_TEST(messages_behind_the_end_of_a_call_are_not_delivered),
		STAGE_TEST(a_message_of_exactly_the_limit_is_taken),
		STAGE_TEST(a_message_over_the_limit_is_refused_before_its_payload_arrives),
		STAGE_TEST(the_largest_length_is_refused_like_any_other),
		STAGE_TEST(a_compressed_message_is_unimplemented),
		STAGE_TEST(a_broken_frame_ends_its_call_alone),
		STAGE_TEST(a_request_that_ends_inside_a_message_is_refused),
		STAGE_TEST(a_request_without_any_message_is_half_closed),
		STAGE_TEST(trailers_of_a_client_end_its_request),
		STAGE_TEST(unfinished_messages_of_a_connection_are_held_within_a_budget),
		STAGE_TEST(a_call_that_goes_gives_the_budget_back),
		STAGE_TEST(padding_does_not_use_up_the_windows),
		STAGE_TEST(a_call_that_asks_on_without_taking_answers_is_ended),
		STAGE_TEST(memory_that_is_out_for_a_message_ends_its_call),
		STAGE_TEST(a_held_call_gets_what_was_granted_and_no_more_until_it_is_let_go_on),
		STAGE_TEST(a_held_call_can_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
