/* The slots in shared memory: how they are found, and their states. */
#include "postgres.h"

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
static TimestampTz next_start(const AzSlot *slot, bool failed);

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

AzSlot *
az_slot_table_of(AzSlotTable *table, const AzSlotStart *start)
{
	AzSlot	   *slot = &table->slots[start->slot];

	if (slot->database != start->database ||
		slot->generation != start->generation)
		return NULL;
	return slot;
}

void
az_slot_table_set_state(AzSlot *slot, AzSlotState state)
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

	Assert(followers[slot->state] & 1 << state);
#endif
	slot->state = state;
}

void
az_slot_table_end(AzSlotTable *table, AzSlot *slot, bool failed)
{
	slot->failures = failed ? slot->failures + 1 : 0;
	slot->due_at = next_start(slot, failed);
	az_slot_table_set_state(slot, AZ_SLOT_ABSENT);
	slot->pid = 0;
	slot->latch = NULL;
	slot->listening[0] = '\0';
	az_slot_table_tidy(slot);
	ConditionVariableBroadcast(&table->absent);
	az_slot_table_wake_supervisor(table);
}

void
az_slot_table_tidy(AzSlot *slot)
{
	if (slot->state != AZ_SLOT_ABSENT || slot->wanted || slot->held > 0)
		return;
	slot->database = InvalidOid;
	slot->look = false;
	slot->failures = 0;
	slot->due_at = 0;
	slot->started_at = 0;
	pg_atomic_write_u32(&slot->sequence, InvalidOid);
	pg_atomic_write_u64(&slot->horizon, 0);
	slot->message[0] = '\0';
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
	pg_atomic_init_u64(&slot->components_generation, 0);
	pg_atomic_init_u32(&slot->sequence, InvalidOid);
	pg_atomic_init_u32(&slot->moved, 0);
	pg_atomic_init_u64(&slot->horizon, 0);
	pg_atomic_init_u64(&slot->commands, 0);
	pg_atomic_init_u64(&slot->rejected, 0);
	pg_atomic_init_u64(&slot->events, 0);
	pg_atomic_init_u64(&slot->batches, 0);
	pg_atomic_init_u64(&slot->transactions, 0);
	pg_atomic_init_u64(&slot->connections, 0);
}

/* At most one start a second; each failure in a row doubles the delay. */
static TimestampTz
next_start(const AzSlot *slot, bool failed)
{
	long		delay = RESTART_DELAY_MS;

	if (!failed)
		return TimestampTzPlusMilliseconds(slot->started_at, delay);
	for (int i = 1; i < slot->failures && delay < MAX_RESTART_DELAY_MS; i++)
		delay *= 2;
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
									   Min(delay, MAX_RESTART_DELAY_MS));
}
