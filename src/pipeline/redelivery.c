/* Replaying dead letters of what was delivered to a component. */
#include "pipeline/redelivery.h"

#include <inttypes.h>
#include <string.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "pipeline/delivery.h"
#include "pipeline/validate.h"

static const AzComponent *find_component(const PbAngzarrDeadLetter *letter,
										 AzJob *job);
static bool read_book(const PbEventBook *book, AzBook *read, AzJob *job);
static bool check_page(const PbEventPage *page, AzJob *job);
static const char *kind_of(const AzNotice *notice, const AzAggregate *target,
						   const AzJob *job);

AzJob *
az_redelivery_create(const PbAngzarrDeadLetter *letter,
					 const char **correlation_id, AzJob *job)
{
	AzDelivery	delivery = {
		.component = find_component(letter, job),
		.attempt = 1,
		.sync_mode = PB_SYNC_MODE_ASYNC,
		.is_replay = true
	};

	if (delivery.component == NULL ||
		!read_book(letter->rejected_events, &delivery.trigger, job))
		return NULL;
	if (az_component_is_process(delivery.component))
		*correlation_id = letter->rejected_events->cover->correlation_id;
	for (size_t i = 0; i < delivery.trigger.count; i++)
		delivery.trigger.events[i].correlation_id = *correlation_id;
	return az_delivery_create(job->jobs, &delivery, &job->error);
}

static const AzComponent *
find_component(const PbAngzarrDeadLetter *letter, AzJob *job)
{
	const AzComponent *component = az_catalog_named(job->jobs->catalog,
													letter->source_component);

	if (component != NULL && az_component_reacts(component))
		return component;
	az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
				 "this dead letter cannot be replayed: its events are for component \"%s\", and no projector, saga or process manager of that name is registered and enabled",
				 letter->source_component);
	return NULL;
}

static bool
read_book(const PbEventBook *book, AzBook *read, AzJob *job)
{
	if (!az_validate_cover(book->cover, "rejected_events.cover", job->arena,
						   &job->error))
	{
		job->error.code = AZ_FAILED_PRECONDITION;
		return false;
	}
	if (book->n_pages == 0)
		return az_error_set(&job->error, NULL, AZ_FAILED_PRECONDITION,
							"this dead letter cannot be replayed: it has no events");
	for (size_t i = 0; i < book->n_pages; i++)
		if (!check_page(book->pages[i], job))
			return false;
	return az_book_read(book, read, job->arena, &job->error);
}

static bool
check_page(const PbEventPage *page, AzJob *job)
{
	if (page->header == NULL ||
		page->header->sequence_type_case != PB_PAGE_HEADER_SEQUENCE)
		return az_error_set(&job->error, NULL, AZ_FAILED_PRECONDITION,
							"this dead letter cannot be replayed: an event of it has no sequence");
	return page->payload_case == PB_EVENT_PAGE_EVENT ||
		page->payload_case == PB_EVENT_PAGE_EXTERNAL ||
		az_error_set(&job->error, NULL, AZ_FAILED_PRECONDITION,
					 "this dead letter cannot be replayed: an event of it has no payload");
}

bool
az_redelivery_went_well(const AzJob *delivery, AzJob *job)
{
	const AzDeliveryResult *result = az_delivery_result(delivery);
	AzCode		code = result->failure.code;
	const char *message = result->failure.message;

	if (!result->was_lettered)
		return true;
	if (code == AZ_OK && result->n_errors > 0)
	{
		code = (AzCode) result->errors[result->n_errors - 1]->code;
		message = result->errors[result->n_errors - 1]->message;
	}
	return az_error_set(&job->error, job->arena,
						code != AZ_OK ? code : AZ_FAILED_PRECONDITION,
						"it failed again, and is a new dead letter: %s",
						message != NULL ? message : "");
}

bool
az_redelivery_row(AzOutboxRow *row, PbCommandBook *envelope,
				  int64_t letter_id, AzJob *job)
{
	AzNotice	notice;
	const char *key = az_arena_format(job->arena,
									  "replay of dead letter %" PRId64,
									  letter_id);

	if (key == NULL)
		return az_error_out_of_memory(&job->error);
	if (!az_notification_open(envelope, &notice, job->arena, &job->error))
	{
		if (job->error.code == AZ_INVALID_ARGUMENT)
			job->error.code = AZ_FAILED_PRECONDITION;
		return false;
	}
	az_cover_read(envelope->cover, &row->target);
	row->kind = kind_of(&notice, &row->target, job);
	row->component = notice.provenance->source_component;
	row->digest_key = az_bytes_of(key);
	row->depth = 1;
	return az_encode(envelope, job->arena, &row->envelope, &job->error);
}

/* One whose target is not who is told first was passed on to it. */
static const char *
kind_of(const AzNotice *notice, const AzAggregate *target, const AzJob *job)
{
	const AzComponent *owner = az_catalog_owner(job->jobs->catalog,
												target->domain);
	const char *component = notice->provenance->source_component;
	const PbCover *source = notice->provenance->source;
	bool		is_own = owner != NULL && strcmp(owner->name, component) == 0;

	if (notice->compensate != NULL)
		return AZ_OUTBOX_COMPENSATE;
	if (notice->rejection != NULL &&
		(is_own || (source != NULL &&
					strcmp(source->domain, target->domain) == 0)))
		return AZ_OUTBOX_REJECTION;
	return AZ_OUTBOX_NOTIFICATION;
}
