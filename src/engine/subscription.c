/*
 * The subscription of one component.
 *
 * A component that cannot be reached is asked again and again by one delivery
 * at a time, of one stream after the other; no attempt is counted, nothing
 * becomes a dead letter, and the cursor stays.  Whatever else fails holds
 * back its own stream.
 */
#include "engine/subscription.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "pipeline/delivery.h"
#include "pipeline/failure.h"

#define MAX_ITEMS 1000			/* of a window */
#define MAX_BYTES (1024 * 1024) /* of payload, of one reading */
#define LEAST_ROOM 100			/* so that it is not read bit by bit */
#define WRITE_US INT64_C(1000000)	/* the cursor at most so often */
#define BUSY_US INT64_C(10000)	/* until jobs can be had again */

typedef struct AzDeliveryUnderWay
{
	AzSubscription *subscription;
	AzJob	   *job;
	AzParcel	parcel;
	struct AzDeliveryUnderWay *previous;
	struct AzDeliveryUnderWay *next;
} AzDeliveryUnderWay;

static bool waits_for_word(const AzSubscription *subscription);
static void give_up(AzSubscription *subscription);
static void fill_limits(const AzSubscription *subscription,
						AzWindowLimits *limits);
static const char **list_names(AzSubscription **subscriptions, size_t count,
							   AzArena *arena);
static bool refresh_leases(AzDb *db, AzSubscription **subscriptions,
						   size_t count, AzArena *scratch, AzError *error);
static bool refresh_held(AzDb *db, AzSubscription **subscriptions,
						 size_t count, const char *const *names,
						 AzArena *scratch, AzError *error);
static bool open_window(AzSubscription *subscription);
static bool start(AzSubscription *subscription,
				  const AzComponent *component, AzParcel *parcel,
				  int64_t now_us);
static void delivery_done(AzJob *job);
static AzParcelEnd judge(AzSubscription *subscription, const AzJob *job,
						 const AzParcel *parcel, int64_t *due_us);

AzSubscription *
az_subscription_create(AzSubscriptions *owner, const char *name)
{
	AzSubscription *subscription = calloc(1, sizeof(AzSubscription));

	if (subscription == NULL)
		return NULL;
	subscription->owner = owner;
	subscription->name = strdup(name);
	if (subscription->name != NULL)
		return subscription;
	free(subscription);
	return NULL;
}

void
az_subscription_free(AzSubscription *subscription)
{
	give_up(subscription);
	az_window_free(subscription->window);
	free(subscription->name);
	free(subscription);
}

void
az_subscription_look(AzSubscription *subscription,
					 const AzComponent *component)
{
	AzWindowLimits limits;

	subscription->wants_look = true;
	subscription->is_enabled = component->enabled;
	subscription->is_rare = !az_component_is_projector(component);
	/* It may be somewhere else now. */
	subscription->reach.resume_us = 0;
	fill_limits(subscription, &limits);
	if (subscription->window != NULL)
		az_window_set_limits(subscription->window, &limits);
}

bool
az_subscription_refresh(AzDb *db, AzSubscription **subscriptions,
						size_t count, AzArena *scratch, AzError *error)
{
	const char **names = list_names(subscriptions, count, scratch);
	AzSubscriptionState *states = az_arena_array(scratch, count + 1,
												 sizeof(*states));

	if (names == NULL || states == NULL)
		return az_error_out_of_memory(error);
	if (count == 0)
		return true;
	if (!refresh_leases(db, subscriptions, count, scratch, error) ||
		!az_deliveries_states(db, names, count, states, scratch, error))
		return false;
	for (size_t i = 0; i < count; i++)
		subscriptions[i]->state = states[i];
	return refresh_held(db, subscriptions, count, names, scratch, error);
}

/*
 * Anew from where it is now, if it is ours, and was moved by somebody else.  Memory
 * out: it is looked at again.
 */
bool
az_subscription_refreshed(AzSubscription *subscription)
{
	const AzSubscriptionState *state = &subscription->state;
	bool		is_fine = true;

	subscription->is_paused = state->is_paused;
	if (!state->exists || !subscription->has_lease)
	{
		give_up(subscription);
		az_window_free(subscription->window);
		subscription->window = NULL;
	}
	else if (subscription->window == NULL ||
			 state->epoch != subscription->epoch ||
			 state->position != az_window_cursor(subscription->window))
		is_fine = open_window(subscription);
	subscription->held = NULL;
	subscription->n_held = 0;
	subscription->wants_look = !is_fine;
	return is_fine;
}

bool
az_subscription_is_ours(const AzSubscription *subscription)
{
	return subscription->has_lease && subscription->window != NULL;
}

bool
az_subscription_wants_write(const AzSubscription *subscription,
							int64_t now_us, bool hurry)
{
	if (!az_subscription_is_ours(subscription) || !az_subscription_has_news(subscription))
		return false;
	return hurry || subscription->has_status ||
		az_window_is_urgent(subscription->window) ||
		now_us - subscription->written_us >= WRITE_US;
}

void
az_subscription_fill_cursor(const AzSubscription *subscription,
							AzCursorRow *cursor)
{
	bool		is_failing = subscription->reach.failures > 0;

	cursor->component = subscription->name;
	cursor->epoch = subscription->epoch;
	cursor->status = is_failing ? "failing" : "active";
	cursor->failures = subscription->reach.failures;
	cursor->last_error = is_failing ? subscription->last_error : NULL;
}

void
az_subscription_written(AzSubscription *subscription,
						const AzCursorRow *cursor, int64_t now_us)
{
	subscription->written_us = now_us;
	if (cursor->was_written)
	{
		subscription->has_status = false;
		az_window_written(subscription->window);
	}
	else
		subscription->wants_look = true;
}

bool
az_subscription_wants_events(const AzSubscription *subscription,
							 int64_t horizon)
{
	return az_subscription_is_ours(subscription) && subscription->is_enabled &&
		!subscription->is_paused && subscription->reach.failures == 0 &&
		az_window_read_to(subscription->window) < horizon &&
		az_window_room(subscription->window) >= LEAST_ROOM;
}

void
az_subscription_fill_range(const AzSubscription *subscription,
						   int64_t horizon, AzDeliveryRange *range)
{
	range->component = subscription->name;
	range->after = az_window_read_to(subscription->window);
	range->up_to = horizon;
	range->max_events = (int32_t) az_window_room(subscription->window);
	range->max_bytes = MAX_BYTES;
}

bool
az_subscription_may_run(const AzSubscription *subscription, int64_t now_us)
{
	return az_subscription_is_ours(subscription) && subscription->is_enabled &&
		!subscription->is_paused && subscription->reach.resume_us <= now_us;
}

void
az_subscription_deliver(AzSubscription *subscription, int64_t now_us)
{
	const AzComponent *component =
	az_catalog_named(subscription->owner->jobs->catalog, subscription->name);
	AzParcel	parcel;

	while (component != NULL && !waits_for_word(subscription) &&
		   az_window_next(subscription->window, now_us, &parcel))
		if (!start(subscription, component, &parcel, now_us))
			return;
}

bool
az_subscription_is_busy(const AzSubscription *subscription)
{
	return subscription->deliveries != NULL;
}

bool
az_subscription_has_news(const AzSubscription *subscription)
{
	return az_subscription_is_ours(subscription) &&
		(subscription->has_status ||
		 az_window_has_news(subscription->window));
}

int64_t
az_subscription_due_us(const AzSubscription *subscription, int64_t now_us)
{
	int64_t		due_us = INT64_MAX;

	if (!az_subscription_is_ours(subscription))
		return due_us;
	if (az_subscription_has_news(subscription))
		due_us = subscription->written_us + WRITE_US;
	if (subscription->is_enabled && !subscription->is_paused &&
		!subscription->owner->is_stopping && !waits_for_word(subscription))
	{
		int64_t		next_us = az_window_due_us(subscription->window);

		if (next_us < subscription->reach.resume_us ||
			subscription->reach.resume_us > now_us)
			next_us = subscription->reach.resume_us;
		if (next_us < due_us)
			due_us = next_us;
	}
	return due_us;
}

/* Of the one delivery that asks whether it can be reached again. */
static bool
waits_for_word(const AzSubscription *subscription)
{
	return subscription->reach.failures > 0 &&
		az_window_running(subscription->window) > 0;
}

static void
give_up(AzSubscription *subscription)
{
	AzDeliveryUnderWay *delivery;
	AzDeliveryUnderWay *next;

	DL_FOREACH_SAFE2(subscription->deliveries, delivery, next, next)
	{
		az_job_cancel(delivery->job);
		az_arena_free(delivery->parcel.arena);
		free(delivery);
	}
	subscription->deliveries = NULL;
}

static void
fill_limits(const AzSubscription *subscription, AzWindowLimits *limits)
{
	const AzJobs *jobs = subscription->owner->jobs;

	limits->max_items = MAX_ITEMS;
	limits->max_running = az_reach_max_running(jobs, subscription->name);
	limits->max_batch = subscription->is_rare ? 1 :
		(size_t) jobs->settings.validation.max_pages;
}

static const char **
list_names(AzSubscription **subscriptions, size_t count, AzArena *arena)
{
	const char **names = az_arena_array(arena, count + 1, sizeof(char *));

	for (size_t i = 0; names != NULL && i < count; i++)
		names[i] = subscriptions[i]->name;
	return names;
}

/* A disabled component's lease is kept, too. */
static bool
refresh_leases(AzDb *db, AzSubscription **subscriptions, size_t count,
			   AzArena *scratch, AzError *error)
{
	const char **names = az_arena_array(scratch, count, sizeof(char *));
	size_t	   *which = az_arena_array(scratch, count, sizeof(size_t));
	bool	   *taken = az_arena_array(scratch, count, sizeof(bool));
	size_t		n = 0;

	if (names == NULL || which == NULL || taken == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		if (subscriptions[i]->has_lease)
			continue;
		which[n] = i;
		names[n++] = subscriptions[i]->name;
	}
	if (n == 0)
		return true;
	if (!az_deliveries_take(db, names, n, taken, scratch, error))
		return false;
	for (size_t i = 0; i < n; i++)
		subscriptions[which[i]]->has_lease = taken[i];
	return true;
}

static bool
refresh_held(AzDb *db, AzSubscription **subscriptions, size_t count,
			 const char *const *names, AzArena *scratch, AzError *error)
{
	AzHeldStream *streams;
	size_t		n_streams;
	size_t		row = 0;

	if (!az_deliveries_held(db, names, count, &streams, &n_streams, scratch,
							error))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		subscriptions[i]->held = streams + row;
		while (row < n_streams && streams[row].component == i)
			row++;
		subscriptions[i]->n_held =
			(size_t) (streams + row - subscriptions[i]->held);
	}
	return true;
}

/* All of it or, when memory is out, nothing: what is held must be known. */
static bool
open_window(AzSubscription *subscription)
{
	AzWindowLimits limits;
	AzWindow   *window;

	give_up(subscription);
	az_window_free(subscription->window);
	subscription->window = NULL;
	fill_limits(subscription, &limits);
	window = az_window_create(&limits, subscription->state.position);
	if (window == NULL)
		return false;
	for (size_t i = 0; i < subscription->n_held; i++)
	{
		const AzHeldStream *held = &subscription->held[i];

		if (!az_window_hold(window, &held->aggregate, held->is_reserved,
							held->due_us))
		{
			az_window_free(window);
			return false;
		}
	}
	subscription->epoch = subscription->state.epoch;
	subscription->window = window;
	return true;
}

/* False when there is no room for it now. */
static bool
start(AzSubscription *subscription, const AzComponent *component,
	  AzParcel *parcel, int64_t now_us)
{
	AzDelivery	delivery = {
		.component = component,
		.trigger = parcel->trigger,
		.attempt = parcel->attempt,
		.stage = parcel->stage,
		.sync_mode = PB_SYNC_MODE_ASYNC
	};
	AzDeliveryUnderWay *under_way = calloc(1, sizeof(AzDeliveryUnderWay));
	AzError		error = {0};

	if (under_way != NULL)
		under_way->job = az_delivery_create(subscription->owner->jobs,
											&delivery, &error);
	if (under_way == NULL || under_way->job == NULL)
	{
		free(under_way);
		az_window_finish(subscription->window, parcel, AZ_PARCEL_UNTRIED, 0, 0,
						 NULL);
		subscription->reach.resume_us = now_us + BUSY_US;
		return false;
	}
	under_way->subscription = subscription;
	under_way->parcel = *parcel;
	under_way->job->owner = under_way;
	under_way->job->done = delivery_done;
	DL_APPEND2(subscription->deliveries, under_way, previous, next);
	az_job_start(under_way->job);
	return true;
}

static void
delivery_done(AzJob *job)
{
	AzDeliveryUnderWay *under_way = job->owner;
	AzSubscription *subscription = under_way->subscription;
	AzParcel   *parcel = &under_way->parcel;
	int64_t		due_us = 0;
	AzParcelEnd end = judge(subscription, job, parcel, &due_us);

	DL_DELETE2(subscription->deliveries, under_way, previous, next);
	az_window_finish(subscription->window, parcel, end,
					 az_delivery_result(job)->stage, due_us,
					 job->error.message != NULL ? job->error.message : "");
	free(under_way);
	subscription->owner->has_moved = true;
}

static AzParcelEnd
judge(AzSubscription *subscription, const AzJob *job, const AzParcel *parcel,
	  int64_t *due_us)
{
	if (az_reach_is_missed(job))
	{
		if (az_reach_missed(&subscription->reach, job, subscription->name))
			subscription->has_status = true;
		snprintf(subscription->last_error, sizeof(subscription->last_error),
				 "%s", job->error.message);
		return AZ_PARCEL_UNTRIED;
	}
	if (az_reach_made(&subscription->reach, subscription->name))
		subscription->has_status = true;
	if (job->error.code == AZ_OK)
		return AZ_PARCEL_SETTLED;
	if (parcel->trigger.count > 1)
		return AZ_PARCEL_SPLIT;
	*due_us = az_clock_wall_us() +
		az_failure_delay_us(&subscription->owner->jobs->settings,
							az_reach_attempts(job, parcel->attempt,
											  parcel->stage));
	return AZ_PARCEL_FAILED;
}
