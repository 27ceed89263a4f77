/* Tests of net/channel.c: queue, lookups and connections of one address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client_world.h"
#include "dns_service.h"

static World world;
static DnsService *dns;
static char named[64];			/* grpc://order.test:port */

static int
open_world(void **state)
{
	world_open(&world, NULL);
	dns = dns_service_start(world.loop);
	assert_non_null(dns);
	snprintf(named, sizeof(named), "grpc://order.test:%d",
			 h2_service_port(world.service));
	return 0;
}

static int
close_world(void **state)
{
	dns_service_stop(dns);
	world_close(&world);
	return 0;
}

static void
point_at(const char *first, const char *other)
{
	const char *records[] = {first, other};

	dns_service_set(dns, records, other != NULL ? 2 : first != NULL ? 1 : 0);
}

static AzChannel *
channel_of(const char *address)
{
	AzError		error;

	return az_channels_get(world.channels, address, world.arena, &error);
}

static void
finish(Ask *asked, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		WAIT_UNTIL(&world, asked[i].times > 0);
		assert_int_equal(asked[i].times, 1);
	}
}

static void
a_call_waits_while_the_name_is_looked_up_and_connected_to(void **state)
{
	Ask			asked;

	point_at("127.0.0.1", NULL);
	ask(&world, &asked, named, "hello", 3000000);
	assert_int_equal(az_channel_queued(channel_of(named)), 1);
	assert_int_equal(az_channel_inflight(channel_of(named)), 0);
	finish(&asked, 1);
	assert_int_equal(asked.code, AZ_OK);
	assert_string_equal(asked.answer, "hello");
	assert_int_equal(az_channel_queued(channel_of(named)), 0);
	WAIT_UNTIL(&world, az_channel_connected(channel_of(named)) == 2);
	ask_free(&asked);
}

static void
an_unknown_name_fails_the_call_at_once(void **state)
{
	Ask			asked;
	int64_t		began_us = az_clock_monotonic_us();

	point_at(NULL, NULL);
	ask(&world, &asked, named, "hello", 4000000);
	finish(&asked, 1);
	assert_true(az_clock_monotonic_us() - began_us < 1000000);
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	assert_contains(asked.message, "could not resolve grpc://order.test:");
	assert_contains(asked.message, "Domain name not found");
	ask_free(&asked);
}

static void
a_refused_connection_fails_the_call_at_once(void **state)
{
	Ask			asked;
	char		expected[128];
	int64_t		began_us = az_clock_monotonic_us();

	h2_service_stop(world.service);
	world.service = NULL;
	point_at("127.0.0.1", NULL);
	ask(&world, &asked, named, "hello", 4000000);
	finish(&asked, 1);
	assert_true(az_clock_monotonic_us() - began_us < 1000000);
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	snprintf(expected, sizeof(expected), "could not connect to %s: Connection refused", named);
	assert_string_equal(asked.message, expected);
	assert_contains(asked.detail, "127.0.0.1:");
	ask_free(&asked);
}

static void
a_unix_socket_is_an_address_too(void **state)
{
	char		path[] = "/tmp/angzarr.XXXXXX";
	char		address[64];
	Ask			asked;
	H2Service  *local;

	assert_int_not_equal(close(mkstemp(path)), -1);
	snprintf(address, sizeof(address), "unix:%s", path);
	local = h2_service_start(world.loop, path, 0);
	ask(&world, &asked, address, "hello", 3000000);
	finish(&asked, 1);
	assert_int_equal(asked.code, AZ_OK);
	h2_service_stop(local);
	ask_free(&asked);
	WAIT_UNTIL(&world, az_channel_connected(channel_of(address)) == 0);
	ask(&world, &asked, address, "hello", 3000000);
	finish(&asked, 1);
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	assert_contains(asked.message, "No such file or directory");
	ask_free(&asked);
}

static void
while_it_backs_off_calls_fail_at_once_with_the_last_failure(void **state)
{
	Ask			asked[3];
	int			port = h2_service_port(world.service);

	world.limits.backoff_min_us = world.limits.backoff_max_us = 400000;
	az_channels_set_limits(world.channels, &world.limits);
	h2_service_stop(world.service);
	world.service = NULL;
	ask(&world, &asked[0], world.address, "first", 4000000);
	finish(asked, 1);
	/* Somebody listens now, but the backoff is not over. */
	world.service = h2_service_start(world.loop, "127.0.0.1", port);
	assert_non_null(world.service);
	ask(&world, &asked[1], world.address, "second", 4000000);
	finish(asked, 2);
	assert_int_equal(asked[1].code, AZ_UNAVAILABLE);
	assert_contains(asked[1].message, "Connection refused");
	assert_int_equal(h2_service_accepted(world.service), 0);
	/* It comes back by itself. */
	WAIT_UNTIL(&world, az_channel_connected(channel_of(world.address)) > 0);
	ask(&world, &asked[2], world.address, "third", 4000000);
	finish(asked, 3);
	assert_int_equal(asked[2].code, AZ_OK);
	for (int i = 0; i < 3; i++)
		ask_free(&asked[i]);
}

static void
one_refusing_address_of_two_does_not_matter(void **state)
{
	Ask			asked[10];

	point_at("127.0.0.3", "127.0.0.1");
	for (int i = 0; i < 10; i++)
		ask(&world, &asked[i], named, "hello", 3000000);
	finish(asked, 10);
	for (int i = 0; i < 10; i++)
	{
		assert_int_equal(asked[i].code, AZ_OK);
		ask_free(&asked[i]);
	}
}

static void
calls_spread_over_two_addresses(void **state)
{
	H2Service  *second = h2_service_start(world.loop, "127.0.0.2", h2_service_port(world.service));
	Ask			asked[100];

	point_at("127.0.0.1", "127.0.0.2");
	ask(&world, &asked[0], named, "hello", 3000000);
	finish(asked, 1);
	WAIT_UNTIL(&world, az_channel_connected(channel_of(named)) == 2);
	ask_free(&asked[0]);
	for (int i = 0; i < 100; i++)
		ask(&world, &asked[i], named, "hello", 3000000);
	finish(asked, 100);
	assert_in_range(h2_service_requests(world.service), 45, 56);
	assert_in_range(h2_service_requests(second), 45, 56);
	for (int i = 0; i < 100; i++)
		ask_free(&asked[i]);
	h2_service_stop(second);
}

static void
calls_one_after_another_spread_too(void **state)
{
	H2Service  *second = h2_service_start(world.loop, "127.0.0.2", h2_service_port(world.service));
	Ask			asked;

	point_at("127.0.0.1", "127.0.0.2");
	for (int i = 0; i < 20; i++)
	{
		ask(&world, &asked, named, "hello", 3000000);
		finish(&asked, 1);
		ask_free(&asked);
	}
	assert_in_range(h2_service_requests(world.service), 8, 12);
	assert_in_range(h2_service_requests(second), 8, 12);
	h2_service_stop(second);
}

static void
a_handler_that_moved_is_found(void **state)
{
	H2Service  *second = h2_service_start(world.loop, "127.0.0.2", h2_service_port(world.service));
	Ask			asked = {0};
	int64_t		moved_us;

	point_at("127.0.0.1", NULL);
	ask(&world, &asked, named, "hello", 3000000);
	finish(&asked, 1);
	ask_free(&asked);
	assert_int_equal(h2_service_accepted(second), 0);
	h2_service_stop(world.service);
	world.service = NULL;
	point_at("127.0.0.2", NULL);
	moved_us = az_clock_monotonic_us();
	do
	{
		ask(&world, &asked, named, "hello", 3000000);
		finish(&asked, 1);
		ask_free(&asked);
		assert_true(az_clock_monotonic_us() - moved_us < 2000000);
	} while (asked.code != AZ_OK);
	assert_true(h2_service_requests(second) > 0);
	h2_service_stop(second);
}

static void
a_name_that_moves_late_is_found_without_any_call(void **state)
{
	H2Service  *second = h2_service_start(world.loop, "127.0.0.2", h2_service_port(world.service));
	Ask			asked;

	point_at("127.0.0.1", NULL);
	ask(&world, &asked, named, "hello", 3000000);
	finish(&asked, 1);
	ask_free(&asked);
	h2_service_stop(world.service);
	world.service = NULL;
	TURN_FOR(&world, 300000);
	point_at("127.0.0.2", NULL);
	WAIT_UNTIL(&world, az_channel_connected(channel_of(named)) > 0);
	h2_service_stop(second);
}

static H2Request *requests[1000];
static size_t n_requests;

static void
hold(H2Request *request, void *owner)
{
	requests[n_requests++] = request;
}

static void
answer_held(void)
{
	for (size_t i = 0; i < n_requests; i++)
		h2_echo(requests[i]);
	n_requests = 0;
}

static void
three_hundred_calls_succeed_at_a_peer_that_allows_a_hundred_streams(void **state)
{
	Ask		   *asked = calloc(300, sizeof(Ask));

	world.limits.connections = 1;
	az_channels_set_limits(world.channels, &world.limits);
	h2_service_script(world.service)->max_streams = 100;
	h2_service_script(world.service)->requested = hold;
	for (int i = 0; i < 300; i++)
		ask(&world, &asked[i], world.address, "hello", 4000000);
	for (int round = 0; round < 3; round++)
	{
		WAIT_UNTIL(&world, n_requests == 100);
		TURN_FOR(&world, 20000);
		assert_int_equal(n_requests, 100);
		assert_int_equal(az_channel_inflight(channel_of(world.address)), 100);
		answer_held();
	}
	finish(asked, 300);
	assert_int_equal(h2_service_most_streams(world.service), 100);
	assert_int_equal(h2_service_resets(world.service), 0);
	for (int i = 0; i < 300; i++)
	{
		assert_int_equal(asked[i].code, AZ_OK);
		ask_free(&asked[i]);
	}
	free(asked);
}

static void
no_more_calls_are_out_than_max_inflight(void **state)
{
	Ask			asked[5];

	world.limits.max_inflight = 3;
	az_channels_set_limits(world.channels, &world.limits);
	h2_service_script(world.service)->requested = hold;
	for (int i = 0; i < 5; i++)
		ask(&world, &asked[i], world.address, "hello", 4000000);
	WAIT_UNTIL(&world, n_requests == 3);
	assert_int_equal(az_channel_inflight(channel_of(world.address)), 3);
	assert_int_equal(az_channel_queued(channel_of(world.address)), 2);
	TURN_FOR(&world, 30000);
	assert_int_equal(n_requests, 3);
	answer_held();
	WAIT_UNTIL(&world, n_requests == 2);
	answer_held();
	finish(asked, 5);
	for (int i = 0; i < 5; i++)
		ask_free(&asked[i]);
}

static void
a_cancelled_call_makes_room_for_a_waiting_one(void **state)
{
	Ask			asked[2];

	world.limits.max_inflight = 1;
	az_channels_set_limits(world.channels, &world.limits);
	h2_service_script(world.service)->requested = hold;
	ask(&world, &asked[0], world.address, "first", 4000000);
	ask(&world, &asked[1], world.address, "second", 4000000);
	WAIT_UNTIL(&world, n_requests == 1);
	az_call_cancel(asked[0].call);
	ask_free(&asked[0]);
	WAIT_UNTIL(&world, n_requests == 2);
	h2_echo(requests[1]);
	n_requests = 0;
	finish(&asked[1], 1);
	assert_string_equal(asked[1].answer, "second");
	ask_free(&asked[1]);
}

static void
a_full_queue_refuses_further_calls(void **state)
{
	Ask			asked[3];

	world.limits.max_queued = 2;
	az_channels_set_limits(world.channels, &world.limits);
	for (int i = 0; i < 3; i++)
		ask(&world, &asked[i], world.address, "hello", 4000000);
	assert_non_null(asked[0].call);
	assert_non_null(asked[1].call);
	assert_null(asked[2].call);
	assert_int_equal(asked[2].refused.code, AZ_RESOURCE_EXHAUSTED);
	assert_contains(asked[2].refused.message, "2 calls are waiting for grpc://127.0.0.1:");
	finish(asked, 2);
	TURN_FOR(&world, 20000);
	assert_int_equal(asked[2].times, 0);
	for (int i = 0; i < 3; i++)
		ask_free(&asked[i]);
}

static void
a_silent_peers_calls_fail_and_the_connection_is_replaced(void **state)
{
	Ask			asked;
	int64_t		began_us;
	size_t		accepted;

	world.limits.connections = 1;
	world.limits.keepalive_us = world.limits.keepalive_timeout_us = 100000;
	az_channels_set_limits(world.channels, &world.limits);
	ask_and_wait(&world, &asked, "hello");
	ask_free(&asked);
	h2_service_script(world.service)->requested = hold;
	ask(&world, &asked, world.address, "hello", 4000000);
	WAIT_UNTIL(&world, n_requests == 1);
	n_requests = 0;
	accepted = h2_service_accepted(world.service);
	h2_service_silence(world.service);
	h2_service_script(world.service)->mute = false;
	began_us = az_clock_monotonic_us();
	finish(&asked, 1);
	assert_in_range(az_clock_monotonic_us() - began_us, 100000, 350000);
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	assert_contains(asked.message, "lost the connection to grpc://127.0.0.1");
	assert_contains(asked.message, "silent");
	WAIT_UNTIL(&world, h2_service_accepted(world.service) > accepted);
	WAIT_UNTIL(&world, az_channel_connected(channel_of(world.address)) == 1);
	ask_free(&asked);
}

static void
one_connections_end_does_not_end_calls_on_others(void **state)
{
	Ask			asked[2];

	h2_service_script(world.service)->requested = hold;
	ask(&world, &asked[0], world.address, "first", 4000000);
	WAIT_UNTIL(&world, n_requests == 1 && az_channel_connected(channel_of(world.address)) == 2);
	ask(&world, &asked[1], world.address, "second", 4000000);
	WAIT_UNTIL(&world, n_requests == 2);
	assert_ptr_not_equal(requests[0]->connection, requests[1]->connection);
	h2_close(requests[0]->connection);
	finish(&asked[0], 1);
	assert_int_equal(asked[0].code, AZ_UNAVAILABLE);
	assert_int_equal(asked[1].times, 0);
	h2_echo(requests[1]);
	n_requests = 0;
	finish(&asked[1], 1);
	assert_int_equal(asked[1].code, AZ_OK);
	ask_free(&asked[0]);
	ask_free(&asked[1]);
}

static void
one_address_that_fails_does_not_disturb_another(void **state)
{
	Ask			bad;
	Ask			good;

	point_at(NULL, NULL);
	ask(&world, &bad, named, "hello", 3000000);
	ask(&world, &good, world.address, "hello", 3000000);
	finish(&bad, 1);
	finish(&good, 1);
	assert_int_equal(bad.code, AZ_UNAVAILABLE);
	assert_int_equal(good.code, AZ_OK);
	ask_free(&bad);
	ask_free(&good);
}

static void
an_idle_channel_closes_and_opens_again_when_it_is_wanted(void **state)
{
	Ask			asked;

	world.limits.idle_timeout_us = 100000;
	az_channels_set_limits(world.channels, &world.limits);
	ask_and_wait(&world, &asked, "hello");
	ask_free(&asked);
	WAIT_UNTIL(&world, h2_service_connections(world.service) == 0);
	TURN_FOR(&world, 200000);
	assert_int_equal(az_channel_connected(channel_of(world.address)), 0);
	ask_and_wait(&world, &asked, "again");
	assert_int_equal(asked.code, AZ_OK);
	ask_free(&asked);
}

static void
a_silent_name_server_does_not_disturb_what_is_connected(void **state)
{
	Ask			asked;

	point_at("127.0.0.1", NULL);
	ask(&world, &asked, named, "hello", 3000000);
	finish(&asked, 1);
	ask_free(&asked);
	dns_service_silence(dns);
	h2_service_drop(world.service);
	WAIT_UNTIL(&world, az_channel_connected(channel_of(named)) == 0);
	ask(&world, &asked, named, "hello", 3000000);
	finish(&asked, 1);
	/* The addresses known before are still good. */
	assert_int_equal(asked.code, AZ_OK);
	ask_free(&asked);
}

static void
peers_that_greet_and_leave_are_not_asked_in_a_tight_loop(void **state)
{
	Ask			asked;
	int64_t		until_us = az_clock_monotonic_us() + 500000;

	world.limits.connections = 1;
	az_channels_set_limits(world.channels, &world.limits);
	ask(&world, &asked, world.address, "hello", 100000);
	h2_service_script(world.service)->requested = hold;
	while (az_clock_monotonic_us() < until_us)
	{
		world_turn(&world);
		if (az_channel_connected(channel_of(world.address)) > 0)
			h2_service_drop(world.service);
	}
	n_requests = 0;
	assert_in_range(h2_service_accepted(world.service), 2, 20);
	finish(&asked, 1);
	ask_free(&asked);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(a_call_waits_while_the_name_is_looked_up_and_connected_to),
		TEST(an_unknown_name_fails_the_call_at_once),
		TEST(a_refused_connection_fails_the_call_at_once),
		TEST(a_unix_socket_is_an_address_too),
		TEST(while_it_backs_off_calls_fail_at_once_with_the_last_failure),
		TEST(one_refusing_address_of_two_does_not_matter),
		TEST(calls_spread_over_two_addresses),
		TEST(calls_one_after_another_spread_too),
		TEST(a_handler_that_moved_is_found),
		TEST(a_name_that_moves_late_is_found_without_any_call),
		TEST(three_hundred_calls_succeed_at_a_peer_that_allows_a_hundred_streams),
		TEST(no_more_calls_are_out_than_max_inflight),
		TEST(a_cancelled_call_makes_room_for_a_waiting_one),
		TEST(a_full_queue_refuses_further_calls),
		TEST(a_silent_peers_calls_fail_and_the_connection_is_replaced),
		TEST(one_connections_end_does_not_end_calls_on_others),
		TEST(one_address_that_fails_does_not_disturb_another),
		TEST(an_idle_channel_closes_and_opens_again_when_it_is_wanted),
		TEST(a_silent_name_server_does_not_disturb_what_is_connected),
		TEST(peers_that_greet_and_leave_are_not_asked_in_a_tight_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
