/* Tests of looking keys up and keeping them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/keys.h"

static MemoryDb *memory;
static AzArena *arena;
static AzArena *scratch;
static AzError error;
static AzAggregate order = {"order", "", {1}};
static AzKey key;
static AzKept kept;

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memset(&kept, 0, sizeof(kept));
	key.kind = "command";
	key.bytes = az_bytes_of("k-1");
	memory = memory_db_create();
	arena = az_arena_create();
	scratch = az_arena_create();
	assert_true(az_db_begin(&memory->db, scratch, &error));
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_db_rollback(&memory->db);
	memory_db_free(memory);
	az_arena_free(arena);
	az_arena_free(scratch);
	return 0;
}

static AzKeyRow
row(void)
{
	AzKeyRow	made = {&order, &key, &kept, arena};

	return made;
}

static bool
keep(AzKept what)
{
	AzKeyRow	made = row();

	kept = what;
	return az_keys_keep(&memory->db, &made, 1, scratch, &error);
}

static AzKept
find(void)
{
	AzKeyRow	made = row();

	memset(&kept, 0xff, sizeof(kept));
	assert_true(az_keys_find(&memory->db, &made, 1, scratch, &error));
	return kept;
}

static void
what_was_kept_is_found_again(void **state)
{
	AzKept		events = {.has_events = true,.first = 3,.last = 5};
	AzKept		found;

	assert_false(find().found);
	assert_true(keep(events));
	found = find();
	assert_true(found.found && found.has_events);
	assert_int_equal(found.first, 3);
	assert_int_equal(found.last, 5);
	assert_int_equal(found.answer.len, 0);
}

static void
an_answer_that_was_not_events_is_found_again(void **state)
{
	AzKept		answer = {.answer = az_bytes_of("answer")};
	AzKept		found;

	assert_true(keep(answer));
	found = find();
	assert_true(found.found);
	assert_false(found.has_events);
	assert_true(az_bytes_equal(found.answer, az_bytes_of("answer")));
}

static void
another_kind_or_aggregate_is_another_key(void **state)
{
	AzKept		nothing = {0};

	assert_true(keep(nothing));
	key.kind = "fact";
	assert_false(find().found);
	key.kind = "command";
	order.edition = "branch";
	assert_false(find().found);
	order.edition = "";
	assert_true(find().found);
}

static void
a_key_is_kept_once(void **state)
{
	AzKept		nothing = {0};

	assert_true(keep(nothing));
	assert_false(keep(nothing));
	assert_string_equal(error.sqlstate, "23505");
}

static void
many_wishes_are_one_statement(void **state)
{
	AzKeyWish	looks[3];
	AzWish	   *wishes[3];
	AzKept		nothing = {0};

	assert_true(keep(nothing));
	memset(looks, 0, sizeof(looks));
	for (int i = 0; i < 3; i++)
	{
		looks[i].wish.arena = arena;
		looks[i].wish.outcome = AZ_WISH_FAILED;
		looks[i].aggregate = order;
		looks[i].key = key;
		wishes[i] = &looks[i].wish;
	}
	looks[1].key.bytes = az_bytes_of("k-2");
	assert_true(az_key_kind.run(&memory->db, wishes, 3, scratch, &error));
	assert_int_equal(memory->executed[AZ_STATEMENT_FIND_KEYS], 1);
	assert_true(looks[0].kept.found && looks[2].kept.found);
	assert_false(looks[1].kept.found);
	for (int i = 0; i < 3; i++)
		assert_int_equal(looks[i].wish.outcome, AZ_WISH_FULFILLED);
}

static bool (*execute) (AzDb *db, AzStatementId statement,
						const AzDbParam *params, AzArena *to, AzRows *rows,
						AzError *why);

static bool
execute_and_invent(AzDb *db, AzStatementId statement, const AzDbParam *params,
				   AzArena *to, AzRows *rows, AzError *why)
{
	bool		executed = execute(db, statement, params, to, rows, why);

	if (executed && rows->count > 0)
		rows->columns[0].ints[0] = 7;
	return executed;
}

static void
an_answer_for_an_unknown_key_is_an_internal_error(void **state)
{
	AzDbPort	port = *memory->db.port;
	const AzDbPort *own = memory->db.port;
	AzKept		nothing = {0};
	AzKeyRow	made = row();

	assert_true(keep(nothing));
	execute = port.execute;
	port.execute = execute_and_invent;
	memory->db.port = &port;
	assert_false(az_keys_find(&memory->db, &made, 1, scratch, &error));
	memory->db.port = own;
	assert_int_equal(error.code, AZ_INTERNAL);
}

static void
without_memory_nothing_is_found_or_kept_by_halves(void **state)
{
	AzKept		answer = {.answer = az_bytes_of("answer")};
	AzKeyRow	made = row();

	assert_true(keep(answer));
	for (int n = 0; n < 3; n++)
	{
		az_arena_free(arena);
		az_arena_free(scratch);
		arena = az_arena_create();
		scratch = az_arena_create();
		made.arena = arena;
		memset(&kept, 0, sizeof(kept));
		memset(&error, 0, sizeof(error));
		fail_malloc_after(n);
		if (az_keys_find(&memory->db, &made, 1, scratch, &error))
			assert_true(kept.found && kept.answer.len == 6);
		else
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		fail_malloc_after(-1);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_kept_is_found_again),
		TEST(an_answer_that_was_not_events_is_found_again),
		TEST(another_kind_or_aggregate_is_another_key),
		TEST(a_key_is_kept_once),
		TEST(many_wishes_are_one_statement),
		TEST(an_answer_for_an_unknown_key_is_an_internal_error),
		TEST(without_memory_nothing_is_found_or_kept_by_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
