/* Keeping the states that business logic gives back: contract section 9. */
#ifndef AZ_STORE_SNAPSHOTS_H
#define AZ_STORE_SNAPSHOTS_H

#include "codec/event.h"
#include "db/db.h"

/* One snapshot of many; all of them of different aggregates. */
typedef struct AzSnapshotRow
{
	const AzAggregate *aggregate;
	const AzSnapshot *snapshot;
} AzSnapshotRow;

/*
 * Writes each in the open transaction, but for a state that the newest
 * snapshot has already, and deletes those it takes the place of.
 */
extern bool az_snapshots_keep(AzDb *db, const AzSnapshotRow *rows,
							  size_t count, AzArena *scratch, AzError *error);

#endif
