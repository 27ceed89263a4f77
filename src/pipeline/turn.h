/*
 * One delivery inside of a request: wait for its turn behind what is still to
 * be delivered of the stream, deliver, say that it is done or leave it to the
 * engine (contract section 7).
 */
#ifndef AZ_PIPELINE_TURN_H
#define AZ_PIPELINE_TURN_H

#include "pipeline/delivery.h"
#include "store/reserve.h"

/* What it borrows must stay until the job is over. */
typedef struct AzTurn
{
	AzDelivery	delivery;
	const AzReservation *reservation;	/* of the delivery's events or more */
	AzError		failure;		/* result: of the delivery; code OK = none */
	AzDeliveryResult result;	/* its messages live as long as the job */
} AzTurn;

/* NULL as az_job_create.  For az_job_run. */
extern AzJob *az_turn_create(AzJobs *jobs, const AzTurn *turn, AzError *error);

/*
 * Of one that is over with OK: what came of it.  Over with an error, its
 * turn did not come, or the database failed: it is the engine's.
 */
extern const AzTurn *az_turn_result(const AzJob *job);

extern const AzPipeline az_turn_pipeline;

#endif
