/* One delivery inside of a request, in its turn. */
#include "pipeline/turn.h"

#include "base/clock.h"
#include "codec/book.h"

typedef struct AzTurnJob
{
	AzJob		job;			/* must come first */
	AzTurn		turn;
	AzTurnWish	look;
	AzReservedEndWish end;
	int64_t		patience_us;	/* until when it waits, monotonic; 0 = not set */
} AzTurnJob;

static AzStepResult prepare(AzJob *job);
static AzStepResult await_turn(AzJob *job);
static AzStepResult take_turn(AzJob *job);
static bool is_its_turn(const AzTurnJob *turn);
static AzStepResult deliver(AzJob *job);
static AzStepResult take_delivery(AzJob *job);
static AzStepResult end_turn(AzJob *job);
static AzStepResult take_end(AzJob *job);

static const AzStep steps[] = {
	{"await turn", AZ_STEP_LOCAL, await_turn, take_turn},
	{"deliver", AZ_STEP_LOCAL, deliver, take_delivery},
	{"end turn", AZ_STEP_LOCAL, end_turn, take_end},
	{NULL}
};

const AzPipeline az_turn_pipeline = {"turn", prepare, steps};

AzJob *
az_turn_create(AzJobs *jobs, const AzTurn *turn, AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_turn_pipeline, sizeof(AzTurnJob),
									error);

	if (job != NULL)
		((AzTurnJob *) job)->turn = *turn;
	return job;
}

const AzTurn *
az_turn_result(const AzJob *job)
{
	return &((const AzTurnJob *) job)->turn;
}

static AzStepResult
prepare(AzJob *job)
{
	((AzTurnJob *) job)->look.reservation =
		((AzTurnJob *) job)->turn.reservation;
	return AZ_STEP_NEXT;
}

static AzStepResult
await_turn(AzJob *job)
{
	return az_job_wish(job, &((AzTurnJob *) job)->look.wish, &az_turn_kind);
}

/* Looked at again and again, but not for ever. */
static AzStepResult
take_turn(AzJob *job)
{
	AzTurnJob  *turn = (AzTurnJob *) job;
	int64_t		now = az_clock_monotonic_us();

	if (turn->look.wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = turn->look.wish.error;
		return AZ_STEP_FAILED;
	}
	if (is_its_turn(turn))
		return AZ_STEP_NEXT;
	if (turn->patience_us == 0)
		turn->patience_us = now + job->jobs->settings.call_timeout_us;
	if (now < turn->patience_us && now < job->deadline_us)
		return AZ_STEP_AGAIN;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "earlier events of %s are still to be delivered to \"%s\"",
				 az_aggregate_text(&turn->turn.reservation->aggregate,
								   job->arena),
				 turn->turn.reservation->component);
	return AZ_STEP_FAILED;
}

/* This engine may know more than has been written. */
static bool
is_its_turn(const AzTurnJob *turn)
{
	const AzJobs *jobs = turn->job.jobs;
	const AzReservation *reservation = turn->turn.reservation;

	return !turn->look.is_pending ||
		(jobs->is_settled != NULL &&
		 jobs->is_settled(jobs->deliverer, reservation->component,
						  &reservation->aggregate,
						  turn->look.previous_position));
}

static AzStepResult
deliver(AzJob *job)
{
	AzTurnJob  *turn = (AzTurnJob *) job;
	AzJob	   *child = az_delivery_create(job->jobs, &turn->turn.delivery,
										   &job->error);

	return child != NULL ? az_job_run(job, child) : AZ_STEP_FAILED;
}

static AzStepResult
take_delivery(AzJob *job)
{
	AzTurnJob  *turn = (AzTurnJob *) job;

	if (!az_delivery_copy_result(az_delivery_result(job->ended),
								 &turn->turn.result, job->arena))
	{
		az_error_out_of_memory(&job->error);
		return AZ_STEP_FAILED;
	}
	if (job->ended->error.code != AZ_OK)
		az_error_copy(&turn->turn.failure, &job->ended->error, job->arena);
	return AZ_STEP_NEXT;
}

static AzStepResult
end_turn(AzJob *job)
{
	AzTurnJob  *turn = (AzTurnJob *) job;
	const AzBook *trigger = &turn->turn.delivery.trigger;

	turn->end.reservation = turn->turn.reservation;
	turn->end.first = trigger->events[0].sequence;
	turn->end.last = trigger->events[trigger->count - 1].sequence;
	turn->end.is_done = turn->turn.failure.code == AZ_OK &&
		!turn->turn.result.is_unfinished;
	return az_job_wish(job, &turn->end.wish, &az_reserved_end_kind);
}

/* Not written, the reservation ends by itself. */
static AzStepResult
take_end(AzJob *job)
{
	AzTurnJob  *turn = (AzTurnJob *) job;

	if (turn->end.wish.outcome == AZ_WISH_FULFILLED)
		return AZ_STEP_END;
	job->error = turn->end.wish.error;
	return AZ_STEP_FAILED;
}
