/*
 * What a session has to tell supervisor and engine when its transaction
 * ends.
 *
 * It is told last of all, after the other processes have been told that what
 * they know of the catalogs is out of date: an engine that looks sooner may
 * still see the extension as it was, and not look again.
 *
 * What a subtransaction that was rolled back has left here does no
 * harm: whoever is told looks for itself.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/catalog_scan.h"
#include "pg/queue.h"
#include "pg/slots.h"

/* The lists live in TopTransactionContext. */
static List *to_look;
static List *to_restart;
static List *held;
static bool components_changed;
static bool extension_changed;
static bool extension_is_there; /* known from just before the commit on */
static bool is_committed;		/* and not told yet */

static void add(List **list, Oid database);
static void end_transaction(XactEvent event, void *arg);
static void release(ResourceReleasePhase phase, bool commits, bool is_top_level,
					void *arg);
static void tell(void);
static void forget(void);

void
az_queue_install(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterResourceReleaseCallback(release, NULL);
}

void
az_queue_look(Oid database)
{
	add(&to_look, database);
}

void
az_queue_extension_changed(void)
{
	extension_changed = true;
}

void
az_queue_restart(Oid database)
{
	add(&to_restart, database);
}

void
az_queue_components_changed(void)
{
	components_changed = true;
}

bool
az_queue_hold(Oid database)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);

	/* Nothing can fail between holding and remembering that. */
	held = lappend_oid(held, InvalidOid);
	MemoryContextSwitchTo(caller);
	if (!az_slots_hold(database))
		return false;
	llast_oid(held) = database;
	az_slots_await_absent(database);
	return true;
}

static void
add(List **list, Oid database)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);

	*list = list_append_unique_oid(*list, database);
	MemoryContextSwitchTo(caller);
}

static void
end_transaction(XactEvent event, void *arg)
{
	/* The last moment at which catalogs can be read. */
	if (event == XACT_EVENT_PRE_COMMIT && extension_changed)
		extension_is_there =
			OidIsValid(get_extension_oid(AZ_EXTENSION_NAME, true));
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	is_committed = event == XACT_EVENT_COMMIT;
	if (!is_committed)
		forget();
}

/* Called for each resource owner of the transaction; the first one tells. */
static void
release(ResourceReleasePhase phase, bool commits, bool is_top_level, void *arg)
{
	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !is_committed)
		return;
	is_committed = false;
	tell();
	forget();
}

static void
tell(void)
{
	ListCell   *cell;

	if (extension_changed && extension_is_there)
		az_slots_look(MyDatabaseId, true);
	else if (extension_changed)
		az_slots_dismiss(MyDatabaseId);
	foreach(cell, to_look)
		az_slots_look(lfirst_oid(cell), true);
	foreach(cell, to_restart)
		az_slots_restart(lfirst_oid(cell));
	if (components_changed)
		az_slots_components_changed(MyDatabaseId);
}

/* Holds end either way. */
static void
forget(void)
{
	ListCell   *cell;

	foreach(cell, held)
		if (OidIsValid(lfirst_oid(cell)))
		az_slots_release(lfirst_oid(cell));
	to_look = NIL;
	to_restart = NIL;
	held = NIL;
	components_changed = false;
	extension_changed = false;
	extension_is_there = false;
}
