/* A channel: one address, its queue of calls, its lookups, its pool. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/channel.h"

/* An unused channel is freed after this when connections never are idle. */
#define UNUSED_LIMIT_US (INT64_C(600) * 1000000)

static bool prepare(AzChannel *channel, const char *address, AzArena *arena,
					AzError *error);
static bool start_timers(AzChannel *channel);
static void prepare_pool(AzChannel *channel);
static bool is_wanted(const AzChannel *channel);
static bool wants_lookup(const AzChannel *channel);
static void look_up(AzChannel *channel);
static void handle_looked_up(AzLookup *lookup);
static void finish_lookup(AzChannel *channel);
static void fail_lookup(AzChannel *channel);
static void dispatch(AzChannel *channel);
static bool is_hopeless(const AzChannel *channel);
static void fail_queue(AzChannel *channel);
static void arm_timer(AzChannel *channel);
static void handle_due(AzTimer *timer);
static void handle_unused(AzTimer *timer);
static bool is_in_use(const AzChannel *channel);
static int64_t unused_limit_us(const AzChannel *channel);
static void handle_changed(AzPool *pool);
static void handle_lost(AzPool *pool);

AzChannel *
az_channel_create(AzChannels *channels, const char *address, AzArena *arena,
				  AzError *error)
{
	AzArena    *own = az_arena_create();
	AzChannel  *channel = NULL;

	if (own != NULL)
		channel = az_arena_alloc(own, sizeof(AzChannel));
	if (channel == NULL)
	{
		az_arena_free(own);
		az_error_out_of_memory(error);
		return NULL;
	}
	channel->arena = own;
	channel->channels = channels;
	if (!prepare(channel, address, arena, error))
	{
		az_channel_free(channel);
		return NULL;
	}
	return channel;
}

static bool
prepare(AzChannel *channel, const char *address, AzArena *arena,
		AzError *error)
{
	AzAddress	checked;

	/* The error's text must live in the caller's arena. */
	if (!az_address_parse(&checked, address, arena, error))
		return false;
	if (!az_address_parse(&channel->address, address, channel->arena, error))
		return false;
	prepare_pool(channel);
	return start_timers(channel) || az_error_out_of_memory(error);
}

static bool
start_timers(AzChannel *channel)
{
	AzLoop	   *loop = channel->channels->loop;

	channel->timer.due = handle_due;
	channel->timer.owner = channel;
	channel->unused.due = handle_unused;
	channel->unused.owner = channel;
	channel->used_us = az_clock_monotonic_us();
	return az_loop_start_timer(loop, &channel->timer, INT64_MAX) &&
		az_loop_start_timer(loop, &channel->unused,
							channel->used_us + unused_limit_us(channel));
}

static void
prepare_pool(AzChannel *channel)
{
	AzSocketAddress local;

	channel->pool.loop = channel->channels->loop;
	channel->pool.limits = &channel->channels->limits;
	channel->pool.address = channel->address.text;
	channel->pool.changed = handle_changed;
	channel->pool.lost = handle_lost;
	channel->pool.owner = channel;
	if (channel->address.path == NULL)
		return;
	az_socket_address_set_path(&local, channel->address.path);
	az_pool_set_addresses(&channel->pool, &local, 1);
}

void
az_channel_free(AzChannel *channel)
{
	az_list_remove(&channel->link);
	az_lookup_stop(&channel->lookup);
	az_loop_stop_timer(channel->channels->loop, &channel->timer);
	az_loop_stop_timer(channel->channels->loop, &channel->unused);
	az_pool_free(&channel->pool);
	az_arena_free(channel->arena);
}

/* ---- calls ---- */

bool
az_channel_submit(AzChannel *channel, AzCall *call, AzError *error)
{
	const AzClientLimits *limits = &channel->channels->limits;

	if (channel->queue.count >= limits->max_queued)
		return az_error_set(error, call->request.arena, AZ_RESOURCE_EXHAUSTED,
							"%zu calls are waiting for %s already",
							channel->queue.count, channel->address.text);
	channel->wanted_us = az_clock_monotonic_us();
	az_call_queue(call);
	az_channel_advance(channel);
	return true;
}

void
az_channel_advance(AzChannel *channel)
{
	if (channel->channels->closing)
		return;
	dispatch(channel);
	if (!is_wanted(channel))
		return;
	if (wants_lookup(channel) && az_clock_monotonic_us() >= channel->lookup_us)
		look_up(channel);
	az_pool_connect(&channel->pool);
	if (channel->queue.count > 0 && is_hopeless(channel))
		fail_queue(channel);
	arm_timer(channel);
}

/* Sends what waits, as far as there is room. */
static void
dispatch(AzChannel *channel)
{
	const AzClientLimits *limits = &channel->channels->limits;
	AzCall	   *call;

	while (channel->sent.count < limits->max_inflight &&
		   (call = az_list_first(&channel->queue)) != NULL)
	{
		AzSlot	   *slot = az_pool_pick(&channel->pool, call->slot);

		if (slot == NULL)
			return;
		az_call_send(call, slot);
	}
}

/* Nothing can be tried before some backoff is over. */
static bool
is_hopeless(const AzChannel *channel)
{
	return !az_pool_has_hope(&channel->pool) &&
		!az_lookup_is_running(&channel->lookup);
}

static void
fail_queue(AzChannel *channel)
{
	AzPool	   *pool = &channel->pool;
	AzCall	   *call;

	if (pool->failure == AZ_OK)
		az_pool_blame(pool, AZ_UNAVAILABLE, "could not connect to %s",
					  channel->address.text);
	while ((call = az_list_first(&channel->queue)) != NULL)
		az_call_fail(call, pool->failure, pool->failure_text,
					 pool->failure_detail[0] == '\0' ? NULL
					 : pool->failure_detail);
}

/* ---- being wanted ---- */

static bool
is_wanted(const AzChannel *channel)
{
	int64_t		idle_us = channel->channels->limits.idle_timeout_us;

	if (channel->queue.count > 0 || channel->sent.count > 0)
		return true;
	if (channel->wanted_us == 0)
		return false;
	return idle_us == 0 ||
		az_clock_monotonic_us() - channel->wanted_us < idle_us;
}

/* Comes back when the next thing may be tried. */
static void
arm_timer(AzChannel *channel)
{
	int64_t		due_us = az_pool_retry_us(&channel->pool);

	if (wants_lookup(channel) && channel->lookup_us < due_us)
		due_us = channel->lookup_us;
	az_loop_start_timer(channel->channels->loop, &channel->timer, due_us);
}

static void
handle_due(AzTimer *timer)
{
	AzChannel  *channel = timer->owner;

	/* Its place in the heap is kept, so that moving it needs no memory. */
	az_loop_start_timer(channel->channels->loop, timer, INT64_MAX);
	az_channel_advance(channel);
}

/* ---- being used ---- */

static void
handle_unused(AzTimer *timer)
{
	AzChannel  *channel = timer->owner;
	int64_t		limit_us = unused_limit_us(channel);
	int64_t		now_us = az_clock_monotonic_us();
	int64_t		due_us = channel->used_us + limit_us;

	if (due_us <= now_us && !is_in_use(channel))
	{
		az_channels_forget(channel->channels, channel);
		return;
	}
	az_loop_start_timer(channel->channels->loop, timer,
						due_us > now_us ? due_us : now_us + limit_us);
}

/* Ended calls are in no list here: they are told by a timer due before. */
static bool
is_in_use(const AzChannel *channel)
{
	return channel->queue.count > 0 || channel->sent.count > 0 ||
		az_pool_open_slots(&channel->pool) > 0;
}

static int64_t
unused_limit_us(const AzChannel *channel)
{
	int64_t		idle_us = channel->channels->limits.idle_timeout_us;

	return idle_us > 0 ? idle_us : UNUSED_LIMIT_US;
}

/* ---- what the pool tells ---- */

static void
handle_changed(AzPool *pool)
{
	az_channel_advance(pool->owner);
}

static void
handle_lost(AzPool *pool)
{
	AzChannel  *channel = pool->owner;

	channel->stale = true;
	az_channel_advance(channel);
}

/* ---- looking the name up ---- */

/* After any failure, and again and again while nothing is open. */
static bool
wants_lookup(const AzChannel *channel)
{
	if (channel->address.path != NULL ||
		az_lookup_is_running(&channel->lookup))
		return false;
	return channel->stale || az_pool_open_slots(&channel->pool) == 0;
}

static void
look_up(AzChannel *channel)
{
	channel->stale = false;
	channel->lookup.done = handle_looked_up;
	channel->lookup.owner = channel;
	if (!az_lookup_start(&channel->lookup, channel->channels->loop,
						 channel->address.host, channel->address.port))
		finish_lookup(channel);
}

static void
handle_looked_up(AzLookup *lookup)
{
	AzChannel  *channel = lookup->owner;

	finish_lookup(channel);
	az_channel_advance(channel);
}

static void
finish_lookup(AzChannel *channel)
{
	const AzLookup *lookup = &channel->lookup;
	const AzClientLimits *limits = &channel->channels->limits;
	int64_t		now_us = az_clock_monotonic_us();

	/* A long time without trouble: begin with the shortest wait again. */
	if (now_us - channel->lookup_us > limits->backoff_max_us)
		channel->lookups = 0;
	channel->lookups++;
	channel->lookup_us = now_us + az_pool_backoff_us(limits, channel->lookups);
	if (lookup->n_addresses == 0)
		fail_lookup(channel);
	else
		az_pool_set_addresses(&channel->pool, lookup->addresses,
							  lookup->n_addresses);
}

/*
 * Addresses that were known stay: better old ones than none.  While none of
 * them works, the lookup is repeated anyway.
 */
static void
fail_lookup(AzChannel *channel)
{
	if (az_pool_has_endpoints(&channel->pool))
		return;
	az_pool_blame(&channel->pool, AZ_UNAVAILABLE, "could not resolve %s: %s",
				  channel->address.text, channel->lookup.why);
}

/* ---- for watching ---- */

size_t
az_channel_inflight(const AzChannel *channel)
{
	return channel->sent.count;
}

size_t
az_channel_queued(const AzChannel *channel)
{
	return channel->queue.count;
}

size_t
az_channel_connected(const AzChannel *channel)
{
	return az_pool_open_slots(&channel->pool);
}
