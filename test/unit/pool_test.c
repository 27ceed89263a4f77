/* Tests of net/pool.c: connections spread over addresses. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "client_world.h"
#include "failing_malloc.h"
#include "net/pool.h"

static World world;
static AzClientLimits limits;
static AzPool pool;
static H2Service *second;		/* listens at 127.0.0.2, the same port */
static int	changes;
static int	losses;

static void
note_change(AzPool *changed)
{
	assert_ptr_equal(changed, &pool);
	changes++;
}

static void
note_loss(AzPool *losing)
{
	assert_ptr_equal(losing, &pool);
	losses++;
}

static int
open_world(void **state)
{
	world_open(&world, NULL);
	second = h2_service_start(world.loop, "127.0.0.2", h2_service_port(world.service));
	assert_non_null(second);
	limits = world_limits();
	memset(&pool, 0, sizeof(pool));
	pool.loop = world.loop;
	pool.limits = &limits;
	pool.address = "grpc://order:1";
	pool.changed = note_change;
	pool.lost = note_loss;
	changes = losses = 0;
	return 0;
}

static int
close_world(void **state)
{
	az_pool_free(&pool);
	h2_service_stop(second);
	world_close(&world);
	return 0;
}

static AzSocketAddress
ip(const char *text)
{
	AzSocketAddress address;
	struct sockaddr_in ip4 = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t) h2_service_port(world.service))
	};

	inet_pton(AF_INET, text, &ip4.sin_addr);
	az_socket_address_set(&address, (struct sockaddr *) &ip4, sizeof(ip4));
	return address;
}

static void
set_addresses(const char *first, const char *other)
{
	AzSocketAddress addresses[2] = {ip(first), ip(other == NULL ? first : other)};

	az_pool_set_addresses(&pool, addresses, other == NULL ? 1 : 2);
}

static void
connections_are_spread_over_the_addresses(void **state)
{
	limits.connections = 4;
	set_addresses("127.0.0.1", "127.0.0.2");
	assert_true(az_pool_has_endpoints(&pool));
	az_pool_connect(&pool);
	assert_true(az_pool_has_hope(&pool));
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 4);
	assert_int_equal(h2_service_connections(world.service), 2);
	assert_int_equal(h2_service_connections(second), 2);
	/* There are enough. */
	az_pool_connect(&pool);
	assert_int_equal(pool.slots.count, 4);
}

static void
every_address_gets_a_connection_also_beyond_the_limit(void **state)
{
	limits.connections = 1;
	set_addresses("127.0.0.1", "127.0.0.2");
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 2);
	assert_int_equal(h2_service_connections(world.service), 1);
	assert_int_equal(h2_service_connections(second), 1);
}

static void
an_address_that_fails_leaves_its_share_to_the_others(void **state)
{
	limits.connections = 4;
	limits.backoff_min_us = limits.backoff_max_us = 10000000;
	h2_service_stop(second);
	second = NULL;
	set_addresses("127.0.0.1", "127.0.0.2");
	az_pool_connect(&pool);
	while (az_pool_open_slots(&pool) < 4)
	{
		WAIT_UNTIL(&world, changes > 0 || losses > 0);
		changes = losses = 0;
		az_pool_connect(&pool);
	}
	assert_int_equal(h2_service_connections(world.service), 4);
	assert_true(az_pool_retry_us(&pool) < INT64_MAX);
}

static void
a_failed_address_is_tried_again_after_its_backoff(void **state)
{
	int			port = h2_service_port(world.service);
	int64_t		retry_us;

	h2_service_stop(second);
	second = NULL;
	set_addresses("127.0.0.2", NULL);
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, losses > 0 || !az_pool_has_hope(&pool));
	WAIT_UNTIL(&world, !az_pool_has_hope(&pool));
	assert_int_equal(pool.failure, AZ_UNAVAILABLE);
	assert_contains(pool.failure_text, "could not connect to grpc://order:1: Connection refused");
	assert_contains(pool.failure_detail, "127.0.0.2:");
	az_pool_connect(&pool);
	assert_false(az_pool_has_hope(&pool));
	retry_us = az_pool_retry_us(&pool);
	assert_true(retry_us < az_clock_monotonic_us() + limits.backoff_max_us);
	second = h2_service_start(world.loop, "127.0.0.2", port);
	WAIT_UNTIL(&world, az_clock_monotonic_us() > retry_us);
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 2);
	assert_int_equal(pool.failure, AZ_OK);
}

static void
backoff_grows_to_its_limit_with_jitter(void **state)
{
	bool		differs = false;
	int64_t		first;

	limits.backoff_min_us = 100000;
	limits.backoff_max_us = 1000000;
	for (int i = 0; i < 100; i++)
	{
		assert_in_range(az_pool_backoff_us(&limits, 1), 75000, 100000);
		assert_in_range(az_pool_backoff_us(&limits, 2), 150000, 200000);
		assert_in_range(az_pool_backoff_us(&limits, 4), 600000, 800000);
		assert_in_range(az_pool_backoff_us(&limits, 5), 750000, 1000000);
		assert_in_range(az_pool_backoff_us(&limits, 4000000000U), 750000, 1000000);
	}
	first = az_pool_backoff_us(&limits, 5);
	for (int i = 0; i < 100 && !differs; i++)
		differs = az_pool_backoff_us(&limits, 5) != first;
	assert_true(differs);
	limits.backoff_min_us = limits.backoff_max_us = 0;
	assert_in_range(az_pool_backoff_us(&limits, 9), 750, 1000000);
}

static void
a_connection_that_opens_and_is_lost_at_once_backs_off_too(void **state)
{
	limits.connections = 1;
	limits.backoff_max_us = 10000000;
	set_addresses("127.0.0.1", NULL);
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 1);
	h2_service_drop(world.service);
	WAIT_UNTIL(&world, losses > 0);
	az_pool_connect(&pool);
	assert_false(az_pool_has_hope(&pool));
	assert_contains(pool.failure_text, "lost the connection to grpc://order:1: it closed the connection");
}

static void
a_connection_that_was_of_use_is_replaced_at_once(void **state)
{
	AzSlot	   *slot;

	limits.connections = 1;
	limits.backoff_max_us = 10000000;
	set_addresses("127.0.0.1", NULL);
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 1);
	slot = az_pool_pick(&pool, NULL);
	assert_non_null(slot);
	az_pool_praise(slot);
	h2_service_drop(world.service);
	WAIT_UNTIL(&world, losses > 0);
	az_pool_connect(&pool);
	assert_true(az_pool_has_hope(&pool));
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 1);
}

static void
an_address_that_is_listed_no_more_is_not_opened_again(void **state)
{
	limits.connections = 2;
	set_addresses("127.0.0.1", "127.0.0.2");
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 2);
	set_addresses("127.0.0.2", NULL);
	/* What is open stays. */
	assert_int_equal(az_pool_open_slots(&pool), 2);
	h2_service_drop(world.service);
	WAIT_UNTIL(&world, losses > 0);
	assert_int_equal(pool.endpoints.count, 1);
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 2);
	assert_int_equal(h2_service_connections(world.service), 0);
	assert_int_equal(h2_service_connections(second), 2);
}

static void
an_attempt_at_an_address_listed_no_more_is_given_up(void **state)
{
	h2_service_script(world.service)->mute = true;
	set_addresses("127.0.0.1", NULL);
	az_pool_connect(&pool);
	WAIT_UNTIL(&world, h2_service_accepted(world.service) > 0);
	assert_true(az_pool_has_hope(&pool));
	set_addresses("127.0.0.2", NULL);
	assert_int_equal(pool.slots.count, 0);
	assert_int_equal(pool.endpoints.count, 1);
}

static void
an_address_listed_twice_counts_once(void **state)
{
	set_addresses("127.0.0.1", "127.0.0.1");
	assert_int_equal(pool.endpoints.count, 1);
}

static void
a_link_local_address_is_never_connected_to(void **state)
{
	set_addresses("169.254.169.254", NULL);
	az_pool_connect(&pool);
	assert_false(az_pool_has_hope(&pool));
	assert_contains(pool.failure_text, "link-local and metadata addresses are refused");
	assert_contains(pool.failure_detail, "169.254.169.254:");
}

static void
the_slot_with_room_used_longest_ago_is_picked(void **state)
{
	AzSlot	   *first;
	AzSlot	   *other;

	set_addresses("127.0.0.1", "127.0.0.2");
	assert_null(az_pool_pick(&pool, NULL));
	az_pool_connect(&pool);
	assert_null(az_pool_pick(&pool, NULL));
	WAIT_UNTIL(&world, az_pool_open_slots(&pool) == 2);
	first = az_pool_pick(&pool, NULL);
	other = az_pool_pick(&pool, NULL);
	assert_non_null(first);
	assert_ptr_not_equal(first, other);
	assert_ptr_equal(az_pool_pick(&pool, NULL), first);
	assert_ptr_equal(az_pool_pick(&pool, NULL), other);
	assert_ptr_equal(az_pool_pick(&pool, first), other);
	assert_ptr_equal(az_pool_pick(&pool, other), first);
}

static void
memory_running_out_backs_off(void **state)
{
	AzSocketAddress address = ip("127.0.0.1");

	fail_malloc_after(0);
	az_pool_set_addresses(&pool, &address, 1);
	fail_malloc_after(-1);
	assert_false(az_pool_has_endpoints(&pool));
	assert_int_equal(pool.failure, AZ_RESOURCE_EXHAUSTED);
	az_pool_set_addresses(&pool, &address, 1);
	pool.failure = AZ_OK;
	fail_malloc_after(0);
	az_pool_connect(&pool);
	fail_malloc_after(-1);
	assert_false(az_pool_has_hope(&pool));
	assert_int_equal(pool.failure, AZ_RESOURCE_EXHAUSTED);
	assert_contains(pool.failure_text, "could not connect to grpc://order:1: out of memory");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(connections_are_spread_over_the_addresses),
		TEST(every_address_gets_a_connection_also_beyond_the_limit),
		TEST(an_address_that_fails_leaves_its_share_to_the_others),
		TEST(a_failed_address_is_tried_again_after_its_backoff),
		TEST(backoff_grows_to_its_limit_with_jitter),
		TEST(a_connection_that_opens_and_is_lost_at_once_backs_off_too),
		TEST(a_connection_that_was_of_use_is_replaced_at_once),
		TEST(an_address_that_is_listed_no_more_is_not_opened_again),
		TEST(an_attempt_at_an_address_listed_no_more_is_given_up),
		TEST(an_address_listed_twice_counts_once),
		TEST(a_link_local_address_is_never_connected_to),
		TEST(the_slot_with_room_used_longest_ago_is_picked),
		TEST(memory_running_out_backs_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
