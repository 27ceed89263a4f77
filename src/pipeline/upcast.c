/* Upcasting: asks for the pages of a book, and checks what comes back. */
#include "pipeline/upcast.h"

#include <inttypes.h>

#include "codec/decode.h"

#define PATH "/io.angzarr.v1.UpcasterService/Upcast"

static const AzComponent *find_upcaster(AzUpcast *upcast, AzJob *job);
static bool encode_request(const AzUpcast *upcast, AzJob *job,
						   AzBytes *bytes);
static AzStepResult failed(const AzUpcast *upcast, AzJob *job,
						   const char *format,...)
			__attribute__((format(printf, 3, 4)));
static AzStepResult check_pages(const AzUpcast *upcast, AzJob *job,
								const PbUpcastResponse *answer);
static AzStepResult check_page(const AzUpcast *upcast, AzJob *job,
							   size_t number, const PbEventPage *page);
static void take_pages(AzUpcast *upcast, const PbUpcastResponse *answer);

AzStepResult
az_upcast_start(AzUpcast *upcast, AzJob *job, PbEventBook *book)
{
	const AzComponent *upcaster;
	int64_t		timeout_us = job->jobs->settings.call_timeout_us;
	AzBytes		bytes;

	upcast->book = book;
	if (book->n_pages == 0)
		return AZ_STEP_NEXT;
	upcaster = find_upcaster(upcast, job);
	if (upcaster == NULL)
		return job->error.code == AZ_OK ? AZ_STEP_NEXT : AZ_STEP_FAILED;
	if (upcaster->deadline_us > 0)
		timeout_us = upcaster->deadline_us;
	if (!encode_request(upcast, job, &bytes))
		return AZ_STEP_FAILED;
	return az_job_call(job, upcast->address, PATH, bytes, timeout_us);
}

AzStepResult
az_upcast_finish(AzUpcast *upcast, AzJob *job)
{
	AzError		broken = {0};
	PbUpcastResponse *answer;
	AzStepResult result;

	if (job->status.code != AZ_OK)
		return failed(upcast, job, "failed with %s: %s",
					  az_code_name(job->status.code), job->status.message);
	answer = az_decode(&pb_upcast_response_descriptor, job->answer,
					   job->arena, &broken);
	if (answer == NULL)
		return failed(upcast, job, "answered what does not decode: %s",
					  broken.message);
	result = check_pages(upcast, job, answer);
	if (result == AZ_STEP_NEXT)
		take_pages(upcast, answer);
	return result;
}

/* NULL without an error: there is none. */
static const AzComponent *
find_upcaster(AzUpcast *upcast, AzJob *job)
{
	const char *domain = upcast->book->cover->domain;
	const AzComponent *upcaster = az_catalog_upcaster(job->jobs->catalog,
													  domain);

	if (upcaster == NULL)
		return NULL;
	if (!upcaster->enabled)
	{
		az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
					 "the upcaster of domain \"%s\" is disabled", domain);
		job->error.hint = "Enable it, or unregister it to go on without.";
		return NULL;
	}
	upcast->address = az_arena_string(job->arena, upcaster->address);
	if (upcast->address != NULL)
		return upcaster;
	az_error_out_of_memory(&job->error);
	return NULL;
}

/* Not sent in pieces: what an old event means may depend on its neighbours. */
static bool
encode_request(const AzUpcast *upcast, AzJob *job, AzBytes *bytes)
{
	PbUpcastRequest request = PB_UPCAST_REQUEST_INIT;
	size_t		max = job->jobs->settings.max_message_bytes;
	size_t		size;

	request.domain = upcast->book->cover->domain;
	request.events = upcast->book->pages;
	request.n_events = upcast->book->n_pages;
	size = protobuf_c_message_get_packed_size(&request.base);
	if (size > max)
	{
		az_error_set(&job->error, job->arena, AZ_RESOURCE_EXHAUSTED,
					 "%zu events of domain \"%s\" have %zu bytes together, more than its upcaster can be sent: allowed are %zu (angzarr.max_message_size)",
					 request.n_events, request.domain, size, max);
		job->error.hint = "Raise the limit, or keep snapshots, so that fewer events are needed.";
		return false;
	}
	return az_encode(&request, job->arena, bytes, &job->error);
}

/* INTERNAL, beginning with whose upcaster it was and where. */
static AzStepResult
failed(const AzUpcast *upcast, AzJob *job, const char *format,...)
{
	va_list		args;
	const char *what;

	va_start(args, format);
	what = az_arena_vformat(job->arena, format, args);
	va_end(args);
	az_error_set(&job->error, job->arena, AZ_INTERNAL,
				 "the upcaster of domain \"%s\" at %s %s",
				 upcast->book->cover->domain, upcast->address,
				 what != NULL ? what : "failed");
	return AZ_STEP_FAILED;
}

static AzStepResult
check_pages(const AzUpcast *upcast, AzJob *job,
			const PbUpcastResponse *answer)
{
	if (answer->n_events != upcast->book->n_pages)
		return failed(upcast, job, "answered %zu events, it was given %zu",
					  answer->n_events, upcast->book->n_pages);
	for (size_t i = 0; i < answer->n_events; i++)
		if (check_page(upcast, job, i, answer->events[i]) != AZ_STEP_NEXT)
			return AZ_STEP_FAILED;
	return AZ_STEP_NEXT;
}

static AzStepResult
check_page(const AzUpcast *upcast, AzJob *job, size_t number,
		   const PbEventPage *page)
{
	uint32_t	sequence = upcast->book->pages[number]->header->sequence;
	const PbPageHeader *header = page->header;

	if (header == NULL ||
		header->sequence_type_case != PB_PAGE_HEADER_SEQUENCE)
		return failed(upcast, job,
					  "answered no sequence for event %" PRIu32, sequence);
	if (header->sequence != sequence)
		return failed(upcast, job,
					  "answered sequence %" PRIu32 " for event %" PRIu32,
					  header->sequence, sequence);
	if (page->payload_case == PB_EVENT_PAGE_EVENT ||
		page->payload_case == PB_EVENT_PAGE_EXTERNAL)
		return AZ_STEP_NEXT;
	return failed(upcast, job, "answered no payload for event %" PRIu32,
				  sequence);
}

/* When something happened, and where it stands, is not for it to say. */
static void
take_pages(AzUpcast *upcast, const PbUpcastResponse *answer)
{
	for (size_t i = 0; i < answer->n_events; i++)
	{
		answer->events[i]->header = upcast->book->pages[i]->header;
		answer->events[i]->created_at = upcast->book->pages[i]->created_at;
	}
	upcast->book->pages = answer->events;
}
