/* Tests of the server as a whole: listening, limits, draining. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/server.h"

#include "failing_malloc.h"
#include "server_stage.h"

static const AzServerEvents no_events = {0};

static void
a_server_without_memory_is_null(void **state)
{
	bool		failed = true;

	for (int n = 0; failed; n++)
	{
		AzServer   *another;

		fail_malloc_after(n);
		another = az_server_create(stage.loop, &usual_limits, &no_events, NULL);
		failed = malloc_has_failed();
		fail_malloc_after(-1);
		assert_int_equal(another == NULL, failed);
		az_server_free(another);
	}
}

static void
a_server_serves_several_listeners_at_once(void **state)
{
	char		directory[] = "/tmp/server_XXXXXX";
	char		path[64];
	AzError		error = {0};
	H2Stream   *stream;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	assert_true(az_server_listen_unix(stage.server, path, 0600, stage.arena,
									  &error));
	connect_peer();
	stage.other = h2_peer_connect_unix(path);
	stream = h2_peer_call(stage.other, "/echo", NULL);
	h2_peer_send_message(stage.other, stream, "over unix", 9, true);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_memory_equal(stream->input.data + 5, "over unix", 9);
	assert_int_equal(az_server_connections(stage.server), 2);
	az_server_drain(stage.server);
	assert_int_equal(rmdir(directory), 0);
}

static void
connections_over_the_limit_are_closed_at_once_and_logged_once(void **state)
{
	AzServerLimits limits = usual_limits;
	const char *line;

	limits.max_connections = 1;
	restart_with(&limits);
	connect_peer();
	for (int i = 0; i < 3; i++)
	{
		H2Peer	   *third;

		third = h2_peer_connect(az_server_port(stage.server));
		stage.other = third;
		TURN_UNTIL(third->ended);
		assert_int_equal(az_server_connections(stage.server), 1);
		h2_peer_free(third);
		stage.other = NULL;
	}
	line = strstr(stage.log, "refused a connection");
	assert_non_null(line);
	assert_null(strstr(line + 1, "refused a connection"));
	assert_false(stage.peer->ended);

	/* A minute later it may say so again. */
	stage.clock_offset += 61 * SECOND;
	stage.other = h2_peer_connect(az_server_port(stage.server));
	TURN_UNTIL(stage.other->ended);
	assert_non_null(strstr(line + 1, "refused a connection"));
}

static void
new_limits_hold_for_new_connections(void **state)
{
	AzServerLimits limits = usual_limits;
	H2Stream   *old;
	H2Stream   *new;

	connect_peer();
	limits.max_message_bytes = 4;
	limits.max_streams = 5;
	az_server_set_limits(stage.server, &limits);
	stage.other = h2_peer_connect(az_server_port(stage.server));
	new = h2_peer_call(stage.other, "/echo", NULL);
	h2_peer_send_message(stage.other, new, "12345", 5, true);
	old = call_with("/echo", "12345");
	TURN_UNTIL(old->closed && new->closed);
	assert_int_equal(h2_peer_status(old), 0);
	assert_int_equal(h2_peer_status(new), AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(stage.peer->max_streams, 100);
	assert_int_equal(stage.other->max_streams, 5);
}

static void
a_drained_server_ends_its_calls_and_takes_no_new_ones(void **state)
{
	AzError		error = {0};
	H2Stream   *stream;
	int			port;

	connect_peer();
	port = az_server_port(stage.server);
	stream = begin_call("/chat");
	h2_peer_send_message(stage.peer, stream, "a", 1, false);
	TURN_UNTIL(stage.n_messages == 1);
	az_server_drain(stage.server);
	az_server_drain(stage.server);
	TURN_UNTIL(stage.peer->n_goaways == 2);
	assert_int_equal(stage.peer->goaway_code, NGHTTP2_NO_ERROR);
	assert_int_equal(stage.peer->goaway_last_id, stream->id);
	assert_int_equal(h2_peer_dial(port), -1);
	assert_int_equal(az_server_port(stage.server), 0);

	/* The open call goes on to its end, then the connection closes. */
	turns(5);
	assert_int_equal(az_server_calls(stage.server), 1);
	h2_peer_send_message(stage.peer, stream, "b", 1, true);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
	assert_int_equal(stream->input.len, 12);
	TURN_UNTIL(stage.peer->ended);
	h2_peer_free(stage.peer);
	stage.peer = NULL;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	assert_false(az_server_listen_tcp(stage.server, "127.0.0.1", 0,
									  stage.arena, &error));
	assert_int_equal(error.code, AZ_FAILED_PRECONDITION);
	assert_false(az_server_listen_unix(stage.server, "/tmp/x", 0600,
									   stage.arena, NULL));
}

static void
a_call_on_its_way_while_draining_begins_is_answered(void **state)
{
	H2Stream   *stream;

	connect_peer();
	az_server_drain(stage.server);
	/* The client does not know yet. */
	stream = call_with("/echo", "just in time");
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

static void
a_client_that_does_not_answer_does_not_hold_up_draining(void **state)
{
	connect_peer();
	stage.peer->stops_reading = true;
	az_server_drain(stage.server);
	turns(3);
	assert_int_equal(az_server_connections(stage.server), 1);
	stage.clock_offset += SECOND + 1;
	turns(3);
	stage.clock_offset += SECOND + 1;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
}

static void
a_client_in_its_handshake_is_drained_too(void **state)
{
	int			fd = h2_peer_dial(az_server_port(stage.server));

	TURN_UNTIL(az_server_connections(stage.server) == 1);
	az_server_drain(stage.server);
	turns(3);
	stage.clock_offset += SECOND + 1;
	turns(3);
	stage.clock_offset += SECOND + 1;
	TURN_UNTIL(az_server_connections(stage.server) == 0);
	close(fd);
}

static void
freeing_a_server_closes_open_calls_early(void **state)
{
	connect_peer();
	begin_call("/hold");
	begin_call("/hold");
	TURN_UNTIL(stage.n_open == 2);
	az_server_free(stage.server);
	stage.server = NULL;
	assert_int_equal(stage.n_open, 0);
	assert_int_equal(stage.n_early, 2);
}

/* ---- what is not gRPC ---- */

static H2Stream *
request_with(const char *method, const char *content_type)
{
	H2Header	headers[] = {
		{":method", method}, {":scheme", "http"}, {":path", "/echo"},
		{":authority", "x"}, {"content-type", content_type}, {NULL}
	};

	return h2_peer_request(stage.peer, headers);
}

static void
what_is_not_grpc_is_answered_by_http_status_alone(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = request_with("POST", "application/json");
	TURN_UNTIL(stream->closed);
	assert_string_equal(h2_peer_header(&stream->headers, ":status"), "415");
	assert_null(h2_peer_header(&stream->headers, "allow"));
	stream = request_with("GET", "application/grpc");
	TURN_UNTIL(stream->closed);
	assert_string_equal(h2_peer_header(&stream->headers, ":status"), "405");
	assert_string_equal(h2_peer_header(&stream->headers, "allow"), "POST");
	assert_int_equal(h2_peer_status(stream), -1);
	assert_string_equal(stage.events, "");

	/* te is not asked for, and a suffix is fine. */
	stream = request_with("POST", "application/grpc+proto");
	h2_peer_send_message(stage.peer, stream, "a", 1, true);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

static void
an_encoding_other_than_identity_is_unimplemented(void **state)
{
	static const H2Header gzip[] = {{"grpc-encoding", "gzip"}, {NULL}};
	static const H2Header identity[] = {{"grpc-encoding", "identity"}, {NULL}};
	H2Stream   *stream;

	connect_peer();
	stream = h2_peer_call(stage.peer, "/echo", gzip);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), AZ_UNIMPLEMENTED);
	assert_string_equal(h2_peer_header(&stream->headers,
									   "grpc-accept-encoding"), "identity");
	assert_string_equal(stage.events, "");
	stream = h2_peer_call(stage.peer, "/echo", identity);
	h2_peer_send_message(stage.peer, stream, "a", 1, true);
	TURN_UNTIL(stream->closed);
	assert_int_equal(h2_peer_status(stream), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_server_without_memory_is_null),
		STAGE_TEST(a_server_serves_several_listeners_at_once),
		STAGE_TEST(connections_over_the_limit_are_closed_at_once_and_logged_once),
		STAGE_TEST(new_limits_hold_for_new_connections),
		STAGE_TEST(a_drained_server_ends_its_calls_and_takes_no_new_ones),
		STAGE_TEST(a_call_on_its_way_while_draining_begins_is_answered),
		STAGE_TEST(a_client_that_does_not_answer_does_not_hold_up_draining),
		STAGE_TEST(a_client_in_its_handshake_is_drained_too),
		STAGE_TEST(freeing_a_server_closes_open_calls_early),
		STAGE_TEST(what_is_not_grpc_is_answered_by_http_status_alone),
		STAGE_TEST(an_encoding_other_than_identity_is_unimplemented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
