/* Whether a command fits the stream it meets: contract section 5, merge. */
#ifndef AZ_PIPELINE_MERGE_H
#define AZ_PIPELINE_MERGE_H

#include "base/error.h"
#include "codec/event.h"
#include "codec/messages.h"

/* MERGE_* of the contract; unspecified reads as COMMUTATIVE. */
typedef enum AzMerge
{
	AZ_MERGE_COMMUTATIVE = 1,
	AZ_MERGE_STRICT = 2,
	AZ_MERGE_AGGREGATE_HANDLES = 3,
	AZ_MERGE_MANUAL = 4
} AzMerge;

/* A command that expects one sequence and met another. */
typedef struct AzConflict
{
	AzAggregate aggregate;
	AzMerge		merge;
	int64_t		expected;
	int64_t		actual;
	const char *fields;			/* that both sides changed; NULL: not looked
								 * at */
	const PbEventBook *book;	/* as it is now, or NULL */
	size_t		max_details;	/* bytes, angzarr.max_status_details */
} AzConflict;

/*
 * Whether a command that expects one sequence may run at another; one that
 * needs Replay may run, but its events must pass the comparison.
 */
extern bool az_merge_fits(AzMerge merge, int64_t expected, int64_t actual);

/* Whether the states then, now and after it decide: COMMUTATIVE and stale. */
extern bool az_merge_needs_replay(AzMerge merge, int64_t expected,
								  int64_t actual);

/* Whether a command overtaken at the append is worth running again. */
extern bool az_merge_may_repeat(AzMerge merge);

/*
 * "Sequence mismatch: command expects 1, aggregate is at 3" (ZA001) with
 * ErrorInfo SEQUENCE_MISMATCH, or FIELD_OVERLAP and the fields, in message
 * and metadata too: FAILED_PRECONDITION with RetryInfo and the book, or
 * ABORTED and not to be tried again under MANUAL.  False.
 */
extern bool az_merge_refuse(const AzConflict *conflict, AzArena *arena,
							AzError *error);

#endif
