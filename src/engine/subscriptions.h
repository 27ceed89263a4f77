/*
 * The subscriptions of components: gives each the events of the log behind
 * its horizon, in order for each stream, and keeps how far it has come.
 *
 * Of several engines of a database, one delivers to a component: the one
 * that has its lease.  A turn is at most one transaction; nothing is done
 * while nothing happens.
 */
#ifndef AZ_ENGINE_SUBSCRIPTIONS_H
#define AZ_ENGINE_SUBSCRIPTIONS_H

#include "engine/schedule.h"
#include "engine/window.h"
#include "pipeline/job.h"

typedef struct AzSubscription AzSubscription;

typedef struct AzSubscriptions
{
	AzDb	   *db;
	AzJobs	   *jobs;
	AzArena    *scratch;		/* emptied after each turn */
	AzReader	reader;			/* of the horizon */
	AzSchedule	schedule;
	AzSubscription *all;
	int64_t		horizon;
	uint64_t	version;		/* of the catalog, when last refreshed */
	uint64_t	looks;			/* rises when leases and pauses were looked at */
	bool		has_moved;		/* a delivery ended, or there is more to read */
	bool		is_stopping;	/* nothing is begun any more */
} AzSubscriptions;

/* False when memory is out. */
extern bool az_subscriptions_init(AzSubscriptions *subscriptions, AzDb *db,
								  AzJobs *jobs);
extern void az_subscriptions_free(AzSubscriptions *subscriptions);

extern bool az_subscriptions_want_turn(const AzSubscriptions *subscriptions);
extern void az_subscriptions_turn(AzSubscriptions *subscriptions);

/*
 * Whether this engine has the lease of a component that is to be delivered
 * to: neither paused nor disabled.  The answer may be another one when "looks"
 * has risen.
 */
extern bool az_subscriptions_deliver_to(const AzSubscriptions *subscriptions,
										const char *component);
extern uint64_t az_subscriptions_looks(const AzSubscriptions *subscriptions);

/* Begins nothing more; stopped: nothing is under way, all is written. */
extern void az_subscriptions_stop(AzSubscriptions *subscriptions);
extern bool az_subscriptions_are_stopped(const AzSubscriptions *subscriptions);

#endif
