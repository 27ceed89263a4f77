/* Tests of recording what follows from something that is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/obligations.h"

static MemoryDb *memory;
static AzArena *arena;
static AzError error;
static const AzAggregate order = {"order", "", {1}};

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memory = memory_db_create();
	arena = az_arena_create();
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

static AzOutboxRow
row(const char *key)
{
	AzOutboxRow made = {
		.kind = AZ_OUTBOX_REJECTION,.component = "ship",.target = order,
		.digest_key = az_bytes_of(key),.envelope = az_bytes_of("envelope"),
		.depth = 2
	};

	return made;
}

static AzDeadLetter
letter(void)
{
	AzDeadLetter made = {
		.domain = "order",.correlation_id = "",.component = "ship",
		.component_type = "saga",.rejection_type = "event_processing_failed",
		.reason = "no",.details = "{}",.payload = az_bytes_of("letter")
	};

	return made;
}

static AzSettledKey
settled(const char *key)
{
	AzSettledKey made = {
		.aggregate = order,.key = {"settled", az_bytes_of(key)}
	};

	return made;
}

static bool
run(AzObligationWish *wishes, size_t count)
{
	AzWish	   *all[8];
	AzArena    *scratch = az_arena_create();
	bool		fine;

	for (size_t i = 0; i < count; i++)
	{
		wishes[i].wish.arena = arena;
		wishes[i].wish.outcome = AZ_WISH_FAILED;
		all[i] = &wishes[i].wish;
	}
	fine = az_db_begin(&memory->db, scratch, &error)
		&& az_obligation_kind.run(&memory->db, all, count, scratch, &error)
		&& az_db_commit(&memory->db, scratch, &error);
	az_db_rollback(&memory->db);
	az_arena_free(scratch);
	return fine;
}

static void
all_that_many_wish_for_is_written_with_one_statement_of_each(void **state)
{
	AzOutboxRow rows[2] = {row("a"), row("b")};
	AzDeadLetter letters[1] = {letter()};
	AzSettledKey keys[1] = {settled("k")};
	AzObligationWish wishes[3] = {
		{.rows = rows,.n_rows = 2},
		{.letters = letters,.n_letters = 1},
		{.keys = keys,.n_keys = 1}
	};

	assert_true(run(wishes, 3));
	assert_int_equal(memory->committed_outbox.count, 2);
	assert_string_equal(memory->committed_outbox.rows[1].component, "ship");
	assert_int_equal(memory->committed_outbox.rows[1].depth, 2);
	assert_int_equal(memory->kept.committed_letters, 1);
	assert_int_equal(memory->kept.committed_keys, 1);
	assert_string_equal(memory->kept.keys[0].kind, "settled");
	assert_int_equal(memory->executed[AZ_STATEMENT_RECORD_OBLIGATIONS], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_FILE_DEAD_LETTERS], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_SETTLE_KEYS], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_CLOSE_OBLIGATIONS], 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wishes[i].wish.outcome, AZ_WISH_FULFILLED);
}

static void
what_is_recorded_or_settled_already_stays_as_it_is(void **state)
{
	AzOutboxRow again = row("a");
	AzSettledKey key = settled("k");
	AzObligationWish wish = {
		.rows = &again,.n_rows = 1,.keys = &key,.n_keys = 1
	};

	assert_true(run(&wish, 1));
	again.component = "other";
	key.kept.answer = az_bytes_of("other");
	assert_true(run(&wish, 1));
	assert_int_equal(memory->committed_outbox.count, 1);
	assert_string_equal(memory->committed_outbox.rows[0].component, "ship");
	assert_int_equal(memory->kept.committed_keys, 1);
	assert_int_equal(memory->kept.keys[0].answer.len, 0);
}

static void
the_row_it_came_from_is_closed_with_what_follows(void **state)
{
	AzOutboxRow rows[2] = {row("a"), row("b")};
	AzOutboxRow next = row("c");
	AzObligationWish first = {.rows = rows,.n_rows = 2};
	AzObligationWish second = {.rows = &next,.n_rows = 1};

	assert_true(run(&first, 1));
	second.closed = memory->committed_outbox.rows[0].id;
	assert_true(run(&second, 1));
	assert_int_equal(memory->committed_outbox.count, 2);
	assert_int_equal(memory->committed_outbox.rows[0].id, 2);
	assert_int_equal(memory->committed_outbox.rows[1].id, 3);
}

static void
when_one_part_fails_none_is_written(void **state)
{
	AzOutboxRow recorded = row("a");
	AzDeadLetter filed = letter();
	AzSettledKey key = settled("k");
	AzObligationWish wish = {
		.rows = &recorded,.n_rows = 1,.letters = &filed,.n_letters = 1,
		.keys = &key,.n_keys = 1,.closed = 7
	};

	memory_db_fail_statement(memory, AZ_STATEMENT_CLOSE_OBLIGATIONS, 1,
							 "53100");
	assert_false(run(&wish, 1));
	assert_string_equal(error.sqlstate, "53100");
	assert_int_equal(memory->outbox.count, 0);
	assert_int_equal(memory->kept.n_letters, 0);
	assert_int_equal(memory->kept.n_keys, 0);
}

static void
without_memory_nothing_is_written_and_it_is_said(void **state)
{
	AzOutboxRow recorded = row("a");
	AzDeadLetter filed = letter();
	AzSettledKey key = settled("k");
	bool		was_done = false;

	for (int n = 0; n < 40 && !was_done; n++)
	{
		AzObligationWish wish = {
			.rows = &recorded,.n_rows = 1,.letters = &filed,.n_letters = 1,
			.keys = &key,.n_keys = 1,.closed = 7
		};
		AzArena    *scratch = az_arena_create();
		AzWish	   *all[1] = {&wish.wish};

		memset(&error, 0, sizeof(error));
		/* An arena asks for more only when its block is full. */
		while (az_arena_size(scratch) < 8192)
			assert_non_null(az_arena_alloc(scratch, 64));
		assert_true(az_db_begin(&memory->db, arena, &error));
		fail_malloc_after(n);
		was_done = az_obligation_kind.run(&memory->db, all, 1, scratch,
										  &error);
		fail_malloc_after(-1);
		if (!was_done)
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		az_db_rollback(&memory->db);
		az_arena_free(scratch);
	}
	assert_true(was_done);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_many_wish_for_is_written_with_one_statement_of_each),
		TEST(what_is_recorded_or_settled_already_stays_as_it_is),
		TEST(the_row_it_came_from_is_closed_with_what_follows),
		TEST(when_one_part_fails_none_is_written),
		TEST(without_memory_nothing_is_written_and_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
