/* Deleting an edition of a domain, part by part. */
#include "store/editions.h"

#include <string.h>

/*
 * Rows that one part deletes: some two milliseconds.  But the last part looks
 * for what it may have missed, over the index entries of all that is gone:
 * half a second after a million rows.
 */
#define PART_ROWS 500

/* Parameters of AZ_STATEMENT_DELETE_EDITION_PART. */
enum
{
	NAME, DOMAIN, MAX_ROWS, N_PARAMS
};

static bool run_parts(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_part(AzDb *db, AzEditionWish *edition, AzArena *scratch,
					 AzError *error);
static void set_text(AzDbParam *param, AzBytes *value, const char *text);

const AzWishKind az_edition_kind = {
	.name = "delete editions",.run = run_parts,.is_patient = true
};

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
