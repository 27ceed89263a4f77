/* Editions: where a stream leaves the main timeline, and deleting them. */
#include "store/editions.h"

#include <string.h>

#include "store/columns.h"

/*
 * Rows that one part deletes: some two milliseconds.  But the last part looks
 * for what it may have missed, over the index entries of all that is gone:
 * half a second after a million rows.
 */
#define PART_ROWS 500

/* Parameters of AZ_STATEMENT_BRANCH_STATES. */
enum
{
	BRANCH_ROOT, BRANCH_DOMAIN, BRANCH_EDITION
};

/* Its results. */
enum
{
	IS_OWN = 1, FIXED, NEXT_SEQUENCE
};

/* Parameters of AZ_STATEMENT_DELETE_EDITION_PART. */
enum
{
	NAME, DOMAIN, MAX_ROWS, N_PARAMS
};

static bool run_looks(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_parts(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_part(AzDb *db, AzEditionWish *edition, AzArena *scratch,
					 AzError *error);
static void set_text(AzDbParam *param, AzBytes *value, const char *text);

const AzWishKind az_branch_kind = {"find branches", run_looks};

const AzWishKind az_edition_kind = {
	.name = "delete editions",.run = run_parts,.is_patient = true
};

static bool
run_looks(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_BRANCH_STATES, count,
										   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		const AzAggregate *of = &((AzBranchWish *) wishes[i])->aggregate;
		AzBytes		root = {of->root, AZ_UUID_SIZE};

		az_columns_set_bytes(&params[BRANCH_ROOT], i, root);
		az_columns_set_text(&params[BRANCH_DOMAIN], i, of->domain);
		az_columns_set_text(&params[BRANCH_EDITION], i, of->edition);
	}
	if (!az_db_execute(db, AZ_STATEMENT_BRANCH_STATES, params, scratch, &rows,
					   error))
		return false;
	if (rows.count != count)
		return az_error_set(error, NULL, AZ_INTERNAL,
							"branch_states answered for another number of streams");
	for (size_t i = 0; i < count; i++)
	{
		AzBranchWish *branch = (AzBranchWish *) wishes[i];

		branch->is_own = az_rows_int(&rows, i, IS_OWN) != 0;
		branch->has_fixed = !az_rows_is_null(&rows, i, FIXED);
		branch->fixed = az_rows_int(&rows, i, FIXED);
		branch->next_sequence = az_rows_int(&rows, i, NEXT_SEQUENCE);
		branch->wish.outcome = AZ_WISH_FULFILLED;
	}
	return true;
}

static bool
run_parts(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
		if (!run_part(db, (AzEditionWish *) wishes[i], scratch, error))
			return false;
	return true;
}

static bool
run_part(AzDb *db, AzEditionWish *edition, AzArena *scratch, AzError *error)
{
	AzDbParam	params[N_PARAMS] = {0};
	AzBytes		name;
	AzBytes		domain;
	int64_t		max_rows = PART_ROWS;
	AzRows		rows;
	const char *outcome;

	set_text(&params[NAME], &name, edition->edition);
	set_text(&params[DOMAIN], &domain, edition->domain);
	params[MAX_ROWS].column.type = AZ_DB_INT8;
	params[MAX_ROWS].column.count = 1;
	params[MAX_ROWS].column.ints = &max_rows;
	if (!az_db_execute(db, AZ_STATEMENT_DELETE_EDITION_PART, params, scratch,
					   &rows, error))
		return false;
	outcome = az_rows_text(&rows, 0, 0);
	edition->is_gone = strcmp(outcome, "done") == 0;
	edition->wish.outcome = strcmp(outcome, "busy") == 0 ?
		AZ_WISH_BUSY : AZ_WISH_FULFILLED;
	return true;
}

static void
set_text(AzDbParam *param, AzBytes *value, const char *text)
{
	*value = az_bytes_of(text);
	param->column.type = AZ_DB_TEXT;
	param->column.count = 1;
	param->column.bytes = value;
}
