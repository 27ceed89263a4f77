/* Stored dead letters as an operator is shown them. */
#include "pipeline/letter_view.h"

#include <inttypes.h>

#include "base/clock.h"
#include "codec/book.h"
#include "descriptor/json.h"
#include "pipeline/letter_filter.h"

#define DEAD_LETTER "io.angzarr.v1.AngzarrDeadLetter"
#define SERVICE_UNAVAILABLE 503

static bool print_payload(AzBytes payload, const AzTypes *types, AzJob *job,
						  const char **json);

const AzTypes *
az_letter_types(AzJob *job, AzTypes **own)
{
	const AzBytes known = {
		.data = az_descriptor_set,.len = az_descriptor_set_len
	};
	const AzTypes *types = az_catalog_types(job->jobs->catalog);

	*own = NULL;
	if (types != NULL)
		return types;
	*own = az_types_create(known, NULL, 0, job->arena, NULL);
	return *own;
}

PbStoredDeadLetter *
az_letter_view(const AzStoredLetter *stored, const AzTypes *types, AzJob *job)
{
	const AzDeadLetter *letter = &stored->letter;
	PbStoredDeadLetter *view = az_arena_alloc(job->arena, sizeof(*view));
	PbTimestamp *occurred_at = az_timestamp_make(letter->occurred_at_us,
												 job->arena);
	PbTimestamp *created_at = az_timestamp_make(stored->created_at_us,
												job->arena);
	const char *json;

	if (view == NULL || occurred_at == NULL || created_at == NULL)
	{
		az_error_out_of_memory(&job->error);
		return NULL;
	}
	if (!print_payload(letter->payload, types, job, &json))
		return NULL;
	pb_stored_dead_letter_init(view);
	view->id = stored->id;
	view->domain = (char *) letter->domain;
	view->correlation_id = (char *) letter->correlation_id;
	view->payload.data = (uint8_t *) letter->payload.data;
	view->payload.len = letter->payload.len;
	view->rejection_reason = (char *) letter->reason;
	view->rejection_type = az_letter_type_number(letter->rejection_type);
	view->details = (char *) letter->details;
	view->source_component = (char *) letter->component;
	view->source_component_type = (char *) letter->component_type;
	view->occurred_at = occurred_at;
	view->created_at = created_at;
	view->payload_view = (char *) json;
	if (protobuf_c_message_get_packed_size(&view->base) + AZ_LETTER_ENVELOPE >
		job->jobs->settings.max_message_bytes)
		view->payload_view = (char *) "";
	return view;
}

PbProblemDetails *
az_letter_problem(const AzError *error, AzJob *job)
{
	PbProblemDetails *problem = az_arena_alloc(job->arena, sizeof(*problem));

	if (problem == NULL)
	{
		az_error_out_of_memory(&job->error);
		return NULL;
	}
	pb_problem_details_init(problem);
	problem->type = (char *) "about:blank";
	problem->title = (char *) "dead letters are not available now";
	problem->status = SERVICE_UNAVAILABLE;
	problem->detail = (char *) (error->message != NULL ? error->message : "");
	return problem;
}

AzStepResult
az_letter_unknown(int64_t id, AzJob *job)
{
	az_error_set(&job->error, job->arena, AZ_NOT_FOUND,
				 "there is no dead letter with id %" PRId64, id);
	return AZ_STEP_FAILED;
}

PbTimestamp *
az_letter_now(AzJob *job)
{
	PbTimestamp *now = az_timestamp_make(az_clock_wall_us(), job->arena);

	if (now == NULL)
		az_error_out_of_memory(&job->error);
	return now;
}

static bool
print_payload(AzBytes payload, const AzTypes *types, AzJob *job,
			  const char **json)
{
	AzError		error = {0};
	AzBytes		printed;

	*json = "";
	if (types == NULL)
		return true;
	if (az_json_print(types, DEAD_LETTER, payload, job->arena, &printed,
					  &error))
		*json = (const char *) printed.data;
	else if (error.code == AZ_RESOURCE_EXHAUSTED)
	{
		job->error = error;
		return false;
	}
	return true;
}
