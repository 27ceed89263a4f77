/* Calling business logic, and what its answers and failures mean. */
#ifndef AZ_PIPELINE_HANDLER_H
#define AZ_PIPELINE_HANDLER_H

#include "pipeline/target.h"

#define AZ_HANDLER_SERVICE "/io.angzarr.v1.CommandHandlerService/"

/* The correlation id of a cover goes out in place of the caller's own. */
extern bool az_handler_correlate(AzJob *job, const PbCover *cover);

/* Starts a call of the target's business logic: WAIT or FAILED. */
extern AzStepResult az_handler_call(AzJob *job, const AzTarget *target,
									const char *path, const void *message);

/*
 * The answer of a call that ended with OK; NULL with INTERNAL naming domain
 * and address when it does not decode.
 */
extern void *az_handler_answer(AzJob *job, const AzTarget *target,
							   const ProtobufCMessageDescriptor *type);

/*
 * What it decided about an ordinary command: its events, NULL for none.
 * False: the status of a call that failed (as below), a revocation as
 * FAILED_PRECONDITION with its reason (ZA002), INTERNAL for a notification.
 */
extern bool az_handler_events(AzJob *job, const AzTarget *target,
							  const PbEventBook **events);

/*
 * A call that did not: a peer's status goes through as it is (ZA002), of our
 * own ones we say whose business logic it was (ZA003).  FAILED.
 */
extern AzStepResult az_handler_failed(AzJob *job, const AzTarget *target);

#endif
