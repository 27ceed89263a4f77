/* Tests of one field as it is on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/record.h"

#define BYTES(text) {(const uint8_t *) (text), sizeof(text) - 1}

static void
each_kind_of_record_is_taken_with_its_number_and_value(void **state)
{
	AzBytes		bytes = BYTES("\x08\xAC\x02" "\x11" "12345678" "\x1A\x03" "abc"
							  "\x25" "1234" "\x2B\x08\x07\x2C");
	AzRecord	record;

	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.number, 1);
	assert_int_equal(record.wire, AZ_WIRE_VARINT);
	assert_int_equal(record.varint, 300);
	assert_int_equal(record.value.len, 2);
	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.number, 2);
	assert_int_equal(record.wire, AZ_WIRE_FIXED64);
	assert_memory_equal(record.value.data, "12345678", 8);
	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.number, 3);
	assert_int_equal(record.wire, AZ_WIRE_LENGTH);
	assert_int_equal(record.value.len, 3);
	assert_memory_equal(record.value.data, "abc", 3);
	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.number, 4);
	assert_int_equal(record.wire, AZ_WIRE_FIXED32);
	assert_int_equal(record.value.len, 4);
	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.number, 5);
	assert_int_equal(record.wire, AZ_WIRE_GROUP);
	assert_int_equal(record.value.len, 2);
	assert_memory_equal(record.value.data, "\x08\x07", 2);
	assert_int_equal(bytes.len, 0);
	assert_false(az_record_take(&bytes, &record));
}

static void
the_highest_number_and_the_largest_varint_are_taken(void **state)
{
	AzBytes		bytes = BYTES("\xF8\xFF\xFF\xFF\x0F"
							  "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
	AzRecord	record;

	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.number, 536870911);
	assert_true(record.varint == UINT64_MAX);
}

static void
groups_in_groups_end_where_their_own_end_is(void **state)
{
	AzBytes		bytes = BYTES("\x0B\x0B\x12\x02\x0C\x0C\x0C\x0C\x10\x05");
	AzRecord	record;

	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.value.len, 6);
	assert_true(az_record_take(&bytes, &record));
	assert_int_equal(record.number, 2);
	assert_int_equal(record.varint, 5);
}

static void
what_is_no_record_is_not_taken(void **state)
{
	static const AzBytes wrong[] = {
		BYTES(""),
		BYTES("\x00\x01"),		/* number 0 */
		BYTES("\x08"),			/* no varint */
		BYTES("\x08\x80"),
		BYTES("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
		BYTES("\x80\x80\x80\x80\x80\x01\x01"),	/* a tag too long */
		BYTES("\x80\x80\x80\x80\x10\x01"),	/* and too large */
		BYTES("\x09" "1234567"),
		BYTES("\x0D" "123"),
		BYTES("\x0A\x05" "abcd"),
		BYTES("\x0A\xFF\xFF\xFF\xFF\x0F" "abcd"),
		BYTES("\x0B\x08\x01"),	/* a group without an end */
		BYTES("\x0B\x14"),		/* or with another one's */
		BYTES("\x0C"),			/* an end without a group */
		BYTES("\x0E\x01"),		/* wire types there are not */
		BYTES("\x0F\x01"),
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		AzBytes		bytes = wrong[i];
		AzRecord	record;

		if (az_record_take(&bytes, &record))
			fail_msg("%zu was taken", i);
	}
}

static void
groups_nest_only_so_deep(void **state)
{
	uint8_t		nested[2000];
	AzBytes		bytes = {nested, 128};
	AzRecord	record;

	memset(nested, 0x0B, 64);
	memset(nested + 64, 0x0C, 64);
	assert_true(az_record_take(&bytes, &record));
	memset(nested, 0x0B, 1000);
	memset(nested + 1000, 0x0C, 1000);
	bytes = (AzBytes)
	{
		nested, sizeof(nested)
	};
	assert_false(az_record_take(&bytes, &record));
}

static void
a_row_of_varints_is_taken_one_by_one(void **state)
{
	AzBytes		bytes = BYTES("\x01\xAC\x02\x80");
	uint64_t	value;

	assert_true(az_record_take_varint(&bytes, &value));
	assert_int_equal(value, 1);
	assert_true(az_record_take_varint(&bytes, &value));
	assert_int_equal(value, 300);
	assert_false(az_record_take_varint(&bytes, &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_record_is_taken_with_its_number_and_value),
		cmocka_unit_test(the_highest_number_and_the_largest_varint_are_taken),
		cmocka_unit_test(groups_in_groups_end_where_their_own_end_is),
		cmocka_unit_test(what_is_no_record_is_not_taken),
		cmocka_unit_test(groups_nest_only_so_deep),
		cmocka_unit_test(a_row_of_varints_is_taken_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
