/* A stage for tests of the gRPC server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

#include "failing_malloc.h"
#include "server_stage.h"

Stage		stage;

const AzServerLimits usual_limits = {
	.max_connections = 8,
	.max_streams = 100,
	.max_header_bytes = 8 * KB,
	.max_message_bytes = 4 * MB,
	.max_output_bytes = 2 * MB,
	.max_resets = 20,
	.max_control_frames = 20,
	.handshake_timeout_us = 10 * SECOND,
	.idle_timeout_us = 0,
	.keepalive_us = 0,
	.keepalive_timeout_us = 5 * SECOND,
};

/* ---- the owner ---- */

static void
note(const char *what, const char *more)
{
	size_t		len = strlen(stage.events);

	snprintf(stage.events + len, sizeof(stage.events) - len, "%s%s\n", what,
			 more);
}

static bool
asks(AzServerCall *call, const char *path)
{
	return strcmp(az_server_call_path(call), path) == 0;
}

static void
finish_with(AzServerCall *call, AzCode code, const char *message)
{
	AzError		status = {.code = code,.message = message};

	az_server_call_finish(call, &status);
}

static void
send_block(AzServerCall *call)
{
	static const uint8_t block[64 * KB];
	AzBytes		message = {block, sizeof(block)};

	stage.to_send--;
	az_server_call_send(call, message);
}

static void
on_opened(void *owner, AzServerCall *call)
{
	stage.n_open++;
	stage.held = call;
	note("opened ", az_server_call_path(call));
	if (asks(call, "/refuse"))
		finish_with(call, AZ_NOT_FOUND, "no such thing");
	if (asks(call, "/early"))
		az_server_call_open(call);
	if (asks(call, "/blocks"))
		send_block(call);
}

static void
on_message(void *owner, AzServerCall *call, AzBytes message)
{
	char		size[32];

	snprintf(size, sizeof(size), "%zu", message.len);
	note("message ", size);
	stage.n_messages++;
	stage.message_bytes += message.len;
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
	note("half_closed", "");
	if (asks(call, "/chat"))
		finish_with(call, AZ_OK, NULL);
}

static void
on_drained(void *owner, AzServerCall *call)
{
	note("drained", "");
	assert_int_equal(az_server_call_unsent(call), 0);
	if (!asks(call, "/blocks"))
		return;
	if (stage.to_send > 0)
		send_block(call);
	else
		finish_with(call, AZ_OK, NULL);
}

static void
on_closed(void *owner, AzServerCall *call, bool early)
{
	stage.n_open--;
	stage.n_closed++;
	stage.n_early += early;
	note("closed", early ? " early" : "");
	/* It takes no harm from an owner who did not think of it. */
	assert_false(az_server_call_send(call, az_bytes_of("x")));
	finish_with(call, AZ_OK, NULL);
	if (stage.held == call)
		stage.held = NULL;
}

static const AzServerEvents owner_events = {
	on_opened, on_message, on_half_closed, on_drained, on_closed
};

/* ---- the stage ---- */

int64_t
real_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static int64_t
shifted_us(void)
{
	return real_us() + stage.clock_offset;
}

static const AzClock shifted_clock = {shifted_us, shifted_us};

static void
keep_log(AzLogLevel level, const char *message)
{
	size_t		len = strlen(stage.log);

	snprintf(stage.log + len, sizeof(stage.log) - len, "%s\n", message);
}

static void
start_with(const AzServerLimits *limits)
{
	AzError		error = {0};

	stage.server = az_server_create(stage.loop, limits, &owner_events, NULL);
	assert_non_null(stage.server);
	if (!az_server_listen_tcp(stage.server, "127.0.0.1", 0, stage.arena,
							  &error))
		fail_msg("%s", error.message);
}

int
set_stage(void **state)
{
	memset(&stage, 0, sizeof(stage));
	az_log_set_sink(keep_log);
	az_clock_set(&shifted_clock);
	stage.arena = az_arena_create();
	stage.loop = az_loop_create();
	start_with(&usual_limits);
	return 0;
}

int
clear_stage(void **state)
{
	fail_malloc_after(-1);
	h2_peer_free(stage.peer);
	h2_peer_free(stage.other);
	az_server_free(stage.server);
	az_loop_free(stage.loop);
	az_arena_free(stage.arena);
	az_clock_set(NULL);
	az_log_set_sink(NULL);
	return stage.n_open;
}

void
restart_with(const AzServerLimits *limits)
{
	az_server_free(stage.server);
	start_with(limits);
}

void
turn_server(void)
{
	az_loop_turn(stage.loop, 1);
	az_loop_flush(stage.loop);
}

void
turn(void)
{
	turn_server();
	if (stage.peer != NULL)
		h2_peer_pump(stage.peer);
	if (stage.other != NULL)
		h2_peer_pump(stage.other);
}

void
turns(int n)
{
	while (n-- > 0)
		turn();
}

void
connect_peer(void)
{
	stage.peer = h2_peer_connect(az_server_port(stage.server));
	assert_non_null(stage.peer);
	TURN_UNTIL(stage.peer->n_settings > 0 && stage.peer->n_settled > 0);
}

H2Stream *
begin_call(const char *path)
{
	return h2_peer_call(stage.peer, path, NULL);
}

H2Stream *
call_with(const char *path, const char *message)
{
	H2Stream   *stream = begin_call(path);

	h2_peer_send_message(stage.peer, stream, message, strlen(message), true);
	return stream;
}

void
finish_held(AzCode code, const char *message)
{
	assert_non_null(stage.held);
	finish_with(stage.held, code, message);
}

void
wait_failed(const char *condition)
{
	fail_msg("waited in vain for: %s\nevents:\n%slog:\n%s", condition,
			 stage.events, stage.log);
}
