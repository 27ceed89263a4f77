/* Reading books in pieces: the plan, and its pages. */
#include "store/read.h"

#include "codec/book.h"
#include "store/columns.h"

/* Parameters that both statements begin with. */
enum
{
	ROOT, DOMAIN, EDITION, DIVERGENCE, CORRELATION_ID, SEQUENCES
};

/* The others of AZ_STATEMENT_READ_PLAN, and its results. */
enum
{
	USE_SNAPSHOT = 6, LOWER, UPPER, AS_OF, LAST_POSITION
};

enum
{
	OWN_FIRST, LEAVES_AT, FIRST, LAST, END_POSITION, SHOWN_ID, SHOWN_EXT,
	SNAPSHOT, SNAPSHOT_AT, SNAPSHOT_TYPE, SNAPSHOT_STATE, SNAPSHOT_RETENTION
};

/* The others of AZ_STATEMENT_READ_PAGES, and its results. */
enum
{
	FROM = 6, UP_TO, AFTER_POSITION, UP_TO_POSITION, MAX_ROWS, MAX_BYTES
};

enum
{
	SEQUENCE, POSITION, CREATED_AT, TYPE_URL, PAYLOAD, EXTERNAL
};

static bool run_plans(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_reads(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static void settle(AzWish *wish, bool taken);
static AzDbParam *make_params(AzStatementId statement,
							  const AzSelection *selection,
							  const AzAggregate *aggregate, AzArena *scratch);
static bool ask_plan(AzDb *db, const AzPlanWish *asked, AzArena *scratch,
					 AzRows *rows, AzError *error);
static bool take_plan(AzPlanWish *asked, const AzRows *rows);
static bool take_snapshot(AzPlanWish *asked, const AzRows *rows);
static bool ask_pages(AzDb *db, const AzReadWish *read, AzArena *scratch,
					  AzRows *rows, AzError *error);
static bool take_pages(AzReadWish *read, const AzRows *rows);

const AzWishKind az_plan_kind = {"plan books", run_plans, NULL};
const AzWishKind az_read_kind = {"read pages", run_reads, NULL};

static bool
run_plans(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzPlanWish *asked = (AzPlanWish *) wishes[i];
		AzRows		rows = {0};

		if (!ask_plan(db, asked, scratch, &rows, error))
			return false;
		settle(wishes[i], take_plan(asked, &rows));
	}
	return true;
}

static bool
run_reads(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	for (size_t i = 0; i < count; i++)
	{
		AzReadWish *read = (AzReadWish *) wishes[i];
		AzRows		rows = {0};

		if (!ask_pages(db, read, scratch, &rows, error))
			return false;
		settle(wishes[i], take_pages(read, &rows));
	}
	return true;
}

/* What cannot be taken without an error being set had no memory. */
static void
settle(AzWish *wish, bool taken)
{
	wish->outcome = taken ? AZ_WISH_FULFILLED : AZ_WISH_FAILED;
	if (!taken && wish->error.code == AZ_OK)
		az_error_out_of_memory(&wish->error);
}

/* With those that both statements have; NULL when memory is out. */
static AzDbParam *
make_params(AzStatementId statement, const AzSelection *selection,
			const AzAggregate *aggregate, AzArena *scratch)
{
	AzDbParam  *params = az_columns_create(statement, 1, scratch);
	AzBytes		root = {aggregate->root, AZ_UUID_SIZE};

	if (params == NULL)
		return NULL;
	az_columns_set_bytes(&params[ROOT], 0, root);
	az_columns_set_text(&params[DOMAIN], 0, aggregate->domain);
	az_columns_set_text(&params[EDITION], 0, aggregate->edition);
	az_columns_set_int(&params[DIVERGENCE], 0, aggregate->divergence);
	if (!aggregate->has_divergence)
		az_columns_set_null(&params[DIVERGENCE], 0);
	az_columns_set_text(&params[CORRELATION_ID], 0, selection->correlation_id);
	az_columns_set_ints(&params[SEQUENCES], selection->sequences,
						selection->n_sequences);
	return params;
}

static bool
ask_plan(AzDb *db, const AzPlanWish *asked, AzArena *scratch, AzRows *rows,
		 AzError *error)
{
	const AzSelection *selection = asked->selection;
	AzDbParam  *params = make_params(AZ_STATEMENT_READ_PLAN, selection,
									 &asked->plan.aggregate, scratch);

	if (params == NULL)
		return az_error_out_of_memory(error);
	az_columns_set_int(&params[USE_SNAPSHOT], 0, selection->use_snapshot);
	az_columns_set_int(&params[LOWER], 0, selection->lower);
	az_columns_set_int(&params[UPPER], 0, selection->upper);
	az_columns_set_int(&params[AS_OF], 0, selection->as_of_us);
	if (!selection->has_as_of)
		az_columns_set_null(&params[AS_OF], 0);
	az_columns_set_int(&params[LAST_POSITION], 0, asked->plan.end_position);
	if (!az_db_execute(db, AZ_STATEMENT_READ_PLAN, params, scratch, rows,
					   error))
		return false;
	return rows->count == 1 ||
		az_error_set(error, NULL, AZ_INTERNAL,
					 "read_plan answered with another number of rows than one");
}

static bool
take_plan(AzPlanWish *asked, const AzRows *rows)
{
	AzPlan	   *plan = &asked->plan;
	AzArena    *arena = asked->wish.arena;
	bool		is_empty = az_rows_is_null(rows, 0, LAST);

	if (!az_rows_is_null(rows, 0, OWN_FIRST))
		return az_error_set(&asked->wish.error, arena, AZ_FAILED_PRECONDITION,
							"edition \"%s\" of %s diverges at sequence %lld, the cover says %lld",
							plan->aggregate.edition,
							az_aggregate_text(&plan->aggregate, arena),
							(long long) az_rows_int(rows, 0, OWN_FIRST),
							(long long) plan->aggregate.divergence);
	plan->aggregate.has_divergence = !az_rows_is_null(rows, 0, LEAVES_AT);
	plan->aggregate.divergence = az_rows_int(rows, 0, LEAVES_AT);
	plan->first = az_rows_int(rows, 0, FIRST);
	plan->last = is_empty ? -1 : az_rows_int(rows, 0, LAST);
	plan->end_position = az_rows_int(rows, 0, END_POSITION);
	plan->correlation_id = az_arena_string(arena,
										   az_rows_text(rows, 0, SHOWN_ID));
	plan->snapshot = NULL;
	return plan->correlation_id != NULL &&
		az_arena_copy(arena, az_rows_bytes(rows, 0, SHOWN_EXT), &plan->ext) &&
		(az_rows_is_null(rows, 0, SNAPSHOT) || take_snapshot(asked, rows));
}

static bool
take_snapshot(AzPlanWish *asked, const AzRows *rows)
{
	AzArena    *arena = asked->wish.arena;
	AzSnapshot *snapshot = az_arena_alloc(arena, sizeof(AzSnapshot));

	if (snapshot == NULL)
		return false;
	snapshot->sequence = az_rows_int(rows, 0, SNAPSHOT);
	snapshot->created_at_us = az_rows_int(rows, 0, SNAPSHOT_AT);
	snapshot->retention = (AzRetention) az_rows_int(rows, 0,
													SNAPSHOT_RETENTION);
	snapshot->type_url = az_arena_string(arena,
										 az_rows_text(rows, 0, SNAPSHOT_TYPE));
	asked->plan.snapshot = snapshot;
	return snapshot->type_url != NULL &&
		az_arena_copy(arena, az_rows_bytes(rows, 0, SNAPSHOT_STATE),
					  &snapshot->state);
}

static bool
ask_pages(AzDb *db, const AzReadWish *read, AzArena *scratch, AzRows *rows,
		  AzError *error)
{
	const AzPlan *plan = read->plan;
	AzDbParam  *params = make_params(AZ_STATEMENT_READ_PAGES, read->selection,
									 &plan->aggregate, scratch);

	if (params == NULL)
		return az_error_out_of_memory(error);
	az_columns_set_int(&params[FROM], 0, read->lower);
	az_columns_set_int(&params[UP_TO], 0, plan->last);
	az_columns_set_int(&params[AFTER_POSITION], 0, read->after_position);
	az_columns_set_int(&params[UP_TO_POSITION], 0, plan->end_position);
	az_columns_set_int(&params[MAX_ROWS], 0, read->max_rows);
	az_columns_set_int(&params[MAX_BYTES], 0, (int64_t) read->max_bytes);
	return az_db_execute(db, AZ_STATEMENT_READ_PAGES, params, scratch, rows,
						 error);
}

static bool
take_pages(AzReadWish *read, const AzRows *rows)
{
	AzArena    *arena = read->wish.arena;

	read->count = rows->count;
	read->events = az_arena_array(arena, rows->count + 1, sizeof(AzEvent));
	if (read->events == NULL)
		return false;
	for (size_t row = 0; row < rows->count; row++)
	{
		AzEvent    *event = &read->events[row];

		event->sequence = az_rows_int(rows, row, SEQUENCE);
		event->created_at_us = az_rows_int(rows, row, CREATED_AT);
		event->correlation_id = "";
		event->type_url = az_arena_string(arena,
										  az_rows_text(rows, row, TYPE_URL));
		read->position = az_rows_int(rows, row, POSITION);
		if (event->type_url == NULL ||
			!az_arena_copy(arena, az_rows_bytes(rows, row, PAYLOAD),
						   &event->payload) ||
			!az_arena_copy(arena, az_rows_bytes(rows, row, EXTERNAL),
						   &event->external))
			return false;
	}
	return true;
}
