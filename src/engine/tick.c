/*
 * The tick: takes the wishes that wait, sorts them by kind, fulfils each
 * kind with one set-based statement, commits once, then tells everybody.
 *
 * Appends come before loads, so that a load sees what the same tick stored.
 * A batch that fails is rolled back whole and run again: first in its safe
 * form, then each wish in a transaction of its own, where only the one at
 * fault fails.
 */
#include "engine/tick.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "store/append.h"
#include "store/dead_letters.h"
#include "store/editions.h"
#include "store/find.h"
#include "store/heads.h"
#include "store/letters.h"
#include "store/load.h"
#include "store/obligations.h"
#include "store/outbox.h"
#include "store/read.h"
#include "store/reserve.h"
#include "store/timers.h"

/* The order of the kinds within a tick. */
static const AzWishKind *const kinds[] = {
	&az_append_kind, &az_reserved_end_kind, &az_turn_kind, &az_edition_kind, &az_dead_letter_kind,
	&az_obligation_kind, &az_postpone_kind, &az_key_kind, &az_branch_kind,
	&az_head_kind, &az_load_kind, &az_find_kind, &az_plan_kind, &az_read_kind,
	&az_roots_kind, &az_letter_list_kind,
	&az_letter_find_kind, &az_letter_delete_kind, &az_letter_mark_kind,
	&az_letter_sequence_kind, &az_timer_kind
};

#define LOCK_TIMEOUT "55P03"	/* SQLSTATE: lock not available */
#define LOST_RACE "23505"		/* SQLSTATE: unique violation */
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t take_wishes(AzTick *tick, AzJobs *jobs);
static size_t sort_by_kind(AzTick *tick, size_t count, size_t ends[N_KINDS]);
static bool run_batch(AzTick *tick, const size_t ends[N_KINDS], bool safely,
					  AzError *error);
static bool run_kinds(AzTick *tick, const size_t ends[N_KINDS], bool safely,
					  AzError *error);
static bool run_kind(AzTick *tick, const AzWishKind *kind, AzWish **wishes,
					 size_t count, bool safely, AzError *error);
static size_t run_each(AzTick *tick, AzJobs *jobs, size_t count);
static bool run_patiently(AzTick *tick, AzWish *wish, AzError *error);
static bool run_alone(AzTick *tick, AzWish *wish, AzError *error);
static void put_back(AzTick *tick, AzJobs *jobs, size_t first, size_t count);
static void fail_wish(AzWish *wish, const AzError *error);
static const char *keep_text(AzArena *arena, const char *text);

bool
az_tick_init(AzTick *tick, AzDb *db, size_t max_jobs, size_t max_bytes)
{
	memset(tick, 0, sizeof(*tick));
	tick->db = db;
	tick->max_jobs = max_jobs;
	tick->max_bytes = max_bytes;
	tick->capacity = max_jobs;
	tick->scratch = az_arena_create();
	tick->wishes = calloc(max_jobs * 2, sizeof(AzWish *));
	if (tick->scratch != NULL && tick->wishes != NULL)
		return true;
	az_tick_free(tick);
	return false;
}

void
az_tick_free(AzTick *tick)
{
	az_arena_free(tick->scratch);
	free(tick->wishes);
	memset(tick, 0, sizeof(*tick));
}

void
az_tick_run(AzTick *tick, AzJobs *jobs)
{
	size_t		ends[N_KINDS];
	size_t		count = take_wishes(tick, jobs);
	AzError		error = {0};

	if (count == 0)
		return;
	sort_by_kind(tick, count, ends);
	if (!run_batch(tick, ends, false, &error))
	{
		az_log(AZ_LOG_DEBUG, "batch of %zu failed and is run again: %s",
			   count, error.message);
		if (!run_batch(tick, ends, true, &error))
			count = run_each(tick, jobs, count);
	}
	for (size_t i = 0; i < count; i++)
		tick->wishes[i]->done(tick->wishes[i]);
	az_arena_reset(tick->scratch);
}

/* Moves the oldest wishes out of the queue; at least one, if there is one. */
static size_t
take_wishes(AzTick *tick, AzJobs *jobs)
{
	size_t		count = 0;
	size_t		bytes = 0;

	while (jobs->wishes != NULL && count < tick->max_jobs)
	{
		AzWish	   *wish = jobs->wishes;

		bytes += wish->bytes;
		if (count > 0 && bytes > tick->max_bytes)
			break;
		DL_DELETE2(jobs->wishes, wish, previous, next);
		jobs->n_wishes--;
		tick->wishes[count++] = wish;
	}
	return count;
}

/* Sorts by kind, keeping the order within; ends[k] is where kind k ends. */
static size_t
sort_by_kind(AzTick *tick, size_t count, size_t ends[N_KINDS])
{
	AzWish	  **sorted = tick->wishes + tick->capacity;
	size_t		filled = 0;

	for (size_t kind = 0; kind < N_KINDS; kind++)
	{
		for (size_t i = 0; i < count; i++)
			if (tick->wishes[i]->kind == kinds[kind])
				sorted[filled++] = tick->wishes[i];
		ends[kind] = filled;
	}
	memcpy(tick->wishes, sorted, filled * sizeof(AzWish *));
	return filled;
}

/* All kinds in one transaction. */
static bool
run_batch(AzTick *tick, const size_t ends[N_KINDS], bool safely,
		  AzError *error)
{
	return az_db_begin(tick->db, tick->scratch, error) &&
		az_db_end(tick->db, run_kinds(tick, ends, safely, error),
				  tick->scratch, error);
}

static bool
run_kinds(AzTick *tick, const size_t ends[N_KINDS], bool safely,
		  AzError *error)
{
	size_t		first = 0;

	for (size_t kind = 0; kind < N_KINDS; kind++)
	{
		if (ends[kind] > first &&
			!run_kind(tick, kinds[kind], tick->wishes + first,
					  ends[kind] - first, safely, error))
			return false;
		first = ends[kind];
	}
	return true;
}

static bool
run_kind(AzTick *tick, const AzWishKind *kind, AzWish **wishes, size_t count,
		 bool safely, AzError *error)
{
	if (kind == &az_append_kind)
		tick->batches++;
	if (safely && kind->run_safely != NULL)
		return kind->run_safely(tick->db, wishes, count, tick->scratch, error);
	return kind->run(tick->db, wishes, count, tick->scratch, error);
}

/*
 * Each wish in a transaction of its own: what fails now is its own fault.
 *
 * But for a lock that somebody else holds, perhaps on the whole table: each
 * wish would wait for it in turn, and nothing else be done meanwhile.  So the
 * patient one that met it is busy, and the rest, or the load that met it too,
 * is left for the next tick.  Returns how many were run.
 */
static size_t
run_each(AzTick *tick, AzJobs *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		AzWish	   *wish = tick->wishes[i];
		AzError		error = {0};
		bool		fulfilled = run_patiently(tick, wish, &error);
		bool		was_locked = strcmp(error.sqlstate, LOCK_TIMEOUT) == 0;
		size_t		run = wish->kind->is_patient ? i + 1 : i;

		if (was_locked)
			wish->outcome = AZ_WISH_BUSY;
		else if (!fulfilled)
			fail_wish(wish, &error);
		az_arena_reset(tick->scratch);
		if (was_locked)
		{
			put_back(tick, jobs, run, count);
			return run;
		}
	}
	return count;
}

/*
 * Whoever meets here what somebody else has committed since the look, once
 * more: the next look finds it.
 */
static bool
run_patiently(AzTick *tick, AzWish *wish, AzError *error)
{
	if (run_alone(tick, wish, error))
		return true;
	if (!wish->kind->is_patient || strcmp(error->sqlstate, LOST_RACE) != 0)
		return false;
	memset(error, 0, sizeof(*error));
	az_arena_reset(tick->scratch);
	return run_alone(tick, wish, error);
}

static bool
run_alone(AzTick *tick, AzWish *wish, AzError *error)
{
	return az_db_begin(tick->db, tick->scratch, error) &&
		az_db_end(tick->db, run_kind(tick, wish->kind, &wish, 1, true, error),
				  tick->scratch, error);
}

/* To the head of the queue, in the same order. */
static void
put_back(AzTick *tick, AzJobs *jobs, size_t first, size_t count)
{
	while (count > first)
	{
		AzWish	   *wish = tick->wishes[--count];

		DL_PREPEND2(jobs->wishes, wish, previous, next);
		jobs->n_wishes++;
	}
}

/* The error outlives the tick in the job's arena. */
static void
fail_wish(AzWish *wish, const AzError *error)
{
	wish->outcome = AZ_WISH_FAILED;
	wish->error = *error;
	wish->error.message = keep_text(wish->arena, error->message);
	wish->error.detail = keep_text(wish->arena, error->detail);
	wish->error.hint = keep_text(wish->arena, error->hint);
}

static const char *
keep_text(AzArena *arena, const char *text)
{
	const char *copy;

	if (text == NULL)
		return NULL;
	copy = az_arena_string(arena, text);
	return copy != NULL ? copy : "out of memory";
}
