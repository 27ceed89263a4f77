/* The supervisor's side of the slots: which worker to start next. */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "pg/slot_start.h"
#include "pg/slot_table.h"

#define FIRST_RETRY_MS 1000
#define RETRY_MS 5000

static void leave_supervision(int code, Datum arg);
static bool is_startable(const AzSlot *slot);
static void begin_start(AzSlotTable *table, AzSlot *slot, AzSlotStart *start);

void
az_slot_start_supervise(void)
{
	AzSlotTable *table;

	on_shmem_exit(leave_supervision, 0);
	table = az_slot_table_lock(LW_EXCLUSIVE);
	table->supervisor = MyLatch;
	for (int i = 0; i < table->count; i++)
	{
		AzSlot	   *slot = &table->slots[i];

		if (slot->state != AZ_SLOT_ABSENT && slot->pid == 0)
			az_slot_table_end(table, slot, false);
	}
	az_slot_table_unlock(table);
}

bool
az_slot_start_take_overflow(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	bool		overflow = table->overflow;

	table->overflow = false;
	az_slot_table_unlock(table);
	return overflow;
}

bool
az_slot_start_want(Oid database)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_claim(table, database);

	if (slot != NULL)
		slot->wanted = true;
	az_slot_table_unlock(table);
	return slot != NULL;
}

bool
az_slot_start_take(AzSlotStart *start, long *wait_ms)
{
	TimestampTz now = GetCurrentTimestamp();
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *due = NULL;

	*wait_ms = -1;
	for (int i = 0; i < table->count && due == NULL; i++)
	{
		AzSlot	   *slot = &table->slots[i];
		long		ms;

		if (!is_startable(slot))
			continue;
		ms = TimestampDifferenceMilliseconds(now, slot->due_at);
		if (ms > 0)
			*wait_ms = *wait_ms < 0 ? ms : Min(*wait_ms, ms);
		else
			due = slot;
	}
	if (due != NULL)
		begin_start(table, due, start);
	az_slot_table_unlock(table);
	return due != NULL;
}

bool
az_slot_start_take_for(Oid database, AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_find(table, database);
	bool		is_due = slot != NULL && is_startable(slot) &&
	slot->due_at <= GetCurrentTimestamp();

	if (is_due)
		begin_start(table, slot, start);
	az_slot_table_unlock(table);
	return is_due;
}

bool
az_slot_start_is_open(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_SHARED);
	AzSlot	   *slot = az_slot_table_of(table, start);
	bool		is_open = slot != NULL && slot->state == AZ_SLOT_STARTING;

	az_slot_table_unlock(table);
	return is_open;
}

int
az_slot_start_refuse(const AzSlotStart *start, const char *message)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_of(table, start);
	int			refusals = 0;

	if (slot != NULL)
	{
		long		delay = slot->failures == 0 ? FIRST_RETRY_MS : RETRY_MS;

		az_slot_table_set_text(slot->message, message);
		az_slot_table_end(table, slot, true);
		slot->due_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   delay);
		refusals = slot->failures;
	}
	az_slot_table_unlock(table);
	return refusals;
}

void
az_slot_start_forget(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_of(table, start);

	if (slot != NULL)
	{
		slot->wanted = false;
		az_slot_table_end(table, slot, false);
	}
	az_slot_table_unlock(table);
}

void
az_slot_start_lose(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_of(table, start);

	if (slot != NULL && slot->state != AZ_SLOT_ABSENT)
		az_slot_table_end(table, slot, true);
	az_slot_table_unlock(table);
}

static void
leave_supervision(int code, Datum arg)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	table->supervisor = NULL;
	az_slot_table_unlock(table);
}

static bool
is_startable(const AzSlot *slot)
{
	return OidIsValid(slot->database) && slot->wanted && slot->held == 0 &&
		slot->state == AZ_SLOT_ABSENT;
}

/* ABSENT -> STARTING; the caller holds the lock. */
static void
begin_start(AzSlotTable *table, AzSlot *slot, AzSlotStart *start)
{
	slot->generation++;
	slot->look = false;
	az_slot_table_set_state(slot, AZ_SLOT_STARTING);
	start->slot = slot - table->slots;
	start->database = slot->database;
	start->generation = slot->generation;
}
