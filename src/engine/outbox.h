/*
 * The outbox: delivers what was recorded in it, when it is due.
 *
 * It reads once when it begins, when this engine has recorded something, when
 * an attempt is over and when the earliest pause is; and at least so often as
 * the components are read, for what others recorded.  So many attempts are
 * under way at a time as AZ_OUTBOX_BUSY says.
 *
 * Of several engines of a database, the one that has the lease delivers; the
 * others ask for it whenever they have read the components.
 */
#ifndef AZ_ENGINE_OUTBOX_H
#define AZ_ENGINE_OUTBOX_H

#include "engine/schedule.h"
#include "pipeline/job.h"

#define AZ_OUTBOX_BUSY 16

typedef struct AzOutbox
{
	AzDb	   *db;
	AzJobs	   *jobs;
	AzArena    *scratch;		/* emptied after each look */
	AzSchedule	schedule;
	int64_t		poll_us;		/* a look at least so often */
	AzJob	   *running[AZ_OUTBOX_BUSY];
	int64_t		ids[AZ_OUTBOX_BUSY];	/* of their rows */
	size_t		n_running;
	uint64_t	lease_version;	/* of the catalog, when it was asked for */
	bool		has_lease;
	bool		is_stopped;
} AzOutbox;

/* False when memory is out. */
extern bool az_outbox_init(AzOutbox *outbox, AzDb *db, AzJobs *jobs,
						   int64_t poll_us);

/* Gives up what is under way: it is as if it had not begun. */
extern void az_outbox_free(AzOutbox *outbox);

/* No attempt begins any more, and those under way are given up. */
extern void az_outbox_stop(AzOutbox *outbox);

/* Whether this engine is the one that delivers. */
extern bool az_outbox_may_run(const AzOutbox *outbox);

/* Whether there is something to do now. */
extern bool az_outbox_wants_turn(const AzOutbox *outbox);

/* Looks if it is time to, and starts what is due. */
extern void az_outbox_turn(AzOutbox *outbox);

#endif
