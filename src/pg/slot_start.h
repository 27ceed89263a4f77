/* The supervisor's side of the slots: which worker to start next. */
#ifndef AZ_PG_SLOT_START_H
#define AZ_PG_SLOT_START_H

#include "pg/slots.h"

/*
 * From now on this process is woken when there is something to start.
 * Starts that an earlier supervisor did not bring to an end are undone.
 */
extern void az_slot_start_supervise(void);

/* Whether a request was lost for want of a free slot, since last asked. */
extern bool az_slot_start_take_overflow(void);

/* A database to look into; false when all slots are in use. */
extern bool az_slot_start_want(Oid database);

/*
 * ABSENT -> STARTING for a worker that is due, one of the least number; false
 * when none is.  Only numbers below "below" count.  Then "wait_ms" says when
 * to ask again, -1 = when woken.
 */
extern bool az_slot_start_take(int below, AzSlotStart *start, long *wait_ms);

/* The same for the first worker of this database only. */
extern bool az_slot_start_take_for(Oid database, AzSlotStart *start);

/* Whether the worker has not yet found out if there is an extension. */
extern bool az_slot_start_is_open(const AzSlotStart *start);

/*
 * STARTING -> ABSENT: no worker could be had; tried again in a second, later
 * every five.  The number of times in a row.
 */
extern int	az_slot_start_refuse(const AzSlotStart *start,
								 const char *message);

/* STARTING -> ABSENT and not wanted: there is no such database. */
extern void az_slot_start_forget(const AzSlotStart *start);

/* any -> ABSENT, if this start's process ended without a word. */
extern void az_slot_start_lose(const AzSlotStart *start);

#endif
