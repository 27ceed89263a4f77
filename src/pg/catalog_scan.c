/* What the host looks up in the server's catalogs. */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/catalog_scan.h"
#include "pg/spi_db.h"

typedef struct AzDatabaseScan
{
	Oid			only;			/* InvalidOid: all */
	List	   *found;			/* in "memory" */
	MemoryContext memory;
} AzDatabaseScan;

typedef struct AzTextScan
{
	char	   *text;			/* in "memory" */
	MemoryContext memory;
} AzTextScan;

static void scan_databases(void *arg);
static void scan_version(void *arg);
static void scan_events(void *arg);
static void scan_database_name(void *arg);

List *
az_catalog_scan_databases(void)
{
	AzDatabaseScan scan = {InvalidOid, NIL, CurrentMemoryContext};

	az_spi_db_run("list databases", scan_databases, &scan);
	return scan.found;
}

bool
az_catalog_scan_has_database(Oid database)
{
	AzDatabaseScan scan = {database, NIL, CurrentMemoryContext};
	bool		has;

	az_spi_db_run("look for database", scan_databases, &scan);
	has = scan.found != NIL;
	list_free(scan.found);
	return has;
}

char *
az_catalog_scan_version(void)
{
	AzTextScan	scan = {NULL, CurrentMemoryContext};

	az_spi_db_run("look for extension", scan_version, &scan);
	return scan.text;
}

char *
az_catalog_scan_database_name(void)
{
	AzTextScan	scan = {NULL, CurrentMemoryContext};

	az_spi_db_run("look for database", scan_database_name, &scan);
	return scan.text;
}

Oid
az_catalog_scan_events(void)
{
	Oid			oid = InvalidOid;

	az_spi_db_run("look for table of events", scan_events, &oid);
	return oid;
}

bool
az_catalog_scan_is_ours(Oid oid)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc rows;
	HeapTuple	row;
	bool		is_ours;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	rows = systable_beginscan(relation, ExtensionOidIndexId, true,
							  SnapshotSelf, 1, &key);
	row = systable_getnext(rows);
	is_ours = HeapTupleIsValid(row) &&
		namestrcmp(&((Form_pg_extension) GETSTRUCT(row))->extname,
				   AZ_EXTENSION_NAME) == 0;
	systable_endscan(rows);
	table_close(relation, AccessShareLock);
	return is_ours;
}

static void
scan_databases(void *arg)
{
	AzDatabaseScan *scan = arg;
	Relation	relation = table_open(DatabaseRelationId, AccessShareLock);
	SysScanDesc rows = systable_beginscan(relation, InvalidOid, false, NULL,
										  0, NULL);
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(rows)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(row);
		MemoryContext scratch;

		if (!database->datallowconn || database_is_invalid_form(database) ||
			(OidIsValid(scan->only) && database->oid != scan->only))
			continue;
		scratch = MemoryContextSwitchTo(scan->memory);
		scan->found = lappend_oid(scan->found, database->oid);
		MemoryContextSwitchTo(scratch);
	}
	systable_endscan(rows);
	table_close(relation, AccessShareLock);
}

static void
scan_version(void *arg)
{
	AzTextScan *scan = arg;
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc rows;
	HeapTuple	row;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(AZ_EXTENSION_NAME));
	rows = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	row = systable_getnext(rows);
	if (HeapTupleIsValid(row))
	{
		bool		is_null;
		Datum		version = heap_getattr(row, Anum_pg_extension_extversion,
										   RelationGetDescr(relation),
										   &is_null);

		if (!is_null)
			scan->text = MemoryContextStrdup(scan->memory,
											 TextDatumGetCString(version));
	}
	systable_endscan(rows);
	table_close(relation, AccessShareLock);
}

static void
scan_events(void *arg)
{
	Oid			schema = get_namespace_oid("angzarr", true);

	if (OidIsValid(schema))
		*(Oid *) arg = get_relname_relid("events", schema);
}

static void
scan_database_name(void *arg)
{
	AzTextScan *scan = arg;

	scan->text = MemoryContextStrdup(scan->memory,
									 get_database_name(MyDatabaseId));
}
