/* Tests of the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static int64_t
seven(void)
{
	return 7;
}

static int64_t
eight(void)
{
	return 8;
}

static int
setup(void **state)
{
	return 0;
}

static int
teardown(void **state)
{
	az_clock_set(NULL);
	return 0;
}

static void
the_monotonic_clock_never_goes_back(void **state)
{
	int64_t		last = az_clock_monotonic_us();

	for (int i = 0; i < 1000; i++)
	{
		int64_t		now = az_clock_monotonic_us();

		assert_true(now >= last);
		last = now;
	}
}

static void
the_wall_clock_counts_microseconds_since_1970(void **state)
{
	int64_t		before = (int64_t) time(NULL) * 1000000;
	int64_t		now = az_clock_wall_us();

	assert_true(now >= before - 1000000);
	assert_true(now <= before + 60 * INT64_C(1000000));
}

static void
another_clock_is_in_force_until_the_systems_is_brought_back(void **state)
{
	AzClock		clock = {.monotonic_us = seven,.wall_us = eight};

	az_clock_set(&clock);
	memset(&clock, 0, sizeof(clock));
	assert_int_equal(az_clock_monotonic_us(), 7);
	assert_int_equal(az_clock_wall_us(), 8);
	az_clock_set(NULL);
	assert_true(az_clock_wall_us() > 8);
	assert_int_not_equal(az_clock_monotonic_us(), 7);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_monotonic_clock_never_goes_back),
		TEST(the_wall_clock_counts_microseconds_since_1970),
		TEST(another_clock_is_in_force_until_the_systems_is_brought_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
