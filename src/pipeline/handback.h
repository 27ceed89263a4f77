/*
 * Handing a notification of the outbox to a process manager (contract section
 * 8, "A rejected PM command").
 */
#ifndef AZ_PIPELINE_HANDBACK_H
#define AZ_PIPELINE_HANDBACK_H

#include "pipeline/consequence.h"

/* The process manager that owns the target's domain; NULL: none does. */
extern const AzComponent *az_handback_process(const AzDelivered *delivered,
											  const AzJob *job);

/*
 * A step: WAIT for the reaction of the process to an opened notification;
 * FAILED when memory is out.  It ends with OK when all that came of it is
 * settled; else the notification is to be delivered again.
 */
extern AzStepResult az_handback_start(const AzDelivered *delivered,
									  const AzComponent *process, AzJob *job);

#endif
