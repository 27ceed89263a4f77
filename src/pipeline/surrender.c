/* Giving up a command or fact of a reaction. */
#include "pipeline/surrender.h"

#include <string.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "codec/uuid.h"
#include "pipeline/letter.h"
#include "pipeline/provenance.h"
#include "pipeline/replayed.h"
#include "pipeline/settle.h"

static const PbAngzarrDeferredSequence *provenance_of(const AzSurrender *surrender);
static bool write_row(AzSurrender *surrender, AzJob *job);
static const PbCover *source_of(const AzSurrender *surrender, AzJob *job);
static const PbCover *process_of(const AzSurrender *surrender, AzJob *job);
static bool write_letter(AzSurrender *surrender, AzJob *job);

bool
az_surrender_key(AzSurrender *surrender, AzArena *arena, AzError *error)
{
	AzOrigin	origin;
	bool		is_fact = surrender->command == NULL;

	if (!az_emit_origin(surrender->emission, surrender->index, &origin,
						arena, error))
		return false;
	surrender->key.kind = "settled";
	surrender->key.bytes = origin.key.bytes;
	/* Facts count anew, so they need another text. */
	if (is_fact)
		surrender->key.bytes =
			az_bytes_of(az_arena_format(arena, "fact%s",
										(const char *) origin.key.bytes.data + 1));
	return surrender->key.bytes.data != NULL || az_error_out_of_memory(error);
}

AzStepResult
az_surrender_start(AzSurrender *surrender, AzJob *job)
{
	AzObligationWish *wish = &surrender->wish;
	bool		is_told = surrender->is_routable &&
	provenance_of(surrender) != NULL;
	bool		is_ready = surrender->is_filed ||
	((!is_told || write_row(surrender, job)) &&
	 ((is_told && !surrender->is_lettered_too) ||
	  write_letter(surrender, job)));

	if (!is_ready)
		return AZ_STEP_FAILED;
	surrender->is_lettered = surrender->is_filed || !is_told ||
		surrender->is_lettered_too;
	surrender->settled.aggregate = surrender->emission->trigger->aggregate;
	surrender->settled.key = surrender->key;
	wish->rows = &surrender->row;
	wish->n_rows = is_told && !surrender->is_filed ? 1 : 0;
	wish->letters = &surrender->letter;
	wish->n_letters = surrender->is_lettered && !surrender->is_filed ? 1 : 0;
	wish->keys = &surrender->settled;
	wish->n_keys = 1;
	return az_settle_start(wish, job);
}

AzStepResult
az_surrender_finish(AzSurrender *surrender, AzJob *job)
{
	AzStepResult result = az_settle_finish(&surrender->wish, job);

	return result == AZ_STEP_NEXT ? AZ_STEP_END : result;
}

/* NULL: a fact, or a command that expects a sequence. */
static const PbAngzarrDeferredSequence *
provenance_of(const AzSurrender *surrender)
{
	const PbCommandBook *command = surrender->command;
	const PbPageHeader *header = command != NULL ?
	command->pages[0]->header : NULL;

	return header != NULL &&
		header->sequence_type_case == PB_PAGE_HEADER_ANGZARR_DEFERRED ?
		header->angzarr_deferred : NULL;
}

static bool
write_row(AzSurrender *surrender, AzJob *job)
{
	AzOutboxRow *row = &surrender->row;
	const AzEmission *emission = surrender->emission;
	const PbCommandBook *command = surrender->command;
	AzAddress	address = {
		.target = source_of(surrender, job),
		.correlation_id = command->cover->correlation_id,
		.provenance = provenance_of(surrender)
	};
	PbCommandBook *envelope;
	AzKey		key;

	if (address.target == NULL)
		return false;
	envelope = az_notification_reject(&address, command, &surrender->failure,
									  job->arena, &job->error);
	if (envelope == NULL ||
		!az_encode(envelope, job->arena, &row->envelope, &job->error) ||
		!az_provenance_key(address.provenance, "rejection-notification",
						   "header.angzarr_deferred", &key, job->arena,
						   &job->error))
		return false;
	row->kind = AZ_OUTBOX_REJECTION;
	row->component = emission->component->name;
	az_cover_read(address.target, &row->target);
	row->digest_key = key.bytes;
	row->depth = emission->trigger->events[0].depth + 2;
	return true;
}

/* Who is told: a saga's source, or the process itself.  NULL: no memory. */
static const PbCover *
source_of(const AzSurrender *surrender, AzJob *job)
{
	if (az_component_is_process(surrender->emission->component))
		return process_of(surrender, job);
	return provenance_of(surrender)->source;
}

static const PbCover *
process_of(const AzSurrender *surrender, AzJob *job)
{
	const AzBook *trigger = surrender->emission->trigger;
	const char *correlation_id = trigger->events[0].correlation_id;
	AzBytes		no_ext = {NULL, 0};
	AzAggregate process = {
		.domain = surrender->emission->component->domain,
		.edition = trigger->aggregate.edition
	};

	az_uuid_of_process(correlation_id, process.root);
	return az_cover_make(&process, correlation_id, no_ext, job->arena,
						 &job->error);
}

static bool
write_letter(AzSurrender *surrender, AzJob *job)
{
	const AzComponent *component = surrender->emission->component;
	const char *metadata[AZ_REPLAYED_FIELDS][2];
	AzProcessingFailure failure = {
		.rejected = {
			.n_metadata = az_replayed_tell(job, metadata),
			.metadata = (const char *const(*)[2]) metadata,
			.command = surrender->command,
			.component = component->name,
			.component_type = component->kind,
			.reason = surrender->failure.message
		},
		.is_transient = surrender->attempts > 0,
		.attempts = surrender->attempts
	};

	if (surrender->command == NULL)
		return az_letter_of_trigger(&surrender->letter, surrender->emission,
									&surrender->failure,
									surrender->attempts, job);
	return az_dead_letter_of_processing(&surrender->letter, &failure,
										job->arena, &job->error);
}
