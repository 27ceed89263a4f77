/* The worker's side of the slots: its own one. */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "pg/slot_own.h"
#include "pg/slot_table.h"

/* A worker that failed after so long begins its row of failures anew. */
#define SOUND_AFTER_MS 60000

static AzSlot *own;
static uint64 log_generation;

bool
az_slot_own_attach(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = az_slot_table_of(table, start);

	if (slot != NULL && slot->state == AZ_SLOT_STARTING)
	{
		AzEngineStats none = {0};

		slot->pid = MyProcPid;
		slot->latch = MyLatch;
		slot->started_at = GetCurrentTimestamp();
		own = slot;
		az_slot_own_report(&none);
	}
	else if (slot != NULL && slot->state == AZ_SLOT_STOPPING)
		az_slot_table_end(table, slot, false);
	az_slot_table_unlock(table);
	return own != NULL;
}

void
az_slot_own_run(const char *listening)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	if (own->state == AZ_SLOT_STARTING)
		az_slot_table_set_state(own, AZ_SLOT_RUNNING);
	az_slot_table_set_text(own->listening, listening);
	own->message[0] = '\0';
	az_slot_table_wake_supervisor(table);
	az_slot_table_unlock(table);
}

void
az_slot_own_idle(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	if (own->state == AZ_SLOT_STARTING)
		az_slot_table_set_state(own, AZ_SLOT_IDLE);
	az_slot_table_wake_supervisor(table);
	az_slot_table_unlock(table);
}

void
az_slot_own_stop(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	if (own->state != AZ_SLOT_STOPPING)
		az_slot_table_set_state(own, AZ_SLOT_STOPPING);
	az_slot_table_unlock(table);
}

void
az_slot_own_detach(AzSlotEnd end)
{
	AzSlotTable *table;

	if (own == NULL)
		return;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	if (TimestampDifferenceExceeds(own->started_at, GetCurrentTimestamp(),
								   SOUND_AFTER_MS))
		own->failures = 0;
	/* What was asked after the worker had looked stays as it is. */
	if (end == AZ_SLOT_NOT_NEEDED && !own->look)
		own->wanted = false;
	az_slot_table_end(table, own, end == AZ_SLOT_FAILED);
	az_slot_table_unlock(table);
	own = NULL;
}

bool
az_slot_own_complain(const char *message)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	bool		is_news = az_slot_table_set_text(own->message, message);

	az_slot_table_unlock(table);
	return is_news;
}

bool
az_slot_own_is_held(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_SHARED);
	bool		is_held = own->held > 0;

	az_slot_table_unlock(table);
	return is_held;
}

bool
az_slot_own_take_look(void)
{
	AzSlotTable *table;
	bool		look;

	/* Asked at every turn; whoever sets it sets the latch after it. */
	if (!*(volatile bool *) &own->look)
		return false;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	look = own->look;
	own->look = false;
	az_slot_table_unlock(table);
	return look;
}

void
az_slot_own_report(const AzEngineStats *stats)
{
	pg_atomic_write_u64(&own->commands, stats->commands);
	pg_atomic_write_u64(&own->rejected, stats->rejected);
	pg_atomic_write_u64(&own->events, stats->events);
	pg_atomic_write_u64(&own->batches, stats->batches);
	pg_atomic_write_u64(&own->transactions, stats->transactions);
	pg_atomic_write_u64(&own->connections, stats->connections);
}

void
az_slot_own_watch(Oid sequence)
{
	AzSlotTable *table;

	if (pg_atomic_read_u32(&own->sequence) == sequence)
		return;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	pg_atomic_write_u64(&own->horizon, 0);
	pg_atomic_write_u32(&own->sequence, sequence);
	pg_atomic_fetch_add_u32(&table->watches, 1);
	az_slot_table_unlock(table);
}

void
az_slot_own_settle(int64 horizon)
{
	pg_atomic_write_u64(&own->horizon, horizon);
}

uint64
az_slot_own_log_generation(void)
{
	/* A full barrier: what is told later is seen later. */
	if (pg_atomic_read_u32(&own->moved) != 0 &&
		pg_atomic_exchange_u32(&own->moved, 0) != 0)
		log_generation++;
	return log_generation;
}

bool
az_slot_own_has_moved(uint64 since)
{
	return log_generation != since ||
		pg_atomic_read_u32(&own->moved) != 0;
}

uint64
az_slot_own_components_generation(void)
{
	return pg_atomic_read_u64(&own->components_generation);
}
