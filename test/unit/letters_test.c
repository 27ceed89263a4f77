/* Tests of dead letters as they are read again, deleted and marked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/dead_letters.h"
#include "store/letters.h"

static MemoryDb *memory;
static AzArena *arena;
static AzArena *scratch;
static AzError error;
static PbCover cover;
static PbCommandBook command;

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memory = memory_db_create();
	arena = az_arena_create();
	scratch = az_arena_create();
	pb_cover_init(&cover);
	cover.domain = (char *) "order";
	cover.correlation_id = (char *) "c-1";
	pb_command_book_init(&command);
	command.cover = &cover;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	memory_db_free(memory);
	az_arena_free(arena);
	az_arena_free(scratch);
	return 0;
}

static bool
run(const AzWishKind *kind, AzWish *wish)
{
	bool		done;

	wish->arena = arena;
	assert_true(az_db_begin(&memory->db, scratch, &error));
	done = kind->run(&memory->db, &wish, 1, scratch, &error);
	if (done)
		assert_true(az_db_commit(&memory->db, scratch, &error));
	else
		az_db_rollback(&memory->db);
	return done;
}

static void
file_letters(int n)
{
	AzProcessingFailure failure = {
		.rejected = {
			.command = &command,.component = "to-stock",
			.component_type = "saga",.reason = "sold out"
		}
	};

	for (int i = 0; i < n; i++)
	{
		AzDeadLetterWish wish = {0};

		assert_true(az_dead_letter_of_processing(&wish.letter, &failure, arena,
												 &error));
		assert_true(run(&az_dead_letter_kind, &wish.wish));
	}
}

static void
a_list_has_the_rows_whole_and_says_what_is_left(void **state)
{
	AzLetterFilter filter = {0};
	AzLetterListWish list = {
		.filter = &filter,.before_id = INT64_MAX,.max_rows = 2,
		.max_bytes = 1000000
	};

	file_letters(3);
	assert_true(run(&az_letter_list_kind, &list.wish));
	assert_int_equal(list.wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.letters[0].id, 3);
	assert_int_equal(list.letters[1].id, 2);
	assert_true(list.letters[1].has_more);
	assert_string_equal(list.letters[0].letter.domain, "order");
	assert_string_equal(list.letters[0].letter.correlation_id, "c-1");
	assert_string_equal(list.letters[0].letter.component, "to-stock");
	assert_string_equal(list.letters[0].letter.component_type, "saga");
	assert_string_equal(list.letters[0].letter.rejection_type,
						"event_processing_failed");
	assert_string_equal(list.letters[0].letter.reason, "sold out");
	assert_non_null(strstr(list.letters[0].letter.details, "retry_count"));
	assert_true(list.letters[0].letter.payload.len > 0);
	assert_int_equal(list.letters[0].created_at_us, 7000000);
	list.before_id = 2;
	assert_true(run(&az_letter_list_kind, &list.wish));
	assert_int_equal(list.count, 1);
	assert_false(list.letters[0].has_more);
}

static void
one_is_found_with_a_new_correlation_id_or_not_at_all(void **state)
{
	AzLetterFindWish find = {.id = 1};

	file_letters(1);
	assert_true(run(&az_letter_find_kind, &find.wish));
	assert_true(find.found);
	assert_int_equal(find.letter.id, 1);
	assert_string_equal(find.fresh_correlation_id, "fresh-1");
	find.id = 2;
	assert_true(run(&az_letter_find_kind, &find.wish));
	assert_int_equal(find.wish.outcome, AZ_WISH_FULFILLED);
	assert_false(find.found);
}

static void
a_mark_and_a_deletion_say_whether_there_was_one(void **state)
{
	AzLetterWish wish = {.id = 1};

	file_letters(1);
	assert_true(run(&az_letter_mark_kind, &wish.wish));
	assert_true(wish.done);
	assert_int_equal(wish.replayed_at_us, 9000000);
	assert_true(run(&az_letter_delete_kind, &wish.wish));
	assert_true(wish.done);
	assert_true(run(&az_letter_delete_kind, &wish.wish));
	assert_false(wish.done);
	assert_true(run(&az_letter_mark_kind, &wish.wish));
	assert_false(wish.done);
}

static void
the_next_sequence_of_a_stream_is_found(void **state)
{
	AzLetterSequenceWish wish = {
		.aggregate = {.domain = "order",.edition = "",.root = {1}}
	};

	assert_true(run(&az_letter_sequence_kind, &wish.wish));
	assert_int_equal(wish.next_sequence, 0);
	memory_db_put_event(memory, &wish.aggregate, "/a", "x");
	assert_true(run(&az_letter_sequence_kind, &wish.wish));
	assert_int_equal(wish.next_sequence, 1);
}

static void
a_failing_statement_is_told(void **state)
{
	AzLetterFilter filter = {0};
	AzLetterListWish list = {.filter = &filter,.max_rows = 1};
	AzLetterFindWish find = {.id = 1};
	AzLetterWish wish = {.id = 1};
	AzLetterSequenceWish sequence = {
		.aggregate = {.domain = "order",.edition = ""}
	};
	const struct
	{
		AzStatementId statement;
		const AzWishKind *kind;
		AzWish	   *wish;
	}			cases[] = {
		{AZ_STATEMENT_LIST_DEAD_LETTERS, &az_letter_list_kind, &list.wish},
		{AZ_STATEMENT_FIND_DEAD_LETTER, &az_letter_find_kind, &find.wish},
		{AZ_STATEMENT_DELETE_DEAD_LETTER, &az_letter_delete_kind, &wish.wish},
		{AZ_STATEMENT_MARK_REPLAYED, &az_letter_mark_kind, &wish.wish},
		{AZ_STATEMENT_NEXT_SEQUENCE, &az_letter_sequence_kind, &sequence.wish}
	};

	for (int i = 0; i < 5; i++)
	{
		memory_db_fail_statement(memory, cases[i].statement, 1, "53300");
		assert_false(run(cases[i].kind, cases[i].wish));
		assert_string_equal(error.sqlstate, "53300");
	}
}

static void
without_memory_only_that_wish_fails(void **state)
{
	AzLetterFilter filter = {0};
	AzLetterListWish list = {
		.filter = &filter,.before_id = INT64_MAX,.max_rows = 20,
		.max_bytes = 1000000
	};
	static char reason[AZ_DEAD_LETTER_TEXT];
	AzProcessingFailure failure = {
		.rejected = {
			.command = &command,.component = "to-stock",
			.component_type = "saga",.reason = reason
		}
	};
	AzDeadLetterWish filed = {0};
	AzWish	   *wish = &list.wish;
	bool		failed = false;

	memset(reason, 'x', sizeof(reason) - 1);
	assert_true(az_dead_letter_of_processing(&filed.letter, &failure, arena,
											 &error));
	assert_true(run(&az_dead_letter_kind, &filed.wish));
	for (int n = 0; n < 8; n++)
	{
		bool		done;

		az_arena_free(arena);
		arena = az_arena_create();
		list.wish.arena = arena;
		assert_true(az_db_begin(&memory->db, scratch, &error));
		fail_malloc_after(n);
		done = az_letter_list_kind.run(&memory->db, &wish, 1, scratch, &error);
		fail_malloc_after(-1);
		az_db_rollback(&memory->db);
		if (done && list.wish.outcome == AZ_WISH_FAILED)
		{
			assert_int_equal(list.wish.error.code, AZ_RESOURCE_EXHAUSTED);
			failed = true;
		}
	}
	assert_true(failed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_has_the_rows_whole_and_says_what_is_left),
		TEST(one_is_found_with_a_new_correlation_id_or_not_at_all),
		TEST(a_mark_and_a_deletion_say_whether_there_was_one),
		TEST(the_next_sequence_of_a_stream_is_found),
		TEST(a_failing_statement_is_told),
		TEST(without_memory_only_that_wish_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
