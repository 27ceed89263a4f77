/* Tests of what a failed delivery means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/details.h"
#include "pipeline/failure.h"

static AzArena *arena;

static int
setup(void **state)
{
	arena = az_arena_create();
	return arena == NULL;
}

static int
teardown(void **state)
{
	az_arena_free(arena);
	return 0;
}

static bool
permanent(AzCode code)
{
	AzError		error = {.code = code,.message = "x"};

	return az_failure_is_permanent(&error, arena);
}

static void
nine_codes_are_permanent_and_no_other(void **state)
{
	static const AzCode codes[] = {
		AZ_INVALID_ARGUMENT, AZ_NOT_FOUND, AZ_ALREADY_EXISTS,
		AZ_FAILED_PRECONDITION, AZ_ABORTED, AZ_OUT_OF_RANGE, AZ_UNIMPLEMENTED,
		AZ_PERMISSION_DENIED, AZ_UNAUTHENTICATED
	};
	int			count = 0;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_true(permanent(codes[i]));
	for (int code = 1; code <= 16; code++)
		count += permanent((AzCode) code);
	assert_int_equal(count, 9);
}

static void
retry_info_makes_it_transient_but_for_a_stale_sequence(void **state)
{
	const AzErrorInfo info = {.reason = "BUSY",.retryable = true};
	const AzErrorInfo final = {.reason = "BUSY"};
	AzError		error = {.code = AZ_ABORTED,.message = "later"};

	az_details_add(&error, &final, arena);
	assert_true(az_failure_is_permanent(&error, arena));
	az_details_add(&error, &info, arena);
	assert_false(az_failure_is_permanent(&error, arena));
	memcpy(error.sqlstate, AZ_SQLSTATE_SEQUENCE_MISMATCH, 6);
	assert_true(az_failure_is_permanent(&error, arena));
}

static void
what_the_database_says_is_transient(void **state)
{
	AzError		error = {.code = AZ_ABORTED,.message = "deadlock"};

	memcpy(error.sqlstate, "40P01", 6);
	assert_false(az_failure_is_permanent(&error, arena));
	memcpy(error.sqlstate, AZ_SQLSTATE_REJECTED, 6);
	assert_true(az_failure_is_permanent(&error, arena));
}

static void
the_reason_is_that_of_the_error_info(void **state)
{
	const AzErrorInfo info = {.reason = "OUT_OF_STOCK"};
	AzError		error = {.code = AZ_ABORTED,.message = "none left"};

	assert_string_equal(az_details_reason(&error, arena), "");
	az_details_add(&error, &info, arena);
	assert_string_equal(az_details_reason(&error, arena), "OUT_OF_STOCK");
	error.details = az_bytes_of("\xff\xff");
	assert_string_equal(az_details_reason(&error, arena), "");
}

static void
each_pause_is_longer_than_the_one_before(void **state)
{
	const AzJobSettings settings = {
		.retry_delay_us = 200000,.max_retry_delay_us = 60000000
	};
	int64_t		before = 0;

	for (int attempts = 1; attempts <= 200; attempts++)
	{
		int64_t		delay = az_failure_delay_us(&settings, attempts);

		assert_true(delay > before);
		before = delay;
	}
	assert_in_range(az_failure_delay_us(&settings, 1), 200000, 300000);
	assert_in_range(az_failure_delay_us(&settings, 3), 800000, 1200000);
	assert_in_range(before, 60000000, 4 * 60000000);
}

static void
two_that_failed_together_do_not_come_again_together(void **state)
{
	const AzJobSettings settings = {
		.retry_delay_us = 200000,.max_retry_delay_us = 60000000
	};

	for (int attempts = 1; attempts <= 20; attempts++)
	{
		int64_t		first = az_failure_delay_us(&settings, attempts);
		int			tries = 0;

		while (az_failure_delay_us(&settings, attempts) == first)
			assert_true(++tries < 1000000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nine_codes_are_permanent_and_no_other,
										setup, teardown),
		cmocka_unit_test_setup_teardown(retry_info_makes_it_transient_but_for_a_stale_sequence,
										setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_database_says_is_transient,
										setup, teardown),
		cmocka_unit_test_setup_teardown(the_reason_is_that_of_the_error_info,
										setup, teardown),
		cmocka_unit_test_setup_teardown(each_pause_is_longer_than_the_one_before,
										setup, teardown),
		cmocka_unit_test_setup_teardown(two_that_failed_together_do_not_come_again_together,
										setup, teardown),
	};

	return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
