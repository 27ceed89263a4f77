/*
 * The slots in shared memory as the three files that change them see them:
 * slots.c for any process, slot_start.c for the supervisor, slot_own.c for
 * the worker.  README.md draws the states.
 */
#ifndef AZ_PG_SLOT_TABLE_H
#define AZ_PG_SLOT_TABLE_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#include "pg/slots.h"

/* Where a worker is with its TCP port, which only siblings may share. */
typedef enum AzSeatPort
{
	AZ_SEAT_DEAF,				/* does not listen */
	AZ_SEAT_OPENING,			/* is about to, or just does */
	AZ_SEAT_OPEN,
	AZ_SEAT_CLOSING				/* is about to end that, or just has */
} AzSeatPort;

/* One worker of a database; its number is its place in "seats". */
typedef struct AzSeat
{
	AzSlotState state;
	bool		look;			/* for the worker: look at the extension */
	pid_t		pid;			/* 0 until the worker has attached */
	Latch	   *latch;			/* of that process */
	uint64		generation;		/* counts starts */
	int			failures;		/* in a row */
	TimestampTz due_at;			/* not before, when wanted */
	TimestampTz started_at;
	AzSeatPort	port;
	uint64		place;			/* where it listens, hashed */
	char		listening[AZ_SLOT_TEXT_SIZE];
	char		message[AZ_SLOT_TEXT_SIZE];
	pg_atomic_uint32 moved;		/* for the worker: look at the log */
	pg_atomic_uint64 commands;
	pg_atomic_uint64 rejected;
	pg_atomic_uint64 events;
	pg_atomic_uint64 batches;
	pg_atomic_uint64 transactions;
	pg_atomic_uint64 connections;
} AzSeat;

typedef struct AzSlot
{
	Oid			database;		/* InvalidOid: the slot is free */
	bool		wanted;			/* start workers where there are none */
	int			workers;		/* so many; they say so themselves */
	int			held;			/* commands that need the database empty */
	pg_atomic_uint32 leader;	/* number of who does what only one may do */
	pg_atomic_uint64 components_generation;
	pg_atomic_uint32 sequence;	/* of positions, when it is watched */
	pg_atomic_uint64 horizon;	/* all up to here is settled */
	AzSeat		seats[AZ_MAX_WORKERS];
} AzSlot;

/*
 * "lock" guards everything but the atomic fields.  Nothing is allocated or
 * logged while it is held; only signals are sent and latches set.
 */
typedef struct AzSlotTable
{
	LWLock	   *lock;
	ConditionVariable absent;	/* some worker has ended */
	Latch	   *supervisor;		/* NULL = none runs */
	pg_atomic_uint32 watches;	/* counts changes of a slot's "sequence" */
	bool		overflow;		/* a request found no free slot */
	int			count;
	AzSlot		slots[FLEXIBLE_ARRAY_MEMBER];
} AzSlotTable;

/* NULL without shared_preload_libraries. */
extern AzSlotTable *az_slot_table(void);

/* Locked, and unlocked again. */
extern AzSlotTable *az_slot_table_lock(LWLockMode mode);
extern void az_slot_table_unlock(AzSlotTable *table);

/* ---- the caller of all below holds the lock ---- */

/* The database's slot, or NULL. */
extern AzSlot *az_slot_table_find(AzSlotTable *table, Oid database);

/* The same, or a free slot that is the database's from now on, or NULL. */
extern AzSlot *az_slot_table_claim(AzSlotTable *table, Oid database);

/* The seat while it still belongs to this start, or NULL. */
extern AzSeat *az_slot_table_of(AzSlotTable *table, const AzSlotStart *start);

/* Whether there shall be a worker of this number. */
extern bool az_slot_table_wants(const AzSlot *slot, int number);

/* Whether another worker than this one is in that state. */
extern bool az_slot_table_has(const AzSlot *slot, const AzSeat *but,
							  AzSlotState state);

/*
 * The only function that changes a state; asserts that it may follow.  Has
 * another worker lead when the one that does is not running any more.
 */
extern void az_slot_table_set_state(AzSlot *slot, AzSeat *seat,
									AzSlotState state);

/*
 * any -> ABSENT; wakes who waits for that.  The slot becomes free when
 * nobody wants workers or holds it; else the next start is due, after a
 * failure later each time.
 */
extern void az_slot_table_end(AzSlotTable *table, AzSlot *slot, AzSeat *seat,
							  bool failed);

/*
 * Tells a worker to end.  "hurry" tells also one that is already ending,
 * which makes it leave at once.
 */
extern void az_slot_table_ask_stop(AzSlot *slot, AzSeat *seat, bool hurry);

/* Wakes the worker, if there is one. */
extern void az_slot_table_wake(const AzSeat *seat);

/* Makes the slot free if it has no process and nobody needs it. */
extern void az_slot_table_tidy(AzSlot *slot);

extern void az_slot_table_wake_supervisor(AzSlotTable *table);

/* Cuts a long value between characters; true when the text is a new one. */
extern bool az_slot_table_set_text(char *text, const char *value);

#endif
