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
static void undo_starts(AzSlotTable *table, AzSlot *slot);
static bool is_startable(const AzSlot *slot, int number);
static void begin_start(AzSlotTable *table, AzSlot *slot, int number,
						AzSlotStart *start);

void
az_slot_start_supervise(void)
{
	AzSlotTable *table;

	on_shmem_exit(leave_supervision, 0);
	table = az_slot_table_lock(LW_EXCLUSIVE);
	table->supervisor = MyLatch;
	for (int i = 0; i < table->count; i++)
		undo_starts(table, &table->slots[i]);
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
az_slot_start_take(int below, AzSlotStart *start, long *wait_ms)
{
	TimestampTz now = GetCurrentTimestamp();
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	bool		is_due = false;

	*wait_ms = -1;
	/* A database without any worker comes before another one's second. */
	for (int i = 0; i < below * table->count && !is_due; i++)
	{
		AzSlot	   *slot = &table->slots[i % table->count];
		int			number = i / table->count;
		long		ms;

		if (!is_startable(slot, number))
			continue;
		ms = TimestampDifferenceMilliseconds(now, slot->seats[number].due_at);
		is_due = ms <= 0;
		if (is_due)
			begin_start(table, slot, number, start);
		else
			*wait_ms = *wait_ms < 0 ? ms : Min(*wait_ms, ms);
	}
	az_slot_table_unlock(table);
	return is_due;
}

bool
az_slot_start_take_for(Oid database, AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_find(table, database);
	bool		is_due = slot != NULL && is_startable(slot, 0) &&
	slot->seats[0].due_at <= GetCurrentTimestamp();

	if (is_due)
		begin_start(table, slot, 0, start);
	az_slot_table_unlock(table);
	return is_due;
}

bool
az_slot_start_is_open(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_SHARED);
	AzSeat	   *seat = az_slot_table_of(table, start);
	bool		is_open = seat != NULL && seat->state == AZ_SLOT_STARTING;

	az_slot_table_unlock(table);
	return is_open;
}

int
az_slot_start_refuse(const AzSlotStart *start, const char *message)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = &table->slots[start->slot];
	AzSeat	   *seat = az_slot_table_of(table, start);
	int			refusals = 0;

	if (seat != NULL)
	{
		long		delay = seat->failures == 0 ? FIRST_RETRY_MS : RETRY_MS;

		az_slot_table_set_text(seat->message, message);
		az_slot_table_end(table, slot, seat, true);
		seat->due_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   delay);
		refusals = seat->failures;
	}
	az_slot_table_unlock(table);
	return refusals;
}

void
az_slot_start_forget(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = &table->slots[start->slot];
	AzSeat	   *seat = az_slot_table_of(table, start);

	if (seat != NULL)
	{
		slot->wanted = false;
		az_slot_table_end(table, slot, seat, false);
	}
	az_slot_table_unlock(table);
}

void
az_slot_start_lose(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = &table->slots[start->slot];
	AzSeat	   *seat = az_slot_table_of(table, start);

	if (seat != NULL && seat->state != AZ_SLOT_ABSENT)
		az_slot_table_end(table, slot, seat, true);
	az_slot_table_unlock(table);
}

static void
leave_supervision(int code, Datum arg)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	table->supervisor = NULL;
	az_slot_table_unlock(table);
}

/* Those whose process never came; the caller holds the lock. */
static void
undo_starts(AzSlotTable *table, AzSlot *slot)
{
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
	{
		AzSeat	   *seat = &slot->seats[i];

		if (seat->state != AZ_SLOT_ABSENT && seat->pid == 0)
			az_slot_table_end(table, slot, seat, false);
	}
}

/* The first worker finds out whether there is an extension, and listens. */
static bool
is_startable(const AzSlot *slot, int number)
{
	const AzSeat *seat = &slot->seats[number];

	return az_slot_table_wants(slot, number) && slot->held == 0 &&
		seat->state == AZ_SLOT_ABSENT &&
		(number == 0 || az_slot_table_has(slot, seat, AZ_SLOT_RUNNING) ||
		 az_slot_table_has(slot, seat, AZ_SLOT_STOPPING));
}

/* ABSENT -> STARTING; the caller holds the lock. */
static void
begin_start(AzSlotTable *table, AzSlot *slot, int number, AzSlotStart *start)
{
	AzSeat	   *seat = &slot->seats[number];

	seat->generation++;
	seat->look = false;
	az_slot_table_set_state(slot, seat, AZ_SLOT_STARTING);
	start->slot = slot - table->slots;
	start->number = number;
	start->database = slot->database;
	start->generation = seat->generation;
}
