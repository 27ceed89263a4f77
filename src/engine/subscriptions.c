/*
 * The subscriptions of components: one for each that reacts, and when it is
 * their turn.
 */
#include "engine/subscriptions.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "engine/exchange.h"
#include "engine/subscription.h"

#define RETRY_US INT64_C(250000)

static void take_horizon(AzReader *reader, const AzLogBatch *batch);
static bool is_settled(void *deliverer, const char *component,
					   const AzAggregate *aggregate, int64_t position);
static bool is_stale(const AzSubscriptions *subscriptions);
static bool take_turn(AzSubscriptions *subscriptions, int64_t now_us,
					  AzError *error);
static bool sync_with_catalog(AzSubscriptions *subscriptions);
static AzSubscription *find(const AzSubscriptions *subscriptions,
							const char *name);
static void close_gone(AzSubscriptions *subscriptions);
static void deliver(AzSubscriptions *subscriptions, int64_t now_us);
static bool plan_next(AzSubscriptions *subscriptions, int64_t now_us);

bool
az_subscriptions_init(AzSubscriptions *subscriptions, AzDb *db, AzJobs *jobs)
{
	memset(subscriptions, 0, sizeof(*subscriptions));
	subscriptions->db = db;
	subscriptions->jobs = jobs;
	az_schedule_init(&subscriptions->schedule, jobs->loop,
					 "read or write the subscriptions");
	subscriptions->reader.only_horizon = true;
	subscriptions->reader.take = take_horizon;
	subscriptions->reader.owner = subscriptions;
	jobs->is_settled = is_settled;
	jobs->deliverer = subscriptions;
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
	az_schedule_stop(&subscriptions->schedule);
	az_arena_free(subscriptions->scratch);
	memset(subscriptions, 0, sizeof(*subscriptions));
}

bool
az_subscriptions_want_turn(const AzSubscriptions *subscriptions)
{
	if (subscriptions->schedule.has_failed)
		return subscriptions->schedule.is_due;
	return subscriptions->schedule.is_due || subscriptions->has_moved ||
		(is_stale(subscriptions) && !subscriptions->is_stopping);
}

void
az_subscriptions_turn(AzSubscriptions *subscriptions)
{
	int64_t		now_us = az_clock_wall_us();
	AzError		error = {0};

	if (!az_subscriptions_want_turn(subscriptions))
		return;
	subscriptions->schedule.is_due = false;
	subscriptions->has_moved = false;
	if (take_turn(subscriptions, now_us, &error))
		subscriptions->schedule.has_failed = false;
	else
		az_schedule_failed(&subscriptions->schedule, &error, RETRY_US);
	az_arena_reset(subscriptions->scratch);
}

static bool
take_turn(AzSubscriptions *subscriptions, int64_t now_us, AzError *error)
{
	if (!sync_with_catalog(subscriptions))
		return az_error_out_of_memory(error);
	if (!az_exchange_run(subscriptions, now_us, error))
		return false;
	if (!subscriptions->is_stopping)
		deliver(subscriptions, now_us);
	return plan_next(subscriptions, now_us) || az_error_out_of_memory(error);
}

void
az_subscriptions_stop(AzSubscriptions *subscriptions)
{
	subscriptions->is_stopping = true;
	subscriptions->schedule.is_due = true;
}

bool
az_subscriptions_deliver_to(const AzSubscriptions *subscriptions,
							const char *component)
{
	const AzSubscription *subscription = find(subscriptions, component);

	return subscription != NULL && az_subscription_is_ours(subscription) &&
		subscription->is_enabled && !subscription->is_paused;
}

uint64_t
az_subscriptions_looks(const AzSubscriptions *subscriptions)
{
	return subscriptions->looks;
}

/* A database that does not take the cursors is not waited for. */
bool
az_subscriptions_are_stopped(const AzSubscriptions *subscriptions)
{
	const AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
		if (az_subscription_is_busy(subscription) ||
			(az_subscription_has_news(subscription) &&
			 !subscriptions->schedule.has_failed))
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

/* False when another engine delivers to it. */
static bool
is_settled(void *deliverer, const char *component,
		   const AzAggregate *aggregate, int64_t position)
{
	AzSubscriptions *subscriptions = deliverer;
	const AzSubscription *subscription = find(subscriptions, component);
	AzArena    *scratch = az_arena_create();
	bool		is_so = scratch != NULL && subscription != NULL &&
	subscription->has_lease && subscription->window != NULL &&
	az_window_is_settled(subscription->window, aggregate, position, scratch);

	az_arena_free(scratch);
	return is_so;
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
	subscriptions->looks++;
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

/* ---- deliveries ---- */

static void
deliver(AzSubscriptions *subscriptions, int64_t now_us)
{
	AzSubscription *subscription;

	DL_FOREACH2(subscriptions->all, subscription, next)
		if (az_subscription_may_run(subscription, now_us))
		az_subscription_deliver(subscription, now_us);
}

static bool
plan_next(AzSubscriptions *subscriptions, int64_t now_us)
{
	AzSubscription *subscription;
	int64_t		due_us = INT64_MAX;

	DL_FOREACH2(subscriptions->all, subscription, next)
	{
		int64_t		next_us = az_subscription_due_us(subscription, now_us);

		if (next_us < due_us)
			due_us = next_us;
	}
	return az_schedule_wait_until(&subscriptions->schedule, due_us, now_us);
}
