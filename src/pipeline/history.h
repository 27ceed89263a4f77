/* The history that business logic is given: contract sections 5 and 6. */
#ifndef AZ_PIPELINE_HISTORY_H
#define AZ_PIPELINE_HISTORY_H

#include "pipeline/target.h"
#include "store/load.h"

/*
 * What to load: the target's newest snapshot and the pages after it, or for all
 * pages where its component wants them; as it was at a validated point, or
 * as it is with NULL and with a point that says none.
 */
extern void az_history_fill(AzLoadWish *load, const AzTarget *target,
							const PbTemporalQuery *point, AzJob *job);

/* Wishes for that: WAIT. */
extern AzStepResult az_history_load(AzLoadWish *load, const AzTarget *target,
									const PbTemporalQuery *point, AzJob *job);

/* What came of it is in load->book; false, job->error says why. */
extern bool az_history_take(const AzLoadWish *load, AzJob *job);

#endif
