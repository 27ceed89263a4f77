/* Handing a notification of the outbox to a process manager. */
#include "pipeline/handback.h"

#include <string.h>

#include "base/clock.h"
#include "base/sha1.h"
#include "codec/book.h"
#include "pipeline/delivery.h"
#include "pipeline/provenance.h"

#define PER_COMMAND 1000		/* places for the answer to one rejection */
#define FORWARDED UINT32_C(0x80000000)	/* and above: to others' commands */

static bool find_place(const AzDelivered *delivered, AzHandback *handback,
					   AzJob *job);
static void make_event(const AzDelivered *delivered, AzEvent *event);

const AzComponent *
az_handback_process(const AzDelivered *delivered, const AzJob *job)
{
	const AzComponent *owner =
	az_catalog_owner(job->jobs->catalog, delivered->entry->row.target.domain);

	return owner != NULL && az_component_is_process(owner) ?
		owner : NULL;
}

AzStepResult
az_handback_start(const AzDelivered *delivered, const AzComponent *process,
				  AzJob *job)
{
	AzHandback *handback = az_arena_alloc(job->arena, sizeof(AzHandback));
	AzEvent		event = {0};
	AzDelivery	delivery = {
		.component = process,
		.trigger = {
			.aggregate = delivered->entry->row.target,
			.events = &event,
			.count = 1
		},
		.attempt = delivered->attempts,
		.sync_mode = PB_SYNC_MODE_ASYNC,
		.handback = handback
	};
	AzJob	   *child;

	if (handback == NULL)
	{
		az_error_out_of_memory(&job->error);
		return AZ_STEP_FAILED;
	}
	handback->provenance =
		(PbAngzarrDeferredSequence *) delivered->notice.provenance;
	handback->kind =
		az_notice_key_kind(&delivered->notice,
						   strcmp(delivered->entry->row.kind,
								  AZ_OUTBOX_NOTIFICATION) == 0);
	if (!find_place(delivered, handback, job))
		return AZ_STEP_FAILED;
	make_event(delivered, &event);
	child = az_delivery_create(job->jobs, &delivery, &job->error);
	return child != NULL ? az_job_run(job, child) : AZ_STEP_FAILED;
}

/*
 * Its own commands' places are the contract's.  What is forwarded is about
 * commands of others, at whose places it must not be in the way: it gets some
 * of its own, by its key.
 */
static bool
find_place(const AzDelivered *delivered, AzHandback *handback, AzJob *job)
{
	uint32_t	index = handback->provenance->command_index;
	uint8_t		digest[AZ_SHA1_SIZE];
	AzSha1		sha1;
	AzKey		key;

	handback->first_index = PER_COMMAND * (index + 1);
	if (strcmp(delivered->entry->row.kind, AZ_OUTBOX_REJECTION) == 0)
		return true;
	if (!az_provenance_key(handback->provenance, handback->kind,
						   "header.angzarr_deferred", &key, job->arena,
						   &job->error))
		return false;
	az_sha1_init(&sha1);
	az_sha1_update(&sha1, key.bytes);
	az_sha1_final(&sha1, digest);
	index = (uint32_t) digest[0] << 13 | (uint32_t) digest[1] << 5 |
		digest[2] >> 3;
	handback->first_index = FORWARDED + PER_COMMAND * index;
	return true;
}

/* Deeper by one than it is what the process answers. */
static void
make_event(const AzDelivered *delivered, AzEvent *event)
{
	const PbNotification *notification = delivered->notice.notification;
	const PbAny *command = delivered->envelope->pages[0]->command;

	event->created_at_us = notification->sent_at != NULL &&
		az_timestamp_is_valid(notification->sent_at) ?
		az_timestamp_us(notification->sent_at) : az_clock_wall_us();
	event->correlation_id = delivered->envelope->cover->correlation_id;
	event->type_url = command->type_url;
	event->payload.data = command->value.data;
	event->payload.len = command->value.len;
	event->ext.data = NULL;
	event->depth = delivered->entry->row.depth > 0 ?
		delivered->entry->row.depth - 1 : 0;
}
