/*
 * When a part of the engine looks at the database next, if nothing that it is
 * told makes it look before; a look that fails is tried again after a pause,
 * and not before, whatever is told.
 */
#ifndef AZ_ENGINE_SCHEDULE_H
#define AZ_ENGINE_SCHEDULE_H

#include "base/error.h"
#include "net/loop.h"

typedef struct AzSchedule
{
	AzLoop	   *loop;
	AzTimer		timer;
	const char *task;			/* for the log: "could not ..." */
	bool		is_due;			/* the timer says so */
	bool		has_failed;		/* the last look: only the timer counts */
} AzSchedule;

/* Nothing is due yet.  The task is good for as long as the schedule is. */
extern void az_schedule_init(AzSchedule *schedule, AzLoop *loop,
							 const char *task);

/* No timer runs any more; also for one that was never begun (all zeros). */
extern void az_schedule_stop(AzSchedule *schedule);

/* The next look in so many microseconds; false when memory is out. */
extern bool az_schedule_wait(AzSchedule *schedule, int64_t wait_us);

/*
 * The same by the wall clock, which says now_us: at once when that is over,
 * only when told for INT64_MAX.
 */
extern bool az_schedule_wait_until(AzSchedule *schedule, int64_t due_us,
								   int64_t now_us);

/*
 * A look failed: the next one in "pause_us" microseconds.  The log is told
 * once, until one succeeds, which its owner notes in has_failed.
 */
extern void az_schedule_failed(AzSchedule *schedule, const AzError *error,
							   int64_t pause_us);

#endif
