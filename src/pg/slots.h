/*
 * One slot of shared memory for each database that may have an engine: who
 * runs there, in which state, and what others ask of it.  README.md draws
 * the states.
 *
 * Here is what any process may ask.  Without shared_preload_libraries there
 * are no slots: az_slots_available is false and requests do nothing.
 */
#ifndef AZ_PG_SLOTS_H
#define AZ_PG_SLOTS_H

#include "datatype/timestamp.h"

#include "engine/engine.h"

#define AZ_SLOT_TEXT_SIZE 512

typedef enum AzSlotState
{
	AZ_SLOT_ABSENT,				/* no process */
	AZ_SLOT_STARTING,			/* asked for, or looking for the extension */
	AZ_SLOT_RUNNING,			/* the engine turns */
	AZ_SLOT_IDLE,				/* a process that does not serve; "message"
								 * says why */
	AZ_SLOT_STOPPING			/* told to end */
} AzSlotState;

/* One start of a worker: slot and generation name it for ever. */
typedef struct AzSlotStart
{
	int			slot;
	Oid			database;
	uint64		generation;
} AzSlotStart;

/* What can be seen of a slot. */
typedef struct AzSlotView
{
	Oid			database;		/* InvalidOid: nobody uses the slot */
	AzSlotState state;
	int			pid;			/* 0 = none */
	TimestampTz started_at;		/* 0 = never */
	AzEngineStats stats;
	char		listening[AZ_SLOT_TEXT_SIZE];
	char		message[AZ_SLOT_TEXT_SIZE];
} AzSlotView;

/* While the server starts: has memory reserved and set up. */
extern void az_slots_install(void);

extern bool az_slots_available(void);
extern int	az_slots_count(void);
extern void az_slots_view(int slot, AzSlotView *view);
extern const char *az_slots_state_name(AzSlotState state);

/*
 * The database may have got, changed or lost the extension: its worker looks
 * again, or one is started to look; with "at_once" also one that waits to be
 * started after failures.
 */
extern void az_slots_look(Oid database, bool at_once);

/* The database has no extension any more: its worker looks again and ends. */
extern void az_slots_dismiss(Oid database);

/* The database's worker, if there is one, ends and is started again. */
extern void az_slots_restart(Oid database);

/*
 * Tells the database's worker to end and lets none start until there were
 * as many releases.  True when there is something to release.
 */
extern bool az_slots_hold(Oid database);
extern void az_slots_release(Oid database);

/* Waits until a held database has no worker; gives up after ten seconds. */
extern void az_slots_await_absent(Oid database);

/*
 * The sequence of positions of this database, when an engine watches it;
 * InvalidOid otherwise.  Asked at the end of every transaction: cheap.
 */
extern Oid	az_slots_sequence(void);

/* The log of this database may have moved: its engine looks. */
extern void az_slots_log_moved(void);

/* Up to where this database's engine found the log settled; 0 = unknown. */
extern int64 az_slots_horizon(Oid sequence);

/* The components of the database changed: its engine reads them again. */
extern void az_slots_components_changed(Oid database);

#endif
