/* Whether a command fits the stream it meets: contract section 5, merge. */
#ifndef AZ_PIPELINE_MERGE_H
#define AZ_PIPELINE_MERGE_H

#include "base/error.h"
#include "codec/event.h"

/* MERGE_* of the contract; unspecified reads as COMMUTATIVE. */
typedef enum AzMerge
{
	AZ_MERGE_COMMUTATIVE = 1,
	AZ_MERGE_STRICT = 2,
	AZ_MERGE_AGGREGATE_HANDLES = 3,
	AZ_MERGE_MANUAL = 4
} AzMerge;

/* Whether a command that expects one sequence may run at another. */
extern bool az_merge_fits(AzMerge merge, int64_t expected, int64_t actual);

/* Whether a command overtaken at the append is worth running again. */
extern bool az_merge_may_repeat(AzMerge merge);

/*
 * FAILED_PRECONDITION "Sequence mismatch: command expects 1, aggregate is at
 * 3" (ZA001) with ErrorInfo SEQUENCE_MISMATCH and RetryInfo; returns false.
 */
extern bool az_merge_mismatch(const AzAggregate *aggregate, int64_t expected,
							  int64_t actual, AzArena *arena, AzError *error);

#endif
