/* The worker's side of the slots: its own one. */
#ifndef AZ_PG_SLOT_OWN_H
#define AZ_PG_SLOT_OWN_H

#include "pg/slots.h"

/* How a worker ended. */
typedef enum AzSlotEnd
{
	AZ_SLOT_FAILED,				/* start again, more slowly each time */
	AZ_SLOT_STOPPED,			/* start again */
	AZ_SLOT_NOT_NEEDED			/* no extension here */
} AzSlotEnd;

/*
 * Enters the process into the slot of its start; false when the start is no
 * longer wanted.  All below only after that.
 */
extern bool az_slot_own_attach(const AzSlotStart *start);

/* The number of this worker in its database. */
extern int	az_slot_own_number(void);

/* There shall be so many workers here; those beyond are told to end. */
extern void az_slot_own_set_workers(int workers);

/*
 * Waits until this worker may listen as the settings say: with
 * "joins_port", which is set here, where a sibling listens already, else alone,
 * so that it finds out if somebody else does.  It may not while a sibling
 * begins or ends that, or listens elsewhere, which it will end; after ten
 * seconds it may all the same.  False when the worker was told to end.
 */
extern bool az_slot_own_open(AzEngineSettings *settings);

/*
 * STARTING -> RUNNING.  False when no sibling listens any more where this
 * worker has joined it: then the port may be somebody else's by now.
 */
extern bool az_slot_own_run(const char *listening);

/* Before the listening sockets are closed, and after it. */
extern void az_slot_own_close(void);
extern void az_slot_own_closed(void);

/* Whether this worker does what only one of its database may do. */
extern bool az_slot_own_leads(void);

/* STARTING -> IDLE. */
extern void az_slot_own_idle(void);

/* any -> STOPPING. */
extern void az_slot_own_stop(void);

/* any -> ABSENT.  Only after the process has left the list of processes. */
extern void az_slot_own_detach(AzSlotEnd end);

/* What hinders the worker; true when that was not the last message. */
extern bool az_slot_own_complain(const char *message);

/* Whether a command waits for this worker's end. */
extern bool az_slot_own_is_held(void);

/* Whether to look at the extension again, since last asked. */
extern bool az_slot_own_take_look(void);

extern void az_slot_own_report(const AzEngineStats *stats);

/* From now on who ends a transaction that drew from the sequence tells. */
extern void az_slot_own_watch(Oid sequence);

/* All up to here is settled, in the sequence that is watched. */
extern void az_slot_own_settle(int64 horizon);

/*
 * How often somebody told, as far as it was asked for: who looks at the log
 * asks first, and looks again when it has risen.  "has_moved" does not take
 * the word that waits, so whoever ends a transaction then need not wake us.
 */
extern uint64 az_slot_own_log_generation(void);
extern bool az_slot_own_has_moved(uint64 since);

extern uint64 az_slot_own_components_generation(void);

#endif
