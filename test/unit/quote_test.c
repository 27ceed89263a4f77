/* Tests of texts as JSON strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/quote.h"
#include "failing_malloc.h"

static AzArena *arena;

static int
setup(void **state)
{
	arena = az_arena_create();
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static void
plain_text_gets_its_quotes(void **state)
{
	assert_string_equal(az_quote_json(arena, ""), "\"\"");
	assert_string_equal(az_quote_json(arena, "no stock, größer"),
						"\"no stock, größer\"");
}

static void
what_json_has_no_room_for_is_escaped(void **state)
{
	assert_string_equal(az_quote_json(arena, "a\"b\\c\n\x1f/"),
						"\"a\\\"b\\\\c\\u000a\\u001f/\"");
}

static void
a_text_of_nothing_but_escapes_has_room(void **state)
{
	assert_string_equal(az_quote_json(arena, "\x01\x02\x03"),
						"\"\\u0001\\u0002\\u0003\"");
}

static void
without_memory_there_is_none(void **state)
{
	static char text[100000];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = 'x';
	fail_malloc_after(0);
	assert_null(az_quote_json(arena, text));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_text_gets_its_quotes),
		TEST(what_json_has_no_room_for_is_escaped),
		TEST(a_text_of_nothing_but_escapes_has_room),
		TEST(without_memory_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
