/* What any process may see of the slots, and ask of them. */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/slot_table.h"

#define AWAIT_ABSENT_MS 10000

static AzSlot *slot_of_this_database(AzSlotTable *table);
static void look_again(AzSlot *slot);
static void be_due(AzSlot *slot);
static void ask_all_to_stop(AzSlot *slot, bool hurry);
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
az_slots_view(int index, int number, AzSlotView *view)
{
	AzSlotTable *table = az_slot_table_lock(LW_SHARED);
	AzSlot	   *slot = &table->slots[index];
	AzSeat	   *seat = &slot->seats[number];
	bool		is_used = number == 0 || seat->state != AZ_SLOT_ABSENT ||
	az_slot_table_wants(slot, number);

	view->database = is_used ? slot->database : InvalidOid;
	view->state = seat->state;
	view->pid = seat->pid;
	view->started_at = seat->started_at;
	memcpy(view->listening, seat->listening, sizeof(view->listening));
	memcpy(view->message, seat->message, sizeof(view->message));
	az_slot_table_unlock(table);

	memset(&view->stats, 0, sizeof(view->stats));
	view->stats.commands = pg_atomic_read_u64(&seat->commands);
	view->stats.rejected = pg_atomic_read_u64(&seat->rejected);
	view->stats.events = pg_atomic_read_u64(&seat->events);
	view->stats.batches = pg_atomic_read_u64(&seat->batches);
	view->stats.transactions = pg_atomic_read_u64(&seat->transactions);
	view->stats.connections = pg_atomic_read_u64(&seat->connections);
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
		look_again(slot);
		if (at_once)
			be_due(slot);
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
		look_again(slot);
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
		be_due(slot);
		ask_all_to_stop(slot, false);
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
		ask_all_to_stop(slot, true);
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
		be_due(slot);
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
		for (int i = 0; i < AZ_MAX_WORKERS; i++)
			az_slot_table_wake(&slot->seats[i]);
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
	for (int i = 0; slot != NULL && i < slot->workers; i++)
	{
		AzSeat	   *seat = &slot->seats[i];

		/* A worker itself looks after its own transactions unasked. */
		if (pg_atomic_exchange_u32(&seat->moved, 1) == 0 &&
			seat->pid != MyProcPid)
			az_slot_table_wake(seat);
	}
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

/* The three below: of all workers; the caller holds the lock. */
static void
look_again(AzSlot *slot)
{
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
	{
		slot->seats[i].look = true;
		az_slot_table_wake(&slot->seats[i]);
	}
}

static void
be_due(AzSlot *slot)
{
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		slot->seats[i].due_at = 0;
}

static void
ask_all_to_stop(AzSlot *slot, bool hurry)
{
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		az_slot_table_ask_stop(slot, &slot->seats[i], hurry);
}

static bool
has_worker(Oid database)
{
	AzSlotTable *table = az_slot_table_lock(LW_SHARED);
	AzSlot	   *slot = az_slot_table_find(table, database);
	bool		has = false;

	for (int i = 0; slot != NULL && i < AZ_MAX_WORKERS; i++)
		has = has || slot->seats[i].state != AZ_SLOT_ABSENT;
	az_slot_table_unlock(table);
	return has;
}
