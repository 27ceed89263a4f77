/* Calling business logic, and what its answers and failures mean. */
#ifndef AZ_PIPELINE_HANDLER_H
#define AZ_PIPELINE_HANDLER_H

#include "pipeline/target.h"

#define AZ_HANDLER_SERVICE "/io.angzarr.v1.CommandHandlerService/"

/* The correlation id of a cover goes out in place of the caller's own. */
extern bool az_handler_correlate(AzJob *job, const PbCover *cover);

/* Asks what comes of a command, given its history: WAIT or FAILED. */
extern AzStepResult az_handler_decide(AzJob *job, const AzTarget *target,
									  PbEventBook *history,
									  PbCommandBook *command);

/*
 * What it decided: "events", NULL where there are none.  False with
 * job->error: as az_handler_failed; FAILED_PRECONDITION with the reason of a
 * revocation; INTERNAL for what is no answer to a command.
 */
extern bool az_handler_decided(AzJob *job, const AzTarget *target,
							   const PbEventBook **events);

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
 * A call that did not: a peer's status goes through as it is (ZA002), of our
 * own ones we say whose business logic it was (ZA003).  FAILED.
 */
extern AzStepResult az_handler_failed(AzJob *job, const AzTarget *target);

#endif
