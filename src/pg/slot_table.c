/* The slots in shared memory: how they are found, and their states. */
#include "postgres.h"

#include <signal.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "pg/guc.h"
#include "pg/slot_table.h"

#define LOCK_NAME "angzarr"
#define RESTART_DELAY_MS 1000
#define MAX_RESTART_DELAY_MS 60000

static AzSlotTable *table_in_memory;

static shmem_request_hook_type next_shmem_request;
static shmem_startup_hook_type next_shmem_startup;

static void request_memory(void);
static void set_up_memory(void);
static Size memory_size(void);
static void init_slot(AzSlot *slot);
static void init_seat(AzSeat *seat);
static void clear_seat(AzSeat *seat);
static void choose_leader(AzSlot *slot);
static TimestampTz next_start(const AzSeat *seat, bool failed);

void
az_slots_install(void)
{
	next_shmem_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = set_up_memory;
}

AzSlotTable *
az_slot_table(void)
{
	return table_in_memory;
}

AzSlotTable *
az_slot_table_lock(LWLockMode mode)
{
	LWLockAcquire(table_in_memory->lock, mode);
	return table_in_memory;
}

void
az_slot_table_unlock(AzSlotTable *table)
{
	LWLockRelease(table->lock);
}

AzSlot *
az_slot_table_find(AzSlotTable *table, Oid database)
{
	for (int i = 0; i < table->count; i++)
		if (table->slots[i].database == database)
			return &table->slots[i];
	return NULL;
}

AzSlot *
az_slot_table_claim(AzSlotTable *table, Oid database)
{
	AzSlot	   *slot = az_slot_table_find(table, database);

	if (slot == NULL)
	{
		slot = az_slot_table_find(table, InvalidOid);
		if (slot != NULL)
			slot->database = database;
	}
	return slot;
}

AzSeat *
az_slot_table_of(AzSlotTable *table, const AzSlotStart *start)
{
	AzSlot	   *slot = &table->slots[start->slot];
	AzSeat	   *seat = &slot->seats[start->number];

	if (slot->database != start->database ||
		seat->generation != start->generation)
		return NULL;
	return seat;
}

bool
az_slot_table_wants(const AzSlot *slot, int number)
{
	return OidIsValid(slot->database) && slot->wanted &&
		number < slot->workers;
}

bool
az_slot_table_has(const AzSlot *slot, const AzSeat *but, AzSlotState state)
{
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		if (&slot->seats[i] != but && slot->seats[i].state == state)
			return true;
	return false;
}

void
az_slot_table_set_state(AzSlot *slot, AzSeat *seat, AzSlotState state)
{
#ifdef USE_ASSERT_CHECKING
	static const int followers[] = {
		[AZ_SLOT_ABSENT] = 1 << AZ_SLOT_STARTING,
		[AZ_SLOT_STARTING] = 1 << AZ_SLOT_ABSENT | 1 << AZ_SLOT_RUNNING |
		1 << AZ_SLOT_IDLE | 1 << AZ_SLOT_STOPPING,
		[AZ_SLOT_RUNNING] = 1 << AZ_SLOT_ABSENT | 1 << AZ_SLOT_STOPPING,
		[AZ_SLOT_IDLE] = 1 << AZ_SLOT_ABSENT | 1 << AZ_SLOT_STOPPING,
		[AZ_SLOT_STOPPING] = 1 << AZ_SLOT_ABSENT
	};

	Assert(followers[seat->state] & 1 << state);
#endif
	seat->state = state;
	choose_leader(slot);
}

void
az_slot_table_end(AzSlotTable *table, AzSlot *slot, AzSeat *seat, bool failed)
{
	seat->failures = failed ? seat->failures + 1 : 0;
	seat->due_at = next_start(seat, failed);
	seat->pid = 0;
	seat->latch = NULL;
	seat->port = AZ_SEAT_DEAF;
	seat->listening[0] = '\0';
	az_slot_table_set_state(slot, seat, AZ_SLOT_ABSENT);
	if (!az_slot_table_wants(slot, seat - slot->seats))
		clear_seat(seat);
	az_slot_table_tidy(slot);
	/* A sibling may wait for the port. */
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		az_slot_table_wake(&slot->seats[i]);
	ConditionVariableBroadcast(&table->absent);
	az_slot_table_wake_supervisor(table);
}

void
az_slot_table_ask_stop(AzSlot *slot, AzSeat *seat, bool hurry)
{
	if (seat->state == AZ_SLOT_ABSENT ||
		(seat->state == AZ_SLOT_STOPPING && !hurry))
		return;
	if (seat->state != AZ_SLOT_STOPPING)
		az_slot_table_set_state(slot, seat, AZ_SLOT_STOPPING);
	if (seat->pid != 0)
		kill(seat->pid, SIGTERM);
}

void
az_slot_table_wake(const AzSeat *seat)
{
	if (seat->pid != 0)
		SetLatch(seat->latch);
}

void
az_slot_table_tidy(AzSlot *slot)
{
	if (slot->wanted || slot->held > 0)
		return;
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		if (slot->seats[i].state != AZ_SLOT_ABSENT)
			return;
	slot->database = InvalidOid;
	slot->workers = 1;
	pg_atomic_write_u32(&slot->sequence, InvalidOid);
	pg_atomic_write_u64(&slot->horizon, 0);
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		clear_seat(&slot->seats[i]);
}

void
az_slot_table_wake_supervisor(AzSlotTable *table)
{
	if (table->supervisor != NULL)
		SetLatch(table->supervisor);
}

bool
az_slot_table_set_text(char *text, const char *value)
{
	size_t		len = pg_mbcliplen(value, strlen(value), AZ_SLOT_TEXT_SIZE - 1);

	if (strlen(text) == len && memcmp(text, value, len) == 0)
		return false;
	memcpy(text, value, len);
	text[len] = '\0';
	return true;
}

static void
request_memory(void)
{
	if (next_shmem_request != NULL)
		next_shmem_request();
	RequestAddinShmemSpace(memory_size());
	RequestNamedLWLockTranche(LOCK_NAME, 1);
}

static void
set_up_memory(void)
{
	AzSlotTable *table;
	bool		found;

	if (next_shmem_startup != NULL)
		next_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	table = ShmemInitStruct("angzarr slots", memory_size(), &found);
	if (!found)
	{
		memset(table, 0, memory_size());
		table->lock = &GetNamedLWLockTranche(LOCK_NAME)->lock;
		table->count = az_guc_max_databases;
		ConditionVariableInit(&table->absent);
		pg_atomic_init_u32(&table->watches, 0);
		for (int i = 0; i < table->count; i++)
			init_slot(&table->slots[i]);
	}
	LWLockRelease(AddinShmemInitLock);
	table_in_memory = table;
}

static Size
memory_size(void)
{
	return add_size(offsetof(AzSlotTable, slots),
					mul_size(az_guc_max_databases, sizeof(AzSlot)));
}

static void
init_slot(AzSlot *slot)
{
	slot->workers = 1;
	pg_atomic_init_u32(&slot->leader, 0);
	pg_atomic_init_u64(&slot->components_generation, 0);
	pg_atomic_init_u32(&slot->sequence, InvalidOid);
	pg_atomic_init_u64(&slot->horizon, 0);
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		init_seat(&slot->seats[i]);
}

static void
init_seat(AzSeat *seat)
{
	pg_atomic_init_u32(&seat->moved, 0);
	pg_atomic_init_u64(&seat->commands, 0);
	pg_atomic_init_u64(&seat->rejected, 0);
	pg_atomic_init_u64(&seat->events, 0);
	pg_atomic_init_u64(&seat->batches, 0);
	pg_atomic_init_u64(&seat->transactions, 0);
	pg_atomic_init_u64(&seat->connections, 0);
}

/* Of one that has no process. */
static void
clear_seat(AzSeat *seat)
{
	seat->look = false;
	seat->failures = 0;
	seat->due_at = 0;
	seat->started_at = 0;
	seat->message[0] = '\0';
}

/*
 * Who leads goes on while it runs, and also while it ends, as long as nobody
 * else runs; who leads from now on is woken.
 */
static void
choose_leader(AzSlot *slot)
{
	uint32		old = pg_atomic_read_u32(&slot->leader);

	if (slot->seats[old].state == AZ_SLOT_RUNNING)
		return;
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
	{
		if (slot->seats[i].state != AZ_SLOT_RUNNING)
			continue;
		pg_atomic_write_u32(&slot->leader, i);
		az_slot_table_wake(&slot->seats[i]);
		return;
	}
}

/* At most one start a second; each failure in a row doubles the delay. */
static TimestampTz
next_start(const AzSeat *seat, bool failed)
{
	long		delay = RESTART_DELAY_MS;

	if (!failed)
		return TimestampTzPlusMilliseconds(seat->started_at, delay);
	for (int i = 1; i < seat->failures && delay < MAX_RESTART_DELAY_MS; i++)
		delay *= 2;
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
									   Min(delay, MAX_RESTART_DELAY_MS));
}
