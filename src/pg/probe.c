/*
 * Looks where the first event of a command would go, without waiting.
 *
 * angzarr_probe answers for each (root, domain, edition, expected sequence)
 * what stands in the primary key of events, also what open transactions have
 * written there: an append that would have to wait for one of them is known
 * beforehand and tried again later.  One descent of the index finds both the
 * predecessor and the place itself.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"

#define SCHEMA "angzarr"
#define KEY_COLUMNS 4			/* root, domain, edition, sequence */
#define SEQUENCE 3				/* of them */

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_probe);

/* What the function answers. */
typedef enum AzProbe
{
	AZ_PROBE_FREE = 0,
	AZ_PROBE_TAKEN = 1,			/* a committed event, or one of our own */
	AZ_PROBE_BUSY = 2,			/* an open transaction is writing there */
	AZ_PROBE_AHEAD = 3			/* the event before it is missing */
} AzProbe;

/* What stands at one key. */
typedef enum AzPlace
{
	AZ_PLACE_EMPTY,
	AZ_PLACE_OPEN,				/* being written or deleted */
	AZ_PLACE_FULL
} AzPlace;

/* An index that is being looked into. */
typedef struct AzProbeIndex
{
	Relation	index;
	Relation	table;
	IndexScanDesc scan;
	TupleTableSlot *row;
	SnapshotData snapshot;
	AttrNumber	sequence;		/* column of the table */
} AzProbeIndex;

/* The keys of all commands, one array for each column. */
typedef struct AzProbeKeys
{
	int			count;
	Datum	   *values[KEY_COLUMNS];
} AzProbeKeys;

static void read_keys(FunctionCallInfo fcinfo, AzProbeKeys *keys);
static void open_index(AzProbeIndex *probe, const char *name);
static void close_index(AzProbeIndex *probe);
static AzProbe probe_key(AzProbeIndex *events, AzProbeIndex *snapshots,
						 const AzProbeKeys *keys, int i);
static AzProbe probe_first(AzProbeIndex *snapshots, const AzProbeKeys *keys,
						   int i);
static void look(AzProbeIndex *probe, const AzProbeKeys *keys, int i,
				 AzPlace places[2]);
static void seek(AzProbeIndex *probe, const AzProbeKeys *keys, int i,
				 int64 lowest);
static AzPlace place_found(const AzProbeIndex *probe);

Datum
angzarr_probe(PG_FUNCTION_ARGS)
{
	AzProbeKeys keys;
	AzProbeIndex events = {0};
	AzProbeIndex snapshots = {0};
	Datum	   *answers;

	read_keys(fcinfo, &keys);
	if (keys.count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT2OID));
	answers = palloc(sizeof(Datum) * keys.count);
	open_index(&events, "events_pkey");
	for (int i = 0; i < keys.count; i++)
		answers[i] = Int16GetDatum(probe_key(&events, &snapshots, &keys, i));
	close_index(&events);
	close_index(&snapshots);
	PG_RETURN_ARRAYTYPE_P(construct_array(answers, keys.count, INT2OID, 2,
										  true, TYPALIGN_SHORT));
}

/* The arguments, four arrays of one length without nulls. */
static void
read_keys(FunctionCallInfo fcinfo, AzProbeKeys *keys)
{
	for (int column = 0; column < KEY_COLUMNS; column++)
	{
		ArrayType  *array = PG_GETARG_ARRAYTYPE_P(column);
		int16		len;
		bool		by_value;
		char		align;
		int			count;

		if (ARR_NDIM(array) > 1 || ARR_HASNULL(array))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("arrays to probe must have one dimension and no nulls")));
		get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &by_value, &align);
		deconstruct_array(array, ARR_ELEMTYPE(array), len, by_value, align,
						  &keys->values[column], NULL, &count);
		if (column > 0 && count != keys->count)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("arrays to probe must be of one length"),
					 errdetail("They have %d and %d elements.", keys->count,
							   count)));
		keys->count = count;
	}
}

static void
open_index(AzProbeIndex *probe, const char *name)
{
	Oid			oid = get_relname_relid(name, get_namespace_oid(SCHEMA, false));

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index \"%s.%s\" does not exist", SCHEMA, name)));
	probe->table = table_open(IndexGetRelation(oid, false), AccessShareLock);
	probe->index = index_open(oid, AccessShareLock);
	if (IndexRelationGetNumberOfKeyAttributes(probe->index) != KEY_COLUMNS)
		elog(ERROR, "index \"%s\" has %d columns, not %d", name,
			 IndexRelationGetNumberOfKeyAttributes(probe->index), KEY_COLUMNS);
	probe->sequence = probe->index->rd_index->indkey.values[SEQUENCE];
	InitDirtySnapshot(probe->snapshot);
	probe->row = table_slot_create(probe->table, NULL);
	probe->scan = index_beginscan(probe->table, probe->index,
								  &probe->snapshot, KEY_COLUMNS, 0);
}

/* Also one that was never opened.  Locks stay until the transaction ends. */
static void
close_index(AzProbeIndex *probe)
{
	if (probe->scan == NULL)
		return;
	index_endscan(probe->scan);
	ExecDropSingleTupleTableSlot(probe->row);
	index_close(probe->index, NoLock);
	table_close(probe->table, NoLock);
}

/* "snapshots" is opened when first needed: where the events do not decide. */
static AzProbe
probe_key(AzProbeIndex *events, AzProbeIndex *snapshots,
		  const AzProbeKeys *keys, int i)
{
	int64		expected = DatumGetInt64(keys->values[SEQUENCE][i]);
	AzPlace		places[2];		/* the predecessor's, and the place itself */

	if (expected < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("expected sequence %lld is negative",
						(long long) expected)));
	look(events, keys, i, places);
	if (places[1] == AZ_PLACE_FULL)
		return AZ_PROBE_TAKEN;
	if (places[1] == AZ_PLACE_OPEN || places[0] == AZ_PLACE_OPEN)
		return AZ_PROBE_BUSY;
	if (expected > 0 && places[0] == AZ_PLACE_FULL)
		return AZ_PROBE_FREE;

	if (snapshots->scan == NULL)
		open_index(snapshots, "snapshots_pkey");
	if (expected == 0)
		return probe_first(snapshots, keys, i);
	look(snapshots, keys, i, places);
	if (places[0] == AZ_PLACE_EMPTY)
		return AZ_PROBE_AHEAD;
	return places[0] == AZ_PLACE_OPEN ? AZ_PROBE_BUSY : AZ_PROBE_FREE;
}

/* An aggregate of which only a snapshot is left does not begin anew. */
static AzProbe
probe_first(AzProbeIndex *snapshots, const AzProbeKeys *keys, int i)
{
	seek(snapshots, keys, i, 0);
	if (!index_getnext_slot(snapshots->scan, ForwardScanDirection,
							snapshots->row))
		return AZ_PROBE_FREE;
	return place_found(snapshots) == AZ_PLACE_OPEN ?
		AZ_PROBE_BUSY : AZ_PROBE_TAKEN;
}

/* What stands at the sequence before the expected one, and at that one. */
static void
look(AzProbeIndex *probe, const AzProbeKeys *keys, int i, AzPlace places[2])
{
	int64		expected = DatumGetInt64(keys->values[SEQUENCE][i]);
	int64		lowest = Max(expected - 1, 0);

	places[0] = AZ_PLACE_EMPTY;
	places[1] = AZ_PLACE_EMPTY;
	seek(probe, keys, i, lowest);
	while (index_getnext_slot(probe->scan, ForwardScanDirection, probe->row))
	{
		bool		is_null;
		int64		sequence = DatumGetInt64(slot_getattr(probe->row,
														  probe->sequence,
														  &is_null));
		AzPlace    *place = &places[sequence == expected];

		if (sequence > expected)
			break;
		*place = Max(*place, place_found(probe));
	}
}

/* Positions the scan: one root, domain and edition, from "lowest" on. */
static void
seek(AzProbeIndex *probe, const AzProbeKeys *keys, int i, int64 lowest)
{
	static const RegProcedure procedures[KEY_COLUMNS] = {
		F_UUID_EQ, F_TEXTEQ, F_TEXTEQ, F_INT8GE
	};
	ScanKeyData scan_keys[KEY_COLUMNS];

	for (int column = 0; column < KEY_COLUMNS; column++)
		ScanKeyEntryInitialize(&scan_keys[column], 0, column + 1,
							   column == SEQUENCE ?
							   BTGreaterEqualStrategyNumber :
							   BTEqualStrategyNumber,
							   InvalidOid,
							   probe->index->rd_indcollation[column],
							   procedures[column],
							   column == SEQUENCE ? Int64GetDatum(lowest) :
							   keys->values[column][i]);
	index_rescan(probe->scan, scan_keys, KEY_COLUMNS, NULL, 0);
}

/* The row just read: others' open transactions leave their mark here. */
static AzPlace
place_found(const AzProbeIndex *probe)
{
	return TransactionIdIsValid(probe->snapshot.xmin) ||
		TransactionIdIsValid(probe->snapshot.xmax) ? AZ_PLACE_OPEN :
		AZ_PLACE_FULL;
}
