/* Where a stream of an edition begins: contract section 9, Edition. */
#ifndef AZ_PIPELINE_BRANCH_H
#define AZ_PIPELINE_BRANCH_H

#include "pipeline/target.h"
#include "store/editions.h"
#include "store/load.h"

typedef struct AzBranch
{
	AzBranchWish look;
	bool		is_edition;		/* else nothing here is looked at */
	bool		is_begun;		/* by the sequence that a command expects */
} AzBranch;

/* Step "find branch": NEXT at once on the main timeline. */
extern AzStepResult az_branch_find(AzBranch *branch, const AzTarget *target,
								   AzJob *job);

/*
 * What came of it: NEXT, or FAILED, with FAILED_PRECONDITION naming both
 * numbers when the cover says another divergence than the edition's row.
 */
extern AzStepResult az_branch_found(AzBranch *branch, const AzTarget *target,
									AzJob *job);

/*
 * A client's explicit sequence begins the stream where neither cover nor row
 * says a divergence, nobody has written there, and main has come that far;
 * then "aggregate" gets it.
 */
extern void az_branch_begin(AzBranch *branch, int64_t sequence,
							AzAggregate *aggregate);

/* Whether what is to be written is the first that the edition has of it. */
extern bool az_branch_is_new(const AzBranch *branch);

/* Whether somebody else has begun the stream elsewhere since the look. */
extern bool az_branch_is_lost(const AzBranch *branch, const AzLoadWish *load);

#endif
