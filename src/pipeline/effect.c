/*
 * One command or fact of a reaction.
 *
 * It is settled when it was done (its key at the target says so), or when it
 * was given up: then the notification or dead letter is recorded in one
 * transaction with a key of kind "settled", at the trigger's aggregate.  A
 * repeat after a crash looks for that first.
 */
#include "pipeline/effect.h"

#include <inttypes.h>
#include <string.h>

#include "codec/book.h"
#include "pipeline/command.h"
#include "pipeline/fact.h"
#include "pipeline/failure.h"
#include "pipeline/surrender.h"

typedef struct AzEffectJob
{
	AzJob		job;			/* must come first */
	AzEffect	effect;
	AzOrigin	origin;
	PbCommandBook *command;		/* one of the two */
	PbEventBook *fact;
	PbCommandRequest command_request;
	PbEventRequest fact_request;
	AzKeyWish	look;
	AzSurrender surrender;
	AzDeliveryResult below;		/* what its own events caused, in a cascade */
} AzEffectJob;

static AzStepResult prepare(AzJob *job);
static AzStepResult find_settled(AzJob *job);
static AzStepResult take_settled(AzJob *job);
static AzStepResult run(AzJob *job);
static bool is_too_deep(AzEffectJob *effect);
static AzJob *create_command(AzEffectJob *effect);
static AzJob *create_fact(AzEffectJob *effect);
static AzStepResult take_outcome(AzJob *job);
static bool take_below(AzEffectJob *effect);
static bool is_filed_already(const AzEffectJob *effect);
static AzStepResult settle(AzJob *job);
static AzStepResult take_surrender(AzJob *job);
static PbCascadeReactionError *describe(const AzEffectJob *effect, AzJob *job);

static const AzStep steps[] = {
	{"find settled", AZ_STEP_LOCAL, find_settled, take_settled},
	{"run", AZ_STEP_LOCAL, run, take_outcome},
	{"settle", AZ_STEP_LOCAL, settle, take_surrender},
	{NULL}
};

const AzPipeline az_effect_pipeline = {"effect", prepare, steps};

AzJob *
az_effect_create(AzJobs *jobs, const AzEffect *effect, AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_effect_pipeline,
									sizeof(AzEffectJob), error);

	if (job != NULL)
		((AzEffectJob *) job)->effect = *effect;
	return job;
}

static AzStepResult
prepare(AzJob *job)
{
	AzEffectJob *effect = (AzEffectJob *) job;
	const AzEmission *emission = effect->effect.emission;
	size_t		index = effect->effect.index;

	if (index < emission->n_commands)
		effect->command = emission->commands[index];
	else
		effect->fact = emission->facts[index - emission->n_commands];
	effect->surrender.emission = emission;
	effect->surrender.index = index;
	effect->surrender.command = effect->command;
	effect->surrender.is_lettered_too =
		effect->effect.sync_mode == PB_SYNC_MODE_CASCADE &&
		effect->effect.error_mode == PB_CASCADE_ERROR_DEAD_LETTER;
	if (!az_emit_origin(emission, index, &effect->origin, job->arena,
						&job->error) ||
		!az_surrender_key(&effect->surrender, job->arena, &job->error))
		return AZ_STEP_FAILED;
	effect->origin.above = effect->effect.above;
	return AZ_STEP_NEXT;
}

static AzStepResult
find_settled(AzJob *job)
{
	AzEffectJob *effect = (AzEffectJob *) job;

	if (!effect->effect.may_be_settled)
		return AZ_STEP_NEXT;
	effect->look.aggregate = effect->effect.emission->trigger->aggregate;
	effect->look.key = effect->surrender.key;
	return az_job_wish(job, &effect->look.wish, &az_key_kind);
}

static AzStepResult
take_settled(AzJob *job)
{
	const AzKeyWish *look = &((AzEffectJob *) job)->look;

	if (look->wish.outcome == AZ_WISH_FULFILLED)
		return look->kept.found ? AZ_STEP_END : AZ_STEP_NEXT;
	job->error = look->wish.error;
	return AZ_STEP_FAILED;
}

/* ---- running it ---- */

static AzStepResult
run(AzJob *job)
{
	AzEffectJob *effect = (AzEffectJob *) job;
	AzJob	   *child;

	if (is_too_deep(effect))
		return AZ_STEP_NEXT;
	child = effect->command != NULL ? create_command(effect) :
		create_fact(effect);
	return child != NULL ? az_job_run(job, child) : AZ_STEP_FAILED;
}

/* A circle of sagas would go on for ever. */
static bool
is_too_deep(AzEffectJob *effect)
{
	AzJob	   *job = &effect->job;
	int			deepest = job->jobs->settings.max_causation_depth;
	AzSurrender *surrender = &effect->surrender;

	if (effect->origin.depth <= deepest)
		return false;
	az_error_set(&surrender->failure, job->arena, AZ_FAILED_PRECONDITION,
				 "it would be number %" PRId32 " in a chain of causes, allowed are %d (angzarr.max_causation_depth)",
				 effect->origin.depth, deepest);
	surrender->is_routable = false;
	return true;
}

static AzJob *
create_command(AzEffectJob *effect)
{
	PbCommandRequest *request = &effect->command_request;
	AzCommandJob *command = az_command_create(effect->job.jobs,
											  &effect->job.error);

	if (command == NULL)
		return NULL;
	pb_command_request_init(request);
	request->command = effect->command;
	request->sync_mode = effect->effect.sync_mode;
	request->cascade_error_mode = effect->effect.error_mode;
	az_command_set_request(command, request);
	az_command_set_origin(command, &effect->origin);
	return az_command_job(command);
}

static AzJob *
create_fact(AzEffectJob *effect)
{
	PbEventRequest *request = &effect->fact_request;
	AzFactJob  *fact = az_fact_create(effect->job.jobs, &effect->job.error);

	if (fact == NULL)
		return NULL;
	pb_event_request_init(request);
	request->events = effect->fact;
	request->sync_mode = effect->effect.sync_mode;
	az_fact_set_request(fact, request);
	az_fact_set_origin(fact, &effect->origin);
	return az_fact_job(fact);
}

static AzStepResult
take_outcome(AzJob *job)
{
	AzEffectJob *effect = (AzEffectJob *) job;
	AzSurrender *surrender = &effect->surrender;
	bool		is_permanent;

	if (job->ended->error.code == AZ_OK)
		return take_below(effect) ? AZ_STEP_END : AZ_STEP_FAILED;
	az_error_copy(&job->error, &job->ended->error, job->arena);
	is_permanent = az_failure_is_permanent(&job->error, job->arena);
	if (!is_permanent && effect->effect.attempt < effect->effect.max_attempts)
		return AZ_STEP_FAILED;
	surrender->failure = job->error;
	surrender->attempts = is_permanent ? 0 : effect->effect.attempt;
	/* What a process sends instead of a rejected one does not come back. */
	surrender->is_routable = is_permanent &&
		effect->effect.emission->handback == NULL;
	surrender->is_filed = is_filed_already(effect);
	memset(&job->error, 0, sizeof(job->error));
	return AZ_STEP_NEXT;
}

/* The job that knows is about to be freed. */
static bool
take_below(AzEffectJob *effect)
{
	AzJob	   *job = &effect->job;
	const AzAftermath *aftermath = effect->command != NULL ?
	az_command_aftermath(job->ended) : az_fact_aftermath(job->ended);
	const AzDeliveryResult below = {
		.errors = (const PbCascadeReactionError *const *) aftermath->errors,
		.n_errors = aftermath->n_errors,
		.first_failure = aftermath->failure
	};

	return az_delivery_copy_result(&below, &effect->below, job->arena) ||
		az_error_out_of_memory(&job->error);
}

/* A stale command that a person decides on has its letter (MANUAL). */
static bool
is_filed_already(const AzEffectJob *effect)
{
	return effect->command != NULL &&
		effect->command->pages[0]->merge_strategy == PB_MERGE_MANUAL &&
		strcmp(effect->surrender.failure.sqlstate,
			   AZ_SQLSTATE_SEQUENCE_MISMATCH) == 0;
}

/* ---- giving it up ---- */

static AzStepResult
settle(AzJob *job)
{
	return az_surrender_start(&((AzEffectJob *) job)->surrender, job);
}

static AzStepResult
take_surrender(AzJob *job)
{
	return az_surrender_finish(&((AzEffectJob *) job)->surrender, job);
}

bool
az_effect_take(const AzJob *ended, AzDeliveryResult *result, AzJob *job)
{
	const AzEffectJob *effect = (const AzEffectJob *) ended;
	AzDeliveryResult below;

	if (!az_delivery_copy_result(&effect->below, &below, job->arena))
		return az_error_out_of_memory(&job->error);
	for (size_t i = 0; i < below.n_errors; i++)
		if (!az_effect_add_error(result, job, below.errors[i], &below.first_failure))
			return false;
	if (effect->surrender.failure.code == AZ_OK)
		return true;
	result->was_lettered |= effect->surrender.is_lettered;
	return az_effect_add_error(result, job, describe(effect, job),
							   &effect->surrender.failure);
}

bool
az_effect_add_error(AzDeliveryResult *result, AzJob *job,
					const PbCascadeReactionError *error, const AzError *failure)
{
	const PbCascadeReactionError **errors =
	az_arena_array(job->arena, result->n_errors + 1, sizeof(*errors));

	if (errors == NULL || error == NULL)
		return az_error_out_of_memory(&job->error);
	for (size_t i = 0; i < result->n_errors; i++)
		errors[i] = result->errors[i];
	errors[result->n_errors++] = error;
	result->errors = errors;
	return result->first_failure.code != AZ_OK || failure->code == AZ_OK ||
		az_error_copy(&result->first_failure, failure, job->arena) ||
		az_error_out_of_memory(&job->error);
}

/* NULL when memory is out. */
static PbCascadeReactionError *
describe(const AzEffectJob *effect, AzJob *job)
{
	const AzError *failure = &effect->surrender.failure;
	const PbCommandPage *page = effect->command != NULL ?
	effect->command->pages[0] : NULL;
	PbCascadeReactionError *error = az_arena_alloc(job->arena,
												   sizeof(*error));

	if (error == NULL)
		return NULL;
	pb_cascade_reaction_error_init(error);
	error->component = (char *) effect->effect.emission->component->name;
	error->target = effect->command != NULL ? effect->command->cover :
		effect->fact->cover;
	if (page != NULL && page->payload_case == PB_COMMAND_PAGE_COMMAND)
		error->command_type =
			(char *) az_type_name(page->command->type_url);
	error->code = (int32_t) failure->code;
	error->message = az_arena_string(job->arena, failure->message);
	return error->message != NULL ? error : NULL;
}
