/*
 * What all subscriptions and the database tell each other in one transaction:
 * first what is to be written, then what is to be read, and applied when it
 * is committed.
 */
#include "engine/exchange.h"

#include <string.h>
#include <utlist.h>

#include "engine/subscription.h"

/* A stream whose next event is to be read from the table of exceptions. */
typedef struct HeldStream
{
	AzSubscription *holder;
	AzStream   *stream;
} HeldStream;

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
	HeldStream *streams;
	size_t		n_streams;
	AzLogDelivery *held;
	size_t		n_held;
	AzSubscription **readers;
	AzDeliveryRange *ranges;
	size_t		n_readers;
	AzLogDelivery *events;
	size_t		n_events;
} Work;

static bool plan(AzSubscriptions *subscriptions, Work *work, int64_t now_us);
static bool allocate(Work *work, size_t count, AzArena *arena);
static bool plan_writes(AzSubscriptions *subscriptions, Work *work,
						int64_t now_us);
static bool add_rows(Work *work, const AzSubscription *subscription,
					 const AzExceptionRow *rows, size_t count,
					 AzArena *arena);
static bool plan_held(AzSubscriptions *subscriptions, Work *work,
					  int64_t now_us);
static bool add_streams(Work *work, AzSubscription *holder,
						AzStream *const *streams, size_t count,
						AzArena *arena);
static void plan_reads(AzSubscriptions *subscriptions, Work *work);
static bool has_work(const Work *work);
static bool run(AzSubscriptions *subscriptions, Work *work, AzError *error);
static bool run_steps(AzSubscriptions *subscriptions, Work *work,
					  AzError *error);
static bool read_held(AzDb *db, Work *work, AzArena *arena, AzError *error);
static bool apply(AzSubscriptions *subscriptions, Work *work, int64_t now_us);
static bool apply_held(Work *work, int64_t now_us);
static bool apply_events(Work *work, int64_t now_us);

bool
az_exchange_run(AzSubscriptions *subscriptions, int64_t now_us,
				AzError *error)
{
	Work		work = {0};

	if (!plan(subscriptions, &work, now_us))
		return az_error_out_of_memory(error);
	if (!has_work(&work))
		return true;
	return run(subscriptions, &work, error) &&
		(apply(subscriptions, &work, now_us) || az_error_out_of_memory(error));
}

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
	work->refreshed = az_arena_array(arena, count + 1, sizeof(AzSubscription *));
	work->writers = az_arena_array(arena, count + 1, sizeof(AzSubscription *));
	work->cursors = az_arena_array(arena, count + 1, sizeof(AzCursorRow));
	work->readers = az_arena_array(arena, count + 1, sizeof(AzSubscription *));
	work->ranges = az_arena_array(arena, count + 1, sizeof(AzDeliveryRange));
	return work->refreshed != NULL && work->writers != NULL &&
		work->cursors != NULL && work->readers != NULL &&
		work->ranges != NULL;
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
		AzStream   *wanted[AZ_HELD_AT_A_TIME];
		size_t		count;

		/* Before a look nothing is written: what is settled is still there. */
		if (subscription->wants_look ||
			!az_subscription_may_run(subscription, now_us))
			continue;
		count = az_window_wants(subscription->window, now_us, wanted,
								AZ_HELD_AT_A_TIME);
		if (!add_streams(work, subscription, wanted, count,
						 subscriptions->scratch))
			return false;
	}
	return true;
}

static bool
add_streams(Work *work, AzSubscription *holder, AzStream *const *streams,
			size_t count, AzArena *arena)
{
	HeldStream *all;

	if (count == 0)
		return true;
	all = az_arena_array(arena, work->n_streams + count, sizeof(HeldStream));
	if (all == NULL)
		return false;
	if (work->n_streams > 0)
		memcpy(all, work->streams, work->n_streams * sizeof(HeldStream));
	for (size_t i = 0; i < count; i++)
		all[work->n_streams++] = (HeldStream)
	{
		.holder = holder,.stream = streams[i]
	};
	work->streams = all;
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

/* In one transaction. */
static bool
run(AzSubscriptions *subscriptions, Work *work, AzError *error)
{
	AzDb	   *db = subscriptions->db;
	AzArena    *scratch = subscriptions->scratch;

	return az_db_begin(db, scratch, error) &&
		az_db_end(db, run_steps(subscriptions, work, error), scratch, error);
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
		(work->n_streams == 0 || read_held(db, work, scratch, error)) &&
		(work->n_readers == 0 ||
		 az_deliveries_read(db, work->ranges, work->n_readers, &work->events,
							&work->n_events, scratch, error));
}

static bool
read_held(AzDb *db, Work *work, AzArena *arena, AzError *error)
{
	const char **names = az_arena_array(arena, work->n_streams,
										sizeof(char *));
	AzAggregate *aggregates = az_arena_array(arena, work->n_streams,
											 sizeof(AzAggregate));

	if (names == NULL || aggregates == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < work->n_streams; i++)
	{
		names[i] = work->streams[i].holder->name;
		aggregates[i] = *az_window_aggregate(work->streams[i].stream);
	}
	return az_deliveries_read_held(db, names, aggregates, work->n_streams,
								   &work->held, &work->n_held, arena, error);
}

/* It is committed: what was read before the look is thrown away with it. */
static bool
apply(AzSubscriptions *subscriptions, Work *work, int64_t now_us)
{
	bool		is_fine;

	for (size_t i = 0; i < work->n_writers; i++)
		az_subscription_written(work->writers[i], &work->cursors[i], now_us);
	is_fine = apply_held(work, now_us) && apply_events(work, now_us);
	subscriptions->looks += work->n_refreshed > 0 ? 1 : 0;
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
		if (!az_window_found(work->streams[i].holder->window,
							 work->streams[i].stream, found, now_us))
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
