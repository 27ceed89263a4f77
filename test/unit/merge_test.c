/* Tests of the decision whether a command fits its stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "pipeline/merge.h"

static void
equal_sequences_fit_under_every_strategy(void **state)
{
	for (int merge = AZ_MERGE_COMMUTATIVE; merge <= AZ_MERGE_MANUAL; merge++)
	{
		assert_true(az_merge_fits(merge, 0, 0));
		assert_true(az_merge_fits(merge, 7, 7));
	}
}

static void
a_stale_or_early_command_fits_only_where_the_aggregate_decides(void **state)
{
	assert_true(az_merge_fits(AZ_MERGE_AGGREGATE_HANDLES, 1, 3));
	assert_true(az_merge_fits(AZ_MERGE_AGGREGATE_HANDLES, 9, 3));
	assert_false(az_merge_fits(AZ_MERGE_STRICT, 1, 3));
	assert_false(az_merge_fits(AZ_MERGE_STRICT, 4, 3));
	assert_false(az_merge_fits(AZ_MERGE_COMMUTATIVE, 4, 3));
	assert_false(az_merge_fits(AZ_MERGE_MANUAL, 2, 3));
}

static void
only_a_stale_commutative_command_fits_if_replay_says_so(void **state)
{
	assert_true(az_merge_fits(AZ_MERGE_COMMUTATIVE, 2, 3));
	assert_true(az_merge_needs_replay(AZ_MERGE_COMMUTATIVE, 2, 3));
	assert_true(az_merge_needs_replay(AZ_MERGE_COMMUTATIVE, 0, 1));
	assert_false(az_merge_needs_replay(AZ_MERGE_COMMUTATIVE, 3, 3));
	assert_false(az_merge_needs_replay(AZ_MERGE_COMMUTATIVE, 4, 3));
	assert_false(az_merge_needs_replay(AZ_MERGE_STRICT, 2, 3));
	assert_false(az_merge_needs_replay(AZ_MERGE_AGGREGATE_HANDLES, 2, 3));
	assert_false(az_merge_needs_replay(AZ_MERGE_MANUAL, 2, 3));
}

static void
only_the_aggregates_own_and_commutative_commands_are_run_again(void **state)
{
	assert_true(az_merge_may_repeat(AZ_MERGE_AGGREGATE_HANDLES));
	assert_true(az_merge_may_repeat(AZ_MERGE_COMMUTATIVE));
	assert_false(az_merge_may_repeat(AZ_MERGE_STRICT));
	assert_false(az_merge_may_repeat(AZ_MERGE_MANUAL));
}

static void
a_mismatch_names_both_numbers_and_can_be_branched_on(void **state)
{
	AzArena    *arena = az_arena_create();
	AzConflict	conflict = {
		.aggregate = {.domain = "order",.edition = ""},
		.merge = AZ_MERGE_STRICT,.expected = 1,.actual = 3
	};
	AzError		error = {0};
	PbStatus   *status;
	PbErrorInfo *info;
	AzBytes		first;

	assert_false(az_merge_refuse(&conflict, arena, &error));
	assert_int_equal(error.code, AZ_FAILED_PRECONDITION);
	assert_string_equal(error.sqlstate, "ZA001");
	assert_string_equal(error.message,
						"Sequence mismatch: command expects 1, aggregate is at 3");
	status = az_decode(&pb_status_descriptor, error.details, arena, NULL);
	assert_non_null(status);
	assert_int_equal(status->code, AZ_FAILED_PRECONDITION);
	assert_int_equal(status->n_details, 2);
	assert_non_null(strstr(status->details[0]->type_url,
						   "google.rpc.ErrorInfo"));
	assert_non_null(strstr(status->details[1]->type_url,
						   "google.rpc.RetryInfo"));
	first.data = status->details[0]->value.data;
	first.len = status->details[0]->value.len;
	info = az_decode(&pb_error_info_descriptor, first, arena, NULL);
	assert_non_null(info);
	assert_string_equal(info->reason, "SEQUENCE_MISMATCH");
	az_arena_free(arena);
}

static void
an_overlap_names_the_fields_in_message_and_metadata(void **state)
{
	AzArena    *arena = az_arena_create();
	AzConflict	conflict = {
		.aggregate = {.domain = "order",.edition = ""},
		.merge = AZ_MERGE_COMMUTATIVE,.expected = 1,.actual = 3,
		.fields = "2,5"
	};
	AzError		error = {0};
	PbStatus   *status;
	PbErrorInfo *info;
	AzBytes		bytes;

	assert_false(az_merge_refuse(&conflict, arena, &error));
	assert_int_equal(error.code, AZ_FAILED_PRECONDITION);
	assert_string_equal(error.sqlstate, "ZA001");
	assert_string_equal(error.message,
						"Sequence mismatch: command expects 1, aggregate is at 3; both changed fields 2,5");
	status = az_decode(&pb_status_descriptor, error.details, arena, NULL);
	assert_int_equal(status->n_details, 2);
	bytes.data = status->details[0]->value.data;
	bytes.len = status->details[0]->value.len;
	info = az_decode(&pb_error_info_descriptor, bytes, arena, NULL);
	assert_string_equal(info->reason, "FIELD_OVERLAP");
	assert_int_equal(info->n_metadata, 5);
	assert_string_equal(info->metadata[4]->key, "fields");
	assert_string_equal(info->metadata[4]->value, "2,5");
	az_arena_free(arena);
}

static void
a_mismatch_shows_the_aggregate_while_there_is_room(void **state)
{
	AzArena    *arena = az_arena_create();
	PbEventBook book = PB_EVENT_BOOK_INIT;
	AzConflict	conflict = {
		.aggregate = {.domain = "order",.edition = ""},
		.merge = AZ_MERGE_STRICT,.expected = 1,.actual = 3,
		.book = &book,.max_details = 500
	};
	AzError		error = {0};
	PbStatus   *status;

	book.next_sequence = 3;
	assert_false(az_merge_refuse(&conflict, arena, &error));
	status = az_decode(&pb_status_descriptor, error.details, arena, NULL);
	assert_int_equal(status->n_details, 3);
	assert_string_equal(status->details[2]->type_url,
						"/io.angzarr.v1.EventBook");
	conflict.max_details = error.details.len;
	az_merge_refuse(&conflict, arena, &error);
	status = az_decode(&pb_status_descriptor, error.details, arena, NULL);
	assert_int_equal(status->n_details, 3);
	conflict.max_details--;
	az_merge_refuse(&conflict, arena, &error);
	status = az_decode(&pb_status_descriptor, error.details, arena, NULL);
	assert_int_equal(status->n_details, 2);
	az_arena_free(arena);
}

static void
a_manual_mismatch_is_aborted_and_not_to_be_tried_again(void **state)
{
	AzArena    *arena = az_arena_create();
	AzConflict	conflict = {
		.aggregate = {.domain = "order",.edition = ""},
		.merge = AZ_MERGE_MANUAL,.expected = 1,.actual = 3
	};
	AzError		error = {0};
	PbStatus   *status;

	assert_false(az_merge_refuse(&conflict, arena, &error));
	assert_int_equal(error.code, AZ_ABORTED);
	status = az_decode(&pb_status_descriptor, error.details, arena, NULL);
	assert_int_equal(status->code, AZ_ABORTED);
	assert_int_equal(status->n_details, 1);
	assert_non_null(strstr(status->details[0]->type_url,
						   "google.rpc.ErrorInfo"));
	az_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_sequences_fit_under_every_strategy),
		cmocka_unit_test(a_stale_or_early_command_fits_only_where_the_aggregate_decides),
		cmocka_unit_test(only_a_stale_commutative_command_fits_if_replay_says_so),
		cmocka_unit_test(only_the_aggregates_own_and_commutative_commands_are_run_again),
		cmocka_unit_test(a_mismatch_names_both_numbers_and_can_be_branched_on),
		cmocka_unit_test(an_overlap_names_the_fields_in_message_and_metadata),
		cmocka_unit_test(a_mismatch_shows_the_aggregate_while_there_is_room),
		cmocka_unit_test(a_manual_mismatch_is_aborted_and_not_to_be_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
