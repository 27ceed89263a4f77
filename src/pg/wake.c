/*
 * Wakes the engine when a transaction that drew a position has ended, by
 * commit or rollback: both let the horizon move.
 *
 * No trigger: the lock that drawing took is still in the local lock table.
 * It also is there when rows come by COPY or logical replication.  A prepared
 * transaction wakes the engine before it is one, so that the engine finds its
 * end by looking again; where hooks.c sees that end, it tells too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "pg/slots.h"
#include "pg/wake.h"

static void end_transaction(XactEvent event, void *arg);

void
az_wake_install(void)
{
	RegisterXactCallback(end_transaction, NULL);
}

static void
end_transaction(XactEvent event, void *arg)
{
	Oid			sequence;
	LOCKTAG		tag;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PRE_PREPARE)
		return;
	sequence = az_slots_sequence();
	if (!OidIsValid(sequence))
		return;
	SET_LOCKTAG_RELATION(tag, MyDatabaseId, sequence);
	if (LockHeldByMe(&tag, RowExclusiveLock))
		az_slots_log_moved();
}
