/* Tests of the list of those who follow the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/readers.h"

static AzReaders readers;
static AzReader some[3];
static int	told[3];

static void
take(AzReader *reader, const AzLogBatch *batch)
{
	told[reader - some]++;
	assert_int_equal(batch->horizon, 42);
}

static void
take_and_leave(AzReader *reader, const AzLogBatch *batch)
{
	take(reader, batch);
	az_readers_remove(&readers, reader);
}

static int
setup(void **state)
{
	memset(&readers, 0, sizeof(readers));
	memset(some, 0, sizeof(some));
	memset(told, 0, sizeof(told));
	for (int i = 0; i < 3; i++)
		some[i].take = take;
	return 0;
}

static void
tell(void)
{
	AzLogBatch	batch = {.horizon = 42};

	az_readers_tell(&readers, &batch);
}

static void
each_reader_is_told_once_however_often_it_was_added(void **state)
{
	tell();
	for (int i = 0; i < 3; i++)
	{
		az_readers_add(&readers, &some[i]);
		az_readers_add(&readers, &some[i]);
	}
	tell();
	for (int i = 0; i < 3; i++)
		assert_int_equal(told[i], 1);
}

static void
who_is_removed_is_told_no_more_however_often(void **state)
{
	for (int i = 0; i < 3; i++)
		az_readers_add(&readers, &some[i]);
	az_readers_remove(&readers, &some[1]);
	az_readers_remove(&readers, &some[1]);
	tell();
	assert_int_equal(told[0] + told[2], 2);
	assert_int_equal(told[1], 0);
}

static void
a_reader_may_leave_when_it_is_told(void **state)
{
	some[1].take = take_and_leave;
	for (int i = 0; i < 3; i++)
		az_readers_add(&readers, &some[i]);
	tell();
	tell();
	assert_int_equal(told[0], 2);
	assert_int_equal(told[1], 1);
	assert_int_equal(told[2], 2);
}

static void
one_reader_that_wants_all_events_is_enough_to_read_them(void **state)
{
	some[0].only_correlated = true;
	az_readers_add(&readers, &some[0]);
	assert_true(az_readers_only_correlated(&readers));
	az_readers_add(&readers, &some[1]);
	assert_false(az_readers_only_correlated(&readers));
	az_readers_remove(&readers, &some[1]);
	assert_true(az_readers_only_correlated(&readers));
}

static void
a_new_reader_asks_for_a_look(void **state)
{
	az_readers_add(&readers, &some[0]);
	assert_true(readers.asked);
	readers.asked = false;
	az_readers_add(&readers, &some[0]);
	assert_false(readers.asked);
	az_readers_ask(&readers);
	assert_true(readers.asked);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(each_reader_is_told_once_however_often_it_was_added),
		TEST(who_is_removed_is_told_no_more_however_often),
		TEST(a_reader_may_leave_when_it_is_told),
		TEST(one_reader_that_wants_all_events_is_enough_to_read_them),
		TEST(a_new_reader_asks_for_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
