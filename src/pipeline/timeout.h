/*
 * Timeouts of process managers: what its events say of timers, and the event
 * that it is handed when one elapses (contract section 12).
 */
#ifndef AZ_PIPELINE_TIMEOUT_H
#define AZ_PIPELINE_TIMEOUT_H

#include "pipeline/delivery.h"
#include "pipeline/target.h"
#include "store/keys.h"

/* To be kept with the events of a process. */
typedef struct AzTimeouts
{
	AzTimerRow *rows;
	size_t		n_rows;
} AzTimeouts;

/*
 * The trigger that a timer is when it elapses: in the stream of its process,
 * in the place of the event that set it.  Borrows from the entry.  False when
 * memory is out; DATA_LOSS when the kept payload does not decode.
 */
extern bool az_timeout_trigger(const AzTimerEntry *entry, AzBook *trigger,
							   AzArena *arena, AzError *error);

/*
 * Where a timer is delivered: makes the key of the reaction to the event that
 * set it the key of the reaction to its elapsing.  False when memory is out.
 */
extern bool az_timeout_key(AzDeliveryJob *delivery, AzKey *key);

/*
 * Step "find timer" of the job of a delivery, behind the load of the process:
 * a timer that was moved or cancelled is not handled any more, END.  NEXT
 * when there is none, or it was handled before.
 */
extern AzStepResult az_timeout_find(AzJob *job);
extern AzStepResult az_timeout_found(AzJob *job);

/*
 * What is to be kept: what the numbered events say, and that the one that
 * elapsed ("firing", or NULL) is handled.  INVALID_ARGUMENT naming the event
 * that is no proper timeout.
 */
extern bool az_timeout_read(AzTimeouts *timeouts, const AzTarget *target,
							const AzEvent *events, size_t count,
							const AzTimerRow *firing, AzJob *job);

#endif
