/* Tests of net/address.c: addresses as they are registered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "net/address.h"
#include "net/channels.h"

static AzArena *arena;
static AzAddress address;
static AzError error;

static int
open_arena(void **state)
{
	arena = az_arena_create();
	memset(&error, 0, sizeof(error));
	return arena == NULL;
}

static int
close_arena(void **state)
{
	az_arena_free(arena);
	return 0;
}

static void
refused(const char *text, const char *why)
{
	assert_false(az_address_parse(&address, text, arena, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	if (strstr(error.message, why) == NULL ||
		strstr(error.message, "allowed are grpc://host:port and unix:/path") == NULL)
		fail_msg("\"%s\" gave: %s", text, error.message);
}

static void
a_name_and_a_port_are_understood(void **state)
{
	assert_true(az_address_parse(&address, "grpc://order.shop-1.local:50051",
								 arena, &error));
	assert_string_equal(address.text, "grpc://order.shop-1.local:50051");
	assert_string_equal(address.host, "order.shop-1.local");
	assert_int_equal(address.port, 50051);
	assert_null(address.path);
	assert_string_equal(address.authority, "order.shop-1.local:50051");
}

static void
an_ipv6_address_stands_in_brackets(void **state)
{
	assert_true(az_address_parse(&address, "grpc://[::1]:65535", arena, &error));
	assert_string_equal(address.host, "::1");
	assert_int_equal(address.port, 65535);
	assert_string_equal(address.authority, "[::1]:65535");
	refused("grpc://[order]:1", "not an IPv6 address");
	refused("grpc://[::1]", "no port");
	refused("grpc://::1:50051", "not a name or IP address");
}

static void
a_unix_socket_has_an_absolute_path(void **state)
{
	char		longest[5 + 107 + 1] = "unix:";
	char		too_long[5 + 108 + 1] = "unix:";

	assert_true(az_address_parse(&address, "unix:/run/order.sock", arena, &error));
	assert_string_equal(address.path, "/run/order.sock");
	assert_null(address.host);
	assert_string_equal(address.authority, "localhost");
	memset(longest + 5, '/', 107);
	assert_true(az_address_parse(&address, longest, arena, &error));
	memset(too_long + 5, '/', 108);
	refused(too_long, "longer than 107 bytes");
	refused("unix:order.sock", "not absolute");
	refused("unix:", "not absolute");
}

static void
a_port_is_a_number_from_1_to_65535(void **state)
{
	assert_true(az_address_check("grpc://a:1", arena, &error));
	refused("grpc://a:0", "port is not a number");
	refused("grpc://a:65536", "port is not a number");
	refused("grpc://a:", "port is not a number");
	refused("grpc://a:8o", "port is not a number");
	refused("grpc://a:000080", "port is not a number");
	refused("grpc://a:80/", "port is not a number");
	refused("grpc://a", "no port");
}

static void
a_host_is_made_of_letters_digits_dots_dashes_and_underscores(void **state)
{
	char		longest[7 + 253 + 3] = "grpc://";
	char		too_long[7 + 254 + 3] = "grpc://";

	memset(longest + 7, 'a', 253);
	strncat(longest, ":1", 3);
	memset(too_long + 7, 'a', 254);
	strncat(too_long, ":1", 3);
	assert_true(az_address_check(longest, arena, &error));
	refused(too_long, "not a name");
	refused("grpc://:1", "not a name");
	refused("grpc://.a:1", "not a name");
	refused("grpc://-a:1", "not a name");
	refused("grpc://a b:1", "not a name");
	refused("grpc://user@a:1", "not a name");
	refused("grpc://b\303\274cher:1", "not a name");
}

static void
any_other_scheme_is_refused_by_what_was_found(void **state)
{
	refused("grpcs://a:1", "\"grpcs://a:1\" cannot be used: TLS is not available in this version");
	refused("http://a:1", "\"http://a:1\" cannot be used");
	refused("a:1", "no known scheme");
	refused("", "no known scheme");
	refused("GRPC://a:1", "no known scheme");
}

static void
memory_running_out_is_an_error(void **state)
{
	int			n = 0;
	bool		parsed;

	do
	{
		AzArena    *small = az_arena_create();

		/* Fill the first block, so that every text needs a new one. */
		while (az_arena_size(small) < 3 * 8192)
			az_arena_alloc(small, 1000);
		while (az_arena_alloc(small, 8) != NULL && az_arena_size(small) < 5 * 8192)
			;
		fail_malloc_after(n++);
		parsed = az_address_parse(&address, "grpc://a:1", small, &error);
		if (malloc_has_failed())
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		fail_malloc_after(-1);
		az_arena_free(small);
	} while (!parsed);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
	const struct CMUnitTest tests[] = {
		TEST(a_name_and_a_port_are_understood),
		TEST(an_ipv6_address_stands_in_brackets),
		TEST(a_unix_socket_has_an_absolute_path),
		TEST(a_port_is_a_number_from_1_to_65535),
		TEST(a_host_is_made_of_letters_digits_dots_dashes_and_underscores),
		TEST(any_other_scheme_is_refused_by_what_was_found),
		TEST(memory_running_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
