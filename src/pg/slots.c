/* What any process may see of the slots, and ask of them. */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/slot_table.h"

#define AWAIT_ABSENT_MS 10000

static AzSlot *slot_of_this_database(AzSlotTable *table);
static void ask_stop(AzSlot *slot, bool hurry);
static bool has_worker(Oid database);

bool
az_slots_available(void)
{
	return az_slot_table() != NULL;
}

int
az_slots_count(void)
{
	return az_slots_available() ? az_slot_table()->count : 0;
}

void
az_slots_view(int index, AzSlotView *view)
{
	AzSlotTable *table = az_slot_table_lock(LW_SHARED);
	AzSlot	   *slot = &table->slots[index];

	view->database = slot->database;
	view->state = slot->state;
	view->pid = slot->pid;
	view->started_at = slot->started_at;
	memcpy(view->listening, slot->listening, sizeof(view->listening));
	memcpy(view->message, slot->message, sizeof(view->message));
	az_slot_table_unlock(table);

	memset(&view->stats, 0, sizeof(view->stats));
	view->stats.commands = pg_atomic_read_u64(&slot->commands);
	view->stats.rejected = pg_atomic_read_u64(&slot->rejected);
	view->stats.events = pg_atomic_read_u64(&slot->events);
	view->stats.batches = pg_atomic_read_u64(&slot->batches);
	view->stats.transactions = pg_atomic_read_u64(&slot->transactions);
	view->stats.connections = pg_atomic_read_u64(&slot->connections);
}

const char *
az_slots_state_name(AzSlotState state)
{
	static const char *const names[] = {
		[AZ_SLOT_ABSENT] = "absent",
		[AZ_SLOT_STARTING] = "starting",
		[AZ_SLOT_RUNNING] = "running",
		[AZ_SLOT_IDLE] = "idle",
		[AZ_SLOT_STOPPING] = "stopping"
	};

	return names[state];
}

void
az_slots_look(Oid database, bool at_once)
{
	AzSlotTable *table;
	AzSlot	   *slot;

	if (!az_slots_available())
		return;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	slot = az_slot_table_claim(table, database);
	if (slot != NULL)
	{
		slot->wanted = true;
		slot->look = true;
		if (at_once)
			slot->due_at = 0;
		if (slot->pid != 0)
			SetLatch(slot->latch);
	}
	else
		table->overflow = true;
	az_slot_table_wake_supervisor(table);
	az_slot_table_unlock(table);
}

void
az_slots_dismiss(Oid database)
{
	AzSlotTable *table;
	AzSlot	   *slot;

	if (!az_slots_available())
		return;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	slot = az_slot_table_find(table, database);
	if (slot != NULL)
	{
		slot->wanted = false;
		slot->look = true;
		if (slot->pid != 0)
			SetLatch(slot->latch);
		az_slot_table_tidy(slot);
	}
	az_slot_table_unlock(table);
}

void
az_slots_restart(Oid database)
{
	AzSlotTable *table;
	AzSlot	   *slot;

	if (!az_slots_available())
		return;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	slot = az_slot_table_find(table, database);
	if (slot != NULL)
	{
		slot->due_at = 0;
		ask_stop(slot, false);
		az_slot_table_wake_supervisor(table);
	}
	az_slot_table_unlock(table);
}

bool
az_slots_hold(Oid database)
{
	AzSlotTable *table;
	AzSlot	   *slot;

	if (!az_slots_available())
		return false;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	slot = az_slot_table_find(table, database);
	if (slot != NULL)
	{
		slot->held++;
		ask_stop(slot, true);
	}
	az_slot_table_unlock(table);
	return slot != NULL;
}

void
az_slots_release(Oid database)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_find(table, database);

	if (slot != NULL && slot->held > 0)
	{
		slot->held--;
		slot->due_at = 0;
		az_slot_table_tidy(slot);
		az_slot_table_wake_supervisor(table);
	}
	az_slot_table_unlock(table);
}

void
az_slots_await_absent(Oid database)
{
	AzSlotTable *table = az_slot_table();
	TimestampTz begun_at = GetCurrentTimestamp();
	long		left_ms = AWAIT_ABSENT_MS;

	ConditionVariablePrepareToSleep(&table->absent);
	while (left_ms > 0 && has_worker(database))
	{
		ConditionVariableTimedSleep(&table->absent, left_ms,
									PG_WAIT_EXTENSION);
		left_ms = AWAIT_ABSENT_MS -
			TimestampDifferenceMilliseconds(begun_at, GetCurrentTimestamp());
	}
	ConditionVariableCancelSleep();
}

void
az_slots_components_changed(Oid database)
{
	AzSlotTable *table;
	AzSlot	   *slot;

	if (!az_slots_available())
		return;
	table = az_slot_table_lock(LW_SHARED);
	slot = az_slot_table_find(table, database);
	if (slot != NULL)
	{
		pg_atomic_fetch_add_u64(&slot->components_generation, 1);
		if (slot->pid != 0)
			SetLatch(slot->latch);
	}
	az_slot_table_unlock(table);
}

Oid
az_slots_sequence(void)
{
	AzSlotTable *table = az_slot_table();
	AzSlot	   *slot;

	if (table == NULL || !OidIsValid(MyDatabaseId))
		return InvalidOid;
	slot = slot_of_this_database(table);
	return slot != NULL ? pg_atomic_read_u32(&slot->sequence) : InvalidOid;
}

void
az_slots_log_moved(void)
{
	AzSlotTable *table;
	AzSlot	   *slot;

	if (!az_slots_available())
		return;
	table = az_slot_table_lock(LW_SHARED);
	slot = az_slot_table_find(table, MyDatabaseId);
	/* The engine itself looks after its own transactions unasked. */
	if (slot != NULL && pg_atomic_exchange_u32(&slot->moved, 1) == 0 &&
		slot->pid != 0 && slot->pid != MyProcPid)
		SetLatch(slot->latch);
	az_slot_table_unlock(table);
}

int64
az_slots_horizon(Oid sequence)
{
	AzSlotTable *table;
	AzSlot	   *slot;
	int64		horizon = 0;

	if (!az_slots_available())
		return 0;
	table = az_slot_table_lock(LW_SHARED);
	slot = az_slot_table_find(table, MyDatabaseId);
	if (slot != NULL && pg_atomic_read_u32(&slot->sequence) == sequence)
		horizon = (int64) pg_atomic_read_u64(&slot->horizon);
	az_slot_table_unlock(table);
	return horizon;
}

/*
 * Without the lock: a slot that is about to become another database's has no
 * sequence, and whose watching has just begun looks by itself.
 */
static AzSlot *
slot_of_this_database(AzSlotTable *table)
{
	static AzSlot *last;
	static uint32 seen;
	uint32		watches = pg_atomic_read_u32(&table->watches);

	if (last != NULL && *(volatile Oid *) &last->database == MyDatabaseId)
		return last;
	if (watches == seen)
		return NULL;
	seen = watches;
	last = NULL;
	for (int i = 0; i < table->count && last == NULL; i++)
		if (*(volatile Oid *) &table->slots[i].database == MyDatabaseId)
			last = &table->slots[i];
	return last;
}

/*
 * Tells a worker to end; the caller holds the lock.  "hurry" tells also one
 * that is already ending, which makes it leave at once.
 */
static void
ask_stop(AzSlot *slot, bool hurry)
{
	if (slot->state == AZ_SLOT_ABSENT ||
		(slot->state == AZ_SLOT_STOPPING && !hurry))
		return;
	if (slot->state != AZ_SLOT_STOPPING)
		az_slot_table_set_state(slot, AZ_SLOT_STOPPING);
	if (slot->pid != 0)
		kill(slot->pid, SIGTERM);
}

static bool
has_worker(Oid database)
{
	AzSlotTable *table = az_slot_table_lock(LW_SHARED);
	AzSlot	   *slot = az_slot_table_find(table, database);
	bool		has = slot != NULL && slot->state != AZ_SLOT_ABSENT;

	az_slot_table_unlock(table);
	return has;
}
