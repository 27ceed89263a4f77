/*
 * The engine: puts loop, server, channels, catalog, jobs and tick together
 * and turns them.
 *
 * The order of a turn matters: what came is read first, then the components
 * are read again if the database has news of them, then jobs start.  So a
 * command sent after a registration was committed always finds it.
 */
#include "engine/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/follower.h"
#include "engine/outbox.h"
#include "engine/subscriptions.h"
#include "engine/tick.h"
#include "engine/timers.h"
#include "service/service.h"

#define CATALOG_RETRY_US 1000000

struct AzEngine
{
	AzDb	   *db;
	AzLoop	   *loop;
	AzChannels *channels;
	AzCatalog  *catalog;
	AzJobs	   *jobs;
	AzServices *services;
	AzServer   *server;
	AzTick		tick;
	AzFollower	follower;
	AzSubscriptions subscriptions;
	AzOutbox	outbox;
	AzTimers	timers;			/* of process managers */
	AzTimer		catalog_timer;	/* the next read without news */
	int64_t		catalog_poll_us;
	bool		catalog_is_due;
	bool		catalog_failed; /* its last read: the timer says when again */
	char		listening[512];
};

static bool create_parts(AzEngine *engine, const AzEngineSettings *settings);
static bool listen_everywhere(AzEngine *engine,
							  const AzEngineSettings *settings,
							  AzArena *arena, AzError *error);
static bool listen_tcp(AzEngine *engine, const char *addresses, int port,
					   AzArena *arena, AzError *error);
static bool listen_unix(AzEngine *engine, const AzEngineSettings *settings,
						AzArena *arena, AzError *error);
static void note_listening(AzEngine *engine, const char *host, int port);
static bool wants_catalog(const AzEngine *engine);
static void read_catalog(AzEngine *engine);
static bool read_catalog_now(AzEngine *engine, AzError *error);
static void catalog_due(AzTimer *timer);

AzEngine *
az_engine_create(AzDb *db, const AzEngineSettings *settings, AzArena *arena,
				 AzError *error)
{
	AzEngine   *engine = calloc(1, sizeof(AzEngine));

	if (engine == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	engine->db = db;
	engine->catalog_poll_us = settings->catalog_poll_us;
	engine->catalog_timer.due = catalog_due;
	engine->catalog_timer.owner = engine;
	engine->catalog_is_due = true;
	if (!create_parts(engine, settings))
	{
		az_engine_free(engine);
		az_error_out_of_memory(error);
		return NULL;
	}
	if (!listen_everywhere(engine, settings, arena, error))
	{
		az_engine_free(engine);
		return NULL;
	}
	return engine;
}

void
az_engine_free(AzEngine *engine)
{
	if (engine == NULL)
		return;
	/* The server first: it ends every call, which gives up every job. */
	if (engine->server != NULL)
		az_server_free(engine->server);
	az_services_free(engine->services);
	az_timers_free(&engine->timers);
	az_subscriptions_free(&engine->subscriptions);
	az_follower_free(&engine->follower);
	az_outbox_free(&engine->outbox);
	az_jobs_free(engine->jobs);
	az_tick_free(&engine->tick);
	if (engine->channels != NULL)
		az_channels_free(engine->channels);
	az_catalog_free(engine->catalog);
	if (engine->loop != NULL)
	{
		az_loop_stop_timer(engine->loop, &engine->catalog_timer);
		az_loop_free(engine->loop);
	}
	free(engine);
}

void
az_engine_apply(AzEngine *engine, const AzEngineSettings *settings)
{
	engine->jobs->settings = settings->jobs;
	az_cache_set_limit(engine->jobs->cache, settings->jobs.cache_bytes);
	engine->catalog_poll_us = settings->catalog_poll_us;
	engine->follower.poll_us = settings->log_poll_us;
	engine->outbox.poll_us = settings->catalog_poll_us;
	engine->tick.max_bytes = settings->max_batch_bytes;
	if (settings->max_batch_jobs <= engine->tick.capacity)
		engine->tick.max_jobs = settings->max_batch_jobs;
	if (settings->shares_port)
		az_server_share_ports(engine->server, false);
	az_server_set_limits(engine->server, &settings->server);
	az_channels_set_limits(engine->channels, &settings->client);
}

int
az_engine_fd(const AzEngine *engine)
{
	return az_loop_fd(engine->loop);
}

int
az_engine_timeout_ms(const AzEngine *engine)
{
	if (engine->jobs->ready != NULL || engine->jobs->wishes != NULL ||
		wants_catalog(engine) || az_follower_wants_turn(&engine->follower) ||
		az_subscriptions_want_turn(&engine->subscriptions) ||
		az_outbox_wants_turn(&engine->outbox) ||
		az_timers_want_turn(&engine->timers))
		return 0;
	return az_loop_timeout_ms(engine->loop);
}

void
az_engine_turn(AzEngine *engine)
{
	az_loop_turn(engine->loop, 0);
	read_catalog(engine);
	az_jobs_run_ready(engine->jobs);
	az_tick_run(&engine->tick, engine->jobs);
	az_jobs_run_ready(engine->jobs);
	az_follower_turn(&engine->follower);
	az_subscriptions_turn(&engine->subscriptions);
	az_outbox_turn(&engine->outbox);
	az_timers_turn(&engine->timers);
	az_jobs_run_ready(engine->jobs);
	az_loop_flush(engine->loop);
}

void
az_engine_stats(const AzEngine *engine, AzEngineStats *stats)
{
	stats->commands = engine->jobs->commands;
	stats->rejected = engine->jobs->rejected;
	stats->events = engine->jobs->events;
	stats->batches = engine->tick.batches;
	stats->transactions = engine->db->commits;
	stats->connections = az_server_connections(engine->server);
	stats->jobs = engine->jobs->count;
}

const char *
az_engine_listening(const AzEngine *engine)
{
	return engine->listening[0] != '\0' ? engine->listening : "nothing";
}

void
az_engine_drain(AzEngine *engine)
{
	az_server_drain(engine->server);
	az_services_stop(engine->services);
	az_subscriptions_stop(&engine->subscriptions);
	az_outbox_stop(&engine->outbox);
	az_timers_stop(&engine->timers);
}

bool
az_engine_is_drained(const AzEngine *engine)
{
	return az_server_calls(engine->server) == 0 && engine->jobs->count == 0 &&
		az_subscriptions_are_stopped(&engine->subscriptions) &&
		az_timers_are_stopped(&engine->timers);
}

static bool
create_parts(AzEngine *engine, const AzEngineSettings *settings)
{
	engine->loop = az_loop_create();
	if (engine->loop == NULL)
		return false;
	engine->channels = az_channels_create(engine->loop, &settings->client);
	engine->catalog = az_catalog_create();
	if (engine->channels == NULL || engine->catalog == NULL)
		return false;
	engine->jobs = az_jobs_create(engine->loop, engine->channels,
								  engine->catalog, &settings->jobs);
	if (engine->jobs == NULL)
		return false;
	engine->services = az_services_create(engine->jobs);
	if (engine->services == NULL)
		return false;
	engine->server = az_server_create(engine->loop, &settings->server,
									  &az_service_events, engine->services);
	return engine->server != NULL &&
		az_tick_init(&engine->tick, engine->db, settings->max_batch_jobs,
					 settings->max_batch_bytes) &&
		az_follower_init(&engine->follower, engine->db, engine->loop,
						 &engine->jobs->readers, settings->log_poll_us) &&
		az_subscriptions_init(&engine->subscriptions, engine->db,
							  engine->jobs) &&
		az_outbox_init(&engine->outbox, engine->db, engine->jobs,
					   settings->catalog_poll_us) &&
		az_timers_init(&engine->timers, engine->db, engine->jobs,
					   &engine->subscriptions);
}

static bool
listen_everywhere(AzEngine *engine, const AzEngineSettings *settings,
				  AzArena *arena, AzError *error)
{
	if (settings->shares_port)
		az_server_share_ports(engine->server, settings->joins_port);
	if (settings->listen_addresses[0] != '\0' &&
		!listen_tcp(engine, settings->listen_addresses,
					settings->listen_port, arena, error))
		return false;
	return settings->socket_directory[0] == '\0' ||
		listen_unix(engine, settings, arena, error);
}

/* Every name of the comma-separated list. */
static bool
listen_tcp(AzEngine *engine, const char *addresses, int port, AzArena *arena,
		   AzError *error)
{
	char	   *list = az_arena_string(arena, addresses);
	char	   *rest = NULL;

	if (list == NULL)
		return az_error_out_of_memory(error);
	for (char *host = strtok_r(list, ", ", &rest); host != NULL;
		 host = strtok_r(NULL, ", ", &rest))
	{
		if (!az_server_listen_tcp(engine->server, host, port, arena, error))
			return false;
		note_listening(engine, host, az_server_port(engine->server));
	}
	return true;
}

/* A path is one engine's, so all but the first add their number. */
static bool
listen_unix(AzEngine *engine, const AzEngineSettings *settings,
			AzArena *arena, AzError *error)
{
	const char *directory = settings->socket_directory;
	int			port = settings->listen_port;
	int			worker = settings->worker;
	char	   *path = worker == 0 ?
	az_arena_format(arena, "%s/.s.angzarr.%d", directory, port) :
	az_arena_format(arena, "%s/.s.angzarr.%d.%d", directory, port, worker);

	if (path == NULL)
		return az_error_out_of_memory(error);
	if (!az_server_listen_unix(engine->server, path, settings->socket_mode,
							   arena, error))
		return false;
	note_listening(engine, path, 0);
	return true;
}

/* Adds "host:port", or a path when the port is 0, to what is shown. */
static void
note_listening(AzEngine *engine, const char *host, int port)
{
	size_t		len = strlen(engine->listening);
	const char *comma = len > 0 ? ", " : "";

	if (port > 0)
		snprintf(engine->listening + len, sizeof(engine->listening) - len,
				 "%s%s:%d", comma, host, port);
	else
		snprintf(engine->listening + len, sizeof(engine->listening) - len,
				 "%s%s", comma, host);
}

/* When there is news, or long no reading; after a failure not at once. */
static bool
wants_catalog(const AzEngine *engine)
{
	return engine->catalog_is_due ||
		(!engine->catalog_failed &&
		 az_catalog_is_stale(engine->catalog, engine->db));
}

static void
read_catalog(AzEngine *engine)
{
	AzError		error = {0};
	bool		was_read;

	if (!wants_catalog(engine))
		return;
	was_read = read_catalog_now(engine, &error);
	engine->catalog_failed = !was_read;
	if (!was_read)
		az_log(AZ_LOG_WARNING, "could not read the registered components: %s",
			   error.message);
	engine->catalog_is_due = false;
	az_arena_reset(engine->tick.scratch);
	az_loop_start_timer(engine->loop, &engine->catalog_timer,
						az_clock_monotonic_us() +
						(was_read ? engine->catalog_poll_us :
						 CATALOG_RETRY_US));
}

static bool
read_catalog_now(AzEngine *engine, AzError *error)
{
	AzArena    *scratch = engine->tick.scratch;

	if (!az_db_begin(engine->db, scratch, error))
		return false;
	/* Whoever changes components may have changed more than we look at. */
	if (az_catalog_is_stale(engine->catalog, engine->db))
		az_cache_clear(engine->jobs->cache);
	return az_db_end(engine->db,
					 az_catalog_read(engine->catalog, engine->db, error,
									 scratch), scratch, error);
}

static void
catalog_due(AzTimer *timer)
{
	AzEngine   *engine = timer->owner;

	engine->catalog_is_due = true;
}
