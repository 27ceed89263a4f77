/* Tests of the region allocator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "failing_malloc.h"

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
is_zero(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		if (data[i] != 0)
			return false;
	}
	return true;
}

static void
memory_is_zero_and_aligned_for_any_type(void **state)
{
	for (size_t size = 0; size < 600; size++)
	{
		uint8_t    *data = az_arena_alloc(arena, size);

		assert_non_null(data);
		assert_int_equal((uintptr_t) data % _Alignof(max_align_t), 0);
		assert_true(is_zero(data, size));
		memset(data, 0xFF, size);
	}
}

static void
memory_is_zero_again_after_a_reset(void **state)
{
	for (int round = 0; round < 3; round++)
	{
		for (int i = 0; i < 20; i++)
		{
			uint8_t    *data = az_arena_alloc(arena, 500);

			assert_true(is_zero(data, 500));
			memset(data, 0xFF, 500);
		}
		az_arena_reset(arena);
	}
}

static void
allocations_do_not_overlap(void **state)
{
	uint8_t    *data[300];

	for (int i = 0; i < 300; i++)
	{
		data[i] = az_arena_alloc(arena, (size_t) i * 7);
		memset(data[i], i % 256, (size_t) i * 7);
	}
	for (int i = 0; i < 300; i++)
	{
		for (int j = 0; j < i * 7; j++)
			assert_int_equal(data[i][j], i % 256);
	}
}

static void
a_small_arena_takes_four_kilobytes(void **state)
{
	assert_int_equal(az_arena_size(arena), 4096);
	assert_non_null(az_arena_alloc(arena, 3000));
	assert_int_equal(az_arena_size(arena), 4096);
}

static void
an_arena_takes_little_more_than_was_asked_for(void **state)
{
	size_t		asked = 0;

	for (int i = 0; i < 20000; i++)
	{
		assert_non_null(az_arena_alloc(arena, 480));
		asked += 480;
		assert_true(az_arena_size(arena) <= 2 * asked + asked / 8 + 16384);
	}
	assert_true(az_arena_size(arena) <= asked + asked / 10 + 512 * 1024);
}

static void
a_big_allocation_gets_a_block_of_its_own(void **state)
{
	size_t		before;
	uint8_t    *small = az_arena_alloc(arena, 16);
	uint8_t    *next;

	assert_non_null(az_arena_alloc(arena, 1000000));
	before = az_arena_size(arena);
	assert_true(before >= 1000000 && before <= 1000000 + 8192);
	next = az_arena_alloc(arena, 16);
	assert_true(next > small && next < small + 4096);
	assert_int_equal(az_arena_size(arena), before);
}

static void
a_reset_keeps_only_the_first_block(void **state)
{
	for (int i = 0; i < 50; i++)
	{
		assert_non_null(az_arena_alloc(arena, 3000));
		assert_non_null(az_arena_alloc(arena, 100));
		assert_non_null(az_arena_alloc(arena, 50000));
	}
	assert_true(az_arena_size(arena) > 2500000);
	az_arena_reset(arena);
	assert_int_equal(az_arena_size(arena), 4096);
	az_arena_reset(arena);
	assert_non_null(az_arena_alloc(arena, 3000));
	assert_int_equal(az_arena_size(arena), 4096);
}

static void
an_array_whose_size_overflows_is_refused(void **state)
{
	int		   *numbers = az_arena_array(arena, 10, sizeof(int));

	assert_true(is_zero((uint8_t *) numbers, 10 * sizeof(int)));
	assert_null(az_arena_array(arena, SIZE_MAX / 2, 3));
	assert_null(az_arena_array(arena, SIZE_MAX, 1));
	assert_null(az_arena_alloc(arena, SIZE_MAX));
	assert_null(az_arena_alloc(arena, SIZE_MAX - 100));
	assert_non_null(az_arena_array(arena, 0, 100));
}

static void
copies_end_in_a_zero_byte(void **state)
{
	AzBytes		source = {(const uint8_t *) "a\0b", 3};
	AzBytes		copy;

	assert_string_equal(az_arena_string(arena, "hello"), "hello");
	assert_string_equal(az_arena_string(arena, ""), "");
	assert_string_equal(az_arena_string_of(arena, az_bytes_of("x")), "x");
	assert_true(az_arena_copy(arena, source, &copy));
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.data, "a\0b", 4);
	assert_ptr_not_equal(copy.data, source.data);
	source.len = 0;
	assert_true(az_arena_copy(arena, source, &copy));
	assert_int_equal(copy.len, 0);
	assert_int_equal(copy.data[0], 0);
	source.len = SIZE_MAX;
	assert_false(az_arena_copy(arena, source, &copy));
	assert_null(az_arena_string_of(arena, source));
}

static void
formatted_text_of_any_length_is_whole(void **state)
{
	char		name[2000];

	assert_string_equal(az_arena_format(arena, "%s/%d", "order", 7),
						"order/7");
	for (size_t len = 200; len < 300; len++)
	{
		const char *text;

		memset(name, 'n', len);
		name[len] = '\0';
		text = az_arena_format(arena, "<%s>%d", name, 42);

		assert_int_equal(strlen(text), len + 4);
		assert_memory_equal(text + 1, name, len);
		assert_string_equal(text + len + 1, ">42");
	}
}

static void
every_allocation_that_fails_gives_null(void **state)
{
	AzBytes		big = {calloc(1, 9000), 9000};
	AzBytes		copy;

	assert_non_null(big.data);
	fail_malloc_after(0);
	assert_null(az_arena_create());
	fail_malloc_after(0);
	assert_null(az_arena_alloc(arena, 9000));
	fail_malloc_after(0);
	assert_null(az_arena_array(arena, 90, 100));
	fail_malloc_after(0);
	assert_false(az_arena_copy(arena, big, &copy));
	fail_malloc_after(0);
	assert_null(az_arena_string_of(arena, big));
	fail_malloc_after(0);
	assert_null(az_arena_format(arena, "%9000d", 1));
	assert_non_null(az_arena_alloc(arena, 3000));
	fail_malloc_after(0);
	assert_null(az_arena_alloc(arena, 1500));
	assert_true(malloc_has_failed());
	fail_malloc_after(-1);
	assert_non_null(az_arena_alloc(arena, 1500));
	free((void *) big.data);
}

static void
freeing_no_arena_does_nothing(void **state)
{
	az_arena_free(NULL);
	assert_int_equal(az_arena_size(arena), 4096);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_is_zero_and_aligned_for_any_type),
		TEST(memory_is_zero_again_after_a_reset),
		TEST(allocations_do_not_overlap),
		TEST(a_small_arena_takes_four_kilobytes),
		TEST(an_arena_takes_little_more_than_was_asked_for),
		TEST(a_big_allocation_gets_a_block_of_its_own),
		TEST(a_reset_keeps_only_the_first_block),
		TEST(an_array_whose_size_overflows_is_refused),
		TEST(copies_end_in_a_zero_byte),
		TEST(formatted_text_of_any_length_is_whole),
		TEST(every_allocation_that_fails_gives_null),
		TEST(freeing_no_arena_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
