/* What is stored with the events of those that were appended. */
#include "store/companions.h"

#include "store/snapshots.h"

static bool keep_snapshots(AzDb *db, AzWish **wishes, size_t count,
						   AzArena *scratch, AzError *error);
static bool record_outbox(AzDb *db, AzWish **wishes, size_t count,
						  AzArena *scratch, AzError *error);
static bool keep_timers(AzDb *db, AzWish **wishes, size_t count,
						AzArena *scratch, AzError *error);

bool
az_companions_keep(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
				   AzError *error)
{
	return keep_snapshots(db, wishes, count, scratch, error) &&
		record_outbox(db, wishes, count, scratch, error) &&
		keep_timers(db, wishes, count, scratch, error);
}

static bool
keep_snapshots(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			   AzError *error)
{
	AzSnapshotRow *rows = az_arena_array(scratch, count,
										 sizeof(AzSnapshotRow));
	size_t		n_rows = 0;

	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		const AzAppendWish *append = (AzAppendWish *) wishes[i];

		if (!append->appended || append->snapshot == NULL)
			continue;
		rows[n_rows].aggregate = &append->aggregate;
		rows[n_rows++].snapshot = append->snapshot;
	}
	return n_rows == 0 || az_snapshots_keep(db, rows, n_rows, scratch, error);
}

/* What those that were appended owe others. */
static bool
record_outbox(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			  AzError *error)
{
	const AzOutboxRow **rows;
	size_t		most = 0;
	size_t		n_rows = 0;

	for (size_t i = 0; i < count; i++)
		most += ((AzAppendWish *) wishes[i])->n_outbox;
	if (most == 0)
		return true;
	rows = az_arena_array(scratch, most, sizeof(*rows));
	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		const AzAppendWish *append = (AzAppendWish *) wishes[i];

		for (size_t j = 0; append->appended && j < append->n_outbox; j++)
			rows[n_rows++] = &append->outbox[j];
	}
	return n_rows == 0 ||
		az_outbox_record(db, rows, n_rows, scratch, error);
}

/* What those that were appended set, move and cancel. */
static bool
keep_timers(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			AzError *error)
{
	const AzTimerRow **rows;
	size_t		most = 0;
	size_t		n_rows = 0;

	for (size_t i = 0; i < count; i++)
		most += ((AzAppendWish *) wishes[i])->n_timers;
	if (most == 0)
		return true;
	rows = az_arena_array(scratch, most, sizeof(*rows));
	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		const AzAppendWish *append = (AzAppendWish *) wishes[i];

		for (size_t j = 0; append->appended && j < append->n_timers; j++)
			rows[n_rows++] = &append->timers[j];
	}
	return n_rows == 0 || az_timers_keep(db, rows, n_rows, scratch, error);
}
