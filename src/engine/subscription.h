/*
 * The subscription of one component: its window on the log, the deliveries
 * under way, and what a component that cannot be reached means.
 *
 * Parts of engine/subscriptions.c, which decides when.  Times are the wall
 * clock's, in microseconds.
 */
#ifndef AZ_ENGINE_SUBSCRIPTION_H
#define AZ_ENGINE_SUBSCRIPTION_H

#include "engine/reach.h"
#include "engine/subscriptions.h"

#define AZ_HELD_AT_A_TIME 100	/* streams looked at in one transaction */

struct AzSubscription
{
	AzSubscriptions *owner;
	char	   *name;
	AzWindow   *window;			/* NULL until it is known where it is */
	struct AzDeliveryUnderWay *deliveries;
	bool		wants_look;		/* lease, position and pause, anew */
	bool		has_lease;
	bool		is_enabled;
	bool		is_paused;
	bool		is_rare;		/* sagas and process managers: one at a time */
	AzSubscriptionState state;	/* as it was looked at */
	AzHeldStream *held;			/* likewise; until refreshed */
	size_t		n_held;
	int32_t		epoch;
	AzReach		reach;
	int64_t		written_us;		/* when the cursor was written last */
	bool		has_status;		/* to be written: it fails, or no more */
	char		last_error[512];
	AzSubscription *previous;
	AzSubscription *next;
};

/* NULL when memory is out. */
extern AzSubscription *az_subscription_create(AzSubscriptions *owner,
											  const char *name);

/* Deliveries under way are given up. */
extern void az_subscription_free(AzSubscription *subscription);

/* The component was read anew: look at everything. */
extern void az_subscription_look(AzSubscription *subscription,
								 const AzComponent *component);

/* In the open transaction: leases, positions, what is held. */
extern bool az_subscription_refresh(AzDb *db, AzSubscription **subscriptions,
									size_t count, AzArena *scratch,
									AzError *error);

/* It is committed.  False when memory is out. */
extern bool az_subscription_refreshed(AzSubscription *subscription);

/* Whether this engine delivers to it, as far as was looked. */
extern bool az_subscription_is_ours(const AzSubscription *subscription);

/* Whether the cursor is to be written now; what goes into its row. */
extern bool az_subscription_wants_write(const AzSubscription *subscription,
										int64_t now_us, bool hurry);
extern void az_subscription_fill_cursor(const AzSubscription *subscription,
										AzCursorRow *cursor);
extern void az_subscription_written(AzSubscription *subscription,
									const AzCursorRow *cursor,
									int64_t now_us);

/* Whether more of the log is to be read; what. */
extern bool az_subscription_wants_events(const AzSubscription *subscription,
										 int64_t horizon);
extern void az_subscription_fill_range(const AzSubscription *subscription,
									   int64_t horizon,
									   AzDeliveryRange *range);

/* Whether something may be delivered now; starts what there is. */
extern bool az_subscription_may_run(const AzSubscription *subscription,
									int64_t now_us);
extern void az_subscription_deliver(AzSubscription *subscription,
									int64_t now_us);

/* Deliveries are under way; something is to be written. */
extern bool az_subscription_is_busy(const AzSubscription *subscription);
extern bool az_subscription_has_news(const AzSubscription *subscription);

/* When there is something to do again; INT64_MAX = when it is told. */
extern int64_t az_subscription_due_us(const AzSubscription *subscription,
									  int64_t now_us);

#endif
