/* Tests of filing dead letters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "failing_malloc.h"
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
	fail_malloc_after(-1);
	memory_db_free(memory);
	az_arena_free(arena);
	return 0;
}

static bool
make(AzDeadLetter *letter)
{
	AzMismatch	mismatch = {
		.command = &command,.component = "orders",.reason = "it expects 1",
		.expected = 1,.actual = 3,.merge = PB_MERGE_MANUAL
	};

	return az_dead_letter_of_mismatch(letter, &mismatch, arena, &error);
}

static void
a_row_says_what_the_message_says(void **state)
{
	AzDeadLetter letter;
	PbAngzarrDeadLetter *message;

	assert_true(make(&letter));
	assert_string_equal(letter.domain, "order");
	assert_string_equal(letter.correlation_id, "c-1");
	assert_string_equal(letter.component, "orders");
	assert_string_equal(letter.component_type, "aggregate");
	assert_string_equal(letter.rejection_type, "sequence_mismatch");
	assert_string_equal(letter.reason, "it expects 1");
	assert_string_equal(letter.details,
						"{\"expected_sequence\": 1, \"actual_sequence\": 3}");
	message = az_decode(&pb_angzarr_dead_letter_descriptor, letter.payload,
						arena, &error);
	assert_non_null(message);
	assert_string_equal(message->cover->correlation_id, "c-1");
	assert_int_equal(message->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND);
	assert_int_equal(message->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_SEQUENCE_MISMATCH);
	assert_int_equal(message->sequence_mismatch->actual_sequence, 3);
	assert_string_equal(message->source_component, "orders");
	assert_int_equal(message->occurred_at->seconds,
					 letter.occurred_at_us / 1000000);
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

static void
without_memory_there_is_no_letter_and_it_is_said(void **state)
{
	for (int n = 0; n < 2; n++)
	{
		AzDeadLetter letter;

		az_arena_free(arena);
		arena = az_arena_create();
		memset(&error, 0, sizeof(error));
		fail_malloc_after(n);
		if (!make(&letter))
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		fail_malloc_after(-1);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_says_what_the_message_says),
		TEST(many_letters_are_filed_with_one_statement),
		TEST(without_memory_there_is_no_letter_and_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
