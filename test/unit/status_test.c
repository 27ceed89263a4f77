/* Tests of how HTTP and HTTP/2 outcomes read as gRPC status codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/status.h"

static void
every_status_number_is_its_code(void **state)
{
	char		text[16];

	for (int code = 0; code <= 16; code++)
	{
		snprintf(text, sizeof(text), "%d", code);
		assert_int_equal(az_status_parse(az_bytes_of(text)), code);
	}
}

static void
what_is_no_status_number_is_unknown(void **state)
{
	static const char *const texts[] = {
		"", "17", "99", "100", "-1", "x", "1x", " 1", "0x1", "4294967297"
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(az_status_parse(az_bytes_of(texts[i])), AZ_UNKNOWN);
}

static void
an_http_status_reads_as_grpc_says(void **state)
{
	assert_int_equal(az_status_of_http(400), AZ_INTERNAL);
	assert_int_equal(az_status_of_http(401), AZ_UNAUTHENTICATED);
	assert_int_equal(az_status_of_http(403), AZ_PERMISSION_DENIED);
	assert_int_equal(az_status_of_http(404), AZ_UNIMPLEMENTED);
	assert_int_equal(az_status_of_http(429), AZ_UNAVAILABLE);
	assert_int_equal(az_status_of_http(502), AZ_UNAVAILABLE);
	assert_int_equal(az_status_of_http(503), AZ_UNAVAILABLE);
	assert_int_equal(az_status_of_http(504), AZ_UNAVAILABLE);
	assert_int_equal(az_status_of_http(200), AZ_UNKNOWN);
	assert_int_equal(az_status_of_http(500), AZ_UNKNOWN);
	assert_int_equal(az_status_of_http(0), AZ_UNKNOWN);
}

static void
an_http2_error_reads_as_grpc_says(void **state)
{
	for (uint32_t error = 0; error <= 0xd; error++)
	{
		AzCode		code = az_status_of_http2_error(error);

		if (error == 0x7)
			assert_int_equal(code, AZ_UNAVAILABLE);
		else if (error == 0x8)
			assert_int_equal(code, AZ_CANCELLED);
		else if (error == 0xb)
			assert_int_equal(code, AZ_RESOURCE_EXHAUSTED);
		else if (error == 0xc)
			assert_int_equal(code, AZ_PERMISSION_DENIED);
		else
			assert_int_equal(code, AZ_INTERNAL);
	}
	assert_int_equal(az_status_of_http2_error(UINT32_MAX), AZ_INTERNAL);
}

#define TEST(f) cmocka_unit_test(f)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_status_number_is_its_code),
		TEST(what_is_no_status_number_is_unknown),
		TEST(an_http_status_reads_as_grpc_says),
		TEST(an_http2_error_reads_as_grpc_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
