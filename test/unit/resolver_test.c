/* Tests of net/resolver.c: names become addresses. */
#include <string.h>

#include "client_world.h"
#include "dns_service.h"
#include "failing_malloc.h"
#include "net/resolver.h"

static World world;
static DnsService *dns;
static AzLookup lookup;
static int	times;

static void
note_done(AzLookup *done)
{
	assert_ptr_equal(done, &lookup);
	times++;
}

static int
open_world(void **state)
{
	world_open(&world, NULL);
	dns = dns_service_start(world.loop);
	assert_non_null(dns);
	memset(&lookup, 0, sizeof(lookup));
	lookup.done = note_done;
	times = 0;
	return 0;
}

static int
close_world(void **state)
{
	az_lookup_stop(&lookup);
	dns_service_stop(dns);
	world_close(&world);
	return 0;
}

static void
look_up(const char *host)
{
	int			before = times;

	assert_true(az_lookup_start(&lookup, world.loop, host, 50051));
	assert_int_equal(times, before);
	assert_true(az_lookup_is_running(&lookup));
	WAIT_UNTIL(&world, times > before);
	assert_false(az_lookup_is_running(&lookup));
}

static bool
has(const char *text)
{
	char		found[AZ_SOCKET_TEXT_SIZE];

	for (size_t i = 0; i < lookup.n_addresses; i++)
	{
		az_socket_address_text(&lookup.addresses[i], found);
		if (strcmp(found, text) == 0)
			return true;
	}
	return false;
}

static void
a_name_becomes_all_its_addresses_with_the_port(void **state)
{
	static const char *const records[] = {"10.0.0.1", "10.0.0.2"};

	dns_service_set(dns, records, 2);
	look_up("order.test");
	assert_null(lookup.why);
	assert_int_equal(lookup.n_addresses, 2);
	assert_true(has("10.0.0.1:50051"));
	assert_true(has("10.0.0.2:50051"));
	/* A and AAAA. */
	assert_int_equal(dns_service_questions(dns), 2);
}

static void
a_name_that_moved_is_found_by_the_next_lookup(void **state)
{
	static const char *const before[] = {"10.0.0.1"};
	static const char *const after[] = {"10.0.0.2"};

	dns_service_set(dns, before, 1);
	look_up("order.test");
	assert_true(has("10.0.0.1:50051"));
	dns_service_set(dns, after, 1);
	look_up("order.test");
	assert_int_equal(lookup.n_addresses, 1);
	assert_true(has("10.0.0.2:50051"));
}

static void
literal_addresses_stand_for_themselves(void **state)
{
	look_up("10.0.0.7");
	assert_int_equal(lookup.n_addresses, 1);
	assert_true(has("10.0.0.7:50051"));
	look_up("::1");
	assert_int_equal(lookup.n_addresses, 1);
	assert_true(has("[::1]:50051"));
	assert_int_equal(dns_service_questions(dns), 0);
}

static void
localhost_is_known_without_a_server(void **state)
{
	look_up("localhost");
	assert_true(has("127.0.0.1:50051"));
	assert_int_equal(dns_service_questions(dns), 0);
}

static void
an_unknown_name_says_so(void **state)
{
	look_up("nobody.test");
	assert_int_equal(lookup.n_addresses, 0);
	assert_string_equal(lookup.why, "Domain name not found");
}

static void
no_more_addresses_are_taken_than_there_is_room_for(void **state)
{
	static const char *const records[] = {
		"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6",
		"10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11",
		"10.0.0.12", "10.0.0.13", "10.0.0.14", "10.0.0.15", "10.0.0.16",
		"10.0.0.17", "10.0.0.18"
	};

	dns_service_set(dns, records, 18);
	look_up("order.test");
	assert_int_equal(lookup.n_addresses, AZ_MAX_ADDRESSES);
}

static void
a_silent_server_ends_the_lookup_in_a_few_seconds(void **state)
{
	int64_t		began_us = az_clock_monotonic_us();

	dns_service_silence(dns);
	look_up("order.test");
	assert_int_equal(lookup.n_addresses, 0);
	assert_non_null(lookup.why);
	assert_true(az_clock_monotonic_us() - began_us < 4500000);
}

static void
a_stopped_lookup_is_never_done(void **state)
{
	static const char *const records[] = {"10.0.0.1"};

	dns_service_set(dns, records, 1);
	assert_true(az_lookup_start(&lookup, world.loop, "order.test", 1));
	az_lookup_stop(&lookup);
	assert_false(az_lookup_is_running(&lookup));
	TURN_FOR(&world, 50000);
	assert_int_equal(times, 0);
	/* One that does not run may be stopped, too. */
	az_lookup_stop(&lookup);
}

static void
starting_again_gives_the_first_lookup_up(void **state)
{
	assert_true(az_lookup_start(&lookup, world.loop, "10.0.0.1", 1));
	assert_true(az_lookup_start(&lookup, world.loop, "10.0.0.2", 1));
	WAIT_UNTIL(&world, times > 0);
	TURN_FOR(&world, 30000);
	assert_int_equal(times, 1);
	assert_true(has("10.0.0.2:1"));
}

static void
a_broken_configuration_is_an_error_not_a_crash(void **state)
{
	az_lookup_configure("/", 53);
	if (!az_lookup_start(&lookup, world.loop, "order.test", 1))
	{
		assert_non_null(lookup.why);
		assert_false(az_lookup_is_running(&lookup));
	}
	az_lookup_stop(&lookup);
}

static void
memory_running_out_is_an_error(void **state)
{
	AzLoop	   *loop = az_loop_create();

	fail_malloc_after(0);
	assert_false(az_lookup_start(&lookup, loop, "10.0.0.1", 1));
	fail_malloc_after(-1);
	assert_string_equal(lookup.why, "out of memory");
	assert_false(az_lookup_is_running(&lookup));
	az_loop_free(loop);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(a_name_becomes_all_its_addresses_with_the_port),
		TEST(a_name_that_moved_is_found_by_the_next_lookup),
		TEST(literal_addresses_stand_for_themselves),
		TEST(localhost_is_known_without_a_server),
		TEST(an_unknown_name_says_so),
		TEST(no_more_addresses_are_taken_than_there_is_room_for),
		TEST(a_silent_server_ends_the_lookup_in_a_few_seconds),
		TEST(a_stopped_lookup_is_never_done),
		TEST(starting_again_gives_the_first_lookup_up),
		TEST(a_broken_configuration_is_an_error_not_a_crash),
		TEST(memory_running_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
