/*
 * The timers of one process manager that have elapsed.
 *
 * A process manager that cannot be reached is asked again and again with one
 * of them at a time; no attempt is counted and nothing becomes a dead letter.
 * Attempts are counted in memory: another engine begins anew.
 */
#include "engine/firings.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/book.h"
#include "pipeline/failure.h"
#include "pipeline/timeout.h"

#define MAX_HELD 1000			/* also those that wait for another attempt */
#define BUSY_US INT64_C(10000)	/* until jobs can be had again */

struct AzFiring
{
	AzFirings  *firings;
	AzTimerRow	row;
	AzArena    *arena;			/* of it and the trigger */
	AzBook		trigger;
	AzJob	   *job;			/* under way, or NULL */
	int			attempt;		/* 1 = first, of the stage */
	int			stage;			/* that failed last */
	int64_t		due_us;			/* the next attempt */
	bool		is_settled;		/* to be forgotten */
	AzFiring   *previous;
	AzFiring   *next;
};

static void free_firing(AzFiring *firing);
static const AzComponent *component_of(const AzFirings *firings);
static bool is_held(const AzFirings *firings, const AzTimerRow *row);
static bool hold(AzFirings *firings, const AzTimerEntry *entry);
static bool copy_entry(AzFiring *firing, const AzTimerEntry *entry,
					   AzError *error);
static bool may_run(const AzFirings *firings, int64_t now_us);
static bool start(AzFiring *firing, const AzComponent *component,
				  int64_t now_us);
static void delivery_done(AzJob *job);
static void judge(AzFiring *firing, const AzJob *job);

AzFirings *
az_firings_create(AzTimers *owner, const char *name)
{
	AzFirings  *firings = calloc(1, sizeof(AzFirings));

	if (firings == NULL)
		return NULL;
	firings->owner = owner;
	firings->next_us = INT64_MAX;
	firings->name = strdup(name);
	if (firings->name != NULL)
		return firings;
	free(firings);
	return NULL;
}

void
az_firings_free(AzFirings *firings)
{
	AzFiring   *firing;
	AzFiring   *next;

	DL_FOREACH_SAFE2(firings->all, firing, next, next)
	{
		if (firing->job != NULL)
			az_job_cancel(firing->job);
		free_firing(firing);
	}
	free(firings->name);
	free(firings);
}

/* One more than there is room for, so that it is known when that elapses. */
int
az_firings_room(const AzFirings *firings)
{
	size_t		running = firings->n_running;
	size_t		most = az_reach_max_running(firings->owner->jobs,
											firings->name);

	if (running >= most || firings->n_held >= MAX_HELD)
		return 0;
	return (int) (firings->n_held + most - running + 1);
}

bool
az_firings_take(AzFirings *firings, const AzTimerEntry *entries, size_t count,
				int most, int64_t now_us)
{
	firings->wants_read = false;
	firings->next_us = INT64_MAX;
	for (size_t i = 0; i < count; i++)
	{
		const AzTimerEntry *entry = &entries[i];

		if (entry->row.due_us > now_us)
		{
			firings->next_us = entry->row.due_us;
			break;
		}
		if (is_held(firings, &entry->row) || hold(firings, entry))
			continue;
		firings->wants_read = true;
		return false;
	}
	/* When all of it was due there may be more: once there is room. */
	firings->has_more = firings->next_us == INT64_MAX &&
		count == (size_t) most;
	return true;
}

size_t
az_firings_settled(const AzFirings *firings, const AzTimerRow **rows)
{
	const AzFiring *firing;
	size_t		count = 0;

	DL_FOREACH2(firings->all, firing, next)
		if (firing->is_settled)
		rows[count++] = &firing->row;
	return count;
}

void
az_firings_forget(AzFirings *firings)
{
	AzFiring   *firing;
	AzFiring   *next;

	DL_FOREACH_SAFE2(firings->all, firing, next, next)
	{
		if (!firing->is_settled)
			continue;
		DL_DELETE2(firings->all, firing, previous, next);
		firings->n_held--;
		free_firing(firing);
	}
	firings->n_settled = 0;
}

void
az_firings_deliver(AzFirings *firings, int64_t now_us)
{
	const AzComponent *component = component_of(firings);
	AzFiring   *firing;

	if (component == NULL)
		return;
	DL_FOREACH2(firings->all, firing, next)
	{
		if (!may_run(firings, now_us))
			return;
		if (firing->job != NULL || firing->is_settled ||
			firing->due_us > now_us)
			continue;
		if (!start(firing, component, now_us))
			return;
	}
}

int64_t
az_firings_due_us(const AzFirings *firings, int64_t now_us)
{
	const AzFiring *firing;
	int64_t		due_us = INT64_MAX;

	if (!firings->is_ours)
		return INT64_MAX;
	/* What waits for room is told when there is some. */
	if (firings->n_running < az_reach_max_running(firings->owner->jobs,
												  firings->name))
		DL_FOREACH2(firings->all, firing, next)
			if (firing->job == NULL && !firing->is_settled &&
				firing->due_us < due_us)
			due_us = firing->due_us;
	if (firings->reach.failures > 0 && firings->n_running > 0)
		due_us = INT64_MAX;
	else if (due_us < firings->reach.resume_us)
		due_us = firings->reach.resume_us;
	/* Without room nothing is read: the end of a delivery tells. */
	return firings->next_us < due_us && az_firings_room(firings) > 0 ?
		firings->next_us : due_us;
}

static void
free_firing(AzFiring *firing)
{
	az_arena_free(firing->arena);
	free(firing);
}

static const AzComponent *
component_of(const AzFirings *firings)
{
	return az_catalog_named(firings->owner->jobs->catalog, firings->name);
}

static bool
is_held(const AzFirings *firings, const AzTimerRow *row)
{
	const AzFiring *firing;

	DL_FOREACH2(firings->all, firing, next)
		if (firing->row.sequence == row->sequence &&
			az_aggregate_is_same(&firing->row.process, &row->process))
		return true;
	return false;
}

/* False when memory is out.  What cannot be given to anybody is not held. */
static bool
hold(AzFirings *firings, const AzTimerEntry *entry)
{
	AzFiring   *firing = calloc(1, sizeof(AzFiring));
	AzError		error = {0};

	if (firing == NULL)
		return false;
	firing->firings = firings;
	firing->attempt = 1;
	firing->arena = az_arena_create();
	if (firing->arena == NULL || !copy_entry(firing, entry, &error))
	{
		if (error.code == AZ_DATA_LOSS)
			az_log(AZ_LOG_WARNING, "a timer of process manager \"%s\" cannot be delivered: %s",
				   firings->name, error.message);
		free_firing(firing);
		return error.code == AZ_DATA_LOSS;
	}
	DL_APPEND2(firings->all, firing, previous, next);
	firings->n_held++;
	return true;
}

static bool
copy_entry(AzFiring *firing, const AzTimerEntry *entry, AzError *error)
{
	AzArena    *arena = firing->arena;
	AzTimerEntry copy = *entry;
	AzTimerRow *row = &copy.row;

	row->component = firing->firings->name;
	row->name = az_arena_string(arena, row->name);
	row->process.domain = az_arena_string(arena, row->process.domain);
	row->process.edition = az_arena_string(arena, row->process.edition);
	copy.correlation_id = az_arena_string(arena, entry->correlation_id);
	if (row->name == NULL || row->process.domain == NULL ||
		row->process.edition == NULL || copy.correlation_id == NULL ||
		!az_arena_copy(arena, entry->row.payload, &row->payload) ||
		!az_arena_copy(arena, entry->ext, &copy.ext))
		return az_error_out_of_memory(error);
	firing->row = *row;
	return az_timeout_trigger(&copy, &firing->trigger, arena, error);
}

static bool
may_run(const AzFirings *firings, int64_t now_us)
{
	return firings->is_ours && firings->reach.resume_us <= now_us &&
		firings->n_running <
		(firings->reach.failures > 0 ? 1 : az_reach_max_running(firings->owner->jobs,
																firings->name));
}

/* False when there is no room for it now. */
static bool
start(AzFiring *firing, const AzComponent *component, int64_t now_us)
{
	AzFirings  *firings = firing->firings;
	AzDelivery	delivery = {
		.component = component,
		.trigger = firing->trigger,
		.attempt = firing->attempt,
		.stage = firing->stage,
		.sync_mode = PB_SYNC_MODE_ASYNC,
		.firing = &firing->row
	};
	AzError		error = {0};

	firing->job = az_delivery_create(firings->owner->jobs, &delivery, &error);
	if (firing->job == NULL)
	{
		firings->reach.resume_us = now_us + BUSY_US;
		return false;
	}
	firing->job->owner = firing;
	firing->job->done = delivery_done;
	firings->n_running++;
	az_job_start(firing->job);
	return true;
}

static void
delivery_done(AzJob *job)
{
	AzFiring   *firing = job->owner;
	AzFirings  *firings = firing->firings;

	judge(firing, job);
	firing->job = NULL;
	firings->n_running--;
	if (firings->has_more)
		firings->wants_read = true;
	firings->owner->has_moved = true;
}

static void
judge(AzFiring *firing, const AzJob *job)
{
	AzFirings  *firings = firing->firings;
	int			attempts = az_reach_attempts(job, firing->attempt,
											 firing->stage);

	if (az_reach_is_missed(job))
	{
		az_reach_missed(&firings->reach, job, firings->name);
		return;
	}
	az_reach_made(&firings->reach, firings->name);
	if (job->error.code == AZ_OK)
	{
		firing->is_settled = true;
		firings->n_settled++;
		return;
	}
	firing->attempt = attempts + 1;
	firing->stage = az_delivery_result(job)->stage;
	firing->due_us = az_clock_wall_us() +
		az_failure_delay_us(&firings->owner->jobs->settings, attempts);
}
