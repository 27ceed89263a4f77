/* The tick: the wishes of many jobs in one transaction. */
#ifndef AZ_ENGINE_TICK_H
#define AZ_ENGINE_TICK_H

#include "pipeline/job.h"

typedef struct AzTick
{
	AzDb	   *db;
	AzArena    *scratch;		/* emptied after each tick */
	AzWish	  **wishes;			/* of this tick */
	size_t		capacity;
	size_t		max_jobs;
	size_t		max_bytes;
	uint64_t	batches;		/* calls of append_batch */
} AzTick;

/* Room for "max_jobs" wishes; false when memory is out. */
extern bool az_tick_init(AzTick *tick, AzDb *db, size_t max_jobs,
						 size_t max_bytes);
extern void az_tick_free(AzTick *tick);

/*
 * Fulfils the oldest wishes, as many as the limits allow, and tells each
 * when the transaction is committed.  When it fails the batch is tried in
 * its safe form, then wish by wish.
 */
extern void az_tick_run(AzTick *tick, AzJobs *jobs);

#endif
