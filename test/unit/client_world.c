/* What the client's tests share: a loop, channels, one service, calls. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client_world.h"

AzClientLimits
world_limits(void)
{
	AzClientLimits limits = {
		.connections = 2,
		.max_inflight = 1000,
		.max_queued = 1000,
		.max_header_bytes = 16 * 1024,
		.max_message_bytes = 64 * 1024,
		.connect_timeout_us = 1000000,
		.backoff_min_us = 50000,
		.backoff_max_us = 200000,
		.keepalive_us = 0,
		.keepalive_timeout_us = 200000,
		.idle_timeout_us = 10000000
	};

	return limits;
}

void
world_open(World *world, const AzClientLimits *limits)
{
	memset(world, 0, sizeof(*world));
	world->limits = limits == NULL ? world_limits() : *limits;
	world->loop = az_loop_create();
	assert_non_null(world->loop);
	world->arena = az_arena_create();
	assert_non_null(world->arena);
	world->channels = az_channels_create(world->loop, &world->limits);
	assert_non_null(world->channels);
	world->service = h2_service_start(world->loop, "127.0.0.1", 0);
	assert_non_null(world->service);
	snprintf(world->address, sizeof(world->address), "grpc://127.0.0.1:%d",
			 h2_service_port(world->service));
}

void
world_close(World *world)
{
	az_channels_free(world->channels);
	h2_service_stop(world->service);
	az_arena_free(world->arena);
	az_loop_free(world->loop);
}

void
world_turn(World *world)
{
	az_loop_flush(world->loop);
	az_loop_turn(world->loop, 10);
}

static void
note_end(void *owner, AzBytes answer, const AzError *status)
{
	Ask		   *asked = owner;

	asked->times++;
	asked->call = NULL;
	asked->code = status->code;
	asked->details = status->details;
	asked->answer_len = answer.len;
	snprintf(asked->answer, sizeof(asked->answer), "%.*s", (int) answer.len,
			 answer.data == NULL ? "" : (const char *) answer.data);
	snprintf(asked->message, sizeof(asked->message), "%s",
			 status->message == NULL ? "" : status->message);
	snprintf(asked->detail, sizeof(asked->detail), "%s",
			 status->detail == NULL ? "" : status->detail);
}

void
ask_with(World *world, Ask *asked, const char *address, AzCallRequest *request)
{
	AzChannel  *channel;
	AzError		error = {0};

	memset(asked, 0, sizeof(*asked));
	asked->arena = az_arena_create();
	if (asked->arena == NULL)
	{
		az_error_out_of_memory(&asked->refused);
		return;
	}
	request->arena = asked->arena;
	request->done = note_end;
	request->owner = asked;
	channel = az_channels_get(world->channels, address, asked->arena, &error);
	assert_non_null(channel);
	asked->call = az_call_start(channel, request, &asked->refused);
	assert_int_equal(asked->times, 0);
}

void
ask_try(World *world, Ask *asked, const char *address, const char *message,
		int64_t timeout_us)
{
	AzCallRequest request = {
		.path = "/test.Service/Do",
		.message = az_bytes_of(message),
		.deadline_us = timeout_us == INT64_MAX ? INT64_MAX
		: az_clock_monotonic_us() + timeout_us
	};

	ask_with(world, asked, address, &request);
}

void
ask(World *world, Ask *asked, const char *address, const char *message,
	int64_t timeout_us)
{
	ask_try(world, asked, address, message, timeout_us);
	assert_non_null(asked->arena);
}

void
ask_free(Ask *asked)
{
	az_arena_free(asked->arena);
	asked->arena = NULL;
}

void
ask_and_wait(World *world, Ask *asked, const char *message)
{
	ask(world, asked, world->address, message, 3000000);
	assert_non_null(asked->call);
	WAIT_UNTIL(world, asked->times > 0);
}

int
start_echo_process(int *port)
{
	int			ends[2];
	pid_t		pid;

	if (pipe(ends) != 0 || (pid = fork()) < 0)
		return 0;
	if (pid == 0)
	{
		AzLoop	   *loop = az_loop_create();
		H2Service  *service = h2_service_start(loop, "127.0.0.1", 0);
		int			own = h2_service_port(service);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ends[1], &own, sizeof(own)) != sizeof(own))
			_exit(1);
		for (;;)
		{
			az_loop_flush(loop);
			az_loop_turn(loop, 1000);
		}
	}
	if (read(ends[0], port, sizeof(*port)) != sizeof(*port))
		return 0;
	close(ends[0]);
	close(ends[1]);
	return pid;
}

void
stop_echo_process(int pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
