/* Dead letters: the message that is filed, and its row. */
#include "codec/dead_letter.h"

#include <inttypes.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "codec/quote.h"
#include "codec/utf8.h"

#define TOPIC "angzarr.dlq."

static bool begin_letter(AzDeadLetter *letter, PbAngzarrDeadLetter *message,
						 const AzRejected *rejected, AzArena *arena);
static bool end_letter(AzDeadLetter *letter, PbAngzarrDeadLetter *message,
					   AzArena *arena, AzError *error);
static bool add_metadata(PbAngzarrDeadLetter *message, const char *domain,
						 const AzRejected *rejected, AzArena *arena);
static char *copy_text(const char *text, const char *otherwise,
					   AzArena *arena);
static const char *print_reference(const PbPayloadReference *reference,
								   const char *error, AzArena *arena);
static const char *print_hash(ProtobufCBinaryData hash, AzArena *arena);

bool
az_dead_letter_of_mismatch(AzDeadLetter *letter, const AzMismatch *mismatch,
						   AzArena *arena, AzError *error)
{
	PbAngzarrDeadLetter message = PB_ANGZARR_DEAD_LETTER_INIT;
	PbSequenceMismatchDetails details = PB_SEQUENCE_MISMATCH_DETAILS_INIT;

	if (!begin_letter(letter, &message, &mismatch->rejected, arena))
		return az_error_out_of_memory(error);
	details.expected_sequence = (uint32_t) mismatch->expected;
	details.actual_sequence = (uint32_t) mismatch->actual;
	details.merge_strategy = mismatch->merge;
	message.rejection_details_case = PB_ANGZARR_DEAD_LETTER_SEQUENCE_MISMATCH;
	message.sequence_mismatch = &details;
	letter->rejection_type = "sequence_mismatch";
	letter->details = az_arena_format(arena,
									  "{\"expected_sequence\": %" PRId64
									  ", \"actual_sequence\": %" PRId64 "}",
									  mismatch->expected, mismatch->actual);
	return end_letter(letter, &message, arena, error);
}

bool
az_dead_letter_of_processing(AzDeadLetter *letter,
							 const AzProcessingFailure *failure,
							 AzArena *arena, AzError *error)
{
	PbAngzarrDeadLetter message = PB_ANGZARR_DEAD_LETTER_INIT;
	PbEventProcessingFailedDetails details =
	PB_EVENT_PROCESSING_FAILED_DETAILS_INIT;
	const char *quoted;

	if (!begin_letter(letter, &message, &failure->rejected, arena))
		return az_error_out_of_memory(error);
	details.error = copy_text(failure->error, letter->reason, arena);
	details.is_transient = failure->is_transient;
	details.retry_count = failure->is_transient ? failure->attempts : 0;
	message.rejection_details_case =
		PB_ANGZARR_DEAD_LETTER_EVENT_PROCESSING_FAILED;
	message.event_processing_failed = &details;
	letter->rejection_type = "event_processing_failed";
	if (details.error == NULL ||
		(quoted = az_quote_json(arena, details.error)) == NULL)
		return az_error_out_of_memory(error);
	letter->details = az_arena_format(arena, "{\"error\": %s"
									  ", \"retry_count\": %" PRIu32
									  ", \"is_transient\": %s}",
									  quoted, details.retry_count,
									  details.is_transient ? "true" : "false");
	return end_letter(letter, &message, arena, error);
}

bool
az_dead_letter_of_retrieval(AzDeadLetter *letter,
							const AzRetrievalFailure *failure,
							AzArena *arena, AzError *error)
{
	PbAngzarrDeadLetter message = PB_ANGZARR_DEAD_LETTER_INIT;
	PbPayloadRetrievalFailedDetails details =
	PB_PAYLOAD_RETRIEVAL_FAILED_DETAILS_INIT;

	if (!begin_letter(letter, &message, &failure->rejected, arena))
		return az_error_out_of_memory(error);
	details.storage_type = failure->reference->storage_type;
	details.uri = failure->reference->uri;
	details.content_hash = failure->reference->content_hash;
	details.original_size = failure->reference->original_size;
	details.error = copy_text(failure->error, letter->reason, arena);
	message.rejection_details_case =
		PB_ANGZARR_DEAD_LETTER_PAYLOAD_RETRIEVAL_FAILED;
	message.payload_retrieval_failed = &details;
	letter->rejection_type = "payload_retrieval_failed";
	if (details.error == NULL)
		return az_error_out_of_memory(error);
	letter->details = print_reference(failure->reference, details.error, arena);
	return end_letter(letter, &message, arena, error);
}

bool
az_dead_letter_of_delivery(AzDeadLetter *letter,
						   const AzDeliveryFailure *failure,
						   AzArena *arena, AzError *error)
{
	PbAngzarrDeadLetter message = PB_ANGZARR_DEAD_LETTER_INIT;
	PbCompensationDeliveryFailedDetails details =
	PB_COMPENSATION_DELIVERY_FAILED_DETAILS_INIT;
	const char *quoted;

	if (!begin_letter(letter, &message, &failure->rejected, arena))
		return az_error_out_of_memory(error);
	details.attempts = failure->attempts;
	details.last_error = copy_text(failure->last_error, letter->reason, arena);
	message.rejection_details_case =
		PB_ANGZARR_DEAD_LETTER_COMPENSATION_DELIVERY_FAILED;
	message.compensation_delivery_failed = &details;
	letter->rejection_type = "compensation_delivery_failed";
	if (details.last_error == NULL ||
		(quoted = az_quote_json(arena, details.last_error)) == NULL)
		return az_error_out_of_memory(error);
	letter->details = az_arena_format(arena, "{\"attempts\": %" PRIu32
									  ", \"last_error\": %s}",
									  details.attempts, quoted);
	return end_letter(letter, &message, arena, error);
}

/* What every letter has but its details; false when memory is out. */
static bool
begin_letter(AzDeadLetter *letter, PbAngzarrDeadLetter *message,
			 const AzRejected *rejected, AzArena *arena)
{
	bool		is_command = rejected->command != NULL;
	PbCover    *cover = is_command ? rejected->command->cover :
	rejected->events->cover;

	message->cover = cover;
	message->payload_case = is_command ?
		PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND :
		PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS;
	if (is_command)
		message->rejected_command = (PbCommandBook *) rejected->command;
	else
		message->rejected_events = (PbEventBook *) rejected->events;
	letter->domain = cover->domain;
	letter->correlation_id = cover->correlation_id;
	letter->component = rejected->component;
	letter->component_type = rejected->component_type;
	letter->reason = copy_text(rejected->reason, "", arena);
	letter->occurred_at_us = az_clock_wall_us();
	message->occurred_at = az_timestamp_make(letter->occurred_at_us, arena);
	message->rejection_reason = (char *) letter->reason;
	message->source_component = (char *) letter->component;
	message->source_component_type = (char *) letter->component_type;
	return letter->reason != NULL && message->occurred_at != NULL &&
		add_metadata(message, letter->domain, rejected, arena);
}

static bool
end_letter(AzDeadLetter *letter, PbAngzarrDeadLetter *message,
		   AzArena *arena, AzError *error)
{
	if (letter->details == NULL)
		return az_error_out_of_memory(error);
	return az_encode(message, arena, &letter->payload, error);
}

static bool
add_metadata(PbAngzarrDeadLetter *message, const char *domain,
			 const AzRejected *rejected, AzArena *arena)
{
	size_t		count = rejected->n_metadata + 1;
	PbAngzarrDeadLetterMetadataEntry *entries =
	az_arena_array(arena, count, sizeof(*entries));

	message->metadata = az_arena_array(arena, count, sizeof(void *));
	if (entries == NULL || message->metadata == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
	{
		pb_angzarr_dead_letter_metadata_entry_init(&entries[i]);
		message->metadata[i] = &entries[i];
		if (i == 0)
			continue;
		entries[i].key = (char *) rejected->metadata[i - 1][0];
		entries[i].value = (char *) rejected->metadata[i - 1][1];
	}
	message->n_metadata = count;
	entries[0].key = (char *) "topic";
	entries[0].value = az_arena_format(arena, TOPIC "%s", domain);
	return entries[0].value != NULL;
}

/* Texts come from peers: only UTF-8 can be stored. */
static char *
copy_text(const char *text, const char *otherwise, AzArena *arena)
{
	return az_utf8_clean(arena, text != NULL ? text : otherwise,
						 AZ_DEAD_LETTER_TEXT);
}

static const char *
print_reference(const PbPayloadReference *reference, const char *error,
				AzArena *arena)
{
	const ProtobufCEnumValue *type =
	protobuf_c_enum_descriptor_get_value(&pb_payload_storage_type_descriptor,
										 reference->storage_type);
	const char *uri = az_quote_json(arena, reference->uri);
	const char *hash = print_hash(reference->content_hash, arena);
	const char *quoted = az_quote_json(arena, error);

	if (uri == NULL || hash == NULL || quoted == NULL)
		return NULL;
	return az_arena_format(arena, "{\"storage_type\": \"%s\", \"uri\": %s"
						   ", \"content_hash\": \"%s\""
						   ", \"original_size\": %" PRIu64 ", \"error\": %s}",
						   type != NULL ? type->name : "unknown", uri, hash,
						   reference->original_size, quoted);
}

static const char *
print_hash(ProtobufCBinaryData hash, AzArena *arena)
{
	static const char digits[] = "0123456789abcdef";
	char	   *text = az_arena_array(arena, hash.len + 1, 2);

	for (size_t i = 0; text != NULL && i < hash.len; i++)
	{
		text[2 * i] = digits[hash.data[i] >> 4];
		text[2 * i + 1] = digits[hash.data[i] & 15];
	}
	return text;
}
