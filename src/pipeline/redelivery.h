/*
 * Replaying dead letters of what was delivered to a component: its trigger
 * goes there again, an envelope into the outbox.
 */
#ifndef AZ_PIPELINE_REDELIVERY_H
#define AZ_PIPELINE_REDELIVERY_H

#include "pipeline/job.h"
#include "store/outbox.h"

/*
 * A job that delivers the events of a letter to the component it is of, in
 * one attempt; to be run by "job".  A process manager's keep their
 * correlation id, which says whose process it is: *correlation_id is set to
 * it; the others' get *correlation_id.  NULL with FAILED_PRECONDITION when
 * there is no such component any more, or the events are not whole.
 */
extern AzJob *az_redelivery_create(const PbAngzarrDeadLetter *letter,
								   const char **correlation_id, AzJob *job);

/*
 * Of one that is over with OK: false, with job->error, when it, or a part of
 * it, is a dead letter again.
 */
extern bool az_redelivery_went_well(const AzJob *delivery, AzJob *job);

/*
 * The row of an envelope, not attempted yet; while it is there, the same
 * letter has no second one.  FAILED_PRECONDITION for what is no envelope.
 */
extern bool az_redelivery_row(AzOutboxRow *row, PbCommandBook *envelope,
							  int64_t letter_id, AzJob *job);

#endif
