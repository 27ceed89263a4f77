/*
 * The pipeline of a reaction: find out whether the event was handled before,
 * call the business logic, record what it answered, do that.
 *
 * Once the record is there nobody is asked again: commands and facts are run
 * from it, and their keys make that harmless.  Not in an aggregate's lane.
 */
#include "pipeline/reaction.h"

#include <string.h>

#include "codec/book.h"
#include "pipeline/effect.h"
#include "pipeline/failure.h"
#include "pipeline/handler.h"
#include "pipeline/handover.h"
#include "pipeline/history.h"
#include "pipeline/letter.h"
#include "pipeline/process.h"
#include "pipeline/repeat.h"
#include "pipeline/timeout.h"

typedef struct AzReactionJob
{
	AzDeliveryJob head;			/* must come first */
	bool		is_process;		/* of a process manager */
	PbEventBook *trigger;		/* as it is handed over */
	AzEmission	emission;
	AzOrigin	origin;			/* of the record, and of process events */
	AzTarget	target;			/* where the record is kept */
	AzRepeat	repeat;
	AzUpcast	upcast;
	AzProcess	process;
	AzLetter	letter;			/* of the trigger */
	AzCommit	commit;
	size_t		next;			/* effect to be run */
} AzReactionJob;

static AzStepResult prepare(AzJob *job);
static bool make_trigger(AzReactionJob *reaction);
static bool make_key(AzReactionJob *reaction);
static AzStepResult find_record(AzJob *job);
static AzStepResult take_record(AzJob *job);
static AzStepResult read_record(AzJob *job);
static AzStepResult take_events(AzJob *job);
static AzStepResult find_branch(AzJob *job);
static AzStepResult take_branch(AzJob *job);
static AzStepResult load_state(AzJob *job);
static AzStepResult take_state(AzJob *job);
static AzStepResult upcast_trigger(AzJob *job);
static AzStepResult take_trigger(AzJob *job);
static AzStepResult check_payload(AzReactionJob *reaction);
static AzStepResult upcast_state(AzJob *job);
static AzStepResult take_upcast_state(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static bool stamp(AzReactionJob *reaction);
static AzStepResult record(AzJob *job);
static AzStepResult take_recorded(AzJob *job);
static AzStepResult overtaken(AzReactionJob *reaction);
static AzStepResult file_letter(AzJob *job);
static AzStepResult take_letter(AzJob *job);
static AzStepResult run_effects(AzJob *job);
static AzStepResult take_effect(AzJob *job);
static bool is_decided(const AzReactionJob *reaction);
static AzStepResult failed(AzReactionJob *reaction, bool is_permanent);

static const AzStep steps[] = {
	{"find record", AZ_STEP_LOCAL, find_record, take_record},
	{"read record", AZ_STEP_LOCAL, read_record, take_events},
	{"find branch", AZ_STEP_LOCAL, find_branch, take_branch},
	{"load state", AZ_STEP_LOCAL, load_state, take_state},
	{"find timer", AZ_STEP_LOCAL, az_timeout_find, az_timeout_found},
	{"upcast trigger", AZ_STEP_REMOTE, upcast_trigger, take_trigger},
	{"upcast state", AZ_STEP_REMOTE, upcast_state, take_upcast_state},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{"record", AZ_STEP_LOCAL, record, take_recorded},
	{"file dead letter", AZ_STEP_LOCAL, file_letter, take_letter},
	{"run effects", AZ_STEP_LOCAL, run_effects, take_effect},
	{NULL}
};

const AzPipeline az_reaction_pipeline = {"reaction", prepare, steps};

AzJob *
az_reaction_create(AzJobs *jobs, const AzDelivery *delivery, AzError *error)
{
	return az_delivery_job(jobs, &az_reaction_pipeline, sizeof(AzReactionJob),
						   delivery, error);
}

/* ---- the record ---- */

/* An event without correlation id belongs to no process: END. */
static AzStepResult
prepare(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	const AzDelivery *delivery = &reaction->head.delivery;
	const AzBook *trigger = &delivery->trigger;

	reaction->is_process = az_component_is_process(delivery->component);
	if (reaction->is_process && delivery->handback == NULL &&
		trigger->events[0].correlation_id[0] == '\0')
		return AZ_STEP_END;
	reaction->process.firing = delivery->firing;
	az_process_target(&reaction->target, delivery->component, trigger, job);
	if (!reaction->is_process || delivery->handback != NULL)
		reaction->target.aggregate = trigger->aggregate;
	return make_trigger(reaction) && make_key(reaction) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static bool
make_trigger(AzReactionJob *reaction)
{
	AzJob	   *job = &reaction->head.job;
	const AzDelivery *delivery = &reaction->head.delivery;

	reaction->trigger = az_book_make(&delivery->trigger, job->arena,
									 &job->error);
	if (reaction->trigger == NULL)
		return false;
	az_handover_show(&reaction->head, reaction->trigger, &reaction->emission);
	return az_handler_correlate(job, reaction->trigger->cover);
}

static bool
make_key(AzReactionJob *reaction)
{
	if (!az_handover_origin(&reaction->head, &reaction->emission,
							&reaction->origin) ||
		!az_timeout_key(&reaction->head, &reaction->origin.key))
		return false;
	reaction->repeat.has_key = true;
	reaction->repeat.look.key = reaction->origin.key;
	reaction->repeat.look.aggregate = reaction->target.aggregate;
	return true;
}

static AzStepResult
find_record(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	reaction->letter.is_due = false;
	return az_repeat_find(&reaction->repeat, job);
}

static AzStepResult
take_record(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzStepResult result = az_repeat_found(&reaction->repeat, job);

	if (result != AZ_STEP_NEXT || !az_repeat_is_known(&reaction->repeat))
		return result;
	reaction->head.result.was_recorded = true;
	if (!az_handover_take(&reaction->head, &reaction->emission,
						  reaction->repeat.look.kept.answer))
		return failed(reaction, false);
	return AZ_STEP_NEXT;
}

/* The events of a process are where events are, and not in its record. */
static AzStepResult
read_record(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	if (!reaction->repeat.look.kept.has_events)
		return AZ_STEP_NEXT;
	return az_repeat_read(&reaction->repeat, job);
}

static AzStepResult
take_events(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	/* They are only shown: what is to be done does not wait for them. */
	if (!az_repeat_take(&reaction->repeat, job))
	{
		memset(&job->error, 0, sizeof(job->error));
		return AZ_STEP_NEXT;
	}
	return az_process_show(&reaction->repeat.book,
						   reaction->head.result.process_manager, job) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

/* ---- the state of a process ---- */

static AzStepResult
find_branch(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	if (is_decided(reaction) || !reaction->is_process)
		return AZ_STEP_NEXT;
	return az_branch_find(&reaction->process.branch, &reaction->target, job);
}

static AzStepResult
take_branch(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzStepResult result = az_branch_found(&reaction->process.branch,
										  &reaction->target, job);

	return result == AZ_STEP_NEXT ? result : failed(reaction, false);
}

static AzStepResult
load_state(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	if (is_decided(reaction) || !reaction->is_process)
		return AZ_STEP_NEXT;
	return az_history_load(&reaction->process.load, &reaction->target, NULL,
						   job);
}

static AzStepResult
take_state(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	const AzEvent *event = &reaction->head.delivery.trigger.events[0];

	if (!az_history_take(&reaction->process.load, job) ||
		!az_process_state(&reaction->process, &reaction->target,
						  event->correlation_id, job))
		return failed(reaction, false);
	return AZ_STEP_NEXT;
}

/* ---- what business logic is handed, and answers ---- */

static AzStepResult
upcast_trigger(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzStepResult result;

	if (is_decided(reaction))
		return AZ_STEP_NEXT;
	/* When it runs again, it is the stored form that is brought up to date. */
	if (!make_trigger(reaction))
		return failed(reaction, false);
	result = check_payload(reaction);
	if (result != AZ_STEP_NEXT || reaction->letter.is_due ||
		reaction->head.delivery.handback != NULL)
		return result;
	result = az_upcast_start(&reaction->upcast, job, reaction->trigger);
	return result == AZ_STEP_FAILED ? failed(reaction, false) : result;
}

static AzStepResult
take_trigger(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	if (az_upcast_finish(&reaction->upcast, job) != AZ_STEP_NEXT)
		return failed(reaction, false);
	return check_payload(reaction);
}

static AzStepResult
check_payload(AzReactionJob *reaction)
{
	return az_letter_needs_payload(&reaction->letter, reaction->trigger,
								   &reaction->head.job) ?
		failed(reaction, true) : AZ_STEP_NEXT;
}

static AzStepResult
upcast_state(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzProcess  *process = &reaction->process;
	AzStepResult result;

	if (is_decided(reaction) || !reaction->is_process)
		return AZ_STEP_NEXT;
	result = az_upcast_start(&process->upcast, job, process->state);
	return result == AZ_STEP_FAILED ? failed(reaction, false) : result;
}

static AzStepResult
take_upcast_state(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzStepResult result = az_upcast_finish(&reaction->process.upcast, job);

	return result == AZ_STEP_FAILED ? failed(reaction, false) : result;
}

static AzStepResult
call_handler(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	const AzDelivery *delivery = &reaction->head.delivery;
	const AzHandover handover = {
		.component = delivery->component,
		.target = &reaction->target,
		.trigger = reaction->trigger,
		.state = reaction->process.state,
		.sync_mode = delivery->sync_mode,
		.error_mode = delivery->error_mode
	};
	AzStepResult result = is_decided(reaction) ? AZ_STEP_NEXT :
	az_handover_call(job, &handover);

	return result == AZ_STEP_FAILED ? failed(reaction, false) : result;
}

static AzStepResult
take_answer(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	if (job->status.code != AZ_OK)
	{
		job->error = job->status;
		return failed(reaction,
					  az_failure_is_permanent(&job->status, job->arena));
	}
	/* Only memory may be there the next time: the rest is answered again. */
	if (!az_handover_take(&reaction->head, &reaction->emission,
						  job->answer) ||
		!stamp(reaction))
		return failed(reaction, job->error.code != AZ_RESOURCE_EXHAUSTED);
	return AZ_STEP_NEXT;
}

static bool
stamp(AzReactionJob *reaction)
{
	AzJob	   *job = &reaction->head.job;

	return az_emit_stamp(&reaction->emission, job->jobs, job->arena,
						 &job->error) &&
		(!reaction->is_process ||
		 az_process_take(&reaction->process, &reaction->target,
						 &reaction->emission, &reaction->origin,
						 reaction->head.result.process_manager, job));
}

/* ---- the end of the handler's part ---- */

static AzStepResult
record(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzAppendWish *append = &reaction->commit.append;

	if (is_decided(reaction))
		return AZ_STEP_NEXT;
	append->aggregate = reaction->target.aggregate;
	if (reaction->is_process)
		az_process_append(&reaction->process, &reaction->target, append);
	append->key = &reaction->origin.key;
	if (!az_handover_record(&reaction->head, &append->kept.answer))
		return AZ_STEP_FAILED;
	return az_commit_start(&reaction->commit, job);
}

static AzStepResult
take_recorded(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzCommitOutcome outcome = az_commit_finish(&reaction->commit, job,
											   &reaction->target);

	if (outcome == AZ_COMMIT_OVERTAKEN)
		return overtaken(reaction);
	if (outcome == AZ_COMMIT_FAILED)
		return failed(reaction, false);
	return az_commit_result(outcome);
}

/* Another event of the same process was handled meanwhile: decide anew. */
static AzStepResult
overtaken(AzReactionJob *reaction)
{
	AzJob	   *job = &reaction->head.job;

	if (job->restarts < job->jobs->settings.max_append_retries)
		return AZ_STEP_RESTART;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "others wrote to %s first, %d times (angzarr.max_append_retries)",
				 az_aggregate_text(&reaction->target.aggregate, job->arena),
				 job->restarts + 1);
	return failed(reaction, false);
}

static AzStepResult
file_letter(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	const AzDelivery *delivery = &reaction->head.delivery;
	const PbEventBook *stored = NULL;	/* what was handed over is upcast */

	if (!reaction->letter.is_due)
		return AZ_STEP_NEXT;
	stored = az_book_make(&delivery->trigger, job->arena, &job->error);
	return stored == NULL ? AZ_STEP_FAILED :
		az_letter_file(&reaction->letter, delivery->component, stored, job);
}

static AzStepResult
take_letter(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;

	reaction->head.result.was_lettered = true;
	return az_letter_filed(&reaction->letter, job);
}

/* ---- commands and facts, one after the other ---- */

static AzStepResult
run_effects(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	const AzEmission *emission = &reaction->emission;

	/* Of commands that were given up somebody was told; of facts, nobody. */
	bool		is_replay = reaction->head.delivery.is_replay;
	int			stage = 1 + (int) reaction->next;
	AzEffect	effect = {
		.emission = emission,
		.index = reaction->next,
		.attempt = az_delivery_attempt(&reaction->head, stage),
		.max_attempts = az_delivery_max_attempts(&reaction->head),
		.sync_mode = reaction->head.delivery.sync_mode,
		.error_mode = reaction->head.delivery.error_mode,
		.above = reaction->head.delivery.above,
		.may_be_settled = reaction->head.result.was_recorded &&
		!(is_replay && reaction->next >= emission->n_commands)
	};
	AzJob	   *child;

	if (reaction->next == emission->n_commands + emission->n_facts)
		return AZ_STEP_END;
	reaction->head.result.stage = stage;
	child = az_effect_create(job->jobs, &effect, &job->error);
	return child != NULL ? az_job_run(job, child) : AZ_STEP_FAILED;
}

static AzStepResult
take_effect(AzJob *job)
{
	AzReactionJob *reaction = (AzReactionJob *) job;
	AzDeliveryResult *result = &reaction->head.result;

	if (job->ended->error.code != AZ_OK)
	{
		az_error_copy(&job->error, &job->ended->error, job->arena);
		return AZ_STEP_FAILED;
	}
	if (!az_effect_take(job->ended, result, job))
		return AZ_STEP_FAILED;
	reaction->next++;
	if (!az_delivery_stops_at_failure(&reaction->head) || result->n_errors == 0)
		return AZ_STEP_REPEAT;
	result->is_unfinished = reaction->next <
		reaction->emission.n_commands + reaction->emission.n_facts;
	return AZ_STEP_END;
}

/* ---- failures of the handler's part ---- */

static bool
is_decided(const AzReactionJob *reaction)
{
	return reaction->head.result.was_recorded || reaction->letter.is_due;
}

/* job->error says why: FAILED, to be tried again, or NEXT to the letter. */
static AzStepResult
failed(AzReactionJob *reaction, bool is_permanent)
{
	AzJob	   *job = &reaction->head.job;
	int			attempt = az_delivery_attempt(&reaction->head, 0);

	if (reaction->head.delivery.handback != NULL ||
		(!is_permanent && !az_delivery_files_at_once(&reaction->head) &&
		 attempt < az_delivery_max_attempts(&reaction->head)) ||
		!az_delivery_note_failure(&reaction->head))
		return AZ_STEP_FAILED;
	reaction->letter.is_due = true;
	reaction->letter.failure = reaction->head.result.failure = job->error;
	reaction->letter.attempts = is_permanent ? 0 : attempt;
	memset(&job->error, 0, sizeof(job->error));
	return AZ_STEP_NEXT;
}
