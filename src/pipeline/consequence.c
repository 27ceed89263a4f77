/* What follows from the answer to a notification. */
#include "pipeline/consequence.h"

#include "base/clock.h"
#include "codec/book.h"
#include "codec/dead_letter.h"
#include "codec/decode.h"
#include "pipeline/provenance.h"
#include "pipeline/validate.h"

#define FAILED_TYPE "/io.angzarr.v1.SagaCompensationFailed"

static const char *reason_of(const AzDelivered *delivered);
static const char *kind_of(const char *component, const AzJob *job);
static bool is_too_deep(const AzDelivered *delivered, const AzJob *job);
static bool refuse(AzDeadLetter *letter, const AzDelivered *delivered,
				   PbCommandBook *envelope, const AzError *failure,
				   AzJob *job);
static bool forward_key(AzOutboxRow *row, const AzDelivered *delivered,
						AzJob *job);

bool
az_consequence_give_up(AzDeadLetter *letter, const AzDelivered *delivered,
					   const AzError *failure, AzJob *job)
{
	return refuse(letter, delivered, delivered->envelope, failure, job);
}

bool
az_consequence_letter(AzDeadLetter *letter, const AzDelivered *delivered,
					  const PbRevocationResponse *revocation, AzJob *job)
{
	const AzNotice *notice = &delivered->notice;
	const char *component = notice->provenance->source_component;
	const PbCommandBook *rejected = notice->rejection != NULL ?
	notice->rejection->rejected_command : NULL;
	AzProcessingFailure failure = {
		.rejected = {
			.command = rejected != NULL && rejected->cover != NULL ?
			rejected : delivered->envelope,
			.component = component,
			.component_type = kind_of(component, job),
			.reason = reason_of(delivered)
		},
		.error = revocation->reason
	};

	return az_dead_letter_of_processing(letter, &failure, job->arena,
										&job->error);
}

bool
az_consequence_forward(AzOutboxRow *row, AzDeadLetter *letter,
					   const AzDelivered *delivered,
					   const PbNotification *notification, AzJob *job)
{
	AzError		failure = {0};
	AzAddress	address = {
		.target = notification->cover,
		.correlation_id = delivered->envelope->cover->correlation_id,
		.provenance = delivered->notice.provenance
	};
	bool		has_cover = az_validate_cover(notification->cover,
											  "notification.cover",
											  job->arena, &failure);
	PbCommandBook *envelope;

	row->kind = NULL;
	if (has_cover && is_too_deep(delivered, job))
		az_error_set(&failure, job->arena, AZ_FAILED_PRECONDITION,
					 "the notification was passed on until its events would be %d causes deep, angzarr.max_causation_depth allows %d",
					 delivered->entry->row.depth + 1,
					 job->jobs->settings.max_causation_depth);
	if (!has_cover)
		address.target = delivered->envelope->cover;
	envelope = az_notification_forward(&address, notification, job->arena,
									   &job->error);
	if (envelope == NULL)
		return false;
	if (failure.code != AZ_OK)
		return refuse(letter, delivered, envelope, &failure, job);
	az_cover_read(notification->cover, &row->target);
	row->component = delivered->entry->row.component;
	row->depth = delivered->entry->row.depth + 1;
	row->kind = AZ_OUTBOX_NOTIFICATION;
	return forward_key(row, delivered, job) &&
		az_encode(envelope, job->arena, &row->envelope, &job->error);
}

bool
az_consequence_event(AzEvent *event, AzAggregate *aggregate,
					 const AzDelivered *delivered,
					 const PbRevocationResponse *revocation, AzJob *job)
{
	const AzNotice *notice = &delivered->notice;
	const PbAngzarrDeferredSequence *provenance = notice->provenance;
	PbSagaCompensationFailed failed = PB_SAGA_COMPENSATION_FAILED_INIT;

	az_cover_read(provenance->source, aggregate);
	aggregate->domain = job->jobs->settings.saga_failure_domain;
	aggregate->has_divergence = false;
	event->created_at_us = az_clock_wall_us();
	event->correlation_id = delivered->envelope->cover->correlation_id;
	event->type_url = FAILED_TYPE;
	event->depth = delivered->entry->row.depth;
	event->cause = az_provenance_cause(provenance, job->arena);
	failed.triggering_aggregate = provenance->source;
	failed.triggering_event_sequence = provenance->source_seq;
	failed.rejection_reason = (char *) reason_of(delivered);
	failed.compensation_failure_reason = revocation->reason;
	if (notice->rejection != NULL)
		failed.rejected_command = notice->rejection->rejected_command;
	failed.occurred_at = az_timestamp_make(event->created_at_us, job->arena);
	if (event->cause == NULL || failed.occurred_at == NULL)
		return az_error_out_of_memory(&job->error);
	return az_encode(&failed, job->arena, &event->payload, &job->error);
}

/* Of the rejection, or why something is to be undone. */
static const char *
reason_of(const AzDelivered *delivered)
{
	const AzNotice *notice = &delivered->notice;

	if (notice->rejection != NULL)
		return notice->rejection->rejection_reason;
	return notice->compensate != NULL ? notice->compensate->reason : "";
}

/* "" when it is registered no more. */
static const char *
kind_of(const char *component, const AzJob *job)
{
	const AzComponent *found = az_catalog_named(job->jobs->catalog, component);

	return found != NULL ? found->kind : "";
}

static bool
is_too_deep(const AzDelivered *delivered, const AzJob *job)
{
	return delivered->entry->row.depth + 1 >
		job->jobs->settings.max_causation_depth;
}

static bool
refuse(AzDeadLetter *letter, const AzDelivered *delivered,
	   PbCommandBook *envelope, const AzError *failure, AzJob *job)
{
	const char *component = delivered->notice.provenance != NULL ?
	delivered->notice.provenance->source_component :
	delivered->entry->row.component;
	AzDeliveryFailure refused = {
		.rejected = {
			.command = envelope,
			.component = component,
			.component_type = kind_of(component, job),
			.reason = failure->message != NULL ? failure->message : ""
		},
		.attempts = delivered->attempts
	};

	return az_dead_letter_of_delivery(letter, &refused, job->arena,
									  &job->error);
}

/* One answer passes on one notification, wherever it comes from. */
static bool
forward_key(AzOutboxRow *row, const AzDelivered *delivered, AzJob *job)
{
	const AzAggregate *target = &delivered->entry->row.target;
	char		root[AZ_UUID_TEXT_SIZE];
	AzKey		key;
	char	   *text;

	if (!az_provenance_key(delivered->notice.provenance, "notification",
						   "header.angzarr_deferred", &key, job->arena,
						   &job->error))
		return false;
	az_uuid_text(target->root, root);
	text = az_arena_format(job->arena, "%s/%s/%s/%s/%d/%s",
						   delivered->entry->row.kind, target->domain,
						   target->edition, root, delivered->entry->row.depth,
						   (const char *) key.bytes.data + 1);
	if (text == NULL)
		return az_error_out_of_memory(&job->error);
	row->digest_key = az_bytes_of(text);
	return true;
}
