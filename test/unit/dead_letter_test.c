/* Tests of dead letters: each source of section 11 of the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/dead_letter.h"
#include "codec/decode.h"
#include "failing_malloc.h"

static AzArena *arena;
static AzError error;
static PbCover cover;
static PbCommandBook command;
static PbEventBook events;
static AzDeadLetter letter;
static PbAngzarrDeadLetter *message;

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memset(&letter, 0, sizeof(letter));
	message = NULL;
	arena = az_arena_create();
	pb_cover_init(&cover);
	cover.domain = (char *) "order";
	cover.correlation_id = (char *) "c-1";
	pb_command_book_init(&command);
	command.cover = &cover;
	pb_event_book_init(&events);
	events.cover = &cover;
	events.next_sequence = 7;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static AzRejected
rejected_command(const char *reason)
{
	AzRejected	rejected = {
		.command = &command,.component = "to-stock",.component_type = "saga",
		.reason = reason
	};

	return rejected;
}

static AzRejected
rejected_events(const char *reason)
{
	AzRejected	rejected = {
		.events = &events,.component = "summary",.component_type = "projector",
		.reason = reason
	};

	return rejected;
}

/* What is said in the message and in the row, and is the same. */
static void
read_letter(void)
{
	message = az_decode(&pb_angzarr_dead_letter_descriptor, letter.payload,
						arena, &error);
	assert_non_null(message);
	assert_string_equal(letter.domain, "order");
	assert_string_equal(letter.correlation_id, "c-1");
	assert_string_equal(message->cover->correlation_id, "c-1");
	assert_string_equal(message->cover->domain, "order");
	assert_string_equal(message->rejection_reason, letter.reason);
	assert_string_equal(message->source_component, letter.component);
	assert_string_equal(message->source_component_type, letter.component_type);
	assert_int_equal(message->occurred_at->seconds,
					 letter.occurred_at_us / 1000000);
	assert_string_equal(message->metadata[0]->key, "topic");
	assert_string_equal(message->metadata[0]->value, "angzarr.dlq.order");
}

static bool
make_mismatch(void)
{
	AzMismatch	mismatch = {
		.rejected = {
			.command = &command,.component = "orders",
			.component_type = "aggregate",.reason = "it expects 1"
		},
		.expected = 1,.actual = 3,.merge = PB_MERGE_MANUAL
	};

	return az_dead_letter_of_mismatch(&letter, &mismatch, arena, &error);
}

static void
a_manual_mismatch_says_both_sequences(void **state)
{
	assert_true(make_mismatch());
	read_letter();
	assert_string_equal(letter.component, "orders");
	assert_string_equal(letter.component_type, "aggregate");
	assert_string_equal(letter.rejection_type, "sequence_mismatch");
	assert_string_equal(letter.reason, "it expects 1");
	assert_string_equal(letter.details,
						"{\"expected_sequence\": 1, \"actual_sequence\": 3}");
	assert_int_equal(message->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND);
	assert_int_equal(message->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_SEQUENCE_MISMATCH);
	assert_int_equal(message->sequence_mismatch->expected_sequence, 1);
	assert_int_equal(message->sequence_mismatch->actual_sequence, 3);
	assert_int_equal(message->sequence_mismatch->merge_strategy,
					 PB_MERGE_MANUAL);
}

static void
a_handler_that_failed_for_a_time_says_how_often_it_was_called(void **state)
{
	AzProcessingFailure failure = {
		.rejected = rejected_events("read \"model\" is away"),
		.is_transient = true,.attempts = 3
	};

	assert_true(az_dead_letter_of_processing(&letter, &failure, arena,
											 &error));
	read_letter();
	assert_string_equal(letter.rejection_type, "event_processing_failed");
	assert_string_equal(letter.component, "summary");
	assert_string_equal(letter.component_type, "projector");
	assert_string_equal(letter.details,
						"{\"error\": \"read \\\"model\\\" is away\", "
						"\"retry_count\": 3, \"is_transient\": true}");
	assert_int_equal(message->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS);
	assert_int_equal(message->rejected_events->next_sequence, 7);
	assert_int_equal(message->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_EVENT_PROCESSING_FAILED);
	assert_string_equal(message->event_processing_failed->error,
						"read \"model\" is away");
	assert_int_equal(message->event_processing_failed->retry_count, 3);
	assert_true(message->event_processing_failed->is_transient);
}

static void
a_permanent_failure_was_not_retried(void **state)
{
	AzProcessingFailure failure = {
		.rejected = rejected_events("never"),.attempts = 1
	};

	assert_true(az_dead_letter_of_processing(&letter, &failure, arena,
											 &error));
	read_letter();
	assert_int_equal(message->event_processing_failed->retry_count, 0);
	assert_false(message->event_processing_failed->is_transient);
	assert_string_equal(letter.details,
						"{\"error\": \"never\", \"retry_count\": 0, "
						"\"is_transient\": false}");
}

static void
a_command_is_filed_whole_with_the_reason_of_its_status(void **state)
{
	AzProcessingFailure failure = {.rejected = rejected_command("sold out")};

	assert_true(az_dead_letter_of_processing(&letter, &failure, arena,
											 &error));
	read_letter();
	assert_int_equal(message->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND);
	assert_string_equal(message->rejected_command->cover->domain, "order");
	assert_string_equal(message->rejection_reason, "sold out");
	assert_string_equal(message->source_component, "to-stock");
	assert_string_equal(message->source_component_type, "saga");
}

static void
a_revocation_has_its_own_error_beside_the_reason(void **state)
{
	AzProcessingFailure failure = {
		.rejected = rejected_command("sold out"),.error = "cannot undo"
	};

	assert_true(az_dead_letter_of_processing(&letter, &failure, arena,
											 &error));
	read_letter();
	assert_string_equal(message->rejection_reason, "sold out");
	assert_string_equal(message->event_processing_failed->error,
						"cannot undo");
}

static bool
make_retrieval(int storage_type)
{
	static uint8_t hash[] = {0x0a, 0xff};
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	AzRetrievalFailure failure = {
		.rejected = rejected_events("there is no payload store"),
		.reference = &reference
	};

	reference.storage_type = storage_type;
	reference.uri = (char *) "gs://a/\"b\"";
	reference.content_hash.data = hash;
	reference.content_hash.len = sizeof(hash);
	reference.original_size = UINT64_C(5000000000);
	return az_dead_letter_of_retrieval(&letter, &failure, arena, &error);
}

static void
a_payload_that_cannot_be_had_is_described(void **state)
{
	const PbPayloadRetrievalFailedDetails *details;

	assert_true(make_retrieval(PB_PAYLOAD_STORAGE_TYPE_GCS));
	read_letter();
	assert_string_equal(letter.rejection_type, "payload_retrieval_failed");
	assert_string_equal(letter.details,
						"{\"storage_type\": \"PAYLOAD_STORAGE_TYPE_GCS\", "
						"\"uri\": \"gs://a/\\\"b\\\"\", "
						"\"content_hash\": \"0aff\", "
						"\"original_size\": 5000000000, "
						"\"error\": \"there is no payload store\"}");
	assert_int_equal(message->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS);
	assert_int_equal(message->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_PAYLOAD_RETRIEVAL_FAILED);
	details = message->payload_retrieval_failed;
	assert_int_equal(details->storage_type, PB_PAYLOAD_STORAGE_TYPE_GCS);
	assert_string_equal(details->uri, "gs://a/\"b\"");
	assert_int_equal(details->content_hash.len, 2);
	assert_true(details->original_size == UINT64_C(5000000000));
	assert_string_equal(details->error, "there is no payload store");
}

static void
a_storage_that_nobody_knows_is_called_so(void **state)
{
	assert_true(make_retrieval(77));
	read_letter();
	assert_non_null(strstr(letter.details, "\"storage_type\": \"unknown\""));
	assert_int_equal(message->payload_retrieval_failed->storage_type, 77);
}

static void
a_notification_that_nobody_took_says_how_often_it_was_tried(void **state)
{
	AzDeliveryFailure failure = {
		.rejected = rejected_command("not delivered"),
		.attempts = 4,.last_error = "away\n"
	};

	assert_true(az_dead_letter_of_delivery(&letter, &failure, arena, &error));
	read_letter();
	assert_string_equal(letter.rejection_type, "compensation_delivery_failed");
	assert_string_equal(letter.details,
						"{\"attempts\": 4, \"last_error\": \"away\\u000a\"}");
	assert_int_equal(message->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND);
	assert_int_equal(message->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_COMPENSATION_DELIVERY_FAILED);
	assert_int_equal(message->compensation_delivery_failed->attempts, 4);
	assert_string_equal(message->compensation_delivery_failed->last_error,
						"away\n");
}

static void
a_notification_without_an_error_of_its_own_has_the_reason(void **state)
{
	AzDeliveryFailure failure = {
		.rejected = rejected_command("not delivered"),.attempts = 1
	};

	assert_true(az_dead_letter_of_delivery(&letter, &failure, arena, &error));
	read_letter();
	assert_string_equal(message->compensation_delivery_failed->last_error,
						"not delivered");
}

static void
metadata_is_carried_beside_the_topic(void **state)
{
	static const char *const metadata[][2] = {
		{"replayed_from_dlq_id", "12"}, {"original_correlation_id", "c-0"}
	};
	AzProcessingFailure failure = {.rejected = rejected_command("again")};

	failure.rejected.metadata = metadata;
	failure.rejected.n_metadata = 2;
	assert_true(az_dead_letter_of_processing(&letter, &failure, arena,
											 &error));
	read_letter();
	assert_int_equal(message->n_metadata, 3);
	assert_string_equal(message->metadata[1]->key, "replayed_from_dlq_id");
	assert_string_equal(message->metadata[1]->value, "12");
	assert_string_equal(message->metadata[2]->key, "original_correlation_id");
	assert_string_equal(message->metadata[2]->value, "c-0");
}

/* A peer's message may be anything; a text column takes UTF-8 only. */
static void
texts_that_are_no_text_can_be_filed(void **state)
{
	AzProcessingFailure failure = {
		.rejected = rejected_command("bad \xff\xfe byte")
	};

	assert_true(az_dead_letter_of_processing(&letter, &failure, arena,
											 &error));
	read_letter();
	assert_string_equal(letter.reason, "bad ?? byte");
	assert_string_equal(message->event_processing_failed->error,
						"bad ?? byte");
}

static void
a_long_text_is_cut(void **state)
{
	static char text[3 * AZ_DEAD_LETTER_TEXT];
	AzProcessingFailure failure = {.rejected = rejected_command(text)};

	memset(text, 'x', sizeof(text) - 1);
	assert_true(az_dead_letter_of_processing(&letter, &failure, arena,
											 &error));
	assert_int_equal(strlen(letter.reason), AZ_DEAD_LETTER_TEXT);
}

static void
without_memory_there_is_no_letter_and_it_is_said(void **state)
{
	static char text[AZ_DEAD_LETTER_TEXT];
	AzProcessingFailure processing = {.rejected = rejected_command(text)};
	AzDeliveryFailure delivery = {.rejected = rejected_command(text)};
	int			failures = 0;

	memset(text, '"', sizeof(text) - 1);
	for (int n = 0; n < 16; n++)
	{
		bool		made;

		az_arena_free(arena);
		arena = az_arena_create();
		memset(&error, 0, sizeof(error));
		fail_malloc_after(n / 4);
		switch (n % 4)
		{
			case 0:
				made = make_mismatch();
				break;
			case 1:
				made = make_retrieval(1);
				break;
			case 2:
				made = az_dead_letter_of_processing(&letter, &processing,
													arena, &error);
				break;
			default:
				made = az_dead_letter_of_delivery(&letter, &delivery, arena,
												  &error);
		}
		fail_malloc_after(-1);
		assert_int_equal(error.code, made ? AZ_OK : AZ_RESOURCE_EXHAUSTED);
		failures += made ? 0 : 1;
	}
	assert_true(failures >= 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_manual_mismatch_says_both_sequences),
		TEST(a_handler_that_failed_for_a_time_says_how_often_it_was_called),
		TEST(a_permanent_failure_was_not_retried),
		TEST(a_command_is_filed_whole_with_the_reason_of_its_status),
		TEST(a_revocation_has_its_own_error_beside_the_reason),
		TEST(a_payload_that_cannot_be_had_is_described),
		TEST(a_storage_that_nobody_knows_is_called_so),
		TEST(a_notification_that_nobody_took_says_how_often_it_was_tried),
		TEST(a_notification_without_an_error_of_its_own_has_the_reason),
		TEST(metadata_is_carried_beside_the_topic),
		TEST(texts_that_are_no_text_can_be_filed),
		TEST(a_long_text_is_cut),
		TEST(without_memory_there_is_no_letter_and_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
