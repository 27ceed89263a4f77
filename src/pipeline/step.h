/*
 * What a pipeline is made of.
 *
 * A step is local (its wish is fulfilled in the tick's one transaction) or
 * remote (it starts one call; no transaction is open).  "start" begins a step
 * and says whether it waits; "finish" takes what came.  Every step can be run
 * twice.
 */
#ifndef AZ_PIPELINE_STEP_H
#define AZ_PIPELINE_STEP_H

typedef struct AzJob AzJob;

typedef enum AzStepKind
{
	AZ_STEP_LOCAL,
	AZ_STEP_REMOTE
} AzStepKind;

typedef enum AzStepResult
{
	AZ_STEP_NEXT,				/* go on with the next step */
	AZ_STEP_WAIT,				/* "start" only: a wish or a call is under
								 * way, or az_job_resume follows */
	AZ_STEP_REPEAT,				/* this step once more, at once */
	AZ_STEP_AGAIN,				/* this step once more, after a pause */
	AZ_STEP_RESTART,			/* from the first step */
	AZ_STEP_END,				/* the job is over and well */
	AZ_STEP_FAILED				/* the job is over, job->error says why */
} AzStepResult;

typedef struct AzStep
{
	const char *name;
	AzStepKind	kind;
	AzStepResult (*start) (AzJob *job);
	AzStepResult (*finish) (AzJob *job);	/* when what it waited for is
											 * there */
} AzStep;

typedef struct AzPipeline
{
	const char *name;
	/* Checks the request; NEXT or FAILED.  Sets the lane where one is due. */
	AzStepResult (*prepare) (AzJob *job);
	const AzStep *steps;		/* ends with a NULL name */
	/* Frees what the job holds outside of its arena; NULL: nothing. */
	void		(*release) (AzJob *job);
} AzPipeline;

/* Every pipeline there is, ending with NULL: the crash test's list. */
extern const AzPipeline *const az_pipelines[];

#endif
