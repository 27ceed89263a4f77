/*
 * Jobs: one command, one query, one delivery each, run through a const table
 * of steps.  The driver here is the only code that runs steps.
 */
#ifndef AZ_PIPELINE_JOB_H
#define AZ_PIPELINE_JOB_H

#include "base/map.h"
#include "codec/event.h"
#include "net/channels.h"
#include "pipeline/job_settings.h"
#include "pipeline/readers.h"
#include "pipeline/step.h"
#include "store/cache.h"
#include "store/catalog.h"
#include "store/wish.h"

typedef struct AzJobs AzJobs;

/* What all jobs share; counters only grow. */
struct AzJobs
{
	AzLoop	   *loop;
	AzChannels *channels;
	AzCatalog  *catalog;
	AzJobSettings settings;

	AzCache    *cache;			/* books of the main timeline */
	AzMap	   *lanes;			/* by aggregate: AzLane */
	AzJob	   *all;
	AzJob	   *ready;			/* to be started, or started again */
	AzWish	   *wishes;			/* for the next tick, oldest first */
	size_t		count;			/* jobs alive */
	size_t		n_wishes;
	AzReaders	readers;		/* who follow the log */
	bool		outbox_news;	/* something was recorded in it */

	/*
	 * Whether all of a stream up to a position was delivered to a component,
	 * as the engine that delivers to it knows; NULL: nobody does here.
	 */
	bool		(*is_settled) (void *deliverer, const char *component,
							   const AzAggregate *aggregate,
							   int64_t position);
	void	   *deliverer;
	int64_t		timer_due_us;	/* the earliest timer set since it was looked
								 * at, by the wall clock; INT64_MAX: none */

	uint64_t	commands;		/* answered with OK */
	uint64_t	rejected;		/* answered otherwise */
	uint64_t	events;			/* appended */
	uint64_t	escalations;	/* revocations that an operator is to see */
};

/* Embedded first by pipelines; lives in "arena", which is freed with it. */
struct AzJob
{
	AzJobs	   *jobs;
	AzArena    *arena;
	const AzPipeline *pipeline;
	int			step;
	int			restarts;		/* how often a step asked for RESTART */
	int			pauses;			/* how often in a row a step asked for AGAIN */
	int64_t		deadline_us;	/* monotonic; INT64_MAX = none */
	AzMetadata	metadata;		/* passed on to business logic */
	AzError		error;			/* how it ended */

	const AzAggregate *aggregate;	/* by "prepare": its jobs go one by one */

	/* Called once, when it is over and before it is freed; not if cancelled. */
	void		(*done) (AzJob *job);
	void	   *owner;

	AzBytes		answer;			/* of the last call */
	AzError		status;			/* likewise */

	AzJob	   *ended;			/* waited for; only while "finish" is called */

	/* The driver's own. */
	struct AzLane *lane;
	AzWish	   *wish;			/* under way, or NULL */
	AzCall	   *call;			/* under way, or NULL */
	AzJob	   *child;			/* waited for, or NULL */
	AzTimer		pause;
	bool		is_ready;		/* in jobs->ready */
	AzJob	   *previous;		/* in jobs->all */
	AzJob	   *next;
	AzJob	   *queue_previous; /* in jobs->ready, or waiting in a lane */
	AzJob	   *queue_next;
};

/* NULL when memory is out. */
extern AzJobs *az_jobs_create(AzLoop *loop, AzChannels *channels,
							  AzCatalog *catalog,
							  const AzJobSettings *settings);

/* Frees everything; jobs still there are dropped without "done". */
extern void az_jobs_free(AzJobs *jobs);

/* Starts what is ready, until nothing is. */
extern void az_jobs_run_ready(AzJobs *jobs);

/*
 * A new job of "size" bytes, all zeros but its head, not yet started; NULL
 * with RESOURCE_EXHAUSTED when there are too many or memory is out.
 */
extern AzJob *az_job_create(AzJobs *jobs, const AzPipeline *pipeline,
							size_t size, AzError *error);

/* Lets it run from the next az_jobs_run_ready on. */
extern void az_job_start(AzJob *job);

/* Goes on with "finish" of a step that waits for neither wish nor call. */
extern void az_job_resume(AzJob *job);

/* Others of its aggregate may go on, though it is not over. */
extern void az_job_leave_lane(AzJob *job);

/* Gives it up wherever it is; a call under way is cancelled; frees it. */
extern void az_job_cancel(AzJob *job);

/* ---- for steps ---- */

/* Queues a wish of the job for the next tick; returns WAIT. */
extern AzStepResult az_job_wish(AzJob *job, AzWish *wish,
								const AzWishKind *kind);

/* Calls business logic at "address": WAIT, or FAILED; see job->answer. */
extern AzStepResult az_job_call(AzJob *job, const char *address,
								const char *path, AzBytes message,
								int64_t timeout_us);

/*
 * Starts another job and waits for its end: WAIT, or FAILED when memory is
 * out, which cancels it.  It gets the deadline and
 * metadata of this one, is job->ended when "finish" is called, is freed after
 * that, and is cancelled with this one.  A job that has a lane must never
 * wait for one that needs the same.
 */
extern AzStepResult az_job_run(AzJob *job, AzJob *child);

#endif
