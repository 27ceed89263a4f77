/* Calling business logic, and what its answers and failures mean. */
#include "pipeline/handler.h"

#include <string.h>

#include "codec/decode.h"

static bool take_result(AzJob *job, const AzTarget *target,
						const PbBusinessResponse *answer,
						const PbEventBook **events);

bool
az_handler_correlate(AzJob *job, const PbCover *cover)
{
	AzMetadata *metadata = &job->metadata;
	AzBytes		name = az_bytes_of("x-correlation-id");
	AzBytes		value = az_bytes_of(cover->correlation_id);

	if (value.len == 0)
		return true;
	for (size_t i = 0; i < metadata->count; i++)
		if (az_bytes_equal(az_bytes_of(metadata->entries[i].name), name))
		{
			metadata->entries[i].value = value;
			return true;
		}
	return az_metadata_add(metadata, job->arena, name, value) ||
		az_error_out_of_memory(&job->error);
}

AzStepResult
az_handler_decide(AzJob *job, const AzTarget *target, PbEventBook *history,
				  PbCommandBook *command)
{
	PbContextualCommand contextual = PB_CONTEXTUAL_COMMAND_INIT;

	contextual.events = history;
	contextual.command = command;
	/* Main is always sent as an unset edition: contract section 1. */
	if (target->aggregate.edition[0] == '\0')
		command->cover->edition = NULL;
	return az_handler_call(job, target, AZ_HANDLER_SERVICE "Handle",
						   &contextual);
}

bool
az_handler_decided(AzJob *job, const AzTarget *target,
				   const PbEventBook **events)
{
	const PbBusinessResponse *answer;

	if (job->status.code != AZ_OK)
	{
		az_handler_failed(job, target);
		return false;
	}
	answer = az_handler_answer(job, target, &pb_business_response_descriptor);
	return answer != NULL && take_result(job, target, answer, events);
}

AzStepResult
az_handler_call(AzJob *job, const AzTarget *target, const char *path,
				const void *message)
{
	AzBytes		bytes;

	if (!az_encode(message, job->arena, &bytes, &job->error))
		return AZ_STEP_FAILED;
	return az_job_call(job, target->address, path, bytes, target->timeout_us);
}

void *
az_handler_answer(AzJob *job, const AzTarget *target,
				  const ProtobufCMessageDescriptor *type)
{
	AzError		broken = {0};
	void	   *message = az_decode(type, job->answer, job->arena, &broken);

	if (message == NULL)
		az_error_set(&job->error, job->arena, AZ_INTERNAL,
					 "business logic of domain \"%s\" at %s answered what does not decode: %s",
					 target->aggregate.domain, target->address,
					 broken.message);
	return message;
}

AzStepResult
az_handler_failed(AzJob *job, const AzTarget *target)
{
	job->error = job->status;
	if (strcmp(job->status.sqlstate, AZ_SQLSTATE_UNREACHABLE) != 0)
	{
		memcpy(job->error.sqlstate, AZ_SQLSTATE_REJECTED, 6);
		return AZ_STEP_FAILED;
	}
	az_error_set(&job->error, job->arena, job->status.code,
				 "business logic of domain \"%s\": %s",
				 target->aggregate.domain, job->status.message);
	memcpy(job->error.sqlstate, AZ_SQLSTATE_UNREACHABLE, 6);
	return AZ_STEP_FAILED;
}

static bool
take_result(AzJob *job, const AzTarget *target,
			const PbBusinessResponse *answer, const PbEventBook **events)
{
	*events = NULL;
	switch (answer->result_case)
	{
		case PB_BUSINESS_RESPONSE_REVOCATION:
			az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
						 "%s", answer->revocation->reason);
			memcpy(job->error.sqlstate, AZ_SQLSTATE_REJECTED, 6);
			return false;
		case PB_BUSINESS_RESPONSE_NOTIFICATION:
			return az_error_set(&job->error, job->arena, AZ_INTERNAL,
								"business logic of domain \"%s\" at %s answered a command with a notification, which only a compensation may be answered with",
								target->aggregate.domain, target->address);
		case PB_BUSINESS_RESPONSE_EVENTS:
			*events = answer->events;
			return true;
		default:
			return true;
	}
}
