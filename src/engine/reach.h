/*
 * Whether a component that events or timers are delivered to can be reached.
 *
 * While it cannot, one delivery at a time asks whether it is there again, and
 * no attempt is counted: nothing of that is the fault of what is delivered.
 */
#ifndef AZ_ENGINE_REACH_H
#define AZ_ENGINE_REACH_H

#include "pipeline/delivery.h"

/* All zeros: it can be reached, as far as is known. */
typedef struct AzReach
{
	int			failures;		/* to reach it, in a row */
	int64_t		resume_us;		/* not before, by the wall clock; 0 = at once */
} AzReach;

/* How many deliveries of it may be under way: its own word, or the setting. */
extern size_t az_reach_max_running(const AzJobs *jobs, const char *component);

/* Whether a delivery that is over did not reach its component. */
extern bool az_reach_is_missed(const AzJob *delivery);

/*
 * One was missed, or one came through.  True when that is news, which the log
 * is told, too.
 */
extern bool az_reach_missed(AzReach *reach, const AzJob *delivery,
							const char *component);
extern bool az_reach_made(AzReach *reach, const char *component);

/*
 * The attempts that are spent of the stage where a delivery failed; "attempt"
 * and "stage" are those it was begun with.
 */
extern int	az_reach_attempts(const AzJob *delivery, int attempt, int stage);

#endif
