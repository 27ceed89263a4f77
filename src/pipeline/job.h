/*
 * Jobs: one command, one query, one delivery each, run through a const table
 * of steps.
 *
 * A step is local (its wish is fulfilled in the tick's one transaction) or
 * remote (it starts one call; no transaction is open).  The driver here is
 * the only code that runs steps.  "start" begins a step and says whether it
 * waits; "finish" takes what came.  Every step can be run twice.
 */
#ifndef AZ_PIPELINE_JOB_H
#define AZ_PIPELINE_JOB_H

#include "net/channels.h"
#include "pipeline/validate.h"
#include "store/catalog.h"
#include "store/wish.h"

typedef struct AzJob AzJob;
typedef struct AzJobs AzJobs;

typedef enum AzStepKind
{
	AZ_STEP_LOCAL,
	AZ_STEP_REMOTE
} AzStepKind;

typedef enum AzStepResult
{
	AZ_STEP_NEXT,				/* go on with the next step */
	AZ_STEP_WAIT,				/* start only: a wish or a call is under way */
	AZ_STEP_AGAIN,				/* finish only: this step once more, later */
	AZ_STEP_RESTART,			/* from the first step */
	AZ_STEP_END,				/* the job is over, answer ready */
	AZ_STEP_FAILED				/* the job is over, job->error says why */
} AzStepResult;

typedef struct AzStep
{
	const char *name;
	AzStepKind	kind;
	AzStepResult (*start) (AzJob *job);
	AzStepResult (*finish) (AzJob *job);
} AzStep;

typedef struct AzPipeline
{
	const char *name;
	const AzStep *steps;		/* ends with a NULL name */
} AzPipeline;

/* Every pipeline there is, ending with NULL: the crash test's list. */
extern const AzPipeline *const az_pipelines[];

/* What all jobs share; belongs to the engine. */
typedef struct AzJobSettings
{
	AzValidationLimits validation;
	int64_t		call_timeout_us;
	int			max_append_retries;
	size_t		max_jobs;		/* running and waiting */
	const char *crash_after;	/* test builds: "pipeline/step", else NULL */
} AzJobSettings;

struct AzJob
{
	AzJobs	   *jobs;
	AzArena    *arena;			/* freed with the job */
	const AzPipeline *pipeline;
	int			step;
	int64_t		deadline_us;	/* monotonic */
	AzError		error;
	AzMetadata	metadata;		/* passed on to business logic */
	AzAggregate lane;			/* commands of one aggregate go one by one */
	bool		has_lane;
	void		(*done) (AzJob *job);	/* error.code says how it ended */
	void	   *owner;
	void	   *state;			/* the pipeline's own */

	/* The driver's. */
	AzWish	   *wish;			/* under way, or NULL */
	AzCall	   *call;			/* under way, or NULL */
	AzBytes		answer;			/* of the last call */
	AzError		status;			/* of the last call */
	AzTimer		timer;			/* deadline, or a pause */
	int			attempts;
	AzJob	   *previous;
	AzJob	   *next;
};

#endif
