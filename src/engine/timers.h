/*
 * The timers of process managers: wakes each when one elapses.
 *
 * The engine that delivers events to a process manager (its lease,
 * engine/subscriptions.h) delivers what elapses, too; of who is paused or
 * disabled, timers wait.  What is due first is read when that may have
 * changed; until then one timer of the loop runs, and nothing is asked.
 */
#ifndef AZ_ENGINE_TIMERS_H
#define AZ_ENGINE_TIMERS_H

#include "engine/subscriptions.h"

typedef struct AzFirings AzFirings;

typedef struct AzTimers
{
	AzDb	   *db;
	AzJobs	   *jobs;
	const AzSubscriptions *subscriptions;
	AzArena    *scratch;		/* emptied after each turn */
	AzSchedule	schedule;
	AzFirings  *all;			/* of each process manager */
	uint64_t	looks;			/* of the subscriptions, when last read */
	bool		has_moved;		/* a delivery ended, or there is more to read */
	bool		is_stopping;	/* nothing is begun any more */
} AzTimers;

/* False when memory is out. */
extern bool az_timers_init(AzTimers *timers, AzDb *db, AzJobs *jobs,
						   const AzSubscriptions *subscriptions);

/* Deliveries under way are given up. */
extern void az_timers_free(AzTimers *timers);

/* A turn, behind that of the subscriptions, is at most one transaction. */
extern bool az_timers_want_turn(const AzTimers *timers);
extern void az_timers_turn(AzTimers *timers);

/* Begins nothing more; stopped: nothing is under way, all is written. */
extern void az_timers_stop(AzTimers *timers);
extern bool az_timers_are_stopped(const AzTimers *timers);

#endif
