/* Tests of filing dead letters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory_db.h"
#include "store/dead_letters.h"

static MemoryDb *memory;
static AzArena *arena;
static AzError error;
static PbCover cover;
static PbCommandBook command;

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memory = memory_db_create();
	arena = az_arena_create();
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
	memory_db_free(memory);
	az_arena_free(arena);
	return 0;
}

static bool
make(AzDeadLetter *letter)
{
	AzMismatch	mismatch = {
		.rejected = {
			.command = &command,.component = "orders",
			.component_type = "aggregate",.reason = "it expects 1"
		},
		.expected = 1,.actual = 3,.merge = PB_MERGE_MANUAL
	};

	return az_dead_letter_of_mismatch(letter, &mismatch, arena, &error);
}

static void
many_letters_are_filed_with_one_statement(void **state)
{
	AzDeadLetterWish letters[3];
	AzWish	   *wishes[3];

	memset(letters, 0, sizeof(letters));
	for (int i = 0; i < 3; i++)
	{
		assert_true(make(&letters[i].letter));
		wishes[i] = &letters[i].wish;
		wishes[i]->outcome = AZ_WISH_FAILED;
	}
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(az_dead_letter_kind.run(&memory->db, wishes, 3, arena, &error));
	assert_true(az_db_commit(&memory->db, arena, &error));
	assert_int_equal(memory->executed[AZ_STATEMENT_FILE_DEAD_LETTERS], 1);
	assert_int_equal(memory->kept.committed_letters, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wishes[i]->outcome, AZ_WISH_FULFILLED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_letters_are_filed_with_one_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
