/* The worker's side of the slots: its own one. */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/slot_own.h"
#include "pg/slot_table.h"

/* A worker that failed after so long begins its row of failures anew. */
#define SOUND_AFTER_MS 60000
/* So long siblings may hinder a worker that wants to listen. */
#define PORT_WAIT_MS 10000

static AzSlot *own;				/* the database's */
static AzSeat *seat;			/* in it, this worker's */
static bool has_joined;			/* a sibling, at its port */
static uint64 log_generation;

static uint64 place_of(const AzEngineSettings *settings);
static bool take_port(bool hurry);
static bool hinders(const AzSeat *other);
static bool sibling_listens(void);
static void set_port(AzSeatPort port);

bool
az_slot_own_attach(const AzSlotStart *start)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	AzSlot	   *slot = &table->slots[start->slot];
	AzSeat	   *found = az_slot_table_of(table, start);

	if (found != NULL && found->state == AZ_SLOT_STARTING)
	{
		AzEngineStats none = {0};

		found->pid = MyProcPid;
		found->latch = MyLatch;
		found->started_at = GetCurrentTimestamp();
		own = slot;
		seat = found;
		az_slot_own_report(&none);
	}
	else if (found != NULL && found->state == AZ_SLOT_STOPPING)
		az_slot_table_end(table, slot, found, false);
	az_slot_table_unlock(table);
	return own != NULL;
}

int
az_slot_own_number(void)
{
	return seat - own->seats;
}

void
az_slot_own_set_workers(int workers)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	own->workers = workers;
	for (int i = workers; i < AZ_MAX_WORKERS; i++)
		az_slot_table_ask_stop(own, &own->seats[i], false);
	az_slot_table_wake_supervisor(table);
	az_slot_table_unlock(table);
}

bool
az_slot_own_open(AzEngineSettings *settings)
{
	TimestampTz begun_at = GetCurrentTimestamp();
	long		left_ms = PORT_WAIT_MS;

	seat->place = place_of(settings);
	while (!take_port(left_ms <= 0))
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 left_ms, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending)
			return false;
		left_ms = PORT_WAIT_MS -
			TimestampDifferenceMilliseconds(begun_at, GetCurrentTimestamp());
	}
	settings->joins_port = has_joined;
	return true;
}

bool
az_slot_own_run(const char *listening)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	bool		runs = !has_joined || sibling_listens();

	if (runs)
	{
		set_port(AZ_SEAT_OPEN);
		if (seat->state == AZ_SLOT_STARTING)
			az_slot_table_set_state(own, seat, AZ_SLOT_RUNNING);
		az_slot_table_set_text(seat->listening, listening);
		seat->message[0] = '\0';
		az_slot_table_wake_supervisor(table);
	}
	az_slot_table_unlock(table);
	return runs;
}

void
az_slot_own_idle(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	if (seat->state == AZ_SLOT_STARTING)
		az_slot_table_set_state(own, seat, AZ_SLOT_IDLE);
	az_slot_table_wake_supervisor(table);
	az_slot_table_unlock(table);
}

void
az_slot_own_close(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	if (seat->port != AZ_SEAT_DEAF)
		set_port(AZ_SEAT_CLOSING);
	az_slot_table_unlock(table);
}

void
az_slot_own_closed(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	set_port(AZ_SEAT_DEAF);
	az_slot_table_unlock(table);
}

bool
az_slot_own_leads(void)
{
	return pg_atomic_read_u32(&own->leader) == (uint32) az_slot_own_number();
}

void
az_slot_own_stop(void)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);

	if (seat->state != AZ_SLOT_STOPPING)
		az_slot_table_set_state(own, seat, AZ_SLOT_STOPPING);
	az_slot_table_unlock(table);
}

void
az_slot_own_detach(AzSlotEnd end)
{
	AzSlotTable *table;

	if (own == NULL)
		return;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	if (TimestampDifferenceExceeds(seat->started_at, GetCurrentTimestamp(),
								   SOUND_AFTER_MS))
		seat->failures = 0;
	/* What was asked after the worker had looked stays as it is. */
	if (end == AZ_SLOT_NOT_NEEDED && !seat->look)
		own->wanted = false;
	/* Its leases are free: the others try for them when they read anew. */
	pg_atomic_fetch_add_u64(&own->components_generation, 1);
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		if (&own->seats[i] != seat)
			az_slot_table_wake(&own->seats[i]);
	az_slot_table_end(table, own, seat, end == AZ_SLOT_FAILED);
	az_slot_table_unlock(table);
	own = NULL;
}

bool
az_slot_own_complain(const char *message)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	bool		is_news = az_slot_table_set_text(seat->message, message);

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
	if (!*(volatile bool *) &seat->look)
		return false;
	table = az_slot_table_lock(LW_EXCLUSIVE);
	look = seat->look;
	seat->look = false;
	az_slot_table_unlock(table);
	return look;
}

void
az_slot_own_report(const AzEngineStats *stats)
{
	pg_atomic_write_u64(&seat->commands, stats->commands);
	pg_atomic_write_u64(&seat->rejected, stats->rejected);
	pg_atomic_write_u64(&seat->events, stats->events);
	pg_atomic_write_u64(&seat->batches, stats->batches);
	pg_atomic_write_u64(&seat->transactions, stats->transactions);
	pg_atomic_write_u64(&seat->connections, stats->connections);
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
	if (pg_atomic_read_u32(&seat->moved) != 0 &&
		pg_atomic_exchange_u32(&seat->moved, 0) != 0)
		log_generation++;
	return log_generation;
}

bool
az_slot_own_has_moved(uint64 since)
{
	return log_generation != since ||
		pg_atomic_read_u32(&seat->moved) != 0;
}

uint64
az_slot_own_components_generation(void)
{
	return pg_atomic_read_u64(&own->components_generation);
}

static uint64
place_of(const AzEngineSettings *settings)
{
	const char *addresses = settings->listen_addresses;

	return hash_bytes_extended((const unsigned char *) addresses,
							   strlen(addresses), settings->listen_port);
}

/* False while siblings hinder that, unless in a hurry. */
static bool
take_port(bool hurry)
{
	AzSlotTable *table = az_slot_table_lock(LW_EXCLUSIVE);
	bool		is_hindered = false;

	set_port(AZ_SEAT_DEAF);
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		is_hindered = is_hindered || hinders(&own->seats[i]);
	if (!is_hindered || hurry)
	{
		has_joined = sibling_listens();
		set_port(AZ_SEAT_OPENING);
	}
	az_slot_table_unlock(table);
	return !is_hindered || hurry;
}

static bool
hinders(const AzSeat *other)
{
	switch (other->port)
	{
		case AZ_SEAT_OPENING:
		case AZ_SEAT_CLOSING:
			return true;
		case AZ_SEAT_OPEN:
			return other->place != seat->place;
		case AZ_SEAT_DEAF:
			break;
	}
	return false;
}

/* Where this worker would; the caller holds the lock. */
static bool
sibling_listens(void)
{
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		if (&own->seats[i] != seat && own->seats[i].port == AZ_SEAT_OPEN &&
			own->seats[i].place == seat->place)
			return true;
	return false;
}

/* Wakes the siblings, one of which may wait for that; with the lock. */
static void
set_port(AzSeatPort port)
{
	if (seat->port == port)
		return;
	seat->port = port;
	for (int i = 0; i < AZ_MAX_WORKERS; i++)
		if (&own->seats[i] != seat)
			az_slot_table_wake(&own->seats[i]);
}
