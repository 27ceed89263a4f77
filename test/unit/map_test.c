/* Tests of the hash map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/map.h"
#include "failing_malloc.h"

#define MANY 3000

static AzMap *map;
static char values[MANY];

static int
setup(void **state)
{
	map = az_map_create();
	return map == NULL;
}

static int
teardown(void **state)
{
	az_map_free(map);
	return 0;
}

static AzBytes
key_of(int number, char text[16])
{
	snprintf(text, 16, "key %d", number);
	return az_bytes_of(text);
}

static void
a_value_is_found_by_its_key_until_it_is_removed(void **state)
{
	AzBytes		key = az_bytes_of("a");

	assert_null(az_map_get(map, key));
	assert_true(az_map_put(map, key, &values[1]));
	assert_ptr_equal(az_map_get(map, key), &values[1]);
	assert_int_equal(az_map_count(map), 1);
	assert_ptr_equal(az_map_remove(map, key), &values[1]);
	assert_null(az_map_get(map, key));
	assert_null(az_map_remove(map, key));
	assert_int_equal(az_map_count(map), 0);
}

static void
an_equal_key_replaces_the_value(void **state)
{
	char		key[] = "same";

	assert_true(az_map_put(map, az_bytes_of(key), &values[1]));
	assert_true(az_map_put(map, az_bytes_of("same"), &values[2]));
	assert_int_equal(az_map_count(map), 1);
	key[0] = 'x';
	assert_ptr_equal(az_map_get(map, az_bytes_of("same")), &values[2]);
	assert_null(az_map_get(map, az_bytes_of("xame")));
}

static void
keys_are_bytes_of_any_content_and_length(void **state)
{
	AzBytes		with_zero = {(const uint8_t *) "a\0b", 3};
	AzBytes		shorter = {(const uint8_t *) "a\0b", 2};
	AzBytes		nothing = {0};

	assert_true(az_map_put(map, with_zero, &values[1]));
	assert_true(az_map_put(map, shorter, &values[2]));
	assert_true(az_map_put(map, nothing, &values[3]));
	assert_int_equal(az_map_count(map), 3);
	assert_ptr_equal(az_map_get(map, with_zero), &values[1]);
	assert_ptr_equal(az_map_get(map, shorter), &values[2]);
	assert_ptr_equal(az_map_get(map, az_bytes_of("")), &values[3]);
}

static void
many_entries_are_all_found(void **state)
{
	char		text[16];

	for (int i = 0; i < MANY; i++)
		assert_true(az_map_put(map, key_of(i, text), &values[i]));
	for (int i = 0; i < MANY; i += 2)
		assert_ptr_equal(az_map_remove(map, key_of(i, text)), &values[i]);
	assert_int_equal(az_map_count(map), MANY / 2);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(az_map_get(map, key_of(i, text)),
						 i % 2 == 0 ? NULL : &values[i]);
}

/* Whatever allocation fails, also those of the table's growth. */
static void
a_put_without_memory_leaves_the_map_as_it_was(void **state)
{
	char		text[16];
	int			n_failed = 0;

	for (int i = 0; i < MANY; i++)
	{
		AzBytes		key = key_of(i, text);

		for (int n = 0;; n++)
		{
			bool		was_put;

			fail_malloc_after(n);
			was_put = az_map_put(map, key, &values[i]);
			fail_malloc_after(-1);
			if (was_put)
				break;
			n_failed++;
			assert_null(az_map_get(map, key));
			assert_int_equal(az_map_count(map), i);
		}
	}
	assert_true(n_failed > MANY);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(az_map_get(map, key_of(i, text)), &values[i]);
}

static void
a_map_without_memory_is_null(void **state)
{
	fail_malloc_after(0);
	assert_null(az_map_create());
	fail_malloc_after(-1);
	az_map_free(NULL);
	assert_int_equal(az_map_count(map), 0);
}

static void
a_key_too_long_for_the_table_is_refused(void **state)
{
	AzBytes		key = {(const uint8_t *) "a", (size_t) UINT32_MAX + 1};

	assert_false(az_map_put(map, key, &values[1]));
	assert_null(az_map_get(map, key));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_is_found_by_its_key_until_it_is_removed),
		TEST(an_equal_key_replaces_the_value),
		TEST(keys_are_bytes_of_any_content_and_length),
		TEST(many_entries_are_all_found),
		TEST(a_put_without_memory_leaves_the_map_as_it_was),
		TEST(a_map_without_memory_is_null),
		TEST(a_key_too_long_for_the_table_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
