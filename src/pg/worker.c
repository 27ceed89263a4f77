/*
 * The process that turns an engine of one database, which may have several.
 *
 * It looks for the extension first: without it the process goes away, with
 * one of another version than the library, or in a copy that nobody has
 * activated, it stays and says so.
 *
 * The first SIGTERM lets calls under way end, but not for longer than
 * angzarr.drain_timeout, whatever the process is doing then: a timer of the
 * kernel sends the second one, and that ends the process at the next
 * interrupt check.
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>
#include <time.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "engine/engine.h"
#include "pg/catalog_scan.h"
#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/log_host.h"
#include "pg/notify.h"
#include "pg/session.h"
#include "pg/slot_own.h"
#include "pg/spi_activation.h"
#include "pg/spi_db.h"
#include "pg/supervisor.h"

/* Somebody waits for the database: calls under way get only so long. */
#define HELD_DRAIN_MS 1000
#define STATS_DELAY_MS 1000
#define N_EVENTS 3

typedef struct AzWorker
{
	AzDb	   *db;
	AzEngine   *engine;			/* NULL while idle */
	AzEngineSettings settings;
	char	   *version;		/* of the extension */
	WaitEventSet *events;
	MemoryContext turn;			/* reset at each */
	bool		is_draining;
	TimestampTz drain_begun_at;
	bool		has_stats;		/* some are not reported yet */
} AzWorker;

PGDLLEXPORT void angzarr_engine_main(Datum arg);

static void enter(void);
static void leave_slot(int code, Datum arg);
static void handle_sigterm(SIGNAL_ARGS);
static void create_hurry_timer(void);
static void find_extension(AzWorker *worker);
static void end(AzWorker *worker, AzSlotEnd how) pg_attribute_noreturn();
static void note_invalidation(Datum arg, Oid relation);
static void end_if_too_many(AzWorker *worker);
static void start_engine(AzWorker *worker);
static bool may_serve(AzWorker *worker);
static void take_settings(AzWorker *worker);
static void create_engine(AzWorker *worker);
static void complain(const char *message, const char *hint);
static void create_events(AzWorker *worker);
static void reload_if_asked(AzWorker *worker);
static void look_if_asked(AzWorker *worker);
static bool has_ended(AzWorker *worker);
static void turn(AzWorker *worker);
static void wait_for_events(AzWorker *worker);
static long timeout_ms(AzWorker *worker);
static long least(long a, long b);
static long drain_left_ms(const AzWorker *worker);

static AzSlotEnd how_it_ends = AZ_SLOT_FAILED;
static timer_t hurry_timer;
static bool has_hurry_timer;
static Oid	events_table;
static bool may_be_gone;		/* the extension, since it was looked at */

void
angzarr_engine_main(Datum arg)
{
	AzWorker	worker = {0};

	enter();
	worker.turn = AllocSetContextCreate(TopMemoryContext, "angzarr turn",
										ALLOCSET_DEFAULT_SIZES);
	worker.db = az_spi_db_create(az_slot_own_components_generation,
								 az_slot_own_log_generation);
	end_if_too_many(&worker);
	find_extension(&worker);
	start_engine(&worker);
	create_events(&worker);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		reload_if_asked(&worker);
		look_if_asked(&worker);
		if (ShutdownRequestPending && has_ended(&worker))
			end(&worker, AZ_SLOT_STOPPED);
		turn(&worker);
		wait_for_events(&worker);
	}
}

/* Becomes a session of the database; SIGTERM ends it at once until then. */
static void
enter(void)
{
	AzSlotStart start;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	/* Before the connection's own, so it runs after the process has left. */
	on_shmem_exit(leave_slot, 0);
	az_supervisor_read_start(&start);
	if (!az_slot_own_attach(&start))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(start.database, InvalidOid, 0);

	create_hurry_timer();
	pqsignal(SIGTERM, handle_sigterm);
	az_session_prepare();
	az_log_set_sink(az_log_host_write);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
leave_slot(int code, Datum arg)
{
	if (ShutdownRequestPending && how_it_ends == AZ_SLOT_FAILED)
		how_it_ends = AZ_SLOT_STOPPED;
	az_slot_own_detach(how_it_ends);
}

/* See the head of the file. */
static void
handle_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (ShutdownRequestPending)
		die(postgres_signal_arg);
	else if (has_hurry_timer)
	{
		struct itimerspec when = {
			.it_value.tv_sec = az_guc_drain_timeout_ms / 1000 + 1
		};

		timer_settime(hurry_timer, 0, &when, NULL);
	}
	SignalHandlerForShutdownRequest(postgres_signal_arg);
	errno = save_errno;
}

static void
create_hurry_timer(void)
{
	struct sigevent event = {0};

	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = SIGTERM;
	has_hurry_timer = timer_create(CLOCK_MONOTONIC, &event, &hurry_timer) == 0;
	if (!has_hurry_timer)
		ereport(LOG, (errmsg("could not create a timer: %m")));
}

/* Ends the process where there is no extension. */
static void
find_extension(AzWorker *worker)
{
	CacheRegisterRelcacheCallback(note_invalidation, (Datum) 0);
	worker->version = az_catalog_scan_version();
	if (worker->version == NULL)
		end(worker, AZ_SLOT_NOT_NEEDED);
	events_table = az_catalog_scan_events();
	may_be_gone = false;
}

static void
end(AzWorker *worker, AzSlotEnd how)
{
	how_it_ends = how;
	az_slot_own_close();
	az_engine_free(worker->engine);
	proc_exit(0);
}

static void
note_invalidation(Datum arg, Oid relation)
{
	if (relation == events_table || !OidIsValid(relation))
		may_be_gone = true;
}

/* The setting may have changed since this worker was asked for. */
static void
end_if_too_many(AzWorker *worker)
{
	if (az_slot_own_number() < az_guc_workers)
		return;
	az_slot_own_set_workers(az_guc_workers);
	end(worker, AZ_SLOT_STOPPED);
}

/* Or stays idle with a message; ends the process if it may go better later. */
static void
start_engine(AzWorker *worker)
{
	if (!may_serve(worker))
	{
		az_slot_own_idle();
		return;
	}
	take_settings(worker);
	for (;;)
	{
		if (!az_slot_own_open(&worker->settings))
			end(worker, AZ_SLOT_STOPPED);
		create_engine(worker);
		if (az_slot_own_run(az_engine_listening(worker->engine)))
			break;
		az_engine_free(worker->engine);
		worker->engine = NULL;
	}
	az_slot_own_set_workers(az_guc_workers);
}

/* Complains of what hinders it. */
static bool
may_serve(AzWorker *worker)
{
	if (strcmp(worker->version, AZ_VERSION) != 0)
	{
		complain(psprintf("extension angzarr has version %s, but the loaded library has version %s",
						  worker->version, AZ_VERSION),
				 "Run ALTER EXTENSION angzarr UPDATE, or restart the server to load the library anew.");
		return false;
	}
	if (!az_spi_activation_is_here())
	{
		complain("it is a copy of another database",
				 "Run SELECT angzarr.activate() in it, if its engine shall call the registered components.");
		return false;
	}
	return true;
}

/* The strings are copied, so that they can be compared after a reload. */
static void
take_settings(AzWorker *worker)
{
	AzEngineSettings *settings = &worker->settings;

	az_guc_engine_settings(settings);
	settings->worker = az_slot_own_number();
	settings->listen_addresses = pstrdup(settings->listen_addresses);
	settings->socket_directory = pstrdup(settings->socket_directory);
}

/* Ends the process when that cannot be had. */
static void
create_engine(AzWorker *worker)
{
	AzArena    *arena = az_arena_create();
	AzError		error = {0};

	if (arena != NULL)
		worker->engine = az_engine_create(worker->db, &worker->settings,
										  arena, &error);
	else
		az_error_out_of_memory(&error);
	if (worker->engine == NULL)
	{
		complain(error.message, error.hint);
		end(worker, AZ_SLOT_FAILED);
	}
	az_arena_free(arena);
}

/* Logged once, not at each attempt; view workers shows it all the time. */
static void
complain(const char *message, const char *hint)
{
	const char *database = az_catalog_scan_database_name();
	int			number = az_slot_own_number();

	if (!az_slot_own_complain(message))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("angzarr does not serve database \"%s\": %s",
					database, message),
			 number > 0 ? errdetail("Worker %d of that database does not; others may.", number) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
}

static void
create_events(AzWorker *worker)
{
	worker->events = CreateWaitEventSet(TopMemoryContext, N_EVENTS);
	AddWaitEventToSet(worker->events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch,
					  NULL);
	AddWaitEventToSet(worker->events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET,
					  NULL, NULL);
	if (worker->engine != NULL)
		AddWaitEventToSet(worker->events, WL_SOCKET_READABLE,
						  az_engine_fd(worker->engine), NULL, NULL);
}

/* What the engine cannot take over is for the next one: it is started. */
static void
reload_if_asked(AzWorker *worker)
{
	AzEngineSettings settings;

	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	az_session_require_flush();
	az_session_limit_memory();
	if (worker->engine == NULL)
		return;
	az_guc_engine_settings(&settings);
	az_engine_apply(worker->engine, &settings);
	if (!ShutdownRequestPending)
		az_slot_own_set_workers(az_guc_workers);
	if (!az_guc_is_applicable(&worker->settings, &settings) &&
		!ShutdownRequestPending)
	{
		ereport(LOG,
				(errmsg("angzarr engine is restarted to take over settings")));
		kill(MyProcPid, SIGTERM);
	}
}

/* When the extension may have changed: ends the process if it has. */
static void
look_if_asked(AzWorker *worker)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *version;

	if (!az_slot_own_take_look() && !may_be_gone)
		return;
	may_be_gone = false;
	MemoryContextSwitchTo(worker->turn);
	version = az_catalog_scan_version();
	if (version == NULL)
		end(worker, AZ_SLOT_NOT_NEEDED);
	/* Dropped and created anew, it has other tables: begin anew too. */
	if (strcmp(version, worker->version) != 0 ||
		az_catalog_scan_events() != events_table)
		end(worker, AZ_SLOT_STOPPED);
	MemoryContextSwitchTo(caller);
}

/* After SIGTERM: whether nothing is under way, or it took too long. */
static bool
has_ended(AzWorker *worker)
{
	if (worker->engine == NULL)
		return true;
	if (!worker->is_draining)
	{
		worker->is_draining = true;
		worker->drain_begun_at = GetCurrentTimestamp();
		az_slot_own_stop();
		az_slot_own_close();
		az_engine_drain(worker->engine);
		az_slot_own_closed();
	}
	return az_engine_is_drained(worker->engine) || drain_left_ms(worker) == 0;
}

static void
turn(AzWorker *worker)
{
	AzEngineStats stats;

	MemoryContextReset(worker->turn);
	if (worker->engine == NULL)
		return;
	az_engine_turn(worker->engine);
	az_notify_turn();
	az_engine_stats(worker->engine, &stats);
	az_slot_own_report(&stats);
}

static void
wait_for_events(AzWorker *worker)
{
	WaitEvent	occurred[N_EVENTS];
	int			n_occurred;

	Assert(!IsTransactionState());
	worker->has_stats = az_spi_db_report_stats(false) > 0;
	n_occurred = WaitEventSetWait(worker->events, timeout_ms(worker), occurred,
								  N_EVENTS, PG_WAIT_EXTENSION);
	if (n_occurred == 0 && worker->has_stats)
		az_spi_db_report_stats(true);
	ResetLatch(MyLatch);
}

/* The least of what engine, listeners, statistics and draining allow. */
static long
timeout_ms(AzWorker *worker)
{
	long		timeout = -1;

	if (worker->engine != NULL)
		timeout = least(az_engine_timeout_ms(worker->engine),
						az_notify_timeout_ms());
	if (worker->has_stats)
		timeout = least(timeout, STATS_DELAY_MS);
	if (worker->is_draining)
		timeout = least(timeout, drain_left_ms(worker));
	return timeout;
}

/* Less than 0 is never. */
static long
least(long a, long b)
{
	if (a < 0 || b < 0)
		return Max(a, b);
	return Min(a, b);
}

static long
drain_left_ms(const AzWorker *worker)
{
	long		allowed = az_guc_drain_timeout_ms;

	if (az_slot_own_is_held())
		allowed = Min(allowed, HELD_DRAIN_MS);
	allowed -= TimestampDifferenceMilliseconds(worker->drain_begun_at,
											   GetCurrentTimestamp());
	return Max(allowed, 0);
}
