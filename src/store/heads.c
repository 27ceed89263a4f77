/* Whether many books are still what a load would give. */
#include "store/heads.h"

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_HEADS. */
enum
{
	ROOT, DOMAIN
};

/* Its results, one row for each stream in order. */
enum
{
	STREAM, SEQUENCE, CREATED_AT, SNAPSHOT, SNAPSHOT_AT, SNAPSHOT_SIZE
};

static bool run_compare(AzDb *db, AzWish **wishes, size_t count,
						AzArena *scratch, AzError *error);
static bool is_last_event(const AzBook *book, const AzRows *heads, size_t row);
static bool is_newest_snapshot(const AzBook *book, const AzRows *heads,
							   size_t row);

const AzWishKind az_head_kind = {"compare heads", run_compare, NULL};

bool
az_heads_compare(AzDb *db, const AzHeadRow *rows, size_t count,
				 AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_HEADS, count, scratch);
	AzRows		heads;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		const AzAggregate *aggregate = &rows[i].book->aggregate;
		AzBytes		root = {aggregate->root, AZ_UUID_SIZE};

		az_columns_set_bytes(&params[ROOT], i, root);
		az_columns_set_text(&params[DOMAIN], i, aggregate->domain);
	}
	if (!az_db_execute(db, AZ_STATEMENT_HEADS, params, scratch, &heads, error))
		return false;
	if (heads.count != count)
		return az_error_set(error, NULL, AZ_INTERNAL,
							"heads answered for another number of streams");
	for (size_t i = 0; i < count; i++)
	{
		if (az_rows_int(&heads, i, STREAM) != (int64_t) i)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"heads answered out of order");
		*rows[i].holds = is_last_event(rows[i].book, &heads, i) &&
			(!rows[i].use_snapshot ||
			 is_newest_snapshot(rows[i].book, &heads, i));
	}
	return true;
}

static bool
run_compare(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			AzError *error)
{
	AzHeadRow  *rows = az_arena_array(scratch, count, sizeof(AzHeadRow));

	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzHeadWish *wish = (AzHeadWish *) wishes[i];

		rows[i].book = wish->book;
		rows[i].use_snapshot = wish->use_snapshot;
		rows[i].holds = &wish->holds;
		wish->wish.outcome = AZ_WISH_FULFILLED;
	}
	return az_heads_compare(db, rows, count, scratch, error);
}

/* A book of a snapshot alone ends where that does. */
static bool
is_last_event(const AzBook *book, const AzRows *heads, size_t row)
{
	const AzEvent *last;

	if (book->count == 0)
		return az_rows_is_null(heads, row, SEQUENCE) ||
			az_rows_int(heads, row, SEQUENCE) < book->next_sequence;
	last = &book->events[book->count - 1];
	return !az_rows_is_null(heads, row, SEQUENCE) &&
		az_rows_int(heads, row, SEQUENCE) == last->sequence &&
		az_rows_int(heads, row, CREATED_AT) == last->created_at_us;
}

static bool
is_newest_snapshot(const AzBook *book, const AzRows *heads, size_t row)
{
	const AzSnapshot *snapshot = book->snapshot;

	if (az_rows_is_null(heads, row, SNAPSHOT) || snapshot == NULL)
		return az_rows_is_null(heads, row, SNAPSHOT) && snapshot == NULL;
	return az_rows_int(heads, row, SNAPSHOT) == snapshot->sequence &&
		az_rows_int(heads, row, SNAPSHOT_AT) == snapshot->created_at_us &&
		az_rows_int(heads, row, SNAPSHOT_SIZE) ==
		(int64_t) snapshot->state.len;
}
