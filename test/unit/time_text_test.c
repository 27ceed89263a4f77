/* Tests of times as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/time_text.h"

static void
assert_time(const char *text, int64_t expected_us)
{
	int64_t		time_us = 0;

	if (!az_time_text_read(text, &time_us))
		fail_msg("\"%s\" is no time", text);
	if (time_us != expected_us)
		fail_msg("\"%s\" is %lld", text, (long long) time_us);
}

static void
times_of_rfc_3339_are_read(void **state)
{
	assert_time("1970-01-01T00:00:00Z", 0);
	assert_time("2026-01-31T12:00:00Z", INT64_C(1769860800000000));
	assert_time("2000-02-29T23:59:59.25Z", INT64_C(951868799250000));
	assert_time("2000-03-01t00:00:00z", INT64_C(951868800000000));
	assert_time("0001-01-01T00:00:00Z", INT64_C(-62135596800000000));
	assert_time("9999-12-31T23:59:59.999999999Z", INT64_C(253402300799999999));
}

static void
an_offset_is_taken_off(void **state)
{
	assert_time("1970-01-01T01:30:00+01:30", 0);
	assert_time("1969-12-31T19:00:00-05:00", 0);
}

static void
anything_else_is_none(void **state)
{
	static const char *const texts[] = {
		"", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z",
		"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-01-32T00:00:00Z", "2026-01-00T00:00:00Z", "0000-01-01T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
		"2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0100",
		"2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60",
		"2026-01-01T00:00:00ZZ", "1900-02-29T00:00:00Z", "2026-1-01T00:00:00Z"
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		int64_t		time_us;

		if (az_time_text_read(texts[i], &time_us))
			fail_msg("\"%s\" is a time", texts[i]);
	}
}

#define TEST(f) cmocka_unit_test(f)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(times_of_rfc_3339_are_read),
		TEST(an_offset_is_taken_off),
		TEST(anything_else_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
