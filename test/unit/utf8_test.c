/* Tests of what counts as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/utf8.h"
#include "failing_malloc.h"

static bool
is_valid(const char *bytes, size_t len)
{
	AzBytes		slice = {(const uint8_t *) bytes, len};

	return az_utf8_is_valid(slice);
}

static void
text_of_one_to_four_bytes_a_character_is_valid(void **state)
{
	assert_true(is_valid("", 0));
	assert_true(is_valid("plain", 5));
	assert_true(is_valid("\xC2\x80\xDF\xBF", 4));
	assert_true(is_valid("\xE0\xA0\x80\xEF\xBF\xBF", 6));
	assert_true(is_valid("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8));
	assert_true(is_valid("a\0b", 3));
}

static void
overlong_forms_are_not_text(void **state)
{
	assert_false(is_valid("\xC0\x80", 2));
	assert_false(is_valid("\xC1\xBF", 2));
	assert_false(is_valid("\xE0\x9F\xBF", 3));
	assert_false(is_valid("\xF0\x8F\xBF\xBF", 4));
}

static void
surrogates_and_what_lies_beyond_unicode_are_not_text(void **state)
{
	assert_true(is_valid("\xED\x9F\xBF", 3));
	assert_false(is_valid("\xED\xA0\x80", 3));
	assert_false(is_valid("\xED\xBF\xBF", 3));
	assert_false(is_valid("\xF4\x90\x80\x80", 4));
	assert_false(is_valid("\xF5\x80\x80\x80", 4));
	assert_false(is_valid("\xFF", 1));
}

static void
a_character_cut_off_or_out_of_place_is_not_text(void **state)
{
	assert_false(is_valid("\x80", 1));
	assert_false(is_valid("\xC2", 1));
	assert_false(is_valid("\xE4\xB8", 2));
	assert_false(is_valid("\xF0\x9F\x98", 3));
	assert_false(is_valid("\xC2 ", 2));
	assert_false(is_valid("\xE4\xB8 ", 3));
	assert_false(is_valid("\xF0\x9F\x98 ", 4));
	assert_false(is_valid("ok\xE4", 3));
}

static void
cleaning_replaces_only_what_is_no_text(void **state)
{
	AzArena    *arena = az_arena_create();

	assert_string_equal(az_utf8_clean(arena, "gr\xC3\xBC\xC3\x9F", 100),
						"gr\xC3\xBC\xC3\x9F");
	assert_string_equal(az_utf8_clean(arena, "a\xFF\xC3z\xC0\x80", 100),
						"a??z??");
	assert_string_equal(az_utf8_clean(arena, "", 100), "");
	az_arena_free(arena);
}

static void
cleaning_cuts_before_a_whole_character(void **state)
{
	AzArena    *arena = az_arena_create();

	assert_string_equal(az_utf8_clean(arena, "abc", 3), "abc");
	assert_string_equal(az_utf8_clean(arena, "abc", 2), "ab");
	assert_string_equal(az_utf8_clean(arena, "ab\xC3\xBC", 3), "ab");
	assert_string_equal(az_utf8_clean(arena, "ab\xC3\xBC", 4), "ab\xC3\xBC");
	assert_string_equal(az_utf8_clean(arena, "abc", 0), "");
	az_arena_free(arena);
}

static void
cleaning_without_memory_gives_nothing(void **state)
{
	AzArena    *arena = az_arena_create();
	char		text[9000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fail_malloc_after(0);
	assert_null(az_utf8_clean(arena, text, sizeof(text)));
	fail_malloc_after(-1);
	az_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_one_to_four_bytes_a_character_is_valid),
		cmocka_unit_test(overlong_forms_are_not_text),
		cmocka_unit_test(surrogates_and_what_lies_beyond_unicode_are_not_text),
		cmocka_unit_test(a_character_cut_off_or_out_of_place_is_not_text),
		cmocka_unit_test(cleaning_replaces_only_what_is_no_text),
		cmocka_unit_test(cleaning_cuts_before_a_whole_character),
		cmocka_unit_test(cleaning_without_memory_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
