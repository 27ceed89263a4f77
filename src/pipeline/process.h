/*
 * The own stream of a process manager: found by correlation id, handed to it
 * as its state, and written with what it answers (contract section 8).
 */
#ifndef AZ_PIPELINE_PROCESS_H
#define AZ_PIPELINE_PROCESS_H

#include "pipeline/branch.h"
#include "pipeline/commit.h"
#include "pipeline/emit.h"
#include "pipeline/stamp.h"
#include "pipeline/timeout.h"
#include "pipeline/upcast.h"

/* Embedded in a job. */
typedef struct AzProcess
{
	const AzTimerRow *firing;	/* the timer that elapsed, or NULL: to be set */
	AzBranch	branch;
	AzLoadWish	load;
	PbEventBook *state;			/* as it is handed over */
	AzUpcast	upcast;
	AzEvent    *events;			/* what it answered, stamped */
	size_t		n_events;
	const AzSnapshot *snapshot;
	AzOutboxRow outbox;			/* what it forwards */
	size_t		n_outbox;
	AzTimeouts	timeouts;		/* what it says of timers */
} AzProcess;

/* Where the process of a trigger is, and who manages it. */
extern void az_process_target(AzTarget *target, const AzComponent *component,
							  const AzBook *trigger, AzJob *job);

/* After a load that went well: the state, for upcasting. */
extern bool az_process_state(AzProcess *process, const AzTarget *target,
							 const char *correlation_id, AzJob *job);

/*
 * Takes what it answered: numbers the events, all books one after the other,
 * with our cover; wraps up what is to be forwarded; reads what is said of
 * timers.  Errors as az_stamp_events, but INTERNAL for what is over a limit,
 * and for a notification that does not say to whom, and as az_timeout_read: it
 * is no use to ask again.
 */
extern bool az_process_take(AzProcess *process, const AzTarget *target,
							const AzEmission *emission,
							const AzOrigin *origin,
							const PbProcessManagerHandleResponse *answer,
							AzJob *job);

/* Puts the events of a process that were recorded into its answer. */
extern bool az_process_show(const AzBook *book,
							PbProcessManagerHandleResponse *answer,
							AzJob *job);

/* What is to be appended of it. */
extern void az_process_append(const AzProcess *process,
							  const AzTarget *target, AzAppendWish *append);

#endif
