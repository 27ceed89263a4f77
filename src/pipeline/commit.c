/* The end of a job that writes: the wish to append, and what became of it. */
#include "pipeline/commit.h"

#include <string.h>

#include "base/clock.h"
#include "codec/book.h"

#define BYTES_A_ROW 256			/* about, without its texts and payload */

static size_t event_bytes(const AzEvent *event);
static AzCommitOutcome judge(AzCommit *commit, AzJob *job,
							 const AzTarget *target);
static void note_timers(const AzAppendWish *append, AzJobs *jobs);
static void remember(const AzAppendWish *append, AzJob *job,
					 const AzTarget *target);
static AzCommitOutcome park(AzCommit *commit, AzJob *job,
							const AzTarget *target);

bool
az_commit_is_empty(const AzCommit *commit)
{
	return commit->append.count == 0 && commit->append.key == NULL &&
		commit->append.snapshot == NULL && commit->append.n_outbox == 0;
}

AzStepResult
az_commit_start(AzCommit *commit, AzJob *job)
{
	AzAppendWish *append = &commit->append;

	append->wish.bytes = BYTES_A_ROW;
	for (size_t i = 0; i < append->count; i++)
		append->wish.bytes += event_bytes(&append->events[i]);
	if (append->snapshot != NULL)
		append->wish.bytes += append->snapshot->state.len + BYTES_A_ROW;
	for (size_t i = 0; i < append->n_outbox; i++)
		append->wish.bytes += append->outbox[i].envelope.len + BYTES_A_ROW;
	for (size_t i = 0; i < append->n_timers; i++)
		append->wish.bytes += append->timers[i].payload.len + BYTES_A_ROW;
	return az_job_wish(job, &append->wish, &az_append_kind);
}

AzCommitOutcome
az_commit_finish(AzCommit *commit, AzJob *job, const AzTarget *target)
{
	AzCommitOutcome outcome = judge(commit, job, target);

	if (outcome == AZ_COMMIT_DONE)
		remember(&commit->append, job, target);
	else if (outcome != AZ_COMMIT_PARKED)
		az_cache_drop(job->jobs->cache, &commit->append.aggregate);
	return outcome;
}

AzStepResult
az_commit_result(AzCommitOutcome outcome)
{
	switch (outcome)
	{
		case AZ_COMMIT_DONE:
			return AZ_STEP_NEXT;
		case AZ_COMMIT_OVERTAKEN:
		case AZ_COMMIT_REPEATED:
			return AZ_STEP_RESTART;
		case AZ_COMMIT_PARKED:
			return AZ_STEP_AGAIN;
		default:
			return AZ_STEP_FAILED;
	}
}

static size_t
event_bytes(const AzEvent *event)
{
	return event->payload.len + event->external.len + event->ext.len +
		strlen(event->type_url) + BYTES_A_ROW;
}

static AzCommitOutcome
judge(AzCommit *commit, AzJob *job, const AzTarget *target)
{
	const AzAppendWish *append = &commit->append;

	switch (append->wish.outcome)
	{
		case AZ_WISH_BUSY:
			return park(commit, job, target);
		case AZ_WISH_FAILED:
			job->error = append->wish.error;
			return AZ_COMMIT_FAILED;
		default:
			/* Who has got through and comes again is parked anew. */
			commit->parked_until_us = 0;
			break;
	}
	if (append->repeated)
		return AZ_COMMIT_REPEATED;
	if (!append->appended)
		return AZ_COMMIT_OVERTAKEN;
	job->jobs->events += append->count;
	if (append->n_outbox > 0)
		job->jobs->outbox_news = true;
	note_timers(append, job->jobs);
	return AZ_COMMIT_DONE;
}

/* Whoever fires them looks there; what is handled fires no more. */
static void
note_timers(const AzAppendWish *append, AzJobs *jobs)
{
	for (size_t i = 0; i < append->n_timers; i++)
	{
		const AzTimerRow *timer = &append->timers[i];

		if (!timer->is_handled && timer->due_us != AZ_TIMER_NEVER &&
			timer->due_us < jobs->timer_due_us)
			jobs->timer_due_us = timer->due_us;
	}
}

/* Whether a snapshot was kept is for the store to say: load it next time. */
static void
remember(const AzAppendWish *append, AzJob *job, const AzTarget *target)
{
	if (append->snapshot != NULL)
		az_cache_drop(job->jobs->cache, &append->aggregate);
	else
		az_cache_add(job->jobs->cache, &append->aggregate,
					 target->send_snapshots, append->events, append->count);
}

/* Another open transaction writes there: look again, but not for ever. */
static AzCommitOutcome
park(AzCommit *commit, AzJob *job, const AzTarget *target)
{
	int64_t		now = az_clock_monotonic_us();

	if (commit->parked_until_us == 0)
		commit->parked_until_us = now + target->timeout_us;
	if (now < commit->parked_until_us)
		return AZ_COMMIT_PARKED;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "another transaction has been writing to %s for %lld ms and has not ended",
				 az_aggregate_text(&target->aggregate, job->arena),
				 (long long) (target->timeout_us / 1000));
	return AZ_COMMIT_FAILED;
}
