/* What the business logic of a saga or process manager is handed. */
#include "pipeline/handover.h"

#include <string.h>

#include "codec/decode.h"
#include "pipeline/provenance.h"

static bool refuse_answer(AzDeliveryJob *job, const AzError *broken);
static void show_saga(const AzDeliveryResult *result, AzEmission *emission);
static void show_process(const AzDeliveryResult *result,
						 AzEmission *emission);

void
az_handover_show(const AzDeliveryJob *job, PbEventBook *trigger,
				 AzEmission *emission)
{
	const AzHandback *handback = job->delivery.handback;
	PbPageHeader *header = trigger->pages[0]->header;

	emission->component = job->delivery.component;
	emission->trigger = &job->delivery.trigger;
	emission->source = trigger->cover;
	emission->handback = handback;
	if (handback == NULL)
		return;
	header->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header->angzarr_deferred = handback->provenance;
	trigger->next_sequence = 0;
}

bool
az_handover_origin(AzDeliveryJob *job, const AzEmission *emission,
				   AzOrigin *origin)
{
	const AzHandback *handback = job->delivery.handback;
	AzArena    *arena = job->job.arena;
	AzError    *error = &job->job.error;

	if (!az_emit_origin(emission, 0, origin, arena, error))
		return false;
	origin->key.kind = "reaction";
	return handback == NULL ||
		az_provenance_key(handback->provenance, handback->kind,
						  "header.angzarr_deferred", &origin->key, arena,
						  error);
}

AzStepResult
az_handover_call(AzJob *job, const AzHandover *handover)
{
	PbSagaHandleRequest saga = PB_SAGA_HANDLE_REQUEST_INIT;
	PbProcessManagerHandleRequest process =
	PB_PROCESS_MANAGER_HANDLE_REQUEST_INIT;

	process.trigger = handover->trigger;
	process.process_state = handover->state;
	if (az_component_is_process(handover->component))
		return az_handler_call(job, handover->target,
							   "/io.angzarr.v1.ProcessManagerService/Handle",
							   &process);
	saga.source = handover->trigger;
	saga.sync_mode = handover->sync_mode;
	saga.cascade_error_mode = handover->error_mode;
	return az_handler_call(job, handover->target,
						   "/io.angzarr.v1.SagaService/Handle", &saga);
}

bool
az_handover_take(AzDeliveryJob *job, AzEmission *emission, AzBytes bytes)
{
	AzDeliveryResult *result = &job->result;
	AzArena    *arena = job->job.arena;
	AzError		broken = {0};

	if (az_component_is_process(job->delivery.component))
		result->process_manager =
			az_decode(&pb_process_manager_handle_response_descriptor, bytes,
					  arena, &broken);
	else
		result->saga = az_decode(&pb_saga_response_descriptor, bytes, arena,
								 &broken);
	if (broken.code != AZ_OK)
		return refuse_answer(job, &broken);
	if (result->process_manager != NULL)
		show_process(result, emission);
	else
		show_saga(result, emission);
	return true;
}

static bool
refuse_answer(AzDeliveryJob *job, const AzError *broken)
{
	const AzComponent *component = job->delivery.component;

	if (broken->code == AZ_RESOURCE_EXHAUSTED)
		return az_error_out_of_memory(&job->job.error);
	return az_error_set(&job->job.error, job->job.arena, AZ_INTERNAL,
						"%s \"%s\" at %s answered what does not decode: %s",
						az_emit_kind(component), component->name,
						component->address, broken->message);
}

static void
show_saga(const AzDeliveryResult *result, AzEmission *emission)
{
	emission->commands = result->saga->commands;
	emission->n_commands = result->saga->n_commands;
	emission->facts = result->saga->events;
	emission->n_facts = result->saga->n_events;
}

static void
show_process(const AzDeliveryResult *result, AzEmission *emission)
{
	emission->commands = result->process_manager->commands;
	emission->n_commands = result->process_manager->n_commands;
	emission->facts = result->process_manager->facts;
	emission->n_facts = result->process_manager->n_facts;
}

bool
az_handover_record(AzDeliveryJob *job, AzBytes *bytes)
{
	PbProcessManagerHandleResponse answer;

	if (job->result.saga != NULL)
		return az_encode(job->result.saga, job->job.arena, bytes,
						 &job->job.error);
	answer = *job->result.process_manager;
	answer.n_process_events = 0;
	return az_encode(&answer, job->job.arena, bytes, &job->job.error);
}
