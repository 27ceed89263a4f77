/*
 * One slot of shared memory for each database that may have engines, with a
 * seat for each of them: who runs there, in which state, and what others ask
 * of it.  README.md draws the states.
 *
 * Here is what any process may ask.  Without shared_preload_libraries there
 * are no slots: az_slots_available is false and requests do nothing.
 */
#ifndef AZ_PG_SLOTS_H
#define AZ_PG_SLOTS_H

#include "datatype/timestamp.h"

#include "engine/engine.h"

#define AZ_SLOT_TEXT_SIZE 512
#define AZ_MAX_WORKERS 16		/* of one database */

typedef enum AzSlotState
{
	AZ_SLOT_ABSENT,				/* no process */
	AZ_SLOT_STARTING,			/* asked for, or looking for the extension */
	AZ_SLOT_RUNNING,			/* the engine turns */
	AZ_SLOT_IDLE,				/* a process that does not serve; "message"
								 * says why */
	AZ_SLOT_STOPPING			/* told to end */
} AzSlotState;

/* One start of a worker: slot, number and generation name it for ever. */
typedef struct AzSlotStart
{
	int			slot;
	int			number;			/* of the worker in its database */
	Oid			database;
	uint64		generation;
} AzSlotStart;

/* What can be seen of a seat. */
typedef struct AzSlotView
{
	Oid			database;		/* InvalidOid: nobody uses the seat */
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
extern void az_slots_view(int slot, int number, AzSlotView *view);
extern const char *az_slots_state_name(AzSlotState state);

/*
 * The database may have got, changed or lost the extension: its workers look
 * again, or one is started to look; with "at_once" also those that wait to be
 * started after failures.
 */
extern void az_slots_look(Oid database, bool at_once);

/* The database has no extension any more: its workers look again and end. */
extern void az_slots_dismiss(Oid database);

/* The database's workers, if there are any, end and are started again. */
extern void az_slots_restart(Oid database);

/*
 * Tells the database's workers to end and lets none start until there were
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

/* The log of this database may have moved: its workers look. */
extern void az_slots_log_moved(void);

/* Up to where this database's engine found the log settled; 0 = unknown. */
extern int64 az_slots_horizon(Oid sequence);

/* The components of the database changed: its workers read them again. */
extern void az_slots_components_changed(Oid database);

#endif
