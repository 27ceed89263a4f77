/* Tests of the gRPC server, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/server.h"

#include "failing_malloc.h"
#include "h2_peer.h"

#define MB (1024 * 1024)
#define SECOND 1000000
#define WAIT_SECONDS 10

static const AzServerLimits usual_limits = {
	.max_connections = 8,
	.max_streams = 100,
	.max_header_bytes = 8192,
	.max_message_bytes = 4 * MB,
	.max_output_bytes = 8 * MB,
	.max_resets = 20,
	.max_control_frames = 20,
	.handshake_timeout_us = 10 * SECOND,
	.idle_timeout_us = 0,
	.keepalive_us = 0,
	.keepalive_timeout_us = 5 * SECOND,
};

static AzLoop *loop;
static AzServer *server;
static AzArena *arena;
static H2Peer *peer;
static H2Peer *other;
static int64_t fake_offset;		/* how far the test has turned the clock */

/* ---- the owner: does what the path of a call asks for ---- */

static char events[8192];		/* what it was told, in order */
static AzServerCall *held;		/* the last call it was told of */
static int	n_open;				/* calls it knows */
static size_t message_bytes;	/* of all messages it got */
static size_t largest_message;
static int	to_send;			/* messages it still sends when drained */

static void
note(const char *format, const char *what)
{
	size_t		len = strlen(events);

	if (len < sizeof(events))
		snprintf(events + len, sizeof(events) - len, format, what);
}

static bool
asks(AzServerCall *call, const char *what)
{
	return strcmp(az_server_call_path(call), what) == 0;
}

static void
finish_with(AzServerCall *call, AzCode code, const char *message)
{
	AzError		status = {.code = code,.message = message};

	az_server_call_finish(call, &status);
}

static void
on_opened(void *owner, AzServerCall *call)
{
	n_open++;
	held = call;
	note("opened %s\n", az_server_call_path(call));
	if (asks(call, "/refuse"))
		finish_with(call, AZ_NOT_FOUND, "no such thing");
	if (asks(call, "/early"))
		az_server_call_open(call);
}

static void
on_message(void *owner, AzServerCall *call, AzBytes message)
{
	char		size[32];

	snprintf(size, sizeof(size), "%zu", message.len);
	note("message %s\n", size);
	message_bytes += message.len;
	if (message.len > largest_message)
		largest_message = message.len;
	if (asks(call, "/echo") || asks(call, "/chat"))
		az_server_call_send(call, message);
	if (asks(call, "/echo"))
		finish_with(call, AZ_OK, NULL);
	if (asks(call, "/stop"))
	{
		finish_with(call, AZ_ABORTED, "enough");
		/* The message is ours until we return. */
		assert_int_equal(message.data[message.len - 1], 'z');
	}
}

static void
on_half_closed(void *owner, AzServerCall *call)
{
	note("half_closed\n", "");
	if (asks(call, "/chat"))
		finish_with(call, AZ_OK, NULL);
	if (asks(call, "/many") || asks(call, "/flood"))
		az_server_call_send(call, az_bytes_of("0"));
}

static void
on_drained(void *owner, AzServerCall *call)
{
	static const uint8_t block[64 * 1024];
	AzBytes		next = {block, sizeof(block)};

	assert_int_equal(az_server_call_unsent(call), 0);
	if (to_send-- > 0)
		az_server_call_send(call, next);
	else if (!asks(call, "/hold"))
		finish_with(call, AZ_OK, NULL);
	note("drained\n", "");
}

static void
on_closed(void *owner, AzServerCall *call, bool early)
{
	n_open--;
	note("closed%s\n", early ? " early" : "");
	/* Dead calls take no harm. */
	assert_false(az_server_call_send(call, az_bytes_of("x")));
	finish_with(call, AZ_OK, NULL);
	if (held == call)
		held = NULL;
}

static const AzServerEvents owner_events = {
	on_opened, on_message, on_half_closed, on_drained, on_closed
};

/* ---- the stage ---- */

static int64_t
real_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static int64_t
shifted_us(void)
{
	return real_us() + fake_offset;
}

static const AzClock shifted_clock = {shifted_us, shifted_us};

static char log_lines[4096];

static void
keep_log(AzLogLevel level, const char *message)
{
	size_t		len = strlen(log_lines);

	if (len < sizeof(log_lines))
		snprintf(log_lines + len, sizeof(log_lines) - len, "%s\n", message);
}

static void
start_with(const AzServerLimits *limits)
{
	AzError		error = {0};

	server = az_server_create(loop, limits, &owner_events, NULL);
	assert_non_null(server);
	if (!az_server_listen_tcp(server, "127.0.0.1", 0, arena, &error))
		fail_msg("%s", error.message);
}

static int
setup(void **state)
{
	az_log_set_sink(keep_log);
	fake_offset = 0;
	az_clock_set(&shifted_clock);
	events[0] = '\0';
	log_lines[0] = '\0';
	n_open = 0;
	to_send = 0;
	message_bytes = 0;
	largest_message = 0;
	held = NULL;
	peer = NULL;
	other = NULL;
	arena = az_arena_create();
	loop = az_loop_create();
	start_with(&usual_limits);
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	h2_peer_free(peer);
	h2_peer_free(other);
	az_server_free(server);
	az_loop_free(loop);
	az_arena_free(arena);
	az_clock_set(NULL);
	az_log_set_sink(NULL);
	return n_open;
}

static void
turn(void)
{
	az_loop_turn(loop, 1);
	az_loop_flush(loop);
	if (peer != NULL)
		h2_peer_pump(peer);
	if (other != NULL)
		h2_peer_pump(other);
}

/* Turns the server and its peers until "condition" holds. */
#define TURN_UNTIL(condition) \
	do { \
		int64_t		until_ = real_us() + WAIT_SECONDS * SECOND; \
		while (!(condition)) \
		{ \
			turn(); \
			if (real_us() > until_) \
				fail_msg("waited in vain for: %s\n%s", #condition, events); \
		} \
	} while (0)

static void
connect_peer(void)
{
	peer = h2_peer_connect(az_server_port(server));
	assert_non_null(peer);
	TURN_UNTIL(peer->n_settings > 0);
}

static H2Stream *
call_with(const char *path, const char *message)
{
	H2Stream   *stream = h2_peer_call(peer, path, NULL);

	h2_peer_send_message(peer, stream, message, strlen(message), true);
	return stream;
}

/* ---- calls ---- */

static void
a_unary_call_is_answered_with_message_and_trailers(void **state)
{
	H2Stream   *stream;

	connect_peer();
	stream = call_with("/echo", "hello");
	TURN_UNTIL(stream->closed);
	assert_string_equal(h2_peer_header(&stream->headers, ":status"), "200");
	assert_string_equal(h2_peer_header(&stream->headers, "content-type"),
						"application/grpc");
	assert_int_equal(stream->input.len, 10);
	assert_memory_equal(stream->input.data, "\0\0\0\0\5hello", 10);
	assert_string_equal(h2_peer_header(&stream->trailers, "grpc-status"), "0");
	assert_null(h2_peer_header(&stream->trailers, "grpc-message"));
	assert_int_equal(stream->close_code, NGHTTP2_NO_ERROR);
	TURN_UNTIL(az_server_calls(server) == 0);
	assert_string_equal(events,
						"opened /echo\nmessage 5\nclosed\n");
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(a_unary_call_is_answered_with_message_and_trailers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
