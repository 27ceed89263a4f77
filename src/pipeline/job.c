/*
 * The driver of jobs: runs their steps, keeps their lanes, and is the only
 * code that does.
 *
 * A job is in one place at a time: ready (to be run), waiting in a lane
 * behind another job of its aggregate, waiting for a wish, for a call, or
 * for the end of a pause.
 */
#include "pipeline/job.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "codec/book.h"

#define FIRST_PAUSE_US 1000
#define LONGEST_PAUSE_US 50000

/* The jobs of one aggregate: one runs, the others wait in order. */
typedef struct AzLane
{
	AzBytes		key;			/* in the arena of the job that made it */
	AzJob	   *waiting;
	uint8_t		bytes[];
} AzLane;

static void make_ready(AzJob *job);
static void begin(AzJob *job);
static void run_steps(AzJob *job);
static bool apply(AzJob *job, AzStepResult result);
static bool pause_step(AzJob *job);
static void pause_over(AzTimer *timer);
static void resume(AzJob *job);
static void wish_done(AzWish *wish);
static void call_done(void *owner, AzBytes answer, const AzError *status);
static void child_done(AzJob *child);
static void end(AzJob *job);
static bool enter_lane(AzJob *job);
static AzLane *make_lane(const AzJob *job, AzBytes key);
static void leave_lane(AzJob *job);
static void free_job(AzJob *job);
static void crash_point(const AzJob *job);

AzJobs *
az_jobs_create(AzLoop *loop, AzChannels *channels, AzCatalog *catalog,
			   const AzJobSettings *settings)
{
	AzJobs	   *jobs = calloc(1, sizeof(AzJobs));

	if (jobs == NULL)
		return NULL;
	jobs->loop = loop;
	jobs->channels = channels;
	jobs->catalog = catalog;
	jobs->settings = *settings;
	jobs->timer_due_us = INT64_MAX;
	jobs->lanes = az_map_create();
	jobs->cache = az_cache_create(settings->cache_bytes);
	if (jobs->lanes != NULL && jobs->cache != NULL)
		return jobs;
	az_jobs_free(jobs);
	return NULL;
}

void
az_jobs_free(AzJobs *jobs)
{
	if (jobs == NULL)
		return;
	while (jobs->all != NULL)
		az_job_cancel(jobs->all);
	az_map_free(jobs->lanes);
	az_cache_free(jobs->cache);
	free(jobs);
}

void
az_jobs_run_ready(AzJobs *jobs)
{
	while (jobs->ready != NULL)
	{
		AzJob	   *job = jobs->ready;

		DL_DELETE2(jobs->ready, job, queue_previous, queue_next);
		job->is_ready = false;
		begin(job);
	}
}

AzJob *
az_job_create(AzJobs *jobs, const AzPipeline *pipeline, size_t size,
			  AzError *error)
{
	AzArena    *arena;
	AzJob	   *job;

	if (jobs->count >= jobs->settings.max_jobs)
	{
		az_error_set(error, NULL, AZ_RESOURCE_EXHAUSTED,
					 "too many requests at once (angzarr.max_jobs)");
		return NULL;
	}
	arena = az_arena_create();
	job = arena ? az_arena_alloc(arena, size) : NULL;
	if (job == NULL)
	{
		/* What is only remembered gives way, for whoever comes next. */
		az_cache_clear(jobs->cache);
		az_arena_free(arena);
		az_error_out_of_memory(error);
		return NULL;
	}
	job->jobs = jobs;
	job->arena = arena;
	job->pipeline = pipeline;
	job->deadline_us = INT64_MAX;
	job->pause.due = pause_over;
	job->pause.owner = job;
	DL_APPEND2(jobs->all, job, previous, next);
	jobs->count++;
	return job;
}

void
az_job_start(AzJob *job)
{
	job->step = -1;
	make_ready(job);
}

void
az_job_cancel(AzJob *job)
{
	AzJobs	   *jobs = job->jobs;

	if (job->child != NULL)
		az_job_cancel(job->child);
	if (job->done == child_done)
		((AzJob *) job->owner)->child = NULL;
	if (job->call != NULL)
		az_call_cancel(job->call);
	if (job->wish != NULL)
	{
		DL_DELETE2(jobs->wishes, job->wish, previous, next);
		jobs->n_wishes--;
	}
	az_loop_stop_timer(jobs->loop, &job->pause);
	if (job->is_ready)
		DL_DELETE2(jobs->ready, job, queue_previous, queue_next);
	free_job(job);
}

void
az_job_resume(AzJob *job)
{
	resume(job);
}

void
az_job_leave_lane(AzJob *job)
{
	if (job->lane != NULL)
		leave_lane(job);
	job->lane = NULL;
}

AzStepResult
az_job_wish(AzJob *job, AzWish *wish, const AzWishKind *kind)
{
	memset(&wish->error, 0, sizeof(wish->error));
	wish->kind = kind;
	wish->arena = job->arena;
	wish->done = wish_done;
	wish->owner = job;
	job->wish = wish;
	DL_APPEND2(job->jobs->wishes, wish, previous, next);
	job->jobs->n_wishes++;
	return AZ_STEP_WAIT;
}

AzStepResult
az_job_call(AzJob *job, const char *address, const char *path,
			AzBytes message, int64_t timeout_us)
{
	AzChannel  *channel = az_channels_get(job->jobs->channels, address,
										  job->arena, &job->error);
	int64_t		latest = az_clock_monotonic_us() + timeout_us;
	AzCallRequest request = {
		.path = path,
		.metadata = job->metadata,
		.message = message,
		.deadline_us = latest < job->deadline_us ? latest : job->deadline_us,
		.arena = job->arena,
		.done = call_done,
		.owner = job
	};

	if (channel == NULL)
		return AZ_STEP_FAILED;
	job->call = az_call_start(channel, &request, &job->error);
	return job->call != NULL ? AZ_STEP_WAIT : AZ_STEP_FAILED;
}

AzStepResult
az_job_run(AzJob *job, AzJob *child)
{
	for (size_t i = 0; i < job->metadata.count; i++)
	{
		const AzMetadataEntry *entry = &job->metadata.entries[i];

		if (az_metadata_add(&child->metadata, child->arena,
							az_bytes_of(entry->name), entry->value))
			continue;
		az_error_out_of_memory(&job->error);
		az_job_cancel(child);
		return AZ_STEP_FAILED;
	}
	job->child = child;
	child->deadline_us = job->deadline_us;
	child->done = child_done;
	child->owner = job;
	az_job_start(child);
	return AZ_STEP_WAIT;
}

static void
make_ready(AzJob *job)
{
	job->is_ready = true;
	DL_APPEND2(job->jobs->ready, job, queue_previous, queue_next);
}

/* Runs a job that is ready: for the first time, out of a lane, or again. */
static void
begin(AzJob *job)
{
	if (job->step < 0)
	{
		if (job->lane == NULL && job->pipeline->prepare(job) != AZ_STEP_NEXT)
		{
			end(job);
			return;
		}
		if (job->lane == NULL && !enter_lane(job))
			return;
		job->step = 0;
	}
	run_steps(job);
}

/* Starts steps one after the other until one waits or the job is over. */
static void
run_steps(AzJob *job)
{
	for (;;)
	{
		const AzStep *step = &job->pipeline->steps[job->step];
		AzStepResult result;

		if (step->name == NULL)
		{
			end(job);
			return;
		}
		result = step->start(job);
		if (result == AZ_STEP_WAIT || !apply(job, result))
			return;
	}
}

/* What a step's result means; true when the next step is to be started. */
static bool
apply(AzJob *job, AzStepResult result)
{
	switch (result)
	{
		case AZ_STEP_NEXT:
			crash_point(job);
			job->pauses = 0;
			job->step++;
			return true;
		case AZ_STEP_RESTART:
			crash_point(job);
			job->restarts++;
			job->step = 0;
			return true;
		case AZ_STEP_REPEAT:
			crash_point(job);
			job->pauses = 0;
			return true;
		case AZ_STEP_AGAIN:
			return pause_step(job);
		default:
			crash_point(job);
			end(job);
			return false;
	}
}

/* Waits a little longer each time, then starts the same step again. */
static bool
pause_step(AzJob *job)
{
	int64_t		pause_us = FIRST_PAUSE_US << (job->pauses < 6 ? job->pauses : 6);

	if (pause_us > LONGEST_PAUSE_US)
		pause_us = LONGEST_PAUSE_US;
	job->pauses++;
	if (!az_loop_start_timer(job->jobs->loop, &job->pause,
							 az_clock_monotonic_us() + pause_us))
	{
		az_error_out_of_memory(&job->error);
		end(job);
	}
	return false;
}

static void
pause_over(AzTimer *timer)
{
	make_ready(timer->owner);
}

/* What the step waited for is there. */
static void
resume(AzJob *job)
{
	const AzStep *step = &job->pipeline->steps[job->step];

	AzStepResult result = step->finish(job);

	job->ended = NULL;
	if (apply(job, result))
		run_steps(job);
}

/* The tick has taken the wish out of the queue before it comes here. */
static void
wish_done(AzWish *wish)
{
	AzJob	   *job = wish->owner;

	job->wish = NULL;
	resume(job);
}

static void
call_done(void *owner, AzBytes answer, const AzError *status)
{
	AzJob	   *job = owner;

	job->call = NULL;
	job->answer = answer;
	job->status = *status;
	resume(job);
}

/* The job that waited goes on, and may be over, before this one is freed. */
static void
child_done(AzJob *child)
{
	AzJob	   *job = child->owner;

	job->child = NULL;
	job->ended = child;
	resume(job);
}

static void
end(AzJob *job)
{
	if (job->done != NULL)
		job->done(job);
	free_job(job);
}

/* Whether the job may run now; otherwise it waits in line. */
static bool
enter_lane(AzJob *job)
{
	AzBytes		key;

	if (job->aggregate == NULL)
		return true;
	if (!az_aggregate_key(job->aggregate, job->arena, &key))
	{
		az_error_out_of_memory(&job->error);
		end(job);
		return false;
	}
	job->lane = az_map_get(job->jobs->lanes, key);
	if (job->lane != NULL)
	{
		DL_APPEND2(job->lane->waiting, job, queue_previous, queue_next);
		return false;
	}
	job->lane = make_lane(job, key);
	if (job->lane == NULL)
	{
		az_error_out_of_memory(&job->error);
		end(job);
		return false;
	}
	return true;
}

static AzLane *
make_lane(const AzJob *job, AzBytes key)
{
	AzLane	   *lane = calloc(1, sizeof(AzLane) + key.len);

	if (lane == NULL)
		return NULL;
	memcpy(lane->bytes, key.data, key.len);
	lane->key.data = lane->bytes;
	lane->key.len = key.len;
	if (!az_map_put(job->jobs->lanes, lane->key, lane))
	{
		free(lane);
		return NULL;
	}
	return lane;
}

/* Hands the lane to the next in line, or takes it away. */
static void
leave_lane(AzJob *job)
{
	AzLane	   *lane = job->lane;
	AzJob	   *next = lane->waiting;

	if (job->step < 0 && !job->is_ready)
	{
		DL_DELETE2(lane->waiting, job, queue_previous, queue_next);
		return;
	}
	if (next != NULL)
	{
		DL_DELETE2(lane->waiting, next, queue_previous, queue_next);
		make_ready(next);
		return;
	}
	az_map_remove(job->jobs->lanes, lane->key);
	free(lane);
}

static void
free_job(AzJob *job)
{
	AzJobs	   *jobs = job->jobs;

	if (job->lane != NULL)
		leave_lane(job);
	DL_DELETE2(jobs->all, job, previous, next);
	jobs->count--;
	if (job->pipeline->release != NULL)
		job->pipeline->release(job);
	az_arena_free(job->arena);
}

/* Test builds die here when they are told to: what a crash would do. */
static void
crash_point(const AzJob *job)
{
#ifdef AZ_CRASH_POINTS
	const char *where = job->jobs->settings.crash_after;
	size_t		len = strlen(job->pipeline->name);

	if (strncmp(where, job->pipeline->name, len) == 0 && where[len] == '/' &&
		strcmp(where + len + 1, job->pipeline->steps[job->step].name) == 0)
		kill(getpid(), SIGKILL);
#endif
}
