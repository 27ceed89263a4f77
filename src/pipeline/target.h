/* The aggregate a job is about, and the business logic that owns it. */
#ifndef AZ_PIPELINE_TARGET_H
#define AZ_PIPELINE_TARGET_H

#include "pipeline/job.h"

/* Copied from the catalog into the job: it may be read anew meanwhile. */
typedef struct AzTarget
{
	AzAggregate aggregate;
	const char *component;		/* its registered name */
	const char *address;
	int64_t		timeout_us;		/* of one call */
	bool		send_snapshots;
} AzTarget;

/*
 * Who handles the domain of a validated cover.  NOT_FOUND naming the domain
 * when nobody registered it, UNAVAILABLE when its component is disabled or
 * the components could not be read yet, UNIMPLEMENTED for "_angzarr".
 */
extern bool az_target_find(AzTarget *target, const PbCover *cover,
						   AzJob *job);

/*
 * How a component is called, beside the aggregate that it is about; its texts
 * are borrowed.
 */
extern void az_target_call(AzTarget *target, const AzComponent *component,
						   const AzJobs *jobs);

#endif
