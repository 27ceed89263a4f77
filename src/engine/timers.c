/*
 * The timers of process managers: which are read, and when.
 *
 * What has elapsed and is done with is forgotten, and what elapses next is
 * read, for all process managers in one transaction.
 */
#include "engine/timers.h"

#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "engine/firings.h"

#define RETRY_US INT64_C(250000)

/* What one transaction does. */
typedef struct Work
{
	const AzTimerRow **settled;
	size_t		n_settled;
	AzFirings **readers;		/* beside each of these names */
	const char **names;
	int		   *most;
	size_t		n_readers;
	AzTimerEntry *entries;
	size_t		n_entries;
} Work;

static bool is_stale(const AzTimers *timers);
static bool take_turn(AzTimers *timers, int64_t now_us, AzError *error);
static bool sync_with_catalog(AzTimers *timers);
static AzFirings *find(const AzTimers *timers, const char *name);
static void close_gone(AzTimers *timers);
static void look_at_set(AzTimers *timers);
static bool plan(AzTimers *timers, Work *work, int64_t now_us);
static bool run(AzTimers *timers, Work *work, AzError *error);
static bool run_steps(AzTimers *timers, Work *work, AzError *error);
static bool apply(AzTimers *timers, const Work *work, int64_t now_us);
static bool plan_next(AzTimers *timers, int64_t now_us);

bool
az_timers_init(AzTimers *timers, AzDb *db, AzJobs *jobs,
			   const AzSubscriptions *subscriptions)
{
	memset(timers, 0, sizeof(*timers));
	timers->db = db;
	timers->jobs = jobs;
	timers->subscriptions = subscriptions;
	az_schedule_init(&timers->schedule, jobs->loop,
					 "read or write the timers");
	timers->scratch = az_arena_create();
	return timers->scratch != NULL;
}

void
az_timers_free(AzTimers *timers)
{
	AzFirings  *firings;
	AzFirings  *next;

	if (timers->jobs == NULL)
		return;
	DL_FOREACH_SAFE2(timers->all, firings, next, next)
		az_firings_free(firings);
	az_schedule_stop(&timers->schedule);
	az_arena_free(timers->scratch);
	memset(timers, 0, sizeof(*timers));
}

bool
az_timers_want_turn(const AzTimers *timers)
{
	if (timers->schedule.has_failed)
		return timers->schedule.is_due;
	return timers->schedule.is_due || timers->has_moved ||
		(!timers->is_stopping &&
		 (is_stale(timers) || timers->jobs->timer_due_us != INT64_MAX));
}

void
az_timers_turn(AzTimers *timers)
{
	int64_t		now_us = az_clock_wall_us();
	AzError		error = {0};

	if (!az_timers_want_turn(timers))
		return;
	timers->schedule.is_due = false;
	timers->has_moved = false;
	if (take_turn(timers, now_us, &error))
		timers->schedule.has_failed = false;
	else
		az_schedule_failed(&timers->schedule, &error, RETRY_US);
	az_arena_reset(timers->scratch);
}

static bool
take_turn(AzTimers *timers, int64_t now_us, AzError *error)
{
	Work		work = {0};
	AzFirings  *firings;
	bool		is_fine;

	look_at_set(timers);
	if (!sync_with_catalog(timers) || !plan(timers, &work, now_us))
		return az_error_out_of_memory(error);
	if (work.n_settled + work.n_readers > 0 && !run(timers, &work, error))
		return false;
	is_fine = apply(timers, &work, now_us);
	DL_FOREACH2(timers->all, firings, next)
		if (!timers->is_stopping)
		az_firings_deliver(firings, now_us);
	return (is_fine && plan_next(timers, now_us)) ||
		az_error_out_of_memory(error);
}

void
az_timers_stop(AzTimers *timers)
{
	timers->is_stopping = true;
	timers->schedule.is_due = true;
}

/* A database that does not take what is settled is not waited for. */
bool
az_timers_are_stopped(const AzTimers *timers)
{
	const AzFirings *firings;

	DL_FOREACH2(timers->all, firings, next)
		if (firings->n_running > 0 ||
			(firings->n_settled > 0 && !timers->schedule.has_failed))
		return false;
	return true;
}

/* Somebody's lease, pause or registration may have changed since. */
static bool
is_stale(const AzTimers *timers)
{
	return timers->looks != az_subscriptions_looks(timers->subscriptions);
}

static bool
sync_with_catalog(AzTimers *timers)
{
	const AzCatalog *catalog = timers->jobs->catalog;

	if (!is_stale(timers) || timers->is_stopping)
		return true;
	close_gone(timers);
	for (size_t i = 0; i < az_catalog_count(catalog); i++)
	{
		const AzComponent *component = az_catalog_at(catalog, i);
		AzFirings  *firings = find(timers, component->name);

		if (!az_component_is_process(component))
			continue;
		if (firings == NULL)
		{
			firings = az_firings_create(timers, component->name);
			if (firings == NULL)
				return false;
			DL_APPEND2(timers->all, firings, previous, next);
		}
		firings->is_ours = az_subscriptions_deliver_to(timers->subscriptions,
													   component->name);
		firings->wants_read = true;
		/* It may be somewhere else now. */
		firings->reach.resume_us = 0;
	}
	timers->looks = az_subscriptions_looks(timers->subscriptions);
	return true;
}

static AzFirings *
find(const AzTimers *timers, const char *name)
{
	AzFirings  *firings;

	DL_FOREACH2(timers->all, firings, next)
		if (strcmp(firings->name, name) == 0)
		return firings;
	return NULL;
}

static void
close_gone(AzTimers *timers)
{
	const AzCatalog *catalog = timers->jobs->catalog;
	AzFirings  *firings;
	AzFirings  *next;

	DL_FOREACH_SAFE2(timers->all, firings, next, next)
	{
		const AzComponent *component = az_catalog_named(catalog,
														firings->name);

		if (component != NULL && az_component_is_process(component))
			continue;
		DL_DELETE2(timers->all, firings, previous, next);
		az_firings_free(firings);
	}
}

/* What this engine has set meanwhile: whose it is is found out when due. */
static void
look_at_set(AzTimers *timers)
{
	AzFirings  *firings;

	DL_FOREACH2(timers->all, firings, next)
		if (timers->jobs->timer_due_us < firings->next_us)
		firings->next_us = timers->jobs->timer_due_us;
	timers->jobs->timer_due_us = INT64_MAX;
}

/* ---- one transaction ---- */

static bool
plan(AzTimers *timers, Work *work, int64_t now_us)
{
	AzArena    *scratch = timers->scratch;
	AzFirings  *firings;
	size_t		count = 0;
	size_t		n_settled = 0;

	DL_FOREACH2(timers->all, firings, next)
	{
		count++;
		n_settled += firings->n_settled;
	}
	work->settled = az_arena_array(scratch, n_settled + 1,
								   sizeof(AzTimerRow *));
	work->readers = az_arena_array(scratch, count + 1, sizeof(AzFirings *));
	work->names = az_arena_array(scratch, count + 1, sizeof(char *));
	work->most = az_arena_array(scratch, count + 1, sizeof(int));
	if (work->settled == NULL || work->readers == NULL ||
		work->names == NULL || work->most == NULL)
		return false;
	DL_FOREACH2(timers->all, firings, next)
	{
		int			most = az_firings_room(firings);

		work->n_settled += az_firings_settled(firings,
											  work->settled + work->n_settled);
		if (firings->next_us <= now_us)
			firings->wants_read = true;
		if (!firings->is_ours || !firings->wants_read || most == 0 ||
			timers->is_stopping)
			continue;
		work->readers[work->n_readers] = firings;
		work->names[work->n_readers] = firings->name;
		work->most[work->n_readers++] = most;
	}
	return true;
}

static bool
run(AzTimers *timers, Work *work, AzError *error)
{
	AzDb	   *db = timers->db;
	AzArena    *scratch = timers->scratch;

	return az_db_begin(db, scratch, error) &&
		az_db_end(db, run_steps(timers, work, error), scratch, error);
}

static bool
run_steps(AzTimers *timers, Work *work, AzError *error)
{
	AzDb	   *db = timers->db;
	AzArena    *scratch = timers->scratch;

	return (work->n_settled == 0 ||
			az_timers_drop(db, work->settled, work->n_settled, scratch,
						   error)) &&
		(work->n_readers == 0 ||
		 az_timers_due(db, work->names, work->most, work->n_readers,
					   &work->entries, &work->n_entries, scratch, error));
}

/* It is committed. */
static bool
apply(AzTimers *timers, const Work *work, int64_t now_us)
{
	AzFirings  *firings;
	size_t		row = 0;
	bool		is_fine = true;

	DL_FOREACH2(timers->all, firings, next)
		if (work->n_settled > 0)
		az_firings_forget(firings);
	for (size_t i = 0; i < work->n_readers; i++)
	{
		size_t		first = row;

		while (row < work->n_entries && work->entries[row].component == i)
			row++;
		is_fine = az_firings_take(work->readers[i], work->entries + first,
								  row - first, work->most[i], now_us) &&
			is_fine;
	}
	return is_fine;
}

static bool
plan_next(AzTimers *timers, int64_t now_us)
{
	AzFirings  *firings;
	int64_t		due_us = INT64_MAX;

	if (!timers->is_stopping)
		DL_FOREACH2(timers->all, firings, next)
	{
		int64_t		next_us = az_firings_due_us(firings, now_us);

		if (next_us < due_us)
			due_us = next_us;
	}
	return az_schedule_wait_until(&timers->schedule, due_us, now_us);
}
