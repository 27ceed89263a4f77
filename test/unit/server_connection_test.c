/* Tests of connections: floods, timeouts, output that nobody takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/server.h"

#include "failing_malloc.h"
#include "server_stage.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"\0\0\0\4\0\0\0\0\0";

static void
expect_calm(void)
{
	TURN_UNTIL(stage.peer->ended);
	assert_int_equal(stage.peer->n_goaways, 1);
	assert_int_equal(stage.peer->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	/* This client does not close its side, so the server gives up waiting. */
	stage.clock_offset += SECOND;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
}

/* A second client, to see that it is not touched. */
static void
expect_others_work(void)
{
	H2Peer	   *old = stage.peer;
	H2Stream   *stream;

	connect_peer();
	h2_peer_free(old);
	stream = call_with("/echo", "fine");
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

/* ---- floods ---- */

static void
rapid_resets_end_the_connection(void **state)
{
	connect_peer();
	for (int i = 0; i < 30; i++)
	{
		H2Stream   *stream = begin_call("/hold");

		h2_peer_pump(stage.peer);
		h2_peer_reset(stage.peer, stream, NGHTTP2_CANCEL);
	}
	expect_calm();
	assert_int_equal(stage.n_open, 0);
	expect_others_work();
}

static void
resets_now_and_then_do_no_harm(void **state)
{
	connect_peer();
	for (int i = 0; i < 60; i++)
	{
		h2_peer_reset(stage.peer, begin_call("/hold"), NGHTTP2_CANCEL);
		turn();
		stage.clock_offset += SECOND / 10;
	}
	turns(3);
	assert_int_equal(stage.peer->n_goaways, 0);
	assert_false(stage.peer->ended);
}

static void
resets_that_the_client_provokes_count_as_its_own(void **state)
{
	connect_peer();
	for (int i = 0; i < 30 && !stage.peer->ended; i++)
	{
		H2Stream   *stream = begin_call("/hold");

		/* A window over its maximum is an error of the stream. */
		h2_peer_pump(stage.peer);
		h2_peer_send_frame(stage.peer, NGHTTP2_WINDOW_UPDATE, 0, stream->id,
						   "\x7f\xff\xff\xff", 4);
		turn();
	}
	expect_calm();
}

static void
flood_with(uint8_t type, int32_t stream_id, const char *payload, size_t len)
{
	for (int i = 0; i < 40; i++)
		h2_peer_send_frame(stage.peer, type, 0, stream_id, payload, len);
	expect_calm();
	expect_others_work();
}

static void
a_flood_of_pings_ends_the_connection(void **state)
{
	connect_peer();
	flood_with(NGHTTP2_PING, 0, "12345678", 8);
}

static void
pings_between_answers_do_no_harm(void **state)
{
	connect_peer();
	for (int i = 0; i < 100; i++)
	{
		H2Stream   *stream = call_with("/echo", "measure me");

		TURN_UNTIL(stream->closed);
		nghttp2_submit_ping(stage.peer->session, NGHTTP2_FLAG_NONE, NULL);
	}
	TURN_UNTIL(stage.peer->n_pings == 100);
	assert_int_equal(stage.peer->n_goaways, 0);
}

static void
a_flood_of_settings_ends_the_connection(void **state)
{
	connect_peer();
	flood_with(NGHTTP2_SETTINGS, 0, "", 0);
}

static void
a_flood_of_priorities_ends_the_connection(void **state)
{
	connect_peer();
	flood_with(NGHTTP2_PRIORITY, 1, "\0\0\0\0\1", 5);
}

static void
a_flood_of_empty_data_ends_the_connection(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	flood_with(NGHTTP2_DATA, stream->id, "", 0);
	assert_int_equal(stage.n_early, 1);
}

static void
endless_continuations_end_the_connection(void **state)
{
	connect_peer();
	h2_peer_send_frame(stage.peer, NGHTTP2_HEADERS, 0, 1, "\x83", 1);
	for (int i = 0; i < 1000; i++)
		h2_peer_send_frame(stage.peer, NGHTTP2_CONTINUATION, 0, 1, "", 0);
	TURN_UNTIL(stage.peer->ended);
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	assert_int_equal(az_server_calls(stage.server), 0);
	assert_string_equal(stage.events, "");
	expect_others_work();
}

static char long_value[2900];

static void
set_many_headers(H2Header * extra, size_t count)
{
	memset(long_value, 'v', sizeof(long_value) - 1);
	for (size_t i = 0; i < count; i++)
	{
		extra[i][0] = "x-long";
		extra[i][1] = long_value;
	}
	extra[count][0] = NULL;
}

static void
headers_over_the_limit_refuse_their_call_alone(void **state)
{
	H2Header	extra[4];
	H2Stream   *stream;

	connect_peer();
	assert_int_equal(stage.peer->max_header_bytes, 8 * KB);
	set_many_headers(extra, 3);
	stream = h2_peer_call(stage.peer, "/echo", extra);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(h2_peer_message(stream), "8192"));
	assert_string_equal(stage.events, "");
	stream = call_with("/echo", "fine");
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

static void
headers_far_over_the_limit_end_the_connection(void **state)
{
	H2Header	extra[61];

	/* The compressed block is small: each repeats an entry of the table. */
	connect_peer();
	set_many_headers(extra, 60);
	h2_peer_call(stage.peer, "/echo", extra);
	expect_calm();
	expect_others_work();
}

static void
streams_over_the_limit_are_refused(void **state)
{
	AzServerLimits limits = usual_limits;
	H2Stream   *streams[5];
	int			n_refused = 0;

	limits.max_streams = 3;
	restart_with(&limits);
	stage.peer = h2_peer_connect(az_server_port(stage.server));
	/* The client does not know the limit yet. */
	for (int i = 0; i < 5; i++)
		streams[i] = begin_call("/hold");
	TURN_UNTIL(streams[4]->closed);
	assert_int_equal(stage.peer->max_streams, 3);
	for (int i = 0; i < 5; i++)
		n_refused += streams[i]->closed &&
			streams[i]->close_code == NGHTTP2_REFUSED_STREAM;
	assert_int_equal(n_refused, 2);
	assert_int_equal(stage.n_open, 3);
	assert_int_equal(az_server_calls(stage.server), 3);
}

static void
what_is_not_http2_is_closed_at_once(void **state)
{
	int			fd = h2_peer_dial(az_server_port(stage.server));

	assert_true(fd >= 0);
	TURN_UNTIL(az_server_connections(stage.server) == 1);
	assert_int_equal(send(fd, "GET / HTTP/1.1\r\nHost: here.example\r\n\r\n", 38,
						  MSG_NOSIGNAL), 38);
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	close(fd);
}

static void
a_frame_against_the_rules_is_answered_with_goaway(void **state)
{
	connect_peer();
	h2_peer_send_frame(stage.peer, NGHTTP2_DATA, 0, 0, "x", 1);
	TURN_UNTIL(stage.peer->ended);
	assert_int_equal(stage.peer->goaway_code, NGHTTP2_PROTOCOL_ERROR);
	stage.clock_offset += SECOND;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
}

static void
a_stream_opened_out_of_order_is_answered_with_goaway(void **state)
{
	/* ":method: POST", ":scheme: http", ":path: /", from the table. */
	static const char block[] = "\x83\x86\x84";

	connect_peer();
	h2_peer_send_frame(stage.peer, NGHTTP2_HEADERS,
					   NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 5,
					   block, 3);
	h2_peer_send_frame(stage.peer, NGHTTP2_HEADERS,
					   NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3,
					   block, 3);
	TURN_UNTIL(stage.peer->ended);
	assert_int_equal(stage.peer->goaway_code, NGHTTP2_PROTOCOL_ERROR);
}

/* ---- timeouts ---- */

static void
a_client_that_says_nothing_is_closed_after_the_handshake_timeout(void **state)
{
	int			fd = h2_peer_dial(az_server_port(stage.server));

	TURN_UNTIL(az_server_connections(stage.server) == 1);
	stage.clock_offset += 9 * SECOND;
	turns(3);
	assert_int_equal(az_server_connections(stage.server), 1);
	stage.clock_offset += 2 * SECOND;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	close(fd);
}

static void
an_idle_connection_is_told_goodbye(void **state)
{
	AzServerLimits limits = usual_limits;

	limits.idle_timeout_us = 60 * SECOND;
	restart_with(&limits);
	connect_peer();
	stage.clock_offset += 59 * SECOND;
	turns(3);
	assert_int_equal(stage.peer->n_goaways, 0);
	stage.clock_offset += 2 * SECOND;
	TURN_UNTIL(stage.peer->ended);
	assert_int_equal(stage.peer->goaway_code, NGHTTP2_NO_ERROR);
	stage.clock_offset += SECOND;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
}

static void
a_connection_with_a_call_is_not_idle(void **state)
{
	AzServerLimits limits = usual_limits;
	H2Stream   *stream;

	limits.idle_timeout_us = 60 * SECOND;
	restart_with(&limits);
	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	stage.clock_offset += 300 * SECOND;
	turns(3);
	finish_held(AZ_OK, NULL);
	TURN_UNTIL(stream->closed);
	/* The wait begins again with the last call. */
	stage.clock_offset += 59 * SECOND;
	turns(3);
	assert_int_equal(stage.peer->n_goaways, 0);
	stage.clock_offset += 2 * SECOND;
	TURN_UNTIL(stage.peer->ended);
}

static void
a_silent_client_is_asked_and_kept_while_it_answers(void **state)
{
	AzServerLimits limits = usual_limits;

	limits.keepalive_us = 30 * SECOND;
	restart_with(&limits);
	connect_peer();
	for (int i = 1; i <= 3; i++)
	{
		stage.clock_offset += 31 * SECOND;
		TURN_UNTIL(stage.peer->n_pings == i);
		turns(3);
		stage.clock_offset += 6 * SECOND;
		turns(3);
	}
	assert_false(stage.peer->ended);
	assert_int_equal(az_server_connections(stage.server), 1);
}

static void
a_client_that_does_not_answer_is_given_up(void **state)
{
	AzServerLimits limits = usual_limits;

	limits.keepalive_us = 30 * SECOND;
	restart_with(&limits);
	connect_peer();
	begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	stage.peer->stops_reading = true;
	stage.clock_offset += 31 * SECOND;
	turns(3);
	stage.clock_offset += 4 * SECOND;
	turns(3);
	assert_int_equal(az_server_connections(stage.server), 1);
	stage.clock_offset += 2 * SECOND;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	assert_int_equal(stage.n_early, 1);
}

static void
a_client_that_ignores_goaway_is_closed_after_a_second(void **state)
{
	char		all[4096];
	int			fd = h2_peer_dial(az_server_port(stage.server));

	assert_int_equal(send(fd, preface, sizeof(preface) - 1, 0),
					 sizeof(preface) - 1);
	TURN_UNTIL(recv(fd, all, sizeof(all), 0) > 0);

	/* A frame on stream 0 that must not be there, then silence. */
	assert_int_equal(send(fd, "\0\0\1\0\0\0\0\0\0x", 10, 0), 10);
	turns(5);
	assert_int_equal(az_server_connections(stage.server), 1);
	stage.clock_offset += SECOND + 1;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	close(fd);
}

static void
a_client_that_floods_on_after_goaway_is_cut_off(void **state)
{
	static char junk[64 * KB];
	int			fd = h2_peer_dial(az_server_port(stage.server));

	assert_int_equal(send(fd, preface, sizeof(preface) - 1, 0),
					 sizeof(preface) - 1);
	assert_int_equal(send(fd, "\0\0\1\0\0\0\0\0\0x", 10, 0), 10);
	TURN_UNTIL(az_server_connections(stage.server) == 1);
	/* The clock stands still: only what is read can end it. */
	TURN_UNTIL((send(fd, junk, sizeof(junk), MSG_NOSIGNAL),
				az_server_connections(stage.server) == 0));
	close(fd);
}

/* ---- output that nobody takes ---- */

static void
a_client_that_takes_no_output_is_not_read(void **state)
{
	static char block[256 * KB];
	nghttp2_settings_entry wide = {
		NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30
	};
	H2Stream   *stream;
	size_t		before;

	connect_peer();
	nghttp2_submit_settings(stage.peer->session, NGHTTP2_FLAG_NONE, &wide, 1);
	nghttp2_session_set_local_window_size(stage.peer->session,
										  NGHTTP2_FLAG_NONE, 0, 1 << 30);
	turns(5);
	stage.peer->stops_reading = true;
	stream = begin_call("/chat");
	for (int i = 0; i < 64; i++)
		h2_peer_send_message(stage.peer, stream, block, sizeof(block),
							 i == 63);
	turns(100);
	before = stage.message_bytes;
	turns(50);
	assert_int_equal(stage.message_bytes, before);
	assert_true(before < 16 * MB);

	stage.peer->stops_reading = false;
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_int_equal(stream->input.len, 64 * (sizeof(block) + 5));
}

static void
new_calls_are_refused_while_too_many_answers_wait(void **state)
{
	nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
	static const uint8_t block[MB];
	AzBytes		message = {block, sizeof(block)};
	H2Stream   *stream;

	connect_peer();
	nghttp2_submit_settings(stage.peer->session, NGHTTP2_FLAG_NONE, &none, 1);
	begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	for (int i = 0; i < 3; i++)
		assert_true(az_server_call_send(stage.held, message));
	turns(3);
	stream = call_with("/echo", "more");
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(stage.n_open, 1);
}

static void
a_client_that_leaves_in_the_middle_of_an_answer_does_no_harm(void **state)
{
	connect_peer();
	stage.to_send = 1000;
	stage.peer->stops_reading = true;
	begin_call("/blocks");
	turns(20);
	h2_peer_free(stage.peer);
	stage.peer = NULL;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	assert_int_equal(stage.n_early, 1);
}

static void
a_client_that_leaves_while_it_is_not_read_is_noticed(void **state)
{
	static char block[256 * KB];
	H2Stream   *stream;

	connect_peer();
	nghttp2_session_set_local_window_size(stage.peer->session,
										  NGHTTP2_FLAG_NONE, 0, 1 << 30);
	nghttp2_session_set_local_window_size(stage.peer->session,
										  NGHTTP2_FLAG_NONE, 1, 1 << 30);
	turns(5);
	stage.peer->stops_reading = true;
	stream = begin_call("/chat");
	for (int i = 0; i < 64; i++)
		h2_peer_send_message(stage.peer, stream, block, sizeof(block), false);
	turns(100);
	h2_peer_free(stage.peer);
	stage.peer = NULL;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	assert_int_equal(stage.n_early, 1);
}

/* ---- memory ---- */

static void
a_connection_survives_any_failing_allocation(void **state)
{
	bool		failed = true;
	int			n_answered = 0;

	for (int n = 0; failed; n++)
	{
		H2Stream   *stream;

		stage.peer = h2_peer_connect(az_server_port(stage.server));
		assert_non_null(stage.peer);
		stream = call_with("/echo", "hello");
		h2_peer_pump(stage.peer);
		fail_malloc_after(n);
		for (int i = 0; i < 4; i++)
			turn_server();
		TURN_UNTIL(stream->closed || stage.peer->ended);
		failed = malloc_has_failed();
		fail_malloc_after(-1);
		if (h2_peer_status(stream) == 0)
		{
			assert_memory_equal(stream->input.data, "\0\0\0\0\5hello", 10);
			n_answered++;
		}
		h2_peer_free(stage.peer);
		stage.peer = NULL;
		TURN_UNTIL(az_server_connections(stage.server) == 0);
		assert_int_equal(stage.n_open, 0);
		stage.events[0] = '\0';
		stage.log[0] = '\0';
	}
	assert_true(n_answered > 0);
}

static void
draining_survives_any_failing_allocation(void **state)
{
	bool		failed = true;

	for (int n = 0; failed; n++)
	{
		connect_peer();
		begin_call("/hold");
		TURN_UNTIL(stage.held != NULL);
		fail_malloc_after(n);
		az_server_drain(stage.server);
		turn_server();
		turn();
		turn();
		failed = malloc_has_failed();
		fail_malloc_after(-1);
		if (stage.held != NULL)
			finish_held(AZ_OK, NULL);
		turns(3);
		stage.clock_offset += 2 * SECOND;
		turns(3);
		stage.clock_offset += SECOND;
		TURN_UNTIL(az_server_connections(stage.server) == 0);
		h2_peer_free(stage.peer);
		stage.peer = NULL;
		restart_with(&usual_limits);
		stage.log[0] = '\0';
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(rapid_resets_end_the_connection),
		STAGE_TEST(resets_now_and_then_do_no_harm),
		STAGE_TEST(resets_that_the_client_provokes_count_as_its_own),
		STAGE_TEST(a_flood_of_pings_ends_the_connection),
		STAGE_TEST(pings_between_answers_do_no_harm),
		STAGE_TEST(a_flood_of_settings_ends_the_connection),
		STAGE_TEST(a_flood_of_priorities_ends_the_connection),
		STAGE_TEST(a_flood_of_empty_data_ends_the_connection),
		STAGE_TEST(endless_continuations_end_the_connection),
		STAGE_TEST(headers_over_the_limit_refuse_their_call_alone),
		STAGE_TEST(headers_far_over_the_limit_end_the_connection),
		STAGE_TEST(streams_over_the_limit_are_refused),
		STAGE_TEST(what_is_not_http2_is_closed_at_once),
		STAGE_TEST(a_frame_against_the_rules_is_answered_with_goaway),
		STAGE_TEST(a_stream_opened_out_of_order_is_answered_with_goaway),
		STAGE_TEST(a_client_that_says_nothing_is_closed_after_the_handshake_timeout),
		STAGE_TEST(an_idle_connection_is_told_goodbye),
		STAGE_TEST(a_connection_with_a_call_is_not_idle),
		STAGE_TEST(a_silent_client_is_asked_and_kept_while_it_answers),
		STAGE_TEST(a_client_that_does_not_answer_is_given_up),
		STAGE_TEST(a_client_that_ignores_goaway_is_closed_after_a_second),
		STAGE_TEST(a_client_that_floods_on_after_goaway_is_cut_off),
		STAGE_TEST(a_client_that_takes_no_output_is_not_read),
		STAGE_TEST(new_calls_are_refused_while_too_many_answers_wait),
		STAGE_TEST(a_client_that_leaves_in_the_middle_of_an_answer_does_no_harm),
		STAGE_TEST(a_client_that_leaves_while_it_is_not_read_is_noticed),
		STAGE_TEST(a_connection_survives_any_failing_allocation),
		STAGE_TEST(draining_survives_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
