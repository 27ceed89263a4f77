/*
 * When a part of the engine looks at the database next.
 */
#include "engine/schedule.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void due(AzTimer *timer);

void
az_schedule_init(AzSchedule *schedule, AzLoop *loop, const char *task)
{
	memset(schedule, 0, sizeof(*schedule));
	schedule->loop = loop;
	schedule->task = task;
	schedule->timer.due = due;
	schedule->timer.owner = schedule;
}

void
az_schedule_stop(AzSchedule *schedule)
{
	if (schedule->loop != NULL)
		az_loop_stop_timer(schedule->loop, &schedule->timer);
}

bool
az_schedule_wait(AzSchedule *schedule, int64_t wait_us)
{
	return az_loop_start_timer(schedule->loop, &schedule->timer,
							   az_clock_monotonic_us() + wait_us);
}

bool
az_schedule_wait_until(AzSchedule *schedule, int64_t due_us, int64_t now_us)
{
	if (due_us < INT64_MAX)
		return az_schedule_wait(schedule,
								due_us > now_us ? due_us - now_us : 0);
	az_schedule_stop(schedule);
	return true;
}

void
az_schedule_failed(AzSchedule *schedule, const AzError *error,
				   int64_t pause_us)
{
	if (!schedule->has_failed)
		az_log(AZ_LOG_WARNING, "could not %s, trying again: %s",
			   schedule->task, error->message);
	schedule->has_failed = true;
	schedule->is_due = false;
	az_schedule_wait(schedule, pause_us);
}

static void
due(AzTimer *timer)
{
	AzSchedule *schedule = timer->owner;

	schedule->is_due = true;
}
