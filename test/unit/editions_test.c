/* Tests of deleting editions, part by part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/editions.h"

static MemoryDb *memory;
static AzArena *arena;
static AzError error;
static AzEditionWish wish;
static AzWish *wishes[] = {&wish.wish, &wish.wish};

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memset(&wish, 0, sizeof(wish));
	memory = memory_db_create();
	arena = az_arena_create();
	wish.edition = "what-if";
	wish.domain = "order";
	wish.wish.arena = arena;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	memory_db_free(memory);
	az_arena_free(arena);
	return 0;
}

static bool
run(size_t count)
{
	assert_true(az_db_begin(&memory->db, arena, &error));
	return az_edition_kind.run(&memory->db, wishes, count, arena, &error);
}

static void
an_edition_is_gone_when_its_last_part_says_so(void **state)
{
	memory->parts = "m";
	assert_true(run(1));
	assert_int_equal(wish.wish.outcome, AZ_WISH_FULFILLED);
	assert_false(wish.is_gone);
	az_db_rollback(&memory->db);
	assert_true(run(1));
	assert_int_equal(wish.wish.outcome, AZ_WISH_FULFILLED);
	assert_true(wish.is_gone);
	assert_string_equal(memory->deleted_edition, "what-if");
	assert_string_equal(memory->deleted_domain, "order");
}

static void
an_edition_that_others_write_to_is_busy(void **state)
{
	memory->parts = "b";
	assert_true(run(1));
	assert_int_equal(wish.wish.outcome, AZ_WISH_BUSY);
	assert_false(wish.is_gone);
	assert_true(az_edition_kind.is_patient);
}

static void
each_wish_of_a_batch_deletes_its_part(void **state)
{
	assert_true(run(2));
	assert_int_equal(memory->executed[AZ_STATEMENT_DELETE_EDITION_PART], 2);
}

static void
a_failing_statement_spoils_the_transaction(void **state)
{
	memory_db_fail_statement(memory, AZ_STATEMENT_DELETE_EDITION_PART, 1,
							 "40001");
	assert_false(run(2));
	assert_string_equal(error.sqlstate, "40001");
	assert_int_equal(memory->executed[AZ_STATEMENT_DELETE_EDITION_PART], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_edition_is_gone_when_its_last_part_says_so),
		TEST(an_edition_that_others_write_to_is_busy),
		TEST(each_wish_of_a_batch_deletes_its_part),
		TEST(a_failing_statement_spoils_the_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
