/* Keeping the snapshots of many aggregates with one statement. */
#include "store/snapshots.h"

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_KEEP_SNAPSHOTS. */
enum
{
	ROOT, DOMAIN, EDITION, SEQUENCE, CREATED_AT, RETENTION, TYPE_URL, STATE
};

static void fill_row(AzDbParam *params, size_t i, const AzSnapshotRow *row);

bool
az_snapshots_keep(AzDb *db, const AzSnapshotRow *rows, size_t count,
				  AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_KEEP_SNAPSHOTS, count,
										   scratch);
	AzRows		kept;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
		fill_row(params, i, &rows[i]);
	return az_db_execute(db, AZ_STATEMENT_KEEP_SNAPSHOTS, params, scratch,
						 &kept, error);
}

static void
fill_row(AzDbParam *params, size_t i, const AzSnapshotRow *row)
{
	AzBytes		root = {row->aggregate->root, AZ_UUID_SIZE};

	az_columns_set_bytes(&params[ROOT], i, root);
	az_columns_set_text(&params[DOMAIN], i, row->aggregate->domain);
	az_columns_set_text(&params[EDITION], i, row->aggregate->edition);
	az_columns_set_int(&params[SEQUENCE], i, row->snapshot->sequence);
	az_columns_set_int(&params[CREATED_AT], i, row->snapshot->created_at_us);
	az_columns_set_int(&params[RETENTION], i, row->snapshot->retention);
	az_columns_set_text(&params[TYPE_URL], i, row->snapshot->type_url);
	az_columns_set_bytes(&params[STATE], i, row->snapshot->state);
}
