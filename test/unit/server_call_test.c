/* Tests of calls as clients make them, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/server.h"

#include "failing_malloc.h"
#include "server_stage.h"

/* ---- answers ---- */

static void
a_unary_call_is_answered_with_a_message_and_trailers(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = call_with("/echo", "hello");
	TURN_UNTIL(stream->closed);
	assert_string_equal(h2_peer_header(&stream->headers, ":status"), "200");
	assert_string_equal(h2_peer_header(&stream->headers, "content-type"),
						"application/grpc");
	assert_null(h2_peer_header(&stream->headers, "grpc-status"));
	assert_int_equal(stream->input.len, 10);
	assert_memory_equal(stream->input.data, "\0\0\0\0\5hello", 10);
	assert_string_equal(h2_peer_header(&stream->trailers, "grpc-status"), "0");
	assert_null(h2_peer_header(&stream->trailers, "grpc-message"));
	assert_int_equal(stream->close_code, NGHTTP2_NO_ERROR);
	assert_int_equal(az_server_calls(stage.server), 0);
	assert_string_equal(stage.events, "opened /echo\nmessage 5\nclosed\n");
}

static void
an_error_before_any_message_is_trailers_only(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = call_with("/refuse", "hello");
	TURN_UNTIL(stream->closed);
	assert_string_equal(h2_peer_header(&stream->headers, ":status"), "200");
	assert_string_equal(h2_peer_header(&stream->headers, "content-type"),
						"application/grpc");
	assert_string_equal(h2_peer_header(&stream->headers, "grpc-status"), "5");
	assert_string_equal(h2_peer_header(&stream->headers, "grpc-message"),
						"no such thing");
	assert_int_equal(stream->trailers.len, 0);
	assert_int_equal(stream->input.len, 0);
	assert_string_equal(stage.events, "opened /refuse\nclosed\n");
}

static void
many_calls_share_a_connection_and_each_gets_its_own_answer(void **state)
{
	H2Stream   *streams[50];
	char		text[32];

	connect_peer();
	for (int i = 0; i < 50; i++)
	{
		snprintf(text, sizeof(text), "call %d", i);
		streams[i] = call_with("/echo", text);
	}
	for (int i = 0; i < 50; i++)
	{
		TURN_UNTIL(streams[i]->closed);
		snprintf(text, sizeof(text), "call %d", i);
		assert_string_equal(streams[i]->input.data + 5, text);
		assert_int_equal(h2_peer_status(streams[i]), 0);
	}
	assert_int_equal(az_server_connections(stage.server), 1);
}

static void
messages_flow_both_ways_in_order(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/chat");
	h2_peer_send_message(stage.peer, stream, "one", 3, false);
	TURN_UNTIL(stream->input.len == 8);
	h2_peer_send_message(stage.peer, stream, "", 0, false);
	h2_peer_send_message(stage.peer, stream, "three", 5, false);
	TURN_UNTIL(stream->input.len == 8 + 5 + 10);
	assert_memory_equal(stream->input.data,
						"\0\0\0\0\3one\0\0\0\0\0\0\0\0\0\5three", 23);
	assert_false(stream->ended);
	h2_peer_send(stage.peer, stream, "", 0, true);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

static void
headers_can_be_sent_before_there_is_a_message(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/early");
	TURN_UNTIL(stream->got_headers);
	assert_false(stream->ended);
	assert_true(az_server_call_open(stage.held));
	assert_true(az_server_call_send(stage.held, az_bytes_of("late")));
	finish_held(AZ_DATA_LOSS, "lost");
	TURN_UNTIL(stream->closed);
	assert_memory_equal(stream->input.data, "\0\0\0\0\4late", 9);
	assert_string_equal(h2_peer_header(&stream->trailers, "grpc-status"),
						"15");
	assert_string_equal(h2_peer_header(&stream->trailers, "grpc-message"),
						"lost");
}

static void
headers_alone_may_be_followed_by_trailers(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/early");
	TURN_UNTIL(stream->got_headers);
	turns(3);
	finish_held(AZ_OK, NULL);
	TURN_UNTIL(stream->closed);
	assert_int_equal(stream->input.len, 0);
	assert_string_equal(h2_peer_header(&stream->trailers, "grpc-status"), "0");
}

static void
a_client_that_still_sends_is_told_to_stop_after_the_answer(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/stop");
	h2_peer_send_message(stage.peer, stream, "xyz", 3, false);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_ABORTED);
	assert_true(stream->ended);
	assert_int_equal(stream->close_code, NGHTTP2_NO_ERROR);
	TURN_UNTIL(az_server_calls(stage.server) == 0);
	assert_false(stage.peer->ended);
}

static void
a_message_split_over_chunks_stays_whole_when_the_call_finishes_inside(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/stop");
	h2_peer_send(stage.peer, stream, "\0\0\0\0\3x", 6, false);
	turns(3);
	h2_peer_send(stage.peer, stream, "yz\0\0", 4, false);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_ABORTED);
	assert_int_equal(stage.n_messages, 1);
}

static void
after_the_end_a_call_takes_no_more(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	finish_held(AZ_CANCELLED, "first");
	finish_held(AZ_INTERNAL, "second");
	assert_false(az_server_call_open(stage.held));
	assert_false(az_server_call_send(stage.held, az_bytes_of("third")));
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_CANCELLED);
	assert_string_equal(h2_peer_message(stream), "first");
	assert_int_equal(stage.n_closed, 1);
	assert_int_equal(stage.n_early, 0);
}

/* ---- what the owner can ask ---- */

static void
the_owner_sees_path_and_custom_metadata(void **state)
{
	static const H2Header extra[] = {
		{"x-correlation-id", "abc"}, {"trace-bin", "AAEC"},
		{"user-agent", "test"}, {"grpc-trace-bin", "AA"},
		{"x-correlation-id", "def"}, {NULL}
	};
	const AzMetadata *metadata;
	int			mine = 7;

	connect_peer();
	h2_peer_call(stage.peer, "/hold", extra);
	TURN_UNTIL(stage.held != NULL);
	metadata = az_server_call_metadata(stage.held);
	assert_int_equal(metadata->count, 3);
	assert_string_equal(az_metadata_get(metadata, "x-correlation-id"), "abc");
	assert_string_equal(az_metadata_get(metadata, "trace-bin"), "AAEC");
	assert_string_equal(az_server_call_path(stage.held), "/hold");
	assert_true(az_server_call_deadline_us(stage.held) == INT64_MAX);
	assert_non_null(az_arena_alloc(az_server_call_arena(stage.held), 100));
	assert_null(az_server_call_state(stage.held));
	az_server_call_set_state(stage.held, &mine);
	assert_ptr_equal(az_server_call_state(stage.held), &mine);
}

static void
the_owner_learns_when_all_it_sent_is_gone(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	assert_true(az_server_call_send(stage.held, az_bytes_of("abc")));
	assert_int_equal(az_server_call_unsent(stage.held), 8);
	TURN_UNTIL(strstr(stage.events, "drained") != NULL);
	assert_int_equal(az_server_call_unsent(stage.held), 0);
	TURN_UNTIL(stream->input.len == 8);
	turns(3);
	assert_string_equal(stage.events, "opened /hold\ndrained\n");
}

static void
a_long_answer_goes_out_as_fast_as_the_client_takes_it(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stage.to_send = 64;
	stage.peer->stops_reading = true;
	stream = begin_call("/blocks");
	turns(50);
	/* Neither the window nor the socket takes all of it. */
	assert_true(stage.to_send > 0);
	stage.peer->stops_reading = false;
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_int_equal(stream->input.len, 64 * (64 * KB + 5));
}

/* ---- deadlines ---- */

static H2Stream *
call_with_timeout(const char *timeout)
{
	H2Header	extra[] = {{"grpc-timeout", timeout}, {NULL}};

	return h2_peer_call(stage.peer, "/hold", extra);
}

static void
a_call_past_its_deadline_is_answered_and_closed_early(void **state)
{
	H2Stream   *stream;
	int64_t		left_us;

	connect_peer();
	stream = call_with_timeout("30S");
	TURN_UNTIL(stage.held != NULL);
	left_us = az_server_call_deadline_us(stage.held) - az_clock_monotonic_us();
	assert_in_range(left_us, 29 * SECOND, 30 * SECOND);
	stage.clock_offset += 28 * SECOND;
	turns(3);
	assert_int_equal(stage.n_closed, 0);
	stage.clock_offset += 3 * SECOND;
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_DEADLINE_EXCEEDED);
	assert_int_equal(stage.n_early, 1);
	assert_int_equal(stage.n_closed, 1);
	TURN_UNTIL(az_server_calls(stage.server) == 0);
}

static void
a_deadline_does_not_touch_a_call_answered_in_time(void **state)
{
	static const H2Header extra[] = {{"grpc-timeout", "1S"}, {NULL}};
	H2Stream   *stream;

	connect_peer();
	stream = h2_peer_call(stage.peer, "/echo", extra);
	h2_peer_send_message(stage.peer, stream, "a", 1, true);
	TURN_UNTIL(stream->closed);
	stage.clock_offset += 5 * SECOND;
	turns(3);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_int_equal(stage.n_early, 0);
}

static void
a_deadline_far_away_is_none(void **state)
{
	connect_peer();
	call_with_timeout("99999999H");
	TURN_UNTIL(stage.held != NULL);
	assert_true(az_server_call_deadline_us(stage.held) >
				az_clock_monotonic_us());
	turns(3);
	assert_int_equal(stage.n_closed, 0);
}

static void
a_timeout_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {"", "1", "S", "1x", "123456789S", "-1S"};

	connect_peer();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		H2Stream   *stream = call_with_timeout(bad[i]);

		TURN_UNTIL(stream->closed);
		assert_int_equal(h2_peer_status(stream), AZ_INVALID_ARGUMENT);
		assert_non_null(strstr(h2_peer_message(stream), bad[i]));
	}
	assert_string_equal(stage.events, "");
}

static void
an_answer_nobody_takes_is_dropped_after_a_minute(void **state)
{
	nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
	H2Stream   *stream;

	connect_peer();
	nghttp2_submit_settings(stage.peer->session, NGHTTP2_FLAG_NONE, &none, 1);
	turns(5);
	stream = call_with("/echo", "hello");
	TURN_UNTIL(stream->got_headers);
	stage.clock_offset += 59 * SECOND;
	turns(5);
	assert_int_equal(az_server_calls(stage.server), 1);
	stage.clock_offset += 2 * SECOND;
	TURN_UNTIL(stream->closed);
	assert_int_equal(stream->close_code, NGHTTP2_CANCEL);
	assert_int_equal(stage.n_early, 1);
	assert_int_equal(az_server_calls(stage.server), 0);
}

/* ---- clients that go ---- */

static void
a_call_the_client_resets_is_closed_early(void **state)
{
	H2Stream   *stream;
	H2Stream   *next;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	h2_peer_reset(stage.peer, stream, NGHTTP2_CANCEL);
	TURN_UNTIL(stage.n_closed == 1);
	assert_int_equal(stage.n_early, 1);
	assert_int_equal(az_server_calls(stage.server), 0);
	next = call_with("/echo", "still there");
	TURN_UNTIL(next->closed);
	assert_int_equal(h2_peer_status(next), 0);
}

static void
a_call_reset_before_its_answer_left_is_closed_early(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = begin_call("/hold");
	TURN_UNTIL(stage.held != NULL);
	h2_peer_reset(stage.peer, stream, NGHTTP2_CANCEL);
	h2_peer_pump(stage.peer);
	finish_held(AZ_OK, NULL);
	az_loop_turn(stage.loop, 1);
	az_loop_turn(stage.loop, 1);
	TURN_UNTIL(stage.n_closed == 1);
	assert_int_equal(stage.n_early, 1);
}

static void
calls_of_a_lost_connection_are_closed_early(void **state)
{
	connect_peer();
	begin_call("/hold");
	begin_call("/hold");
	TURN_UNTIL(stage.n_open == 2);
	h2_peer_free(stage.peer);
	stage.peer = NULL;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	assert_int_equal(stage.n_early, 2);
	assert_int_equal(az_server_calls(stage.server), 0);
}

/* ---- memory ---- */

static void
a_call_survives_any_failing_allocation(void **state)
{
	static const H2Header extra[] = {
		{"grpc-timeout", "10S"}, {"x-some", "thing"}, {NULL}
	};
	bool		failed = true;
	int			n_answered = 0;

	connect_peer();
	for (int n = 0; failed; n++)
	{
		H2Peer	   *old;
		H2Stream   *stream = h2_peer_call(stage.peer, "/chat", extra);
		int			status;

		h2_peer_send_message(stage.peer, stream, "some", 4, false);
		h2_peer_pump(stage.peer);
		fail_malloc_after(n);
		turn_server();
		turn_server();
		h2_peer_send(stage.peer, stream, "\0\0\0\0\3a", 6, false);
		h2_peer_pump(stage.peer);
		turn_server();
		turn_server();
		h2_peer_send(stage.peer, stream, "bc", 2, true);
		TURN_UNTIL(stream->closed || stage.peer->ended);
		failed = malloc_has_failed();
		fail_malloc_after(-1);

		/* An answer is right, or the caller learns that there is none. */
		status = h2_peer_status(stream);
		if (status == 0)
		{
			assert_int_equal(stream->input.len, 9 + 8);
			n_answered++;
		}
		else if (status != -1)
			assert_int_equal(status, AZ_RESOURCE_EXHAUSTED);
		if (!stage.peer->ended && stage.peer->n_streams < 200)
			continue;
		old = stage.peer;
		connect_peer();
		h2_peer_free(old);
	}
	assert_true(n_answered > 0);
	TURN_UNTIL(stage.n_open == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_unary_call_is_answered_with_a_message_and_trailers),
		STAGE_TEST(an_error_before_any_message_is_trailers_only),
		STAGE_TEST(many_calls_share_a_connection_and_each_gets_its_own_answer),
		STAGE_TEST(messages_flow_both_ways_in_order),
		STAGE_TEST(headers_can_be_sent_before_there_is_a_message),
		STAGE_TEST(headers_alone_may_be_followed_by_trailers),
		STAGE_TEST(a_client_that_still_sends_is_told_to_stop_after_the_answer),
		STAGE_TEST(a_message_split_over_chunks_stays_whole_when_the_call_finishes_inside),
		STAGE_TEST(after_the_end_a_call_takes_no_more),
		STAGE_TEST(the_owner_sees_path_and_custom_metadata),
		STAGE_TEST(the_owner_learns_when_all_it_sent_is_gone),
		STAGE_TEST(a_long_answer_goes_out_as_fast_as_the_client_takes_it),
		STAGE_TEST(a_call_past_its_deadline_is_answered_and_closed_early),
		STAGE_TEST(a_deadline_does_not_touch_a_call_answered_in_time),
		STAGE_TEST(a_deadline_far_away_is_none),
		STAGE_TEST(a_timeout_that_is_none_is_refused),
		STAGE_TEST(an_answer_nobody_takes_is_dropped_after_a_minute),
		STAGE_TEST(a_call_the_client_resets_is_closed_early),
		STAGE_TEST(a_call_reset_before_its_answer_left_is_closed_early),
		STAGE_TEST(calls_of_a_lost_connection_are_closed_early),
		STAGE_TEST(a_call_survives_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
