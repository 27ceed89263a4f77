/*
 * The registered payload types, kept for the session.
 *
 * A trigger on angzarr.descriptors sends an invalidation of the table.  The
 * server delivers it to this session after the command, to all when the
 * transaction commits, and to this one again when it is rolled back: what
 * was built meanwhile is then stale.  What is built comes from the newest
 * snapshot, never the transaction's own: an old one would be kept after the
 * invalidation has been heard.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/error.h"
#include "codec/messages.h"
#include "pg/compat.h"
#include "pg/types_cache.h"

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_descriptors_changed);

/* Columns of the table. */
enum
{
	NAME_COLUMN = 1,
	FILE_COLUMN = 2
};

typedef struct Files
{
	AzTypesFile *files;			/* in the current memory context */
	size_t		count;
	size_t		capacity;
} Files;

static AzTypes *kept;			/* on the library's heap */
static Oid	kept_table;			/* that they came from */
static uint64 heard;			/* invalidations, so far */
static uint64 kept_at;			/* value of "heard" before they were read */

static void hear(Datum arg, Oid table);
static Oid	find_table(void);
static Files read_files(Oid table);
static void add_file(Files *files, HeapTuple row, TupleDesc columns);
static AzTypes *build(const Files *files);

const AzTypes *
az_types_cache_get(void)
{
	static bool is_listening = false;
	MemoryContext scratch;
	MemoryContext before;
	uint64		now;
	Oid			table;

	if (!is_listening)
		CacheRegisterRelcacheCallback(hear, (Datum) 0);
	is_listening = true;
	if (kept != NULL && kept_at == heard)
		return kept;
	scratch = AllocSetContextCreate(CurrentMemoryContext,
									"angzarr descriptors",
									ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(scratch);
	now = heard;
	table = find_table();
	{
		const Files files = read_files(table);
		AzTypes    *built = build(&files);

		az_types_free(kept);
		kept = built;
		kept_table = table;
		kept_at = now;
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return kept;
}

/* Trigger on the table of descriptors. */
Datum
angzarr_descriptors_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"_descriptors_changed\" must be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* The server calls this anywhere, so it only takes note. */
static void
hear(Datum arg, Oid table)
{
	if (!OidIsValid(table) || table == kept_table || !OidIsValid(kept_table))
		heard++;
}

static Oid
find_table(void)
{
	Oid			schema = get_namespace_oid("angzarr", false);
	Oid			table = get_relname_relid("descriptors", schema);

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"angzarr.descriptors\" does not exist")));
	return table;
}

static Files
read_files(Oid table)
{
	Files		files = {0};
	Relation	relation = table_open(table, AccessShareLock);
	SysScanDesc rows = systable_beginscan(relation, InvalidOid, false, NULL,
										  0, NULL);
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(rows)))
		add_file(&files, row, RelationGetDescr(relation));
	systable_endscan(rows);
	table_close(relation, AccessShareLock);
	return files;
}

static void
add_file(Files *files, HeapTuple row, TupleDesc columns)
{
	bool		is_null[2];
	Datum		name = heap_getattr(row, NAME_COLUMN, columns, &is_null[0]);
	Datum		file = heap_getattr(row, FILE_COLUMN, columns, &is_null[1]);
	bytea	   *bytes;

	if (is_null[0] || is_null[1])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a file of descriptors is null")));
	if (files->count == files->capacity)
	{
		files->capacity = Max(8, 2 * files->capacity);
		files->files = files->files == NULL ?
			palloc(sizeof(AzTypesFile) * files->capacity) :
			repalloc(files->files, sizeof(AzTypesFile) * files->capacity);
	}
	bytes = DatumGetByteaPCopy(file);
	files->files[files->count].name = TextDatumGetCString(name);
	files->files[files->count].bytes.data = (uint8_t *) VARDATA(bytes);
	files->files[files->count].bytes.len = VARSIZE(bytes) - VARHDRSZ;
	files->count++;
}

/* Ours and these; nothing raises an error while the arena is there. */
static AzTypes *
build(const Files *files)
{
	const AzBytes known = {
		.data = az_descriptor_set,.len = az_descriptor_set_len
	};
	AzArena    *arena = az_arena_create();
	AzError		error = {0};
	AzTypes    *types = NULL;
	char		message[512];

	if (arena == NULL)
		az_error_out_of_memory(&error);
	else
		types = az_types_create(known, files->files, files->count, arena,
								&error);
	strlcpy(message, types != NULL ? "" : error.message, sizeof(message));
	az_arena_free(arena);
	if (types == NULL)
		ereport(ERROR,
				(errcode(error.code == AZ_RESOURCE_EXHAUSTED ?
						 ERRCODE_OUT_OF_MEMORY : ERRCODE_DATA_CORRUPTED),
				 errmsg("the registered descriptors do not go together: %s",
						message),
				 errhint("Put angzarr.descriptors right, then call register_descriptors with the whole set.")));
	return types;
}
