/* What the host looks up in the server's catalogs. */
#ifndef AZ_PG_CATALOG_SCAN_H
#define AZ_PG_CATALOG_SCAN_H

#include "nodes/pg_list.h"

#define AZ_EXTENSION_NAME "angzarr"

/* Databases that allow connections, as a list of oids; own transaction. */
extern List *az_catalog_scan_databases(void);

/* Whether this one exists and allows connections; own transaction. */
extern bool az_catalog_scan_has_database(Oid database);

/*
 * The version of extension angzarr in this database, NULL when it is not
 * installed; own transaction.  Palloc'd.
 */
extern char *az_catalog_scan_version(void);

/* The name of this database; own transaction.  Palloc'd. */
extern char *az_catalog_scan_database_name(void);

/* The table of events in this database; own transaction. */
extern Oid	az_catalog_scan_events(void);

/* Whether extension "oid" is ours; also sees rows of this very command. */
extern bool az_catalog_scan_is_ours(Oid oid);

#endif
