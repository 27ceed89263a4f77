/* Timers of process managers: keeping, dropping, and reading them. */
#include "store/timers.h"

#include <string.h>

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_KEEP_TIMERS. */
enum
{
	COMPONENT, EDITION, ROOT, NAME, DUE_AT, PAYLOAD, SEQUENCE, IS_HANDLED
};

/* Parameters of those that know a timer by its event. */
enum
{
	KNOWN_COMPONENT, KNOWN_EDITION, KNOWN_ROOT, KNOWN_SEQUENCE
};

/* Parameters of AZ_STATEMENT_DUE_TIMERS. */
enum
{
	OF_COMPONENT, MOST
};

/* Its results. */
enum
{
	DUE_ORDINAL, DUE_ROOT, DUE_DOMAIN, DUE_EDITION, DUE_DIVERGENCE, DUE_NAME,
	DUE_DUE_AT, DUE_PAYLOAD, DUE_SEQUENCE, DUE_CORRELATION_ID, DUE_EXT,
	DUE_DEPTH
};

static void fill_row(AzDbParam *params, size_t i, const AzTimerRow *row);
static AzDbParam *known(AzStatementId statement,
						const AzTimerRow *const *rows, size_t count,
						AzArena *scratch);
static bool run_looks(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool take_entry(AzTimerEntry *entry, const AzRows *rows, size_t i,
					   size_t count);

const AzWishKind az_timer_kind = {"look at timers", run_looks, NULL};

bool
az_timers_keep(AzDb *db, const AzTimerRow *const *rows, size_t count,
			   AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_KEEP_TIMERS, count,
										   scratch);
	AzRows		kept;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
		fill_row(params, i, rows[i]);
	return az_db_execute(db, AZ_STATEMENT_KEEP_TIMERS, params, scratch, &kept,
						 error);
}

bool
az_timers_drop(AzDb *db, const AzTimerRow *const *rows, size_t count,
			   AzArena *scratch, AzError *error)
{
	AzDbParam  *params = known(AZ_STATEMENT_DROP_TIMERS, rows, count, scratch);
	AzRows		dropped;

	if (params == NULL)
		return az_error_out_of_memory(error);
	return az_db_execute(db, AZ_STATEMENT_DROP_TIMERS, params, scratch,
						 &dropped, error);
}

bool
az_timers_due(AzDb *db, const char *const *components, const int *most,
			  size_t count, AzTimerEntry **entries, size_t *n_entries,
			  AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_DUE_TIMERS, count,
										   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		az_columns_set_text(&params[OF_COMPONENT], i, components[i]);
		az_columns_set_int(&params[MOST], i, most[i]);
	}
	if (!az_db_execute(db, AZ_STATEMENT_DUE_TIMERS, params, scratch, &rows,
					   error))
		return false;
	*n_entries = rows.count;
	*entries = az_arena_array(scratch, rows.count + 1, sizeof(AzTimerEntry));
	if (*entries == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < rows.count; i++)
		if (!take_entry(&(*entries)[i], &rows, i, count))
			return az_error_set(error, NULL, AZ_INTERNAL,
								"due_timers answered what is no timer");
	return true;
}

static void
fill_row(AzDbParam *params, size_t i, const AzTimerRow *row)
{
	AzBytes		root = {row->process.root, AZ_UUID_SIZE};

	az_columns_set_text(&params[COMPONENT], i, row->component);
	az_columns_set_text(&params[EDITION], i, row->process.edition);
	az_columns_set_bytes(&params[ROOT], i, root);
	az_columns_set_text(&params[NAME], i, row->name);
	if (row->due_us == AZ_TIMER_NEVER)
		az_columns_set_null(&params[DUE_AT], i);
	else
		az_columns_set_int(&params[DUE_AT], i, row->due_us);
	if (row->payload.len == 0)
		az_columns_set_null(&params[PAYLOAD], i);
	else
		az_columns_set_bytes(&params[PAYLOAD], i, row->payload);
	az_columns_set_int(&params[SEQUENCE], i, row->sequence);
	az_columns_set_int(&params[IS_HANDLED], i, row->is_handled);
}

static AzDbParam *
known(AzStatementId statement, const AzTimerRow *const *rows, size_t count,
	  AzArena *scratch)
{
	AzDbParam  *params = az_columns_create(statement, count, scratch);

	for (size_t i = 0; params != NULL && i < count; i++)
	{
		AzBytes		root = {rows[i]->process.root, AZ_UUID_SIZE};

		az_columns_set_text(&params[KNOWN_COMPONENT], i, rows[i]->component);
		az_columns_set_text(&params[KNOWN_EDITION], i,
							rows[i]->process.edition);
		az_columns_set_bytes(&params[KNOWN_ROOT], i, root);
		az_columns_set_int(&params[KNOWN_SEQUENCE], i, rows[i]->sequence);
	}
	return params;
}

static bool
run_looks(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	const AzTimerRow **looks = az_arena_array(scratch, count, sizeof(*looks));
	AzDbParam  *params;
	AzRows		rows;

	if (looks == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzTimerWish *look = (AzTimerWish *) wishes[i];

		looks[i] = look->row;
		look->stands = false;
		look->wish.outcome = AZ_WISH_FULFILLED;
	}
	params = known(AZ_STATEMENT_STANDING_TIMERS, looks, count, scratch);
	if (params == NULL)
		return az_error_out_of_memory(error);
	if (!az_db_execute(db, AZ_STATEMENT_STANDING_TIMERS, params, scratch,
					   &rows, error))
		return false;
	for (size_t row = 0; row < rows.count; row++)
	{
		size_t		i = (size_t) az_rows_int(&rows, row, 0);

		if (i >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"standing_timers answered for an unknown timer");
		((AzTimerWish *) wishes[i])->stands = true;
	}
	return true;
}

static bool
take_entry(AzTimerEntry *entry, const AzRows *rows, size_t i, size_t count)
{
	AzTimerRow *row = &entry->row;
	AzAggregate *process = &row->process;
	AzBytes		root = az_rows_bytes(rows, i, DUE_ROOT);

	entry->component = (size_t) az_rows_int(rows, i, DUE_ORDINAL);
	if (root.len != AZ_UUID_SIZE || entry->component >= count)
		return false;
	memcpy(process->root, root.data, AZ_UUID_SIZE);
	process->domain = az_rows_text(rows, i, DUE_DOMAIN);
	process->edition = az_rows_text(rows, i, DUE_EDITION);
	process->has_divergence = !az_rows_is_null(rows, i, DUE_DIVERGENCE);
	process->divergence = az_rows_int(rows, i, DUE_DIVERGENCE);
	row->name = az_rows_text(rows, i, DUE_NAME);
	row->due_us = az_rows_int(rows, i, DUE_DUE_AT);
	row->payload = az_rows_bytes(rows, i, DUE_PAYLOAD);
	row->sequence = az_rows_int(rows, i, DUE_SEQUENCE);
	entry->correlation_id = az_rows_text(rows, i, DUE_CORRELATION_ID);
	entry->ext = az_rows_bytes(rows, i, DUE_EXT);
	entry->depth = (int32_t) az_rows_int(rows, i, DUE_DEPTH);
	return true;
}
