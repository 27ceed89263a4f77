/* Tests of byte slices and growing byte buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "failing_malloc.h"

static AzBuffer buffer;

static int
setup(void **state)
{
	memset(&buffer, 0, sizeof(buffer));
	return 0;
}

static int
teardown(void **state)
{
	az_buffer_free(&buffer);
	return 0;
}

static void
assert_holds(const char *expected)
{
	AzBytes		bytes = az_buffer_bytes(&buffer);

	assert_int_equal(bytes.len, strlen(expected));
	assert_memory_equal(bytes.data, expected, bytes.len);
}

static void
a_string_is_a_slice_without_its_end(void **state)
{
	assert_int_equal(az_bytes_of("abc").len, 3);
	assert_int_equal(az_bytes_of("").len, 0);
	assert_non_null(az_bytes_of("").data);
	assert_null(az_bytes_of(NULL).data);
	assert_int_equal(az_bytes_of(NULL).len, 0);
}

static void
slices_are_equal_when_their_bytes_are(void **state)
{
	AzBytes		with_zero = {(const uint8_t *) "a\0b", 3};
	AzBytes		other = {(const uint8_t *) "a\0c", 3};

	assert_true(az_bytes_equal(az_bytes_of("abc"), az_bytes_of("abc")));
	assert_false(az_bytes_equal(az_bytes_of("abc"), az_bytes_of("ab")));
	assert_false(az_bytes_equal(with_zero, other));
	assert_true(az_bytes_equal(az_bytes_of(NULL), az_bytes_of("")));
}

static void
what_is_appended_is_read_back_in_order(void **state)
{
	assert_true(az_buffer_append(&buffer, "ab", 2));
	assert_true(az_buffer_append(&buffer, NULL, 0));
	assert_true(az_buffer_append(&buffer, "cd", 2));
	assert_holds("abcd");
	az_buffer_consume(&buffer, 1);
	assert_holds("bcd");
	az_buffer_consume(&buffer, 3);
	assert_holds("");
	assert_null(az_buffer_bytes(&buffer).data);
}

static void
an_empty_buffer_of_zeros_is_valid(void **state)
{
	assert_int_equal(az_buffer_bytes(&buffer).len, 0);
	az_buffer_consume(&buffer, 0);
	az_buffer_free(&buffer);
	assert_true(az_buffer_append(&buffer, NULL, 0));
	assert_null(buffer.data);
}

static void
reserved_room_is_writable_and_counts_once_it_is_added(void **state)
{
	uint8_t    *room = az_buffer_reserve(&buffer, 1000);

	assert_non_null(room);
	memset(room, 'x', 1000);
	assert_int_equal(az_buffer_bytes(&buffer).len, 0);
	buffer.len += 1000;
	assert_int_equal(az_buffer_bytes(&buffer).len, 1000);
}

static void
bytes_survive_moving_to_the_front_and_growing(void **state)
{
	uint8_t		next_in = 0;
	uint8_t		next_out = 0;

	for (int round = 0; round < 2000; round++)
	{
		AzBytes		bytes;
		size_t		eat;

		for (int i = 0; i < 1 + round % 37; i++, next_in++)
			assert_true(az_buffer_append(&buffer, &next_in, 1));
		bytes = az_buffer_bytes(&buffer);
		eat = bytes.len * (size_t) (round % 4) / 4;
		for (size_t i = 0; i < eat; i++, next_out++)
			assert_int_equal(bytes.data[i], next_out);
		az_buffer_consume(&buffer, eat);
	}
	assert_true(buffer.capacity <= 1024);
}

static void
a_buffer_that_is_consumed_as_it_fills_does_not_grow(void **state)
{
	uint8_t		chunk[100] = {0};

	for (int i = 0; i < 10000; i++)
	{
		assert_true(az_buffer_append(&buffer, chunk, sizeof(chunk)));
		az_buffer_consume(&buffer, i == 0 ? 90 : 100);
	}
	assert_true(buffer.capacity <= 512);
}

static void
a_large_buffer_gives_its_memory_back_when_it_is_empty(void **state)
{
	assert_non_null(az_buffer_reserve(&buffer, 100000));
	buffer.len = 100000;
	az_buffer_consume(&buffer, 99999);
	assert_non_null(buffer.data);
	az_buffer_consume(&buffer, 1);
	assert_null(buffer.data);
	assert_true(az_buffer_append(&buffer, "a", 1));
	assert_holds("a");
}

static void
a_small_buffer_keeps_its_memory(void **state)
{
	uint8_t    *data;

	assert_true(az_buffer_append(&buffer, "abc", 3));
	data = buffer.data;
	az_buffer_consume(&buffer, 3);
	assert_ptr_equal(buffer.data, data);
	assert_int_equal(buffer.head, 0);
	assert_int_equal(buffer.len, 0);
}

static void
a_buffer_that_cannot_grow_is_unchanged(void **state)
{
	uint8_t		more[1000] = {0};

	assert_true(az_buffer_append(&buffer, "abc", 3));
	az_buffer_consume(&buffer, 1);
	fail_malloc_after(0);
	assert_false(az_buffer_append(&buffer, more, sizeof(more)));
	fail_malloc_after(-1);
	assert_holds("bc");
	assert_null(az_buffer_reserve(&buffer, SIZE_MAX));
	assert_null(az_buffer_reserve(&buffer, SIZE_MAX / 2));
	assert_holds("bc");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_string_is_a_slice_without_its_end),
		TEST(slices_are_equal_when_their_bytes_are),
		TEST(what_is_appended_is_read_back_in_order),
		TEST(an_empty_buffer_of_zeros_is_valid),
		TEST(reserved_room_is_writable_and_counts_once_it_is_added),
		TEST(bytes_survive_moving_to_the_front_and_growing),
		TEST(a_buffer_that_is_consumed_as_it_fills_does_not_grow),
		TEST(a_large_buffer_gives_its_memory_back_when_it_is_empty),
		TEST(a_small_buffer_keeps_its_memory),
		TEST(a_buffer_that_cannot_grow_is_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
