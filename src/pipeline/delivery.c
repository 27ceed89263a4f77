/* Deliveries: what the pipelines of all kinds of components share. */
#include "pipeline/delivery.h"

#include <string.h>

#include "codec/decode.h"
#include "pipeline/effect.h"
#include "pipeline/projection.h"
#include "pipeline/reaction.h"

static bool copy_delivery(AzDeliveryJob *job, const AzDelivery *delivery);
static AzComponent *copy_component(const AzComponent *component,
								   AzArena *arena);
static bool copy_firing(AzDelivery *delivery, AzArena *arena);
static bool copy_book(const AzBook *book, AzBook *copy, AzArena *arena);
static bool copy_event(const AzEvent *event, AzEvent *copy, AzArena *arena);
static bool copy_aggregate(const AzAggregate *aggregate, AzAggregate *copy,
						   AzArena *arena);
static AzCause *copy_cause(const AzCause *cause, AzArena *arena);

AzJob *
az_delivery_create(AzJobs *jobs, const AzDelivery *delivery, AzError *error)
{
	if (az_component_is_projector(delivery->component))
		return az_projection_create(jobs, delivery, error);
	if (az_component_reacts(delivery->component))
		return az_reaction_create(jobs, delivery, error);
	az_error_set(error, NULL, AZ_INTERNAL,
				 "nothing is delivered to a component of this kind");
	return NULL;
}

const AzDeliveryResult *
az_delivery_result(const AzJob *job)
{
	return &((const AzDeliveryJob *) job)->result;
}

const AzComponent *
az_delivery_component(const AzComponent *component, AzArena *arena)
{
	return copy_component(component, arena);
}

bool
az_delivery_copy_result(const AzDeliveryResult *from, AzDeliveryResult *to,
						AzArena *arena)
{
	const PbCascadeReactionError **errors = az_arena_array(arena,
														   from->n_errors + 1,
														   sizeof(*errors));

	*to = *from;
	to->saga = NULL;
	to->process_manager = NULL;
	to->errors = errors;
	if (errors == NULL ||
		(from->projection != NULL &&
		 (to->projection = az_message_copy(from->projection, arena, NULL)) == NULL))
		return false;
	for (size_t i = 0; i < from->n_errors; i++)
	{
		errors[i] = az_message_copy(from->errors[i], arena, NULL);
		if (errors[i] == NULL)
			return false;
	}
	return from->first_failure.code == AZ_OK ||
		az_error_copy(&to->first_failure, &from->first_failure, arena);
}

AzJob *
az_delivery_job(AzJobs *jobs, const AzPipeline *pipeline, size_t size,
				const AzDelivery *delivery, AzError *error)
{
	AzJob	   *job = az_job_create(jobs, pipeline, size, error);

	if (job == NULL || copy_delivery((AzDeliveryJob *) job, delivery))
		return job;
	az_error_out_of_memory(error);
	az_job_cancel(job);
	return NULL;
}

int
az_delivery_attempt(const AzDeliveryJob *job, int stage)
{
	bool		is_counted = job->delivery.stage == stage ||
	job->delivery.handback != NULL;

	return is_counted ? job->delivery.attempt : 1;
}

int
az_delivery_max_attempts(const AzDeliveryJob *job)
{
	const AzJobSettings *settings = &job->job.jobs->settings;
	int			own = job->delivery.component->max_attempts;
	int			most = own > 0 ? own : settings->max_attempts;

	if (job->delivery.is_replay)
		return 1;
	/* The outbox does not come again after its last. */
	if (job->delivery.handback != NULL && settings->outbox_max_attempts < most)
		return settings->outbox_max_attempts;
	return most;
}

bool
az_delivery_stops_at_failure(const AzDeliveryJob *job)
{
	const AzDelivery *delivery = &job->delivery;

	return delivery->sync_mode == PB_SYNC_MODE_CASCADE &&
		delivery->error_mode != PB_CASCADE_ERROR_CONTINUE &&
		delivery->error_mode != PB_CASCADE_ERROR_DEAD_LETTER;
}

bool
az_delivery_files_at_once(const AzDeliveryJob *job)
{
	const AzDelivery *delivery = &job->delivery;

	return delivery->sync_mode == PB_SYNC_MODE_CASCADE &&
		delivery->error_mode == PB_CASCADE_ERROR_DEAD_LETTER;
}

/* Whoever waits is told of it, too: no target, no command. */
bool
az_delivery_note_failure(AzDeliveryJob *delivery)
{
	AzJob	   *job = &delivery->job;
	PbCascadeReactionError *error = az_arena_alloc(job->arena,
												   sizeof(*error));

	if (error == NULL)
		return az_error_out_of_memory(&job->error);
	pb_cascade_reaction_error_init(error);
	error->component = (char *) delivery->delivery.component->name;
	error->code = (int32_t) job->error.code;
	error->message = (char *) job->error.message;
	return az_effect_add_error(&delivery->result, job, error, &job->error);
}

static bool
copy_delivery(AzDeliveryJob *job, const AzDelivery *delivery)
{
	AzArena    *arena = job->job.arena;

	job->delivery = *delivery;
	job->delivery.component = copy_component(delivery->component, arena);
	return job->delivery.component != NULL &&
		copy_firing(&job->delivery, arena) &&
		copy_book(&delivery->trigger, &job->delivery.trigger, arena);
}

/* What it listens to was looked at by whoever created the job. */
static AzComponent *
copy_component(const AzComponent *component, AzArena *arena)
{
	AzComponent *copy = az_arena_alloc(arena, sizeof(AzComponent));

	if (copy == NULL)
		return NULL;
	*copy = *component;
	copy->name = az_arena_string(arena, component->name);
	copy->kind = az_arena_string(arena, component->kind);
	copy->domain = az_arena_string(arena, component->domain);
	copy->address = az_arena_string(arena, component->address);
	copy->inputs = NULL;
	return copy->name != NULL && copy->kind != NULL && copy->domain != NULL &&
		copy->address != NULL ? copy : NULL;
}

static bool
copy_firing(AzDelivery *delivery, AzArena *arena)
{
	const AzTimerRow *firing = delivery->firing;
	AzTimerRow *copy;

	if (firing == NULL)
		return true;
	copy = az_arena_alloc(arena, sizeof(AzTimerRow));
	if (copy == NULL)
		return false;
	*copy = *firing;
	copy->component = delivery->component->name;
	copy->name = az_arena_string(arena, firing->name);
	delivery->firing = copy;
	return copy->name != NULL &&
		copy_aggregate(&firing->process, &copy->process, arena) &&
		az_arena_copy(arena, firing->payload, &copy->payload);
}

static bool
copy_book(const AzBook *book, AzBook *copy, AzArena *arena)
{
	copy->events = az_arena_array(arena, book->count, sizeof(AzEvent));
	copy->snapshot = NULL;
	copy->count = book->count;
	copy->next_sequence = book->count == 0 ? 0 :
		book->events[book->count - 1].sequence + 1;
	if (copy->events == NULL ||
		!copy_aggregate(&book->aggregate, &copy->aggregate, arena))
		return false;
	for (size_t i = 0; i < book->count; i++)
		if (!copy_event(&book->events[i], &copy->events[i], arena))
			return false;
	return true;
}

static bool
copy_event(const AzEvent *event, AzEvent *copy, AzArena *arena)
{
	*copy = *event;
	copy->correlation_id = az_arena_string(arena, event->correlation_id);
	copy->type_url = az_arena_string(arena, event->type_url);
	copy->cause = copy_cause(event->cause, arena);
	return copy->correlation_id != NULL && copy->type_url != NULL &&
		(copy->cause != NULL || event->cause == NULL) &&
		az_arena_copy(arena, event->payload, &copy->payload) &&
		az_arena_copy(arena, event->external, &copy->external) &&
		az_arena_copy(arena, event->ext, &copy->ext);
}

static bool
copy_aggregate(const AzAggregate *aggregate, AzAggregate *copy,
			   AzArena *arena)
{
	*copy = *aggregate;
	copy->domain = az_arena_string(arena, aggregate->domain);
	copy->edition = az_arena_string(arena, aggregate->edition);
	return copy->domain != NULL && copy->edition != NULL;
}

/* NULL where there is none, and when memory is out. */
static AzCause *
copy_cause(const AzCause *cause, AzArena *arena)
{
	AzCause    *copy;

	if (cause == NULL)
		return NULL;
	copy = az_arena_alloc(arena, sizeof(AzCause));
	if (copy == NULL || !copy_aggregate(&cause->source, &copy->source, arena))
		return NULL;
	copy->sequence = cause->sequence;
	copy->component = az_arena_string(arena, cause->component);
	return copy->component != NULL ? copy : NULL;
}
