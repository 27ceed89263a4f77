/* Tests of net/channels.c: all channels, their end, and delivery. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#include "client_world.h"
#include "failing_malloc.h"

static World world;
static int64_t skipped_us;

static int64_t
skipping_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000 + skipped_us;
}

static const AzClock skipping_clock = {skipping_time, skipping_time};

static int
open_world(void **state)
{
	skipped_us = 0;
	az_clock_set(&skipping_clock);
	world_open(&world, NULL);
	return 0;
}

static int
close_world(void **state)
{
	world_close(&world);
	az_clock_set(NULL);
	return 0;
}

static void
ignore(H2Request *request, void *owner)
{
}

static void
an_address_has_one_channel(void **state)
{
	AzError		error;
	AzChannel  *one = az_channels_get(world.channels, "grpc://a:1", world.arena, &error);

	assert_non_null(one);
	assert_ptr_equal(az_channels_get(world.channels, "grpc://a:1", world.arena, &error), one);
	assert_ptr_not_equal(az_channels_get(world.channels, "grpc://a:2", world.arena, &error), one);
	assert_int_equal(az_channel_connected(one), 0);
}

static void
an_address_of_no_known_form_has_no_channel(void **state)
{
	AzError		error = {0};

	assert_null(az_channels_get(world.channels, "http://a:1", world.arena, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_contains(error.message, "\"http://a:1\"");
}

static void
freeing_ends_every_call_once(void **state)
{
	Ask			asked[4];

	world.limits.max_inflight = 2;
	az_channels_set_limits(world.channels, &world.limits);
	h2_service_script(world.service)->requested = ignore;
	for (int i = 0; i < 3; i++)
		ask(&world, &asked[i], world.address, "hello", 4000000);
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 2);
	/* One on the way to being told of its deadline. */
	ask(&world, &asked[3], world.address, "hello", -1);
	az_channels_free(world.channels);
	world.channels = NULL;
	for (int i = 0; i < 4; i++)
	{
		assert_int_equal(asked[i].times, 1);
		assert_int_equal(asked[i].code, i == 3 ? AZ_DEADLINE_EXCEEDED : AZ_UNAVAILABLE);
		ask_free(&asked[i]);
	}
}

static AzCall *other_call;
static int	refused;

static void
start_and_cancel(void *owner, AzBytes answer, const AzError *status)
{
	AzCallRequest request = *(AzCallRequest *) owner;
	AzError		error = {0};
	AzError		ignored;

	if (az_call_start(az_channels_get(world.channels, world.address,
									  world.arena, &ignored),
					  &request, &error) == NULL &&
		error.code == AZ_UNAVAILABLE)
		refused++;
	az_call_cancel(other_call);
}

static void
no_call_begins_while_all_are_ended(void **state)
{
	Ask			asked;
	AzError		error;
	AzCallRequest request = {
		.path = "/a.B/C",
		.deadline_us = INT64_MAX,
		.arena = world.arena,
		.done = start_and_cancel,
		.owner = &request
	};

	refused = 0;
	assert_non_null(az_call_start(az_channels_get(world.channels, world.address,
												  world.arena, &error),
								  &request, &error));
	ask(&world, &asked, world.address, "hello", 4000000);
	other_call = asked.call;
	az_channels_free(world.channels);
	world.channels = NULL;
	assert_int_equal(refused, 1);
	assert_int_equal(asked.times, 0);
	ask_free(&asked);
}

static int	rounds;

static void
ask_again(void *owner, AzBytes answer, const AzError *status)
{
	AzError		error;
	AzCallRequest *request = owner;

	if (++rounds == 20)
		return;
	assert_non_null(az_call_start(az_channels_get(world.channels, world.address,
												  world.arena, &error),
								  request, &error));
}

static void
an_owner_that_asks_again_at_once_does_not_stop_the_loop(void **state)
{
	AzError		error;
	AzCallRequest request = {
		.path = "/a.B/C",
		.arena = world.arena,
		.done = ask_again,
		.owner = &request
	};

	rounds = 0;
	assert_non_null(az_call_start(az_channels_get(world.channels, world.address,
												  world.arena, &error),
								  &request, &error));
	az_loop_turn(world.loop, 10);
	assert_in_range(rounds, 1, 10);
	WAIT_UNTIL(&world, rounds == 20);
}

static void
a_channel_that_nobody_uses_is_freed_and_made_anew_when_asked_for(void **state)
{
	Ask			asked;
	AzError		error;

	world.limits.idle_timeout_us = 50000;
	az_channels_set_limits(world.channels, &world.limits);
	ask_and_wait(&world, &asked, "hello");
	ask_free(&asked);
	/* Nobody calls this one, nobody listens at that one. */
	assert_non_null(az_channels_get(world.channels, "grpc://a:1", world.arena, &error));
	ask(&world, &asked, "unix:/nowhere/at/all", "hello", 3000000);
	assert_int_equal(az_channels_count(world.channels), 3);
	WAIT_UNTIL(&world, az_channels_count(world.channels) == 0);
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	ask_free(&asked);
	ask_and_wait(&world, &asked, "again");
	assert_int_equal(asked.code, AZ_OK);
	ask_free(&asked);
	assert_int_equal(az_channels_count(world.channels), 1);
}

/* Asks, and sees the channel until the call has ended, and gone after. */
static void
assert_kept_for_a_call(const char *address)
{
	Ask			asked;

	ask(&world, &asked, address, "hello", 200000);
	while (asked.times == 0)
	{
		assert_int_equal(az_channels_count(world.channels), 1);
		world_turn(&world);
	}
	assert_int_equal(asked.code, AZ_DEADLINE_EXCEEDED);
	WAIT_UNTIL(&world, az_channels_count(world.channels) == 0);
	ask_free(&asked);
}

static void
a_channel_stays_while_it_has_a_call(void **state)
{
	struct sockaddr_in local = {
		.sin_family = AF_INET,.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	socklen_t	len = sizeof(local);
	int			silent = socket(AF_INET, SOCK_STREAM, 0);
	char		address[64];

	world.limits.idle_timeout_us = 20000;
	az_channels_set_limits(world.channels, &world.limits);
	h2_service_script(world.service)->requested = ignore;
	assert_kept_for_a_call(world.address);
	/* It connects, but is never greeted: its call waits. */
	assert_int_equal(bind(silent, (struct sockaddr *) &local, len), 0);
	assert_int_equal(listen(silent, 8), 0);
	assert_int_equal(getsockname(silent, (struct sockaddr *) &local, &len), 0);
	snprintf(address, sizeof(address), "grpc://127.0.0.1:%d", ntohs(local.sin_port));
	assert_kept_for_a_call(address);
	close(silent);
}

static void
skip_minutes(int minutes)
{
	skipped_us += INT64_C(60000000) * minutes;
	TURN_FOR(&world, 30000);
}

static void
where_connections_never_are_idle_ten_minutes_without_one_free_a_channel(void **state)
{
	Ask			asked;
	AzError		error;

	world.limits.idle_timeout_us = 0;
	az_channels_set_limits(world.channels, &world.limits);
	ask_and_wait(&world, &asked, "hello");
	ask_free(&asked);
	assert_non_null(az_channels_get(world.channels, "grpc://a:1", world.arena, &error));
	skip_minutes(9);
	assert_int_equal(az_channels_count(world.channels), 2);
	/* Asking for it is using it. */
	assert_non_null(az_channels_get(world.channels, "grpc://a:1", world.arena, &error));
	skip_minutes(2);
	assert_int_equal(az_channels_count(world.channels), 2);
	skip_minutes(9);
	assert_int_equal(az_channels_count(world.channels), 1);
	/* The other one has connections until its peer is gone. */
	skip_minutes(30);
	assert_int_equal(az_channels_count(world.channels), 1);
	h2_service_stop(world.service);
	world.service = NULL;
	TURN_FOR(&world, 30000);
	skip_minutes(11);
	assert_int_equal(az_channels_count(world.channels), 0);
}

static void
freeing_nothing_is_fine(void **state)
{
	az_channels_free(NULL);
}

/* One whole life: channels, a channel, a call that is answered. */
static bool
live(int port)
{
	char		address[64];
	AzChannels *own = az_channels_create(world.loop, &world.limits);
	AzChannels *saved = world.channels;
	AzArena    *arena = az_arena_create();
	AzError		error = {0};
	Ask			asked = {0};
	bool		well = false;

	snprintf(address, sizeof(address), "grpc://127.0.0.1:%d", port);
	world.channels = own;
	if (own != NULL && arena != NULL &&
		az_channels_get(own, address, arena, &error) != NULL &&
		az_arena_alloc(arena, 1) != NULL)
	{
		ask_try(&world, &asked, address, "hello", 2000000);
		if (asked.call != NULL)
			WAIT_UNTIL(&world, asked.times > 0);
		else
			assert_int_equal(asked.refused.code, AZ_RESOURCE_EXHAUSTED);
		well = asked.times == 1 && asked.code == AZ_OK;
		if (asked.times == 1 && !well)
			assert_int_equal(asked.code, AZ_RESOURCE_EXHAUSTED);
		ask_free(&asked);
	}
	else
		assert_true(own == NULL || arena == NULL || error.code == AZ_RESOURCE_EXHAUSTED ||
					malloc_has_failed());
	az_channels_free(own);
	az_arena_free(arena);
	world.channels = saved;
	return well;
}

static void
memory_running_out_anywhere_fails_that_call_only(void **state)
{
	int			port;
	int			peer = start_echo_process(&port);
	bool		whole = false;

	assert_int_not_equal(peer, 0);
	for (int n = 0; !whole; n++)
	{
		fail_malloc_after(n);
		whole = live(port) && !malloc_has_failed();
		fail_malloc_after(-1);
		assert_in_range(n, 0, 1000);
	}
	stop_echo_process(peer);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(an_address_has_one_channel),
		TEST(an_address_of_no_known_form_has_no_channel),
		TEST(freeing_ends_every_call_once),
		TEST(no_call_begins_while_all_are_ended),
		TEST(an_owner_that_asks_again_at_once_does_not_stop_the_loop),
		TEST(a_channel_that_nobody_uses_is_freed_and_made_anew_when_asked_for),
		TEST(a_channel_stays_while_it_has_a_call),
		TEST(where_connections_never_are_idle_ten_minutes_without_one_free_a_channel),
		TEST(freeing_nothing_is_fine),
		TEST(memory_running_out_anywhere_fails_that_call_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
