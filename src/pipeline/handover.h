/*
 * What the business logic of a saga or process manager is handed, and what it
 * answers, as messages: the two kinds side by side.
 */
#ifndef AZ_PIPELINE_HANDOVER_H
#define AZ_PIPELINE_HANDOVER_H

#include "pipeline/delivery.h"
#include "pipeline/emit.h"
#include "pipeline/handler.h"

/*
 * Makes the emission that of a trigger.  That of a handback says what it is
 * about, where an event has its sequence.
 */
extern void az_handover_show(const AzDeliveryJob *job, PbEventBook *trigger,
							 AzEmission *emission);

/*
 * The key of what is decided, and what causes it.  One for each event and
 * component: that of an emission, of another kind; of a handback that of the
 * command it is about.  False when memory is out.
 */
extern bool az_handover_origin(AzDeliveryJob *job, const AzEmission *emission,
							   AzOrigin *origin);

/* What a saga or process manager is asked. */
typedef struct AzHandover
{
	const AzComponent *component;
	const AzTarget *target;		/* where and how long */
	PbEventBook *trigger;
	PbEventBook *state;			/* of a process; a saga has none */
	int			sync_mode;		/* PB_SYNC_MODE_* */
	int			error_mode;		/* PB_CASCADE_ERROR_* */
} AzHandover;

/* WAIT, or FAILED. */
extern AzStepResult az_handover_call(AzJob *job, const AzHandover *handover);

/*
 * Takes an answer, or the record of one, into the job's result and the
 * emission.  False with job->error: INTERNAL when it does not decode.
 */
extern bool az_handover_take(AzDeliveryJob *job, AzEmission *emission,
							 AzBytes bytes);

/* What is recorded of it: all but a process's events.  False: no memory. */
extern bool az_handover_record(AzDeliveryJob *job, AzBytes *bytes);

#endif
