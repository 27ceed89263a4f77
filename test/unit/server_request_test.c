/* Tests of what the headers of a stream ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/server_request.h"

#include "failing_malloc.h"

static AzArena *arena;
static AzServerRequest request;

static int
setup(void **state)
{
	arena = az_arena_create();
	az_server_request_init(&request, arena, 1000);
	return arena == NULL;
}

static int
teardown(void **state)
{
	az_arena_free(arena);
	return 0;
}

static void
take(const char *name, const char *value)
{
	az_server_request_take(&request, az_bytes_of(name), az_bytes_of(value));
}

static const char *
status_for(const char *method, const char *content_type)
{
	az_server_request_init(&request, arena, 1000);
	if (method != NULL)
		take(":method", method);
	if (content_type != NULL)
		take("content-type", content_type);
	return az_server_request_http_status(&request);
}

static void
grpc_is_known_by_its_content_type(void **state)
{
	assert_string_equal(status_for("POST", "application/grpc"), "200");
	assert_string_equal(status_for("POST", "application/grpc+proto"), "200");
	assert_string_equal(status_for("POST", "application/grpc;charset=utf-8"),
						"200");
	assert_string_equal(status_for("POST", "application/grpc ; a=b"), "200");
	assert_string_equal(status_for("POST", "application/grpc-web"), "415");
	assert_string_equal(status_for("POST", "application/grp"), "415");
	assert_string_equal(status_for("POST", "text/html"), "415");
	assert_string_equal(status_for("POST", ""), "415");
	assert_string_equal(status_for("POST", NULL), "415");
}

static void
only_post_is_a_call(void **state)
{
	assert_string_equal(status_for("GET", "application/grpc"), "405");
	assert_string_equal(status_for("post", "application/grpc"), "405");
	assert_string_equal(status_for(NULL, "application/grpc"), "405");
	assert_string_equal(status_for("GET", "text/html"), "405");
}

static void
custom_metadata_is_kept_and_the_rest_is_not(void **state)
{
	take(":path", "/a.B/C");
	take(":scheme", "http");
	take(":authority", "anything");
	take("te", "trailers");
	take("grpc-accept-encoding", "gzip");
	take("authorization", "secret");
	take("x-thing", "");
	assert_string_equal(request.path, "/a.B/C");
	assert_int_equal(request.metadata.count, 2);
	assert_string_equal(az_metadata_get(&request.metadata, "authorization"),
						"secret");
	assert_string_equal(az_metadata_get(&request.metadata, "x-thing"), "");
	assert_int_equal(request.refusal.code, AZ_OK);
}

static void
a_timeout_is_read_in_microseconds(void **state)
{
	assert_true(request.timeout_us == INT64_MAX);
	take("grpc-timeout", "250m");
	assert_int_equal(request.timeout_us, 250000);
	assert_int_equal(request.refusal.code, AZ_OK);
}

static void
a_bad_timeout_is_refused_and_counts_as_none(void **state)
{
	take("grpc-timeout", "soon");
	assert_int_equal(request.refusal.code, AZ_INVALID_ARGUMENT);
	assert_non_null(strstr(request.refusal.message, "\"soon\""));
	assert_true(request.timeout_us == INT64_MAX);
}

static void
a_foreign_value_is_cut_in_the_message(void **state)
{
	char		value[300];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	take("grpc-timeout", value);
	assert_true(strlen(request.refusal.message) < 150);
}

static void
identity_is_the_only_encoding(void **state)
{
	take("grpc-encoding", "identity");
	assert_int_equal(request.refusal.code, AZ_OK);
	assert_false(request.is_coded);
	take("grpc-encoding", "gzip");
	assert_int_equal(request.refusal.code, AZ_UNIMPLEMENTED);
	assert_non_null(strstr(request.refusal.message, "\"gzip\""));
	assert_true(request.is_coded);
}

static void
header_bytes_are_counted_as_http2_does(void **state)
{
	az_server_request_init(&request, arena, 2 * (1 + 9 + 32));
	take("a", "123456789");
	take("b", "123456789");
	assert_int_equal(request.header_bytes, 84);
	assert_int_equal(request.refusal.code, AZ_OK);
	assert_int_equal(request.metadata.count, 2);
}

static void
headers_over_the_limit_are_refused_and_not_stored(void **state)
{
	az_server_request_init(&request, arena, 100);
	take(":method", "GET");
	take("a", "1234567890123456789012345678901234567890");
	take("b", "2");
	assert_int_equal(request.refusal.code, AZ_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(request.refusal.message, "100 bytes"));
	assert_int_equal(request.metadata.count, 0);
	/* It is not called bad for headers that were not looked at. */
	assert_string_equal(az_server_request_http_status(&request), "200");
}

static void
memory_that_is_out_is_a_refusal(void **state)
{
	static const char *const names[] = {
		":path", "x-thing", "grpc-timeout", "grpc-encoding"
	};
	char		large[100 * 1024];

	memset(large, 'y', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		az_server_request_init(&request, arena, 1024 * 1024);
		fail_malloc_after(0);
		take(names[i], large);
		fail_malloc_after(-1);
		assert_int_not_equal(request.refusal.code, AZ_OK);
		assert_non_null(request.refusal.message);
		assert_non_null(request.path);
	}
}

#define REQUEST_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REQUEST_TEST(grpc_is_known_by_its_content_type),
		REQUEST_TEST(only_post_is_a_call),
		REQUEST_TEST(custom_metadata_is_kept_and_the_rest_is_not),
		REQUEST_TEST(a_timeout_is_read_in_microseconds),
		REQUEST_TEST(a_bad_timeout_is_refused_and_counts_as_none),
		REQUEST_TEST(a_foreign_value_is_cut_in_the_message),
		REQUEST_TEST(identity_is_the_only_encoding),
		REQUEST_TEST(header_bytes_are_counted_as_http2_does),
		REQUEST_TEST(headers_over_the_limit_are_refused_and_not_stored),
		REQUEST_TEST(memory_that_is_out_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
