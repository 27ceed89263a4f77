/* What SQL calls: the engines of this server, and whether there can be any. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/horizon.h"
#include "pg/queue.h"
#include "pg/slots.h"

#define WORKERS_COLUMNS 13
#define TURN_COLUMNS 3

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_workers);
PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_engine_available);
PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_components_changed);
PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_turn);
PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_flush);

static void put_workers(ReturnSetInfo *result, int slot);
static void put_worker(ReturnSetInfo *result, int number,
					   const AzSlotView *view);
static void put_text(Datum *value, bool *is_null, const char *text);

/* One row for each engine that a database has or should have. */
Datum
angzarr_workers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < az_slots_count(); i++)
		put_workers(result, i);
	return (Datum) 0;
}

Datum
angzarr_engine_available(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(az_slots_available());
}

/* Trigger on the table of components. */
Datum
angzarr_components_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"_components_changed\" must be called as a trigger")));
	az_queue_components_changed();
	return PointerGetDatum(NULL);
}

/* The horizon, and who holds it with which floors. */
Datum
angzarr_turn(PG_FUNCTION_ARGS)
{
	const AzHorizon *horizon = az_horizon_turn(PG_GETARG_OID(0));
	Datum	   *holders = palloc(sizeof(Datum) * Max(horizon->count, 1));
	Datum	   *floors = palloc(sizeof(Datum) * Max(horizon->count, 1));
	Datum		values[TURN_COLUMNS];
	bool		nulls[TURN_COLUMNS] = {0};
	TupleDesc	columns;

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = 0; i < horizon->count; i++)
	{
		const AzHolder *holder = &horizon->holders[i];

		/* As pg_locks has it. */
		holders[i] = CStringGetTextDatum(psprintf("%d/%u",
												  holder->vxid.backendId,
												  holder->vxid.localTransactionId));
		floors[i] = Int64GetDatum(holder->floor);
	}
	values[0] = Int64GetDatum(horizon->position);
	values[1] = PointerGetDatum(construct_array(holders, horizon->count,
												TEXTOID, -1, false,
												TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(floors, horizon->count,
												INT8OID, sizeof(int64), true,
												TYPALIGN_DOUBLE));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns),
													  values, nulls)));
}

Datum
angzarr_flush(PG_FUNCTION_ARGS)
{
	az_horizon_flush();
	PG_RETURN_VOID();
}

static void
put_workers(ReturnSetInfo *result, int slot)
{
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
	{
		AzSlotView	view;

		az_slots_view(slot, i, &view);
		if (OidIsValid(view.database))
			put_worker(result, i, &view);
	}
}

static void
put_worker(ReturnSetInfo *result, int number, const AzSlotView *view)
{
	Datum		values[WORKERS_COLUMNS] = {0};
	bool		nulls[WORKERS_COLUMNS] = {0};
	char	   *database = get_database_name(view->database);

	nulls[0] = database == NULL;
	if (database != NULL)
		values[0] = DirectFunctionCall1(namein, CStringGetDatum(database));
	values[1] = Int32GetDatum(number);
	nulls[2] = view->pid == 0;
	values[2] = Int32GetDatum(view->pid);
	values[3] = CStringGetTextDatum(az_slots_state_name(view->state));
	nulls[4] = view->started_at == 0;
	values[4] = TimestampTzGetDatum(view->started_at);
	put_text(&values[5], &nulls[5], view->listening);
	values[6] = Int64GetDatum(view->stats.commands);
	values[7] = Int64GetDatum(view->stats.events);
	values[8] = Int64GetDatum(view->stats.rejected);
	values[9] = Int64GetDatum(view->stats.batches);
	values[10] = Int64GetDatum(view->stats.transactions);
	values[11] = Int32GetDatum((int32) view->stats.connections);
	put_text(&values[12], &nulls[12], view->message);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Empty is null. */
static void
put_text(Datum *value, bool *is_null, const char *text)
{
	*is_null = text[0] == '\0';
	*value = *is_null ? (Datum) 0 : CStringGetTextDatum(text);
}
