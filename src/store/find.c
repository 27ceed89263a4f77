/* Finding aggregates: those with a correlation id, and all there are. */
#include "store/find.h"

#include <string.h>

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_CORRELATED, and its results. */
enum
{
	CORRELATION_ID, DOMAIN, ROOT, EDITION, SAID_DOMAINS, SAID,
	AFTER_POSITION, LAST_POSITION, MAX_ROWS
};

enum
{
	FOUND_DOMAIN, FOUND_ROOT, FOUND_SAID, FIRST_POSITION, END_POSITION,
	NEWEST_POSITION
};

/* Parameters of AZ_STATEMENT_ROOTS, in whose order its results are. */
enum
{
	AFTER_ROOT, AFTER_DOMAIN, MAX_ROOTS
};

static bool run_finds(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_roots(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static void settle(AzWish *wish, bool taken);
static AzDbParam *make_params(const AzFindWish *find, AzArena *scratch);
static bool set_said(AzDbParam *params, const AzSelection *selection,
					 AzArena *scratch);
static bool take_found(AzFindWish *find, const AzRows *rows);
static bool take_roots(AzRootsWish *asked, const AzRows *rows);
static bool take_aggregate(AzAggregate *aggregate, const AzRows *rows,
						   size_t row, const int columns[2], AzArena *arena);

const AzWishKind az_find_kind = {"find aggregates", run_finds, NULL};
const AzWishKind az_roots_kind = {"list aggregates", run_roots, NULL};

static bool
run_finds(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzFindWish *find = (AzFindWish *) wishes[i];
		AzDbParam  *params = make_params(find, scratch);
		AzRows		rows = {0};

		if (params == NULL)
			return az_error_out_of_memory(error);
		if (!az_db_execute(db, AZ_STATEMENT_CORRELATED, params, scratch, &rows,
						   error))
			return false;
		settle(wishes[i], take_found(find, &rows));
	}
	return true;
}

static bool
run_roots(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzRootsWish *asked = (AzRootsWish *) wishes[i];
		AzDbParam  *params = az_columns_create(AZ_STATEMENT_ROOTS, 1, scratch);
		AzRows		rows = {0};

		if (params == NULL)
			return az_error_out_of_memory(error);
		az_columns_set_int(&params[MAX_ROOTS], 0, asked->max_rows);
		az_columns_set_null(&params[AFTER_ROOT], 0);
		az_columns_set_null(&params[AFTER_DOMAIN], 0);
		if (asked->after != NULL)
		{
			AzBytes		root = {asked->after->root, AZ_UUID_SIZE};

			params[AFTER_ROOT].column.nulls[0] = false;
			params[AFTER_DOMAIN].column.nulls[0] = false;
			az_columns_set_bytes(&params[AFTER_ROOT], 0, root);
			az_columns_set_text(&params[AFTER_DOMAIN], 0,
								asked->after->domain);
		}
		if (!az_db_execute(db, AZ_STATEMENT_ROOTS, params, scratch, &rows,
						   error))
			return false;
		settle(wishes[i], take_roots(asked, &rows));
	}
	return true;
}

static void
settle(AzWish *wish, bool taken)
{
	wish->outcome = taken ? AZ_WISH_FULFILLED : AZ_WISH_FAILED;
	if (!taken)
		az_error_out_of_memory(&wish->error);
}

static AzDbParam *
make_params(const AzFindWish *find, AzArena *scratch)
{
	const AzSelection *selection = find->selection;
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_CORRELATED, 1,
										   scratch);
	AzBytes		root = {selection->aggregate.root, AZ_UUID_SIZE};

	if (params == NULL)
		return NULL;
	az_columns_set_text(&params[CORRELATION_ID], 0, selection->correlation_id);
	az_columns_set_text(&params[DOMAIN], 0, selection->aggregate.domain);
	az_columns_set_bytes(&params[ROOT], 0, root);
	if (!selection->has_root)
		az_columns_set_null(&params[ROOT], 0);
	az_columns_set_text(&params[EDITION], 0, selection->aggregate.edition);
	az_columns_set_int(&params[AFTER_POSITION], 0, find->after_position);
	az_columns_set_int(&params[LAST_POSITION], 0, find->end_position);
	az_columns_set_int(&params[MAX_ROWS], 0, find->max_rows);
	return set_said(params, selection, scratch) ? params : NULL;
}

/* The two arrays of what covers say. */
static bool
set_said(AzDbParam *params, const AzSelection *selection, AzArena *scratch)
{
	size_t		count = selection->n_divergences;
	AzBytes    *domains = az_arena_array(scratch, count + 1, sizeof(AzBytes));
	int64_t    *said = az_arena_array(scratch, count + 1, sizeof(int64_t));

	if (domains == NULL || said == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
	{
		domains[i] = az_bytes_of(selection->divergences[i].domain);
		said[i] = selection->divergences[i].sequence;
	}
	params[SAID_DOMAINS].column.bytes = domains;
	params[SAID_DOMAINS].column.nulls = NULL;
	params[SAID_DOMAINS].column.count = count;
	az_columns_set_ints(&params[SAID], said, count);
	return true;
}

static bool
take_found(AzFindWish *find, const AzRows *rows)
{
	static const int columns[] = {FOUND_ROOT, FOUND_DOMAIN};
	AzArena    *arena = find->wish.arena;

	find->count = rows->count;
	find->newest_position = az_rows_int(rows, 0, NEWEST_POSITION);
	find->found = az_arena_array(arena, rows->count + 1, sizeof(AzFound));
	if (find->found == NULL)
		return false;
	for (size_t row = 0; row < rows->count; row++)
	{
		AzFound    *found = &find->found[row];

		if (!take_aggregate(&found->aggregate, rows, row, columns, arena))
			return false;
		found->aggregate.edition = find->selection->aggregate.edition;
		found->aggregate.has_divergence =
			!az_rows_is_null(rows, row, FOUND_SAID);
		found->aggregate.divergence = az_rows_int(rows, row, FOUND_SAID);
		found->first_position = az_rows_int(rows, row, FIRST_POSITION);
		found->end_position = az_rows_int(rows, row, END_POSITION);
	}
	return true;
}

static bool
take_roots(AzRootsWish *asked, const AzRows *rows)
{
	static const int columns[] = {AFTER_ROOT, AFTER_DOMAIN};
	AzArena    *arena = asked->wish.arena;

	asked->count = rows->count;
	asked->roots = az_arena_array(arena, rows->count + 1, sizeof(AzAggregate));
	if (asked->roots == NULL)
		return false;
	for (size_t row = 0; row < rows->count; row++)
	{
		if (!take_aggregate(&asked->roots[row], rows, row, columns, arena))
			return false;
		asked->roots[row].edition = "";
	}
	return true;
}

/* Root and domain; "columns" says where each is. */
static bool
take_aggregate(AzAggregate *aggregate, const AzRows *rows, size_t row,
			   const int columns[2], AzArena *arena)
{
	AzBytes		root = az_rows_bytes(rows, row, columns[0]);

	if (root.len == AZ_UUID_SIZE)
		memcpy(aggregate->root, root.data, AZ_UUID_SIZE);
	aggregate->domain = az_arena_string(arena,
										az_rows_text(rows, row, columns[1]));
	return aggregate->domain != NULL;
}
