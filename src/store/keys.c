/* Idempotency keys: looking many of them up, and keeping them. */
#include "store/keys.h"

#include "store/columns.h"

/* Parameters of the statements. */
enum
{
	ROOT, DOMAIN, EDITION, KIND, KEY, FIRST, LAST, ANSWER
};

/* Results of AZ_STATEMENT_FIND_KEYS, one row for each key that was found. */
enum
{
	FOUND, FOUND_FIRST, FOUND_LAST, FOUND_ANSWER
};

static bool run_looks(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool write_keys(AzDb *db, AzStatementId statement,
					   const AzKeyRow *rows, size_t count, AzArena *scratch,
					   AzError *error);
static void fill_key(AzDbParam *params, size_t i, const AzKeyRow *row);
static bool take_kept(const AzKeyRow *row, const AzRows *rows, size_t i);
static void fill_kept(AzDbParam *params, size_t i, const AzKept *kept);

const AzWishKind az_key_kind = {"find keys", run_looks, NULL};

bool
az_keys_find(AzDb *db, const AzKeyRow *rows, size_t count, AzArena *scratch,
			 AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_FIND_KEYS, count,
										   scratch);
	AzRows		found;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		fill_key(params, i, &rows[i]);
		*rows[i].kept = (AzKept)
		{
			0
		};
	}
	if (!az_db_execute(db, AZ_STATEMENT_FIND_KEYS, params, scratch, &found,
					   error))
		return false;
	for (size_t i = 0; i < found.count; i++)
	{
		size_t		row = (size_t) az_rows_int(&found, i, FOUND);

		if (row >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"find_keys answered for an unknown key");
		if (!take_kept(&rows[row], &found, i))
			return az_error_out_of_memory(error);
	}
	return true;
}

bool
az_keys_keep(AzDb *db, const AzKeyRow *rows, size_t count, AzArena *scratch,
			 AzError *error)
{
	return write_keys(db, AZ_STATEMENT_KEEP_KEYS, rows, count, scratch, error);
}

bool
az_keys_settle(AzDb *db, const AzKeyRow *rows, size_t count, AzArena *scratch,
			   AzError *error)
{
	return write_keys(db, AZ_STATEMENT_SETTLE_KEYS, rows, count, scratch,
					  error);
}

static bool
run_looks(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	AzKeyRow   *rows = az_arena_array(scratch, count, sizeof(AzKeyRow));

	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzKeyWish  *wish = (AzKeyWish *) wishes[i];

		rows[i].aggregate = &wish->aggregate;
		rows[i].key = &wish->key;
		rows[i].kept = &wish->kept;
		rows[i].arena = wish->wish.arena;
		wish->wish.outcome = AZ_WISH_FULFILLED;
	}
	return az_keys_find(db, rows, count, scratch, error);
}

static bool
write_keys(AzDb *db, AzStatementId statement, const AzKeyRow *rows,
		   size_t count, AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(statement, count, scratch);
	AzRows		kept;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		fill_key(params, i, &rows[i]);
		fill_kept(params, i, rows[i].kept);
	}
	return az_db_execute(db, statement, params, scratch, &kept, error);
}

static void
fill_key(AzDbParam *params, size_t i, const AzKeyRow *row)
{
	AzBytes		root = {row->aggregate->root, AZ_UUID_SIZE};

	az_columns_set_bytes(&params[ROOT], i, root);
	az_columns_set_text(&params[DOMAIN], i, row->aggregate->domain);
	az_columns_set_text(&params[EDITION], i, row->aggregate->edition);
	az_columns_set_text(&params[KIND], i, row->key->kind);
	az_columns_set_bytes(&params[KEY], i, row->key->bytes);
}

static bool
take_kept(const AzKeyRow *row, const AzRows *rows, size_t i)
{
	AzKept	   *kept = row->kept;

	kept->found = true;
	kept->has_events = !az_rows_is_null(rows, i, FOUND_FIRST);
	kept->first = az_rows_int(rows, i, FOUND_FIRST);
	kept->last = az_rows_int(rows, i, FOUND_LAST);
	return az_rows_is_null(rows, i, FOUND_ANSWER) ||
		az_arena_copy(row->arena, az_rows_bytes(rows, i, FOUND_ANSWER),
					  &kept->answer);
}

/* No events are two nulls, an answer that was events is one. */
static void
fill_kept(AzDbParam *params, size_t i, const AzKept *kept)
{
	az_columns_set_int(&params[FIRST], i, kept->first);
	az_columns_set_int(&params[LAST], i, kept->last);
	if (!kept->has_events)
	{
		az_columns_set_null(&params[FIRST], i);
		az_columns_set_null(&params[LAST], i);
	}
	az_columns_set_bytes(&params[ANSWER], i, kept->answer);
	if (kept->answer.len == 0)
		az_columns_set_null(&params[ANSWER], i);
}
