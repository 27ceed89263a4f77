/*
 * The process that starts an engine in every database with the extension.
 *
 * It sees only the catalogs all databases share, so it cannot know where the
 * extension is.  When it starts, it has one database after another looked
 * into ("probed") by a worker that becomes the engine or goes away; later it
 * is told by those who create extensions or databases.
 *
 * Workers are never restarted by the server itself: after a crash it would
 * restart them and this process would do so too.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "pg/catalog_scan.h"
#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/slot_start.h"
#include "pg/supervisor.h"

#define LIBRARY "angzarr"
#define RESTART_AFTER_S 1
#define RETRY_MS 5000
#define WANT_OF_WORKERS \
	"no background worker process is free, see max_worker_processes"

/* A registered worker whose end has not been seen. */
typedef struct AzWorker
{
	AzSlotStart start;
	BackgroundWorkerHandle *handle;
} AzWorker;

typedef struct AzSupervisor
{
	List	   *unseen;			/* databases to look into, oids */
	AzSlotStart probe;			/* the one looked into; slot -1 = none */
	List	   *workers;		/* of AzWorker */
	AzSlotStart starved;		/* whose want of a process was told; database
								 * InvalidOid = none */
	bool		warned_slots;	/* about the present want of slots */
} AzSupervisor;

StaticAssertDecl(sizeof(AzSlotStart) <= BGW_EXTRALEN,
				 "a start must fit into bgw_extra");

PGDLLEXPORT void angzarr_supervisor_main(Datum arg);

static void begin(void);
static void reload_if_asked(void);
static void notice_ends(AzSupervisor *supervisor);
static bool has_ended(AzWorker *worker);
static void list_databases(AzSupervisor *supervisor);
static bool probe_next(AzSupervisor *supervisor);
static long start_all(AzSupervisor *supervisor);
static bool start_worker(AzSupervisor *supervisor, const AzSlotStart *start);
static void be_content(AzSupervisor *supervisor, const AzSlotStart *start);
static void describe_worker(BackgroundWorker *worker,
							const AzSlotStart *start);
static void warn_of_workers(AzSupervisor *supervisor,
							const AzSlotStart *start);
static void warn_of_slots(AzSupervisor *supervisor);
static void wait_for_news(long timeout_ms);

void
az_supervisor_register(void)
{
	BackgroundWorker worker = {0};

	strlcpy(worker.bgw_name, "angzarr supervisor", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "angzarr supervisor", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_AFTER_S;
	strlcpy(worker.bgw_library_name, LIBRARY, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "angzarr_supervisor_main", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

void
az_supervisor_read_start(AzSlotStart *start)
{
	memcpy(start, MyBgworkerEntry->bgw_extra, sizeof(*start));
}

void
angzarr_supervisor_main(Datum arg)
{
	AzSupervisor supervisor = {.probe.slot = -1};

	begin();
	list_databases(&supervisor);
	for (;;)
	{
		long		timeout_ms;

		CHECK_FOR_INTERRUPTS();
		reload_if_asked();
		notice_ends(&supervisor);
		if (az_slot_start_take_overflow())
			list_databases(&supervisor);
		while (probe_next(&supervisor))
			;
		timeout_ms = start_all(&supervisor);
		if (supervisor.unseen != NIL && timeout_ms < 0)
			timeout_ms = RETRY_MS;
		wait_for_news(timeout_ms);
	}
}

static void
begin(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	MemoryContextSwitchTo(TopMemoryContext);
	az_slot_start_supervise();
	ereport(DEBUG1, (errmsg_internal("angzarr supervisor started")));
}

static void
reload_if_asked(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}

/* Forgets workers that have ended; those that said nothing are lost. */
static void
notice_ends(AzSupervisor *supervisor)
{
	ListCell   *cell;

	foreach(cell, supervisor->workers)
	{
		AzWorker   *worker = lfirst(cell);

		if (!has_ended(worker))
			continue;
		az_slot_start_lose(&worker->start);
		pfree(worker->handle);
		pfree(worker);
		supervisor->workers =
			foreach_delete_current(supervisor->workers, cell);
	}
	if (supervisor->probe.slot >= 0 &&
		!az_slot_start_is_open(&supervisor->probe))
		supervisor->probe.slot = -1;
}

static bool
has_ended(AzWorker *worker)
{
	pid_t		pid;
	BgwHandleStatus status = GetBackgroundWorkerPid(worker->handle, &pid);

	return status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
}

static void
list_databases(AzSupervisor *supervisor)
{
	list_free(supervisor->unseen);
	supervisor->unseen = az_catalog_scan_databases();
}

/*
 * Has the next database looked into, unless one is.  True when the caller
 * should try the next one at once.
 */
static bool
probe_next(AzSupervisor *supervisor)
{
	Oid			database;

	if (supervisor->unseen == NIL || supervisor->probe.slot >= 0)
		return false;
	database = linitial_oid(supervisor->unseen);
	if (!az_slot_start_want(database))
	{
		warn_of_slots(supervisor);
		return false;
	}
	supervisor->warned_slots = false;
	supervisor->unseen = list_delete_first(supervisor->unseen);
	/* One that has an engine, or gets one anyway, needs no looking into. */
	if (!az_slot_start_take_for(database, &supervisor->probe))
	{
		supervisor->probe.slot = -1;
		return true;
	}
	if (!start_worker(supervisor, &supervisor->probe))
	{
		supervisor->probe.slot = -1;
		return true;
	}
	return false;
}

/*
 * Starts every worker that is due; when the next one is, or -1.  While not
 * all databases have been looked into, each gets one worker at most, so that
 * each gets one.
 */
static long
start_all(AzSupervisor *supervisor)
{
	int			below = supervisor->probe.slot >= 0 ? 1 : AZ_MAX_WORKERS;
	AzSlotStart start;
	long		wait_ms;

	while (az_slot_start_take(below, &start, &wait_ms))
		start_worker(supervisor, &start);
	return wait_ms;
}

static bool
start_worker(AzSupervisor *supervisor, const AzSlotStart *start)
{
	BackgroundWorker description = {0};
	AzWorker   *worker;

	if (!az_catalog_scan_has_database(start->database))
	{
		be_content(supervisor, start);
		az_slot_start_forget(start);
		return false;
	}
	describe_worker(&description, start);
	worker = palloc(sizeof(AzWorker));
	worker->start = *start;
	if (!RegisterDynamicBackgroundWorker(&description, &worker->handle))
	{
		pfree(worker);
		/* The first time it may be a probe that is just about to end. */
		if (az_slot_start_refuse(start, WANT_OF_WORKERS) > 1)
			warn_of_workers(supervisor, start);
		return false;
	}
	supervisor->workers = lappend(supervisor->workers, worker);
	be_content(supervisor, start);
	return true;
}

/* The worker does not wait for a process any more. */
static void
be_content(AzSupervisor *supervisor, const AzSlotStart *start)
{
	if (supervisor->starved.database == start->database &&
		supervisor->starved.number == start->number)
		supervisor->starved.database = InvalidOid;
}

static void
describe_worker(BackgroundWorker *worker, const AzSlotStart *start)
{
	snprintf(worker->bgw_name, BGW_MAXLEN, "angzarr engine %d of database %u",
			 start->number, start->database);
	strlcpy(worker->bgw_type, "angzarr engine", BGW_MAXLEN);
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_notify_pid = MyProcPid;
	strlcpy(worker->bgw_library_name, LIBRARY, BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, "angzarr_engine_main", BGW_MAXLEN);
	memcpy(worker->bgw_extra, start, sizeof(*start));
}

/* Once for as long as that worker waits. */
static void
warn_of_workers(AzSupervisor *supervisor, const AzSlotStart *start)
{
	if (OidIsValid(supervisor->starved.database))
		return;
	supervisor->starved = *start;
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not start an angzarr engine: no background worker process is free"),
			 errdetail("All %d background worker processes are in use.",
					   max_worker_processes),
			 errhint("Increase \"max_worker_processes\" and restart the server.")));
}

/* Likewise. */
static void
warn_of_slots(AzSupervisor *supervisor)
{
	if (supervisor->warned_slots)
		return;
	supervisor->warned_slots = true;
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not look for angzarr in all databases"),
			 errdetail("All %d slots for databases are in use.",
					   az_guc_max_databases),
			 errhint("Increase \"angzarr.max_databases\" and restart the server.")));
}

/* Sleeps until woken, at most so long (-1 = for ever). */
static void
wait_for_news(long timeout_ms)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	if (timeout_ms >= 0)
		events |= WL_TIMEOUT;
	(void) WaitLatch(MyLatch, events, timeout_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}
