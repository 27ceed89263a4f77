/*
 * One command or fact of a reaction, run in-process like a client's, and what
 * becomes of it when it fails (contract section 8, Failures).
 */
#ifndef AZ_PIPELINE_EFFECT_H
#define AZ_PIPELINE_EFFECT_H

#include "pipeline/delivery.h"
#include "pipeline/emit.h"

/* Which one; what it borrows must stay until its job is over. */
typedef struct AzEffect
{
	const AzEmission *emission; /* stamped */
	size_t		index;			/* commands first, then facts */
	int			attempt;		/* 1 = first */
	int			max_attempts;
	int			sync_mode;		/* it is called with */
	int			error_mode;
	const AzAncestor *above;	/* deliveries that wait for it, or NULL */
	bool		may_be_settled; /* it may have been given up before */
} AzEffect;

/* NULL as az_job_create.  For az_job_run; not in a lane itself. */
extern AzJob *az_effect_create(AzJobs *jobs, const AzEffect *effect,
							   AzError *error);

/*
 * Of one that is over: OK when it is settled, done or given up; else it is to
 * be tried again.  Adds to the result what was given up; false when memory is
 * out.
 */
extern bool az_effect_take(const AzJob *effect, AzDeliveryResult *result,
						   AzJob *job);

/*
 * Adds one to the errors of a result, which borrows it, with the failure that
 * it tells of; false when memory is out.
 */
extern bool az_effect_add_error(AzDeliveryResult *result, AzJob *job,
								const PbCascadeReactionError *error,
								const AzError *failure);

extern const AzPipeline az_effect_pipeline;

#endif
