/*
 * The timers of one process manager that have elapsed: those that are being
 * delivered, wait for another attempt, or are to be forgotten.
 *
 * Parts of engine/timers.c, which decides when.  Times are the wall clock's,
 * in microseconds.
 */
#ifndef AZ_ENGINE_FIRINGS_H
#define AZ_ENGINE_FIRINGS_H

#include "engine/reach.h"
#include "engine/timers.h"
#include "store/timers.h"

typedef struct AzFiring AzFiring;

struct AzFirings
{
	AzTimers   *owner;
	char	   *name;			/* of the process manager */
	AzFiring   *all;
	size_t		n_held;			/* of them */
	size_t		n_running;
	size_t		n_settled;		/* to be forgotten */
	bool		is_ours;		/* to be delivered by this engine, now */
	bool		wants_read;		/* of what elapses next */
	bool		has_more;		/* there was more than there was room for */
	int64_t		next_us;		/* when the next one elapses; INT64_MAX = none */
	AzReach		reach;
	AzFirings  *previous;
	AzFirings  *next;
};

/* NULL when memory is out. */
extern AzFirings *az_firings_create(AzTimers *owner, const char *name);

/* Deliveries under way are given up. */
extern void az_firings_free(AzFirings *firings);

/* How many timers to read: those that are held already among them; 0 = none. */
extern int	az_firings_room(const AzFirings *firings);

/*
 * What was read, "most" asked for.  False when memory is out: to be read
 * again.
 */
extern bool az_firings_take(AzFirings *firings, const AzTimerEntry *entries,
							size_t count, int most, int64_t now_us);

/* Rows of those that are to be forgotten, into "rows"; returns how many. */
extern size_t az_firings_settled(const AzFirings *firings,
								 const AzTimerRow **rows);

/* They are. */
extern void az_firings_forget(AzFirings *firings);

/* Starts what may be delivered now. */
extern void az_firings_deliver(AzFirings *firings, int64_t now_us);

/* When there is something to do again; INT64_MAX = when it is told. */
extern int64_t az_firings_due_us(const AzFirings *firings, int64_t now_us);

#endif
