/* Dead letters: the message that is filed, and its row. */
#include "codec/dead_letter.h"

#include <inttypes.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"

#define TOPIC "angzarr.dlq."

static bool encode_letter(AzDeadLetter *letter, PbAngzarrDeadLetter message,
						  AzArena *arena, AzError *error);

bool
az_dead_letter_of_mismatch(AzDeadLetter *letter, const AzMismatch *mismatch,
						   AzArena *arena, AzError *error)
{
	PbAngzarrDeadLetter message = PB_ANGZARR_DEAD_LETTER_INIT;
	PbSequenceMismatchDetails details = PB_SEQUENCE_MISMATCH_DETAILS_INIT;
	const PbCover *cover = mismatch->command->cover;

	details.expected_sequence = (uint32_t) mismatch->expected;
	details.actual_sequence = (uint32_t) mismatch->actual;
	details.merge_strategy = mismatch->merge;
	message.cover = (PbCover *) cover;
	message.payload_case = PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND;
	message.rejected_command = (PbCommandBook *) mismatch->command;
	message.rejection_details_case = PB_ANGZARR_DEAD_LETTER_SEQUENCE_MISMATCH;
	message.sequence_mismatch = &details;

	letter->domain = cover->domain;
	letter->correlation_id = cover->correlation_id;
	letter->component = mismatch->component;
	letter->component_type = "aggregate";
	letter->rejection_type = "sequence_mismatch";
	letter->reason = mismatch->reason;
	letter->details = az_arena_format(arena,
									  "{\"expected_sequence\": %" PRId64
									  ", \"actual_sequence\": %" PRId64 "}",
									  mismatch->expected, mismatch->actual);
	if (letter->details == NULL)
		return az_error_out_of_memory(error);
	return encode_letter(letter, message, arena, error);
}

/* What every letter has: reason, time, component, topic. */
static bool
encode_letter(AzDeadLetter *letter, PbAngzarrDeadLetter message,
			  AzArena *arena, AzError *error)
{
	PbAngzarrDeadLetterMetadataEntry topic =
	PB_ANGZARR_DEAD_LETTER_METADATA_ENTRY_INIT;
	PbAngzarrDeadLetterMetadataEntry *metadata[] = {&topic};

	topic.key = (char *) "topic";
	topic.value = az_arena_format(arena, TOPIC "%s", letter->domain);
	letter->occurred_at_us = az_clock_wall_us();
	message.occurred_at = az_timestamp_make(letter->occurred_at_us, arena);
	if (topic.value == NULL || message.occurred_at == NULL)
		return az_error_out_of_memory(error);
	message.rejection_reason = (char *) letter->reason;
	message.source_component = (char *) letter->component;
	message.source_component_type = (char *) letter->component_type;
	message.metadata = metadata;
	message.n_metadata = 1;
	return az_encode(&message, arena, &letter->payload, error);
}
