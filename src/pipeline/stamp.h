/* Turns what business logic answered into events ready to be stored. */
#ifndef AZ_PIPELINE_STAMP_H
#define AZ_PIPELINE_STAMP_H

#include "codec/event.h"
#include "codec/messages.h"
#include "pipeline/validate.h"

/* What the events of one command get: contract section 5, step 7. */
typedef struct AzStamp
{
	AzAggregate aggregate;
	int64_t		next_sequence;
	const char *correlation_id; /* the command's */
	const PbAny *ext;			/* the command's, or NULL */
	const AzCause *cause;		/* what made a component ask, or NULL */
	bool		isolated;
	int32_t		depth;			/* of causation; clients' have 0 */
	const AzValidationLimits *limits;
} AzStamp;

/*
 * Numbers the pages of "book" (NULL: no events) and stamps them; "events"
 * borrows from the message.  INTERNAL, naming both values, when the book is
 * for another aggregate or numbers its pages otherwise; RESOURCE_EXHAUSTED
 * when it is over a limit; OUT_OF_RANGE past the last sequence there can be.
 */
extern bool az_stamp_events(const AzStamp *stamp, const PbEventBook *book,
							AzEvent **events, size_t *count, AzArena *arena,
							AzError *error);

/*
 * The state that "answer" gives back, as a snapshot after these "events" and
 * everything in "loaded"; NULL where it gives none, or where the aggregate
 * has no events, or a branch none of its own in this answer.  INTERNAL for
 * what is no state, RESOURCE_EXHAUSTED when it is over a limit.
 */
extern bool az_stamp_snapshot(const AzStamp *stamp, const PbEventBook *answer,
							  const AzBook *loaded, const AzEvent *events,
							  size_t count, const AzSnapshot **snapshot,
							  AzArena *arena, AzError *error);

#endif
