/* The connections of one channel, spread over the addresses of its name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/pool.h"

#define SHORTEST_BACKOFF_US 1000

static AzEndpoint *find_endpoint(const AzPool *pool,
								 const AzSocketAddress *address);
static AzEndpoint *add_endpoint(AzPool *pool, const AzSocketAddress *address);
static void forget_unlisted(AzPool *pool);
static void close_opening(AzPool *pool, const AzEndpoint *endpoint);
static AzEndpoint *next_to_open(const AzPool *pool);
static size_t count_slots(const AzPool *pool, const AzEndpoint *endpoint);
static bool is_alive(const AzSlot *slot);
static bool open_slot(AzPool *pool, AzEndpoint *endpoint);
static bool connect_slot(AzPool *pool, AzSlot *slot, AzError *error);
static void free_slot(AzSlot *slot);
static void back_off(AzPool *pool, AzEndpoint *endpoint);
static void blame_endpoint(AzPool *pool, const AzEndpoint *endpoint,
						   const AzError *why, bool opened);
static void handle_changed(void *owner);
static void handle_lost(void *owner, const AzError *why);
static bool was_good(const AzSlot *slot);
static void count_loads(AzPool *pool);
static bool is_better(const AzSlot *slot, const AzSlot *than,
					  const AzSlot *avoid);
static int64_t jitter(int64_t span_us);

static const AzConnectionEvents connection_events = {
	.changed = handle_changed,
	.lost = handle_lost
};

void
az_pool_free(AzPool *pool)
{
	AzSlot	   *slot;
	AzEndpoint *endpoint;

	while ((slot = az_list_first(&pool->slots)) != NULL)
		free_slot(slot);
	while ((endpoint = az_list_first(&pool->endpoints)) != NULL)
	{
		az_list_remove(&endpoint->link);
		free(endpoint);
	}
}

/* ---- endpoints ---- */

void
az_pool_set_addresses(AzPool *pool, const AzSocketAddress *addresses,
					  size_t count)
{
	AzEndpoint *endpoint;

	for (endpoint = az_list_first(&pool->endpoints); endpoint != NULL;
		 endpoint = az_list_next(&endpoint->link))
		endpoint->listed = false;
	for (size_t i = 0; i < count; i++)
	{
		endpoint = find_endpoint(pool, &addresses[i]);
		if (endpoint == NULL)
			endpoint = add_endpoint(pool, &addresses[i]);
		if (endpoint != NULL)
			endpoint->listed = true;
	}
	forget_unlisted(pool);
}

static AzEndpoint *
find_endpoint(const AzPool *pool, const AzSocketAddress *address)
{
	AzEndpoint *endpoint = az_list_first(&pool->endpoints);

	while (endpoint != NULL &&
		   !az_socket_address_equal(&endpoint->address, address))
		endpoint = az_list_next(&endpoint->link);
	return endpoint;
}

static AzEndpoint *
add_endpoint(AzPool *pool, const AzSocketAddress *address)
{
	AzEndpoint *endpoint = calloc(1, sizeof(AzEndpoint));

	if (endpoint == NULL)
	{
		az_pool_blame(pool, AZ_RESOURCE_EXHAUSTED,
					  "could not connect to %s: out of memory", pool->address);
		return NULL;
	}
	endpoint->address = *address;
	az_list_append(&pool->endpoints, &endpoint->link, endpoint);
	return endpoint;
}

static void
forget_unlisted(AzPool *pool)
{
	AzEndpoint *endpoint = az_list_first(&pool->endpoints);

	while (endpoint != NULL)
	{
		AzEndpoint *next = az_list_next(&endpoint->link);

		if (!endpoint->listed)
			close_opening(pool, endpoint);
		if (!endpoint->listed && count_slots(pool, endpoint) == 0)
		{
			az_list_remove(&endpoint->link);
			free(endpoint);
		}
		endpoint = next;
	}
}

/* Does not wait for a connection to where the peer is no more. */
static void
close_opening(AzPool *pool, const AzEndpoint *endpoint)
{
	AzSlot	   *slot = az_list_first(&pool->slots);

	while (slot != NULL)
	{
		AzSlot	   *next = az_list_next(&slot->link);

		if (slot->endpoint == endpoint &&
			az_connection_is_opening(slot->connection))
			free_slot(slot);
		slot = next;
	}
}

bool
az_pool_has_endpoints(const AzPool *pool)
{
	return pool->endpoints.count > 0;
}

int64_t
az_pool_retry_us(const AzPool *pool)
{
	int64_t		now_us = az_clock_monotonic_us();
	int64_t		earliest_us = INT64_MAX;
	AzEndpoint *endpoint;

	for (endpoint = az_list_first(&pool->endpoints); endpoint != NULL;
		 endpoint = az_list_next(&endpoint->link))
	{
		if (endpoint->listed && endpoint->retry_us > now_us &&
			endpoint->retry_us < earliest_us)
			earliest_us = endpoint->retry_us;
	}
	return earliest_us;
}

/* Several connections that fail together count once. */
static void
back_off(AzPool *pool, AzEndpoint *endpoint)
{
	int64_t		now_us = az_clock_monotonic_us();

	if (endpoint->retry_us > now_us)
		return;
	endpoint->failures++;
	endpoint->retry_us = now_us +
		az_pool_backoff_us(pool->limits, endpoint->failures);
}

int64_t
az_pool_backoff_us(const AzClientLimits *limits, unsigned failures)
{
	int64_t		wait_us = limits->backoff_min_us;

	/* Never no time at all: that would be an endless loop. */
	if (wait_us < SHORTEST_BACKOFF_US)
		wait_us = SHORTEST_BACKOFF_US;
	for (unsigned i = 1; i < failures && wait_us < limits->backoff_max_us; i++)
		wait_us *= 2;
	if (wait_us > limits->backoff_max_us &&
		limits->backoff_max_us >= SHORTEST_BACKOFF_US)
		wait_us = limits->backoff_max_us;
	return wait_us - jitter(wait_us / 4);
}

/* From 0 to span: so that many clients do not come back at once. */
static int64_t
jitter(int64_t span_us)
{
	static uint64_t state = 0;

	state = state * UINT64_C(6364136223846793005) +
		(uint64_t) az_clock_monotonic_us() * 2 + 1;
	return span_us <= 0 ? 0 : (int64_t) ((state >> 33) % (uint64_t) span_us);
}

/* ---- slots ---- */

void
az_pool_connect(AzPool *pool)
{
	AzEndpoint *endpoint;

	/* One that cannot be opened backs its endpoint off, so this ends. */
	while ((endpoint = next_to_open(pool)) != NULL)
		open_slot(pool, endpoint);
}

/* The endpoint that most lacks a connection, or NULL when there are enough. */
static AzEndpoint *
next_to_open(const AzPool *pool)
{
	int64_t		now_us = az_clock_monotonic_us();
	AzEndpoint *least = NULL;
	size_t		least_slots = 0;
	AzEndpoint *endpoint;

	for (endpoint = az_list_first(&pool->endpoints); endpoint != NULL;
		 endpoint = az_list_next(&endpoint->link))
	{
		size_t		slots = count_slots(pool, endpoint);

		if (!endpoint->listed || endpoint->retry_us > now_us)
			continue;
		if (least != NULL && slots >= least_slots)
			continue;
		least = endpoint;
		least_slots = slots;
	}
	if (least_slots > 0 && count_slots(pool, NULL) >= pool->limits->connections)
		return NULL;
	return least;
}

/* Slots that are open or being opened, of one endpoint or (NULL) of all. */
static size_t
count_slots(const AzPool *pool, const AzEndpoint *endpoint)
{
	size_t		count = 0;
	AzSlot	   *slot;

	for (slot = az_list_first(&pool->slots); slot != NULL;
		 slot = az_list_next(&slot->link))
	{
		if ((endpoint == NULL || slot->endpoint == endpoint) && is_alive(slot))
			count++;
	}
	return count;
}

static bool
is_alive(const AzSlot *slot)
{
	return az_connection_is_open(slot->connection) ||
		az_connection_is_opening(slot->connection);
}

static bool
open_slot(AzPool *pool, AzEndpoint *endpoint)
{
	AzSlot	   *slot = calloc(1, sizeof(AzSlot));
	AzError		error = {0};

	if (slot == NULL)
		az_error_out_of_memory(&error);
	else
	{
		slot->pool = pool;
		slot->endpoint = endpoint;
		if (connect_slot(pool, slot, &error))
		{
			az_list_append(&pool->slots, &slot->link, slot);
			return true;
		}
		free(slot);
	}
	blame_endpoint(pool, endpoint, &error, false);
	back_off(pool, endpoint);
	return false;
}

static bool
connect_slot(AzPool *pool, AzSlot *slot, AzError *error)
{
	const AzClientLimits *limits = pool->limits;
	AzConnectionLimits connection_limits = {
		.max_header_bytes = limits->max_header_bytes,
		.connect_timeout_us = limits->connect_timeout_us,
		.keepalive_us = limits->keepalive_us,
		.keepalive_timeout_us = limits->keepalive_timeout_us,
		.idle_timeout_us = limits->idle_timeout_us
	};

	if (!az_socket_address_is_allowed(&slot->endpoint->address))
		return az_error_set(error, NULL, AZ_UNAVAILABLE,
							"link-local and metadata addresses are refused");
	slot->connection = az_connection_open(pool->loop,
										  &slot->endpoint->address,
										  &connection_limits,
										  &connection_events, slot, error);
	return slot->connection != NULL;
}

static void
free_slot(AzSlot *slot)
{
	az_list_remove(&slot->link);
	az_connection_free(slot->connection);
	free(slot);
}

size_t
az_pool_open_slots(const AzPool *pool)
{
	size_t		count = 0;
	AzSlot	   *slot;

	for (slot = az_list_first(&pool->slots); slot != NULL;
		 slot = az_list_next(&slot->link))
	{
		if (az_connection_is_open(slot->connection))
			count++;
	}
	return count;
}

bool
az_pool_has_hope(const AzPool *pool)
{
	return count_slots(pool, NULL) > 0;
}

/* ---- what connections tell ---- */

static void
handle_changed(void *owner)
{
	AzSlot	   *slot = owner;
	AzPool	   *pool = slot->pool;

	if (!slot->opened && az_connection_is_open(slot->connection))
	{
		slot->opened = true;
		slot->opened_us = az_clock_monotonic_us();
		pool->failure = AZ_OK;
	}
	pool->changed(pool);
}

static void
handle_lost(void *owner, const AzError *why)
{
	AzSlot	   *slot = owner;
	AzPool	   *pool = slot->pool;

	if (why->code != AZ_OK && !was_good(slot))
	{
		blame_endpoint(pool, slot->endpoint, why, slot->opened);
		back_off(pool, slot->endpoint);
	}
	free_slot(slot);
	forget_unlisted(pool);
	pool->lost(pool);
}

/* One that opens and at once is lost is as bad as one that refuses. */
static bool
was_good(const AzSlot *slot)
{
	int64_t		lived_us = az_clock_monotonic_us() - slot->opened_us;

	return slot->opened &&
		(slot->endpoint->praised_us >= slot->opened_us ||
		 lived_us >= slot->pool->limits->backoff_max_us);
}

void
az_pool_praise(AzSlot *slot)
{
	slot->endpoint->praised_us = az_clock_monotonic_us();
	slot->endpoint->failures = 0;
	slot->endpoint->retry_us = 0;
}

static void
blame_endpoint(AzPool *pool, const AzEndpoint *endpoint, const AzError *why,
			   bool opened)
{
	char		tried[AZ_SOCKET_TEXT_SIZE];

	az_pool_blame(pool, why->code, "%s %s: %s",
				  opened ? "lost the connection to" : "could not connect to",
				  pool->address, why->message);
	az_socket_address_text(&endpoint->address, tried);
	snprintf(pool->failure_detail, sizeof(pool->failure_detail),
			 "The address tried last was %s.", tried);
}

void
az_pool_blame(AzPool *pool, AzCode code, const char *format,...)
{
	va_list		args;

	pool->failure = code;
	pool->failure_detail[0] = '\0';
	va_start(args, format);
	vsnprintf(pool->failure_text, sizeof(pool->failure_text), format, args);
	va_end(args);
}

/* ---- picking ---- */

AzSlot *
az_pool_pick(AzPool *pool, const AzSlot *avoid)
{
	AzSlot	   *best = NULL;
	AzSlot	   *slot;

	count_loads(pool);
	for (slot = az_list_first(&pool->slots); slot != NULL;
		 slot = az_list_next(&slot->link))
	{
		if (az_connection_room(slot->connection) > 0 &&
			(best == NULL || is_better(slot, best, avoid)))
			best = slot;
	}
	if (best != NULL)
	{
		az_list_remove(&best->link);
		az_list_append(&pool->slots, &best->link, best);
	}
	return best;
}

static void
count_loads(AzPool *pool)
{
	AzEndpoint *endpoint;
	AzSlot	   *slot;

	for (endpoint = az_list_first(&pool->endpoints); endpoint != NULL;
		 endpoint = az_list_next(&endpoint->link))
		endpoint->load = 0;
	for (slot = az_list_first(&pool->slots); slot != NULL;
		 slot = az_list_next(&slot->link))
		slot->endpoint->load += az_connection_streams(slot->connection);
}

/* Strictly better: of equals the first, least recently used one stays. */
static bool
is_better(const AzSlot *slot, const AzSlot *than, const AzSlot *avoid)
{
	if ((slot == avoid) != (than == avoid))
		return than == avoid;
	if (slot->endpoint->load != than->endpoint->load)
		return slot->endpoint->load < than->endpoint->load;
	return az_connection_streams(slot->connection) <
		az_connection_streams(than->connection);
}
