/*
 * Dead letters as they are read again, deleted, and marked as replayed.
 *
 * People do that, one by one, so each wish has a statement of its own.
 */
#include "store/letters.h"

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_LIST_DEAD_LETTERS. */
enum
{
	BEFORE_ID, FOR_DOMAIN, FOR_CORRELATION_ID, FOR_TYPE, FOR_COMPONENT,
	OCCURRED_AFTER, OCCURRED_BEFORE, MAX_ROWS, MAX_BYTES
};

/* Results of both statements that read letters; the last is each one's own. */
enum
{
	ID, DOMAIN, CORRELATION_ID, COMPONENT, COMPONENT_TYPE, REJECTION_TYPE,
	REASON, DETAILS, PAYLOAD, OCCURRED_AT, CREATED_AT, LAST
};

static bool run_lists(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_finds(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_deletes(AzDb *db, AzWish **wishes, size_t count,
						AzArena *scratch, AzError *error);
static bool run_marks(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_sequences(AzDb *db, AzWish **wishes, size_t count,
						  AzArena *scratch, AzError *error);
static bool list(AzDb *db, AzLetterListWish *wish, AzRows *rows,
				 AzArena *scratch, AzError *error);
static bool with_id(AzDb *db, AzStatementId statement, int64_t id,
					AzRows *rows, AzArena *scratch, AzError *error);
static bool take_letter(AzStoredLetter *stored, const AzRows *rows,
						size_t row, AzArena *arena);
static void set_time(AzDbParam *param, bool is_set, int64_t time_us);
static void settle(AzWish *wish, bool taken);

const AzWishKind az_letter_list_kind = {"list dead letters", run_lists, NULL};
const AzWishKind az_letter_find_kind = {"find dead letter", run_finds, NULL};
const AzWishKind az_letter_delete_kind = {
	"delete dead letter", run_deletes, NULL
};
const AzWishKind az_letter_mark_kind = {"mark replayed", run_marks, NULL};
const AzWishKind az_letter_sequence_kind = {
	"find next sequence", run_sequences, NULL
};

static bool
run_lists(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzLetterListWish *wish = (AzLetterListWish *) wishes[i];
		AzArena    *arena = wish->wish.arena;
		AzRows		rows = {0};
		bool		taken;

		if (!list(db, wish, &rows, scratch, error))
			return false;
		wish->count = rows.count;
		wish->letters = az_arena_array(arena, rows.count + 1,
									   sizeof(AzStoredLetter));
		taken = wish->letters != NULL;
		for (size_t row = 0; taken && row < rows.count; row++)
		{
			wish->letters[row].has_more = az_rows_int(&rows, row, LAST) != 0;
			taken = take_letter(&wish->letters[row], &rows, row, arena);
		}
		settle(&wish->wish, taken);
	}
	return true;
}

static bool
list(AzDb *db, AzLetterListWish *wish, AzRows *rows, AzArena *scratch,
	 AzError *error)
{
	const AzLetterFilter *filter = wish->filter;
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_LIST_DEAD_LETTERS, 1,
										   scratch);

	if (params == NULL)
		return az_error_out_of_memory(error);
	az_columns_set_int(&params[BEFORE_ID], 0, wish->before_id);
	az_columns_set_text(&params[FOR_DOMAIN], 0, filter->domain);
	az_columns_set_text(&params[FOR_CORRELATION_ID], 0,
						filter->correlation_id);
	az_columns_set_text(&params[FOR_TYPE], 0, filter->rejection_type);
	az_columns_set_text(&params[FOR_COMPONENT], 0, filter->source_component);
	set_time(&params[OCCURRED_AFTER], filter->has_after, filter->after_us);
	set_time(&params[OCCURRED_BEFORE], filter->has_before, filter->before_us);
	az_columns_set_int(&params[MAX_ROWS], 0, wish->max_rows);
	az_columns_set_int(&params[MAX_BYTES], 0, wish->max_bytes);
	return az_db_execute(db, AZ_STATEMENT_LIST_DEAD_LETTERS, params, scratch,
						 rows, error);
}

static bool
run_finds(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzLetterFindWish *wish = (AzLetterFindWish *) wishes[i];
		AzArena    *arena = wish->wish.arena;
		AzRows		rows = {0};

		if (!with_id(db, AZ_STATEMENT_FIND_DEAD_LETTER, wish->id, &rows,
					 scratch, error))
			return false;
		wish->found = rows.count > 0;
		wish->fresh_correlation_id =
			az_arena_string(arena, az_rows_text(&rows, 0, LAST));
		settle(&wish->wish, wish->fresh_correlation_id != NULL &&
			   (!wish->found || take_letter(&wish->letter, &rows, 0, arena)));
	}
	return true;
}

static bool
run_deletes(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzLetterWish *wish = (AzLetterWish *) wishes[i];
		AzRows		rows = {0};

		if (!with_id(db, AZ_STATEMENT_DELETE_DEAD_LETTER, wish->id, &rows,
					 scratch, error))
			return false;
		wish->done = az_rows_int(&rows, 0, 0) != 0;
		settle(&wish->wish, true);
	}
	return true;
}

static bool
run_marks(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzLetterWish *wish = (AzLetterWish *) wishes[i];
		AzRows		rows = {0};

		if (!with_id(db, AZ_STATEMENT_MARK_REPLAYED, wish->id, &rows, scratch,
					 error))
			return false;
		wish->done = !az_rows_is_null(&rows, 0, 0);
		wish->replayed_at_us = az_rows_int(&rows, 0, 0);
		settle(&wish->wish, true);
	}
	return true;
}

static bool
run_sequences(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzLetterSequenceWish *wish = (AzLetterSequenceWish *) wishes[i];
		AzBytes		root = {wish->aggregate.root, AZ_UUID_SIZE};
		AzDbParam  *params = az_columns_create(AZ_STATEMENT_NEXT_SEQUENCE, 1,
											   scratch);
		AzRows		rows = {0};

		if (params == NULL)
			return az_error_out_of_memory(error);
		az_columns_set_text(&params[0], 0, wish->aggregate.domain);
		az_columns_set_bytes(&params[1], 0, root);
		az_columns_set_text(&params[2], 0, wish->aggregate.edition);
		if (!az_db_execute(db, AZ_STATEMENT_NEXT_SEQUENCE, params, scratch,
						   &rows, error))
			return false;
		wish->next_sequence = az_rows_int(&rows, 0, 0);
		settle(&wish->wish, true);
	}
	return true;
}

static bool
with_id(AzDb *db, AzStatementId statement, int64_t id, AzRows *rows,
		AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(statement, 1, scratch);

	if (params == NULL)
		return az_error_out_of_memory(error);
	az_columns_set_int(&params[0], 0, id);
	return az_db_execute(db, statement, params, scratch, rows, error);
}

/* The rows are gone when the tick ends; false when memory is out. */
static bool
take_letter(AzStoredLetter *stored, const AzRows *rows, size_t row,
			AzArena *arena)
{
	AzDeadLetter *letter = &stored->letter;
	const char **texts[] = {
		&letter->domain, &letter->correlation_id, &letter->component,
		&letter->component_type, &letter->rejection_type, &letter->reason,
		&letter->details
	};

	for (int i = DOMAIN; i <= DETAILS; i++)
	{
		const char *text = az_arena_string(arena, az_rows_text(rows, row, i));

		if (text == NULL)
			return false;
		*texts[i - DOMAIN] = text;
	}
	stored->id = az_rows_int(rows, row, ID);
	letter->occurred_at_us = az_rows_int(rows, row, OCCURRED_AT);
	stored->created_at_us = az_rows_int(rows, row, CREATED_AT);
	return az_arena_copy(arena, az_rows_bytes(rows, row, PAYLOAD),
						 &letter->payload);
}

static void
set_time(AzDbParam *param, bool is_set, int64_t time_us)
{
	if (is_set)
		az_columns_set_int(param, 0, time_us);
	else
		az_columns_set_null(param, 0);
}

static void
settle(AzWish *wish, bool taken)
{
	wish->outcome = taken ? AZ_WISH_FULFILLED : AZ_WISH_FAILED;
	if (!taken)
		az_error_out_of_memory(&wish->error);
}
