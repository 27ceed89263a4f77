/*
 * The subscriptions of components: leases, reads, deliveries and cursors.
 *
 * What the window of a component (engine/window.h) wants from the database is
 * gathered for all of them into one transaction: first what is to be written,
 * then what is to be read, and applied when it is committed.
 */
#include "engine/subscriptions.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/subscription.h"
#include "pipeline/failure.h"

#define RETRY_US INT64_C(250000)

/* What one transaction does. */
typedef struct Work
{
	AzSubscription **refreshed;
	size_t		n_refreshed;
	AzSubscription **writers;
	AzCursorRow *cursors;
	size_t		n_writers;
	AzExceptionRow *rows;
	size_t		n_rows;
	AzSubscription **holders;	/* beside each of these streams */
	AzStream  **streams;
	const char **holder_names;
	AzAggregate *aggregates;
	size_t		n_streams;
	AzLogDelivery *held;
	size_t		n_held;
	AzSubscription **readers;
	AzDeliveryRange *ranges;
	size_t		n_readers;
	AzLogDelivery *events;
	size_t		n_events;
} Work;

static void take_horizon(AzReader *reader, const AzLogBatch *batch);
static void timer_due(AzTimer *timer);
static bool is_stale(const AzSubscriptions *subscriptions);
static bool sync_with_catalog(AzSubscriptions *subscriptions);
static AzSubscription *find(const AzSubscriptions *subscriptions,
							const char *name);
static void close_gone(AzSubscriptions *subscriptions);
static bool plan(AzSubscriptions *subscriptions, Work *work, int64_t now_us);
static bool allocate(Work *work, size_t count, AzArena *arena);
static bool plan_writes(AzSubscriptions *subscriptions, Work *work,
						int64_t now_us);
static bool add_rows(Work *work, const AzSubscription *subscription,
					 const AzExceptionRow *rows, size_t count,
					 AzArena *arena);
static bool plan_held(AzSubscriptions *subscriptions, Work *work,
					  int64_t now_us);
static void plan_reads(AzSubscriptions *subscriptions, Work *work);
static bool has_work(const Work *work);
static bool run(AzSubscriptions *subscriptions, Work *work);
static bool run_steps(AzSubscriptions *subscriptions, Work *work,
					  AzError *error);
static bool apply(AzSubscriptions *subscriptions, Work *work, int64_t now_us);
static bool apply_held(Work *work, int64_t now_us);
static bool apply_events(Work *work, int64_t now_us);
static void complain(AzSubscriptions *subscriptions, const AzError *error);
static void deliver(AzSubscriptions *subscriptions, int64_t now_us);
static void plan_timer(AzSubscriptions *subscriptions, int64_t now_us);

bool
az_subscriptions_init(AzSubscriptions *subscriptions, AzDb *db, AzJobs *jobs)
{
	memset(subscriptions, 0, sizeof(*subscriptions));
	subscriptions->db = db;
	subscriptions->jobs = jobs;
	subscriptions->timer.due = timer_due;
	subscriptions->timer.owner = subscriptions;
	subscriptions->reader.only_horizon = true;
	subscriptions->reader.take = take_horizon;
	subscriptions->reader.owner = subscriptions;
	subscriptions->scratch = az_arena_create();
	return subscriptions->scratch != NULL;
}

void
az_subscriptions_free(AzSubscriptions *subscriptions)
{
	AzSubscription *subscription;
	AzSubscription *next;

	if (subscriptions->jobs == NULL)
		return;
	DL_FOREACH_SAFE2(subscriptions->all, subscription, next, next)
		az_subscription_free(subscription);
	az_readers_remove(&subscriptions->jobs->readers, &subscriptions->reader);
	az_loop_stop_timer(subscriptions->jobs->loop, &subscriptions->timer);
	az_arena_free(subscriptions->scratch);
	memset(subscriptions, 0, sizeof(*subscriptions));
}

bool
az_subscriptions_want_turn(const AzSubscriptions *subscriptions)
{
	if (subscriptions->has_failed)
		return subscriptions->is_due;
	return subscriptions->is_due || subscriptions->has_moved ||
		(is_stale(subscriptions) && !subscriptions->is_stopping);
}

void
az_subscriptions_turn(AzSubscriptions *subscriptions)
{
	int64_t		now_us = az_clock_wall_us();
	Work		work = {0};

	if (!az_subscriptions_want_turn(subscriptions))
		return;
	subscriptions->is_due = false;
	subscriptions->has_moved = false;
	subscriptions->has_failed = false;
	if (!sync_with_catalog(subscriptions) ||
		!plan(subscriptions, &work, now_us))
		complain(subscriptions, NULL);
	else if (!has_work(&work) || run(subscriptions, &work))
	{
		if (!apply(subscriptions, &work, now_us))
			complain(subscriptions, NULL);
		if (!subscriptions->is_stopping)
			deliver(subscriptions, now_us);
	}
	az_arena_reset(subscriptions->scratch);
	if (subscriptions->has_failed)
		return;
	subscriptions->has_complained = false;
	plan_timer(subscriptions, now_us);
}

void
az_subscriptions_stop(AzSubscriptions *subscriptions)
{
	subscriptions->is_stopping = true;
	subscriptions->is_due = true;
}

/* A database that does not take the cursors is not waited for. */
bool
az_subscriptions_are_stopped(const AzSubscriptions *subscriptions)
{
	const AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
		if (az_subscription_is_busy(subscription) ||
			(az_subscription_has_news(subscription) &&
			 !subscriptions->has_failed))
		return false;
	return true;
}

static void
take_horizon(AzReader *reader, const AzLogBatch *batch)
{
	AzSubscriptions *subscriptions = reader->owner;

	if (batch->horizon <= subscriptions->horizon)
		return;
	subscriptions->horizon = batch->horizon;
	subscriptions->has_moved = true;
}

static void
timer_due(AzTimer *timer)
{
	AzSubscriptions *subscriptions = timer->owner;

	subscriptions->is_due = true;
}

static bool
is_stale(const AzSubscriptions *subscriptions)
{
	return subscriptions->version !=
		az_catalog_version(subscriptions->jobs->catalog);
}

/*
 * One for each component that reacts; all are looked at anew in the next
 * transaction: whose lease can be had, who was paused or set back.
 */
static bool
sync_with_catalog(AzSubscriptions *subscriptions)
{
	const AzCatalog *catalog = subscriptions->jobs->catalog;

	if (!is_stale(subscriptions) || subscriptions->is_stopping)
		return true;
	for (size_t i = 0; i < az_catalog_count(catalog); i++)
	{
		const AzComponent *component = az_catalog_at(catalog, i);
		AzSubscription *subscription = find(subscriptions, component->name);

		if (!az_component_reacts(component))
			continue;
		if (subscription == NULL)
		{
			subscription = az_subscription_create(subscriptions,
												  component->name);
			if (subscription == NULL)
				return false;
			DL_APPEND2(subscriptions->all, subscription, previous, next);
		}
		az_subscription_look(subscription, component);
	}
	close_gone(subscriptions);
	subscriptions->version = az_catalog_version(catalog);
	if (subscriptions->all != NULL)
		az_readers_add(&subscriptions->jobs->readers, &subscriptions->reader);
	else
		az_readers_remove(&subscriptions->jobs->readers,
						  &subscriptions->reader);
	return true;
}

static AzSubscription *
find(const AzSubscriptions *subscriptions, const char *name)
{
	AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
		if (strcmp(subscription->name, name) == 0)
		return subscription;
	return NULL;
}

/* Their leases go with the process, or stay until the name comes again. */
static void
close_gone(AzSubscriptions *subscriptions)
{
	const AzCatalog *catalog = subscriptions->jobs->catalog;
	AzSubscription *subscription;
	AzSubscription *next;

	DL_FOREACH_SAFE2(subscriptions->all, subscription, next, next)
	{
		const AzComponent *component = az_catalog_named(catalog,
														subscription->name);

		if (component != NULL && az_component_reacts(component))
			continue;
		DL_DELETE2(subscriptions->all, subscription, previous, next);
		az_subscription_free(subscription);
	}
}

/* ---- one transaction ---- */

static bool
plan(AzSubscriptions *subscriptions, Work *work, int64_t now_us)
{
	AzSubscription *subscription;
	size_t		count;

	DL_COUNT2(subscriptions->all, subscription, count, next);
	if (!allocate(work, count, subscriptions->scratch))
		return false;
	DL_FOREACH2(subscriptions->all, subscription, next)
		if (subscription->wants_look && !subscriptions->is_stopping)
		work->refreshed[work->n_refreshed++] = subscription;
	if (!plan_writes(subscriptions, work, now_us))
		return false;
	if (subscriptions->is_stopping)
		return true;
	if (!plan_held(subscriptions, work, now_us))
		return false;
	plan_reads(subscriptions, work);
	return true;
}

static bool
allocate(Work *work, size_t count, AzArena *arena)
{
	size_t		most = count * AZ_HELD_AT_A_TIME + 1;

	work->refreshed = az_arena_array(arena, count + 1, sizeof(AzSubscription *));
	work->writers = az_arena_array(arena, count + 1, sizeof(AzSubscription *));
	work->cursors = az_arena_array(arena, count + 1, sizeof(AzCursorRow));
	work->readers = az_arena_array(arena, count + 1, sizeof(AzSubscription *));
	work->ranges = az_arena_array(arena, count + 1, sizeof(AzDeliveryRange));
	work->holders = az_arena_array(arena, most, sizeof(AzSubscription *));
	work->streams = az_arena_array(arena, most, sizeof(AzStream *));
	work->holder_names = az_arena_array(arena, most, sizeof(char *));
	work->aggregates = az_arena_array(arena, most, sizeof(AzAggregate));
	return work->refreshed != NULL && work->writers != NULL &&
		work->cursors != NULL && work->readers != NULL &&
		work->ranges != NULL && work->holders != NULL &&
		work->streams != NULL && work->holder_names != NULL &&
		work->aggregates != NULL;
}

static bool
plan_writes(AzSubscriptions *subscriptions, Work *work, int64_t now_us)
{
	AzArena    *scratch = subscriptions->scratch;
	AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
	{
		AzCursorRow *cursor = &work->cursors[work->n_writers];
		AzExceptionRow *rows;
		size_t		n_rows;

		if (subscription->wants_look ||
			!az_subscription_wants_write(subscription, now_us,
										 subscriptions->is_stopping))
			continue;
		if (!az_window_settle(subscription->window, &cursor->position, &rows,
							  &n_rows, scratch) ||
			!add_rows(work, subscription, rows, n_rows, scratch))
			return false;
		az_subscription_fill_cursor(subscription, cursor);
		work->writers[work->n_writers++] = subscription;
	}
	return true;
}

static bool
add_rows(Work *work, const AzSubscription *subscription,
		 const AzExceptionRow *rows, size_t count, AzArena *arena)
{
	AzExceptionRow *all;

	if (count == 0)
		return true;
	all = az_arena_array(arena, work->n_rows + count, sizeof(AzExceptionRow));
	if (all == NULL)
		return false;
	if (work->n_rows > 0)
		memcpy(all, work->rows, work->n_rows * sizeof(AzExceptionRow));
	for (size_t i = 0; i < count; i++)
	{
		AzExceptionRow *row = &all[work->n_rows++];

		*row = rows[i];
		row->component = subscription->name;
		row->epoch = subscription->epoch;
	}
	work->rows = all;
	return true;
}

static bool
plan_held(AzSubscriptions *subscriptions, Work *work, int64_t now_us)
{
	AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
	{
		size_t		first = work->n_streams;

		/* Before a look nothing is written: what is settled is still there. */
		if (subscription->wants_look ||
			!az_subscription_may_run(subscription, now_us))
			continue;
		work->n_streams += az_window_wants(subscription->window, now_us,
										   work->streams + first,
										   AZ_HELD_AT_A_TIME);
		for (size_t i = first; i < work->n_streams; i++)
		{
			work->holders[i] = subscription;
			work->holder_names[i] = subscription->name;
			work->aggregates[i] = *az_window_aggregate(work->streams[i]);
		}
	}
	return true;
}

static void
plan_reads(AzSubscriptions *subscriptions, Work *work)
{
	AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
		if (az_subscription_wants_events(subscription, subscriptions->horizon))
	{
		az_subscription_fill_range(subscription, subscriptions->horizon,
								   &work->ranges[work->n_readers]);
		work->readers[work->n_readers++] = subscription;
	}
}

static bool
has_work(const Work *work)
{
	return work->n_refreshed + work->n_writers + work->n_streams +
		work->n_readers > 0;
}

static bool
run(AzSubscriptions *subscriptions, Work *work)
{
	AzDb	   *db = subscriptions->db;
	AzArena    *scratch = subscriptions->scratch;
	AzError		error = {0};

	if (az_db_begin(db, scratch, &error))
	{
		if (run_steps(subscriptions, work, &error))
		{
			if (az_db_commit(db, scratch, &error))
				return true;
		}
		else
			az_db_rollback(db);
	}
	complain(subscriptions, &error);
	return false;
}

static bool
run_steps(AzSubscriptions *subscriptions, Work *work, AzError *error)
{
	AzDb	   *db = subscriptions->db;
	AzArena    *scratch = subscriptions->scratch;

	return az_subscription_refresh(db, work->refreshed, work->n_refreshed,
								   scratch, error) &&
		az_deliveries_write(db, work->cursors, work->n_writers, work->rows,
							work->n_rows, scratch, error) &&
		(work->n_streams == 0 ||
		 az_deliveries_read_held(db, work->holder_names, work->aggregates,
								 work->n_streams, &work->held, &work->n_held,
								 scratch, error)) &&
		(work->n_readers == 0 ||
		 az_deliveries_read(db, work->ranges, work->n_readers, &work->events,
							&work->n_events, scratch, error));
}

/* It is committed: what was read before the look is thrown away with it. */
static bool
apply(AzSubscriptions *subscriptions, Work *work, int64_t now_us)
{
	bool		is_fine;

	for (size_t i = 0; i < work->n_writers; i++)
		az_subscription_written(work->writers[i], &work->cursors[i], now_us);
	is_fine = apply_held(work, now_us) && apply_events(work, now_us);
	for (size_t i = 0; i < work->n_refreshed; i++)
		is_fine = az_subscription_refreshed(work->refreshed[i]) && is_fine;
	/* More may be there, or be possible now. */
	if (work->n_readers + work->n_refreshed + work->n_writers +
		work->n_streams > 0)
		subscriptions->has_moved = true;
	return is_fine;
}

static bool
apply_held(Work *work, int64_t now_us)
{
	size_t		row = 0;

	for (size_t i = 0; i < work->n_streams; i++)
	{
		const AzLogDelivery *found = NULL;

		if (row < work->n_held && work->held[row].component == i)
			found = &work->held[row++];
		if (!az_window_found(work->holders[i]->window, work->streams[i], found,
							 now_us))
			return false;
	}
	return true;
}

static bool
apply_events(Work *work, int64_t now_us)
{
	size_t		row = 0;

	for (size_t i = 0; i < work->n_readers; i++)
	{
		size_t		first = row;

		while (row < work->n_events && work->events[row].component == i)
			row++;
		if (!az_window_add(work->readers[i]->window, work->events + first,
						   row - first, work->ranges[i].read_to, now_us))
			return false;
	}
	return true;
}

/* Once, until it goes well again; NULL: memory is out. */
static void
complain(AzSubscriptions *subscriptions, const AzError *error)
{
	if (!subscriptions->has_complained)
		az_log(AZ_LOG_WARNING, "could not read or write the subscriptions, trying again: %s",
			   error != NULL ? error->message : "out of memory");
	subscriptions->has_failed = true;
	subscriptions->has_complained = true;
	az_loop_start_timer(subscriptions->jobs->loop, &subscriptions->timer,
						az_clock_monotonic_us() + RETRY_US);
}

/* ---- deliveries ---- */

static void
deliver(AzSubscriptions *subscriptions, int64_t now_us)
{
	AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
		if (az_subscription_may_run(subscription, now_us))
		az_subscription_deliver(subscription, now_us);
}

static void
plan_timer(AzSubscriptions *subscriptions, int64_t now_us)
{
	AzSubscription *subscription;
	int64_t		due_us = INT64_MAX;

	DL_FOREACH2(subscriptions->all, subscription, next)
	{
		int64_t		next_us = az_subscription_due_us(subscription, now_us);

		if (next_us < due_us)
			due_us = next_us;
	}
	if (due_us == INT64_MAX)
		az_loop_stop_timer(subscriptions->jobs->loop, &subscriptions->timer);
	else if (!az_loop_start_timer(subscriptions->jobs->loop,
								  &subscriptions->timer,
								  az_clock_monotonic_us() +
								  (due_us > now_us ? due_us - now_us : 0)))
		complain(subscriptions, NULL);
}
