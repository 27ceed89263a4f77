/* Tests of DlqAdminService: an operator looks, replays and deletes. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "engine_world.h"
#include "failing_malloc.h"
#include "codec/dead_letter.h"

#define SERVICE "/io.angzarr.status.v1.DlqAdminService/"

static World *world;
static PbListDeadLettersRequest list;

static int
setup(void **state)
{
	world = world_create();
	pb_list_dead_letters_request_init(&list);
	return !world_start(world);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	world_free(world);
	return 0;
}

static Reply
ask(const char *method, const void *request)
{
	Reply		reply;
	AzBytes		bytes;

	assert_true(az_encode(request, world->arena, &bytes, NULL));
	world_send(world, az_arena_format(world->arena, SERVICE "%s", method),
			   bytes, NULL, &reply);
	world_until(world, &reply.came);
	return reply;
}

static void
assert_error(const Reply *reply, AzCode code, const char *text)
{
	if (reply->code != code || strstr(reply->message, text) == NULL)
		fail_msg("got %s \"%s\", not %s \"...%s...\"", az_code_name(reply->code),
				 reply->message, az_code_name(code), text);
}

static void *
read_reply(const Reply *reply, const ProtobufCMessageDescriptor *type)
{
	void	   *message;

	if (reply->code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(reply->code), reply->message);
	message = az_decode(type, reply->bytes, world->arena, NULL);
	assert_non_null(message);
	return message;
}

static PbListDeadLettersResponse *
list_letters(void)
{
	Reply		reply = ask("ListDeadLetters", &list);

	return read_reply(&reply, &pb_list_dead_letters_response_descriptor);
}

/* A command that expects 5 of an aggregate that is elsewhere. */
static PbCommandRequest *
stale_command(const char *correlation_id)
{
	PbCommandRequest *request = world_command(world);

	request->command->cover->correlation_id = (char *) correlation_id;
	request->command->pages[0]->header->sequence = 5;
	request->command->pages[0]->merge_strategy = PB_MERGE_MANUAL;
	return request;
}

static void
file_letters(int n)
{
	for (int i = 1; i <= n; i++)
	{
		Reply		reply = world_handle(world,
										 stale_command(az_arena_format(world->arena,
																	   "c-%d", i)));

		assert_int_equal(reply.code, AZ_ABORTED);
	}
	assert_int_equal(world->memory->kept.committed_letters, n);
}

static void
file_letter(AzDeadLetter *letter)
{
	MemoryKept *kept = &world->memory->kept;
	AzStoredLetter *stored = &kept->stored[kept->n_letters];

	stored->id = (int64_t) kept->n_letters + 1;
	stored->letter = *letter;
	kept->letters[kept->n_letters] = letter->payload;
	kept->committed_letters = ++kept->n_letters;
}

/* Of the trigger of a projector. */
static void
file_events_letter(void)
{
	PbEventBook events = PB_EVENT_BOOK_INIT;
	AzDeadLetter letter;
	AzProcessingFailure failure = {
		.rejected = {
			.events = &events,.component = "summary",
			.component_type = "projector",.reason = "no"
		}
	};

	events.cover = world_command(world)->command->cover;
	assert_true(az_dead_letter_of_processing(&letter, &failure, world->arena,
											 NULL));
	file_letter(&letter);
}

static Reply
replay(int64_t id, int mode)
{
	PbReplayDeadLetterRequest request = PB_REPLAY_DEAD_LETTER_REQUEST_INIT;

	request.id = id;
	request.replay_mode = mode;
	return ask("ReplayDeadLetter", &request);
}

/* Whenever it is asked about dead letters. */
static void
fail_about_letters(MemoryDb *memory, AzStatementId statement)
{
	if (statement >= AZ_STATEMENT_LIST_DEAD_LETTERS &&
		statement <= AZ_STATEMENT_MARK_REPLAYED)
		memory_db_fail_statement(memory, statement, 1, "53300");
}

static void
fail_to_mark(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_MARK_REPLAYED)
		memory_db_fail_statement(memory, statement, 1, "53300");
}

/* ---- list ---- */

static void
an_empty_list_is_an_answer(void **state)
{
	PbListDeadLettersResponse *response = list_letters();

	assert_int_equal(response->state_case, PB_LIST_DEAD_LETTERS_RESPONSE_OK);
	assert_int_equal(response->ok->n_entries, 0);
	assert_string_equal(response->ok->next_page_token, "");
	assert_string_equal(response->source, "postgres");
	assert_true(response->checked_at->seconds > 0);
}

static void
a_letter_is_shown_whole(void **state)
{
	PbStoredDeadLetter *entry;
	PbAngzarrDeadLetter *letter;
	AzBytes		payload;

	file_letters(1);
	entry = list_letters()->ok->entries[0];
	assert_int_equal(entry->id, 1);
	assert_string_equal(entry->domain, "order");
	assert_string_equal(entry->correlation_id, "c-1");
	assert_string_equal(entry->rejection_reason,
						"Sequence mismatch: command expects 5, aggregate is at 0");
	assert_int_equal(entry->rejection_type,
					 PB_REJECTION_TYPE_SEQUENCE_MISMATCH);
	assert_string_equal(entry->details,
						"{\"expected_sequence\": 5, \"actual_sequence\": 0}");
	assert_string_equal(entry->source_component, "order");
	assert_string_equal(entry->source_component_type, "aggregate");
	assert_true(entry->occurred_at->seconds > 0);
	assert_int_equal(entry->created_at->seconds, 7);
	payload.data = entry->payload.data;
	payload.len = entry->payload.len;
	letter = az_decode(&pb_angzarr_dead_letter_descriptor, payload,
					   world->arena, NULL);
	assert_int_equal(letter->rejected_command->pages[0]->header->sequence, 5);
}

/* Nobody has registered the type of the command. */
static void
the_view_is_json_and_an_unknown_type_is_shown_as_bytes(void **state)
{
	PbStoredDeadLetter *entry;

	file_letters(1);
	entry = list_letters()->ok->entries[0];
	assert_non_null(strstr(entry->payload_view,
						   "\"@type\":\"/shop.CreateOrder\""));
	assert_non_null(strstr(entry->payload_view, "\"value_b64\":\"\""));
	assert_non_null(strstr(entry->payload_view, "\"expectedSequence\":5"));
}

static void
a_row_that_does_not_decode_has_an_empty_view(void **state)
{
	AzDeadLetter letter = {
		.domain = "order",.correlation_id = "",.component = "x",
		.component_type = "saga",.rejection_type = "event_processing_failed",
		.reason = "",.details = "",.payload = az_bytes_of("\xff\xff")
	};
	PbStoredDeadLetter *entry;

	file_letter(&letter);
	entry = list_letters()->ok->entries[0];
	assert_string_equal(entry->payload_view, "");
	assert_int_equal(entry->payload.len, 2);
}

static void
pages_follow_each_other_newest_first(void **state)
{
	PbListDeadLettersResponse *response;

	file_letters(5);
	list.page_size = 2;
	response = list_letters();
	assert_int_equal(response->ok->n_entries, 2);
	assert_int_equal(response->ok->entries[0]->id, 5);
	assert_int_equal(response->ok->entries[1]->id, 4);
	list.page_token = response->ok->next_page_token;
	response = list_letters();
	assert_int_equal(response->ok->entries[0]->id, 3);
	list.page_token = response->ok->next_page_token;
	response = list_letters();
	assert_int_equal(response->ok->n_entries, 1);
	assert_int_equal(response->ok->entries[0]->id, 1);
	assert_string_equal(response->ok->next_page_token, "");
}

static void
a_page_is_of_50_letters_unless_it_is_told(void **state)
{
	PbListDeadLettersResponse *response;

	for (int i = 0; i < 60; i++)
		file_events_letter();
	response = list_letters();
	assert_int_equal(response->ok->n_entries, 50);
	assert_string_equal(response->ok->next_page_token, "11");
	list.page_size = 600;
	assert_int_equal(list_letters()->ok->n_entries, 60);
}

static void
filters_reach_the_store(void **state)
{
	PbListDeadLettersResponse *response;

	file_letters(3);
	file_events_letter();
	list.filter = (char *) "correlation_id = \"c-2\" AND domain = \"order\"";
	response = list_letters();
	assert_int_equal(response->ok->n_entries, 1);
	assert_int_equal(response->ok->entries[0]->id, 2);
	list.filter = (char *) "rejection_type = \"event_processing_failed\"";
	assert_int_equal(list_letters()->ok->entries[0]->id, 4);
	list.filter = (char *) "source_component = \"summary\"";
	assert_int_equal(list_letters()->ok->n_entries, 1);
	list.filter = (char *) "occurred_before = \"2001-01-01T00:00:00Z\"";
	assert_int_equal(list_letters()->ok->n_entries, 0);
	list.filter = (char *) "occurred_after = \"2001-01-01T00:00:00Z\"";
	assert_int_equal(list_letters()->ok->n_entries, 4);
}

static void
a_page_that_is_too_large_for_a_message_is_cut_and_goes_on(void **state)
{
	PbListDeadLettersResponse *response;
	AzEngineSettings settings = world->settings;

	file_letters(4);
	settings.jobs.max_message_bytes = 1500;
	az_engine_apply(world->engine, &settings);
	response = list_letters();
	assert_in_range(response->ok->n_entries, 1, 3);
	assert_int_equal(response->ok->entries[0]->id, 4);
	list.page_token = response->ok->next_page_token;
	response = list_letters();
	assert_true(response->ok->n_entries >= 1);
	assert_true(response->ok->entries[0]->id < 4);
}

static void
a_bad_request_is_refused_with_what_is_wrong(void **state)
{
	Reply		reply;

	list.page_size = -1;
	reply = ask("ListDeadLetters", &list);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "page_size: found -1");
	list.page_size = 0;
	list.filter = (char *) "kind = \"x\"";
	reply = ask("ListDeadLetters", &list);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "at position 1");
	list.filter = (char *) "";
	for (int i = 0; i < 5; i++)
	{
		static const char *const tokens[] = {
			"x", "12x", "-1", "0", "99999999999999999999"
		};

		list.page_token = (char *) tokens[i];
		reply = ask("ListDeadLetters", &list);
		assert_error(&reply, AZ_INVALID_ARGUMENT, "page_token: found");
	}
	reply = ask("ListDeadLetters", world_fact(world));
	assert_error(&reply, AZ_INVALID_ARGUMENT, "");
}

static void
a_store_that_does_not_answer_is_told_as_degraded(void **state)
{
	PbGetDeadLetterRequest get = PB_GET_DEAD_LETTER_REQUEST_INIT;
	PbDeleteDeadLetterRequest delete = PB_DELETE_DEAD_LETTER_REQUEST_INIT;
	PbListDeadLettersResponse *response;
	PbGetDeadLetterResponse *got;
	PbDeleteDeadLetterResponse *deleted;
	Reply		reply;

	world->memory->before = fail_about_letters;
	response = list_letters();
	assert_int_equal(response->state_case,
					 PB_LIST_DEAD_LETTERS_RESPONSE_DEGRADED);
	assert_int_equal(response->degraded->status, 503);
	assert_true(response->degraded->detail[0] != '\0');
	assert_true(response->checked_at->seconds > 0);
	reply = ask("GetDeadLetter", &get);
	got = read_reply(&reply, &pb_get_dead_letter_response_descriptor);
	assert_int_equal(got->state_case, PB_GET_DEAD_LETTER_RESPONSE_DEGRADED);
	reply = ask("DeleteDeadLetter", &delete);
	deleted = read_reply(&reply, &pb_delete_dead_letter_response_descriptor);
	assert_int_equal(deleted->state_case,
					 PB_DELETE_DEAD_LETTER_RESPONSE_DEGRADED);
	reply = replay(1, 0);
	assert_true(reply.code != AZ_OK);
}

/* ---- get, delete ---- */

static void
one_letter_can_be_had_by_its_id(void **state)
{
	PbGetDeadLetterRequest request = PB_GET_DEAD_LETTER_REQUEST_INIT;
	PbGetDeadLetterResponse *response;
	Reply		reply;

	file_letters(2);
	request.id = 1;
	reply = ask("GetDeadLetter", &request);
	response = read_reply(&reply, &pb_get_dead_letter_response_descriptor);
	assert_int_equal(response->ok->entry->id, 1);
	assert_string_equal(response->ok->entry->correlation_id, "c-1");
	assert_non_null(strstr(response->ok->entry->payload_view, "rejectedCommand"));
	assert_string_equal(response->source, "postgres");
	request.id = 3;
	reply = ask("GetDeadLetter", &request);
	assert_error(&reply, AZ_NOT_FOUND, "there is no dead letter with id 3");
}

static void
a_letter_is_deleted_once(void **state)
{
	PbDeleteDeadLetterRequest request = PB_DELETE_DEAD_LETTER_REQUEST_INIT;
	PbDeleteDeadLetterResponse *response;
	Reply		reply;

	file_letters(1);
	request.id = 1;
	for (int i = 0; i < 2; i++)
	{
		reply = ask("DeleteDeadLetter", &request);
		response = read_reply(&reply,
							  &pb_delete_dead_letter_response_descriptor);
		assert_int_equal(response->ok->deleted, i == 0);
		assert_string_equal(response->source, "postgres");
	}
	assert_int_equal(list_letters()->ok->n_entries, 0);
}

/* ---- replay ---- */

static char seen[3][64];

static void
note_headers(World *asked, H2Request *request, PbContextualCommand *command)
{
	static const char *const names[] = {
		"replayed_from_dlq_id", "original_correlation_id", "x-correlation-id"
	};

	for (int i = 0; i < 3; i++)
	{
		const char *value = h2_header(request, names[i]);

		snprintf(seen[i], sizeof(seen[i]), "%s", value != NULL ? value : "none");
	}
	answer_events(asked, request, command);
}

static void
a_fresh_replay_runs_the_command_where_the_aggregate_is_now(void **state)
{
	PbReplayDeadLetterResponse *response;
	Reply		reply;

	world->handle = note_headers;
	world->n_events = 1;
	file_letters(1);
	reply = replay(1, PB_REPLAY_MODE_FRESH_SEQUENCE);
	response = read_reply(&reply, &pb_replay_dead_letter_response_descriptor);
	assert_int_equal(response->ok->applied_mode,
					 PB_REPLAY_MODE_FRESH_SEQUENCE);
	assert_string_equal(response->ok->new_correlation_id, "fresh-1");
	assert_int_equal(response->ok->replayed_at->seconds, 9);
	assert_string_equal(response->source, "postgres");
	assert_string_equal(seen[0], "1");
	assert_string_equal(seen[1], "c-1");
	assert_string_equal(seen[2], "fresh-1");
	assert_string_equal(world->last->command->cover->correlation_id,
						"fresh-1");
	assert_int_equal(world->last->command->pages[0]->header->sequence, 0);
	assert_int_equal(world_stored(world), 1);
	assert_true(world->memory->kept.was_replayed[0]);
	/* The letter stays. */
	assert_int_equal(list_letters()->ok->n_entries, 1);
}

static void
a_replay_as_it_is_that_fails_again_is_filed_with_its_history(void **state)
{
	PbAngzarrDeadLetter *letter;
	Reply		reply;

	file_letters(1);
	reply = replay(1, PB_REPLAY_MODE_UNSPECIFIED);
	assert_error(&reply, AZ_ABORTED,
				 "Sequence mismatch: command expects 5, aggregate is at 0");
	assert_true(reply.details.len > 0);
	assert_int_equal(world->memory->kept.committed_letters, 2);
	assert_false(world->memory->kept.was_replayed[0]);
	letter = az_decode(&pb_angzarr_dead_letter_descriptor,
					   world->memory->kept.letters[1], world->arena, NULL);
	assert_string_equal(letter->cover->correlation_id, "fresh-1");
	assert_int_equal(letter->n_metadata, 3);
	assert_string_equal(letter->metadata[1]->key, "replayed_from_dlq_id");
	assert_string_equal(letter->metadata[1]->value, "1");
	assert_string_equal(letter->metadata[2]->key, "original_correlation_id");
	assert_string_equal(letter->metadata[2]->value, "c-1");
}

static void
a_replay_as_it_is_runs_when_the_aggregate_has_come_there(void **state)
{
	PbReplayDeadLetterResponse *response;
	Reply		reply;

	world->n_events = 1;
	file_letters(1);
	for (int i = 0; i < 5; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							"old");
	reply = replay(1, PB_REPLAY_MODE_AS_IS);
	response = read_reply(&reply, &pb_replay_dead_letter_response_descriptor);
	assert_int_equal(response->ok->applied_mode, PB_REPLAY_MODE_AS_IS);
	assert_int_equal(world_stored(world), 6);
}

static void
reject(World *asked, H2Request *request, PbContextualCommand *command)
{
	h2_refuse(request, "9", "sold out");
}

static void
the_status_of_the_command_is_that_of_its_replay(void **state)
{
	Reply		reply;

	world->handle = reject;
	file_letters(1);
	reply = replay(1, PB_REPLAY_MODE_FRESH_SEQUENCE);
	assert_error(&reply, AZ_FAILED_PRECONDITION, "sold out");
	assert_false(world->memory->kept.was_replayed[0]);
}

static void
what_cannot_be_replayed_is_told(void **state)
{
	AzDeadLetter broken = {
		.domain = "order",.correlation_id = "",.component = "x",
		.component_type = "saga",.rejection_type = "event_processing_failed",
		.reason = "",.details = "",.payload = az_bytes_of("\xff\xff")
	};
	Reply		reply = replay(1, PB_REPLAY_MODE_AS_IS);

	assert_error(&reply, AZ_NOT_FOUND, "there is no dead letter with id 1");
	reply = replay(1, 7);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "replay_mode: found 7");
	file_events_letter();
	reply = replay(1, PB_REPLAY_MODE_AS_IS);
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "for component \"summary\", and no projector, saga or process manager of that name");
	file_letter(&broken);
	reply = replay(2, PB_REPLAY_MODE_AS_IS);
	assert_error(&reply, AZ_DATA_LOSS, "does not decode");
}

/* The letter of a notification that nobody took. */
static void
file_envelope(bool is_whole)
{
	PbCommandBook *command = world_command(world)->command;
	PbAngzarrDeferredSequence deferred = PB_ANGZARR_DEFERRED_SEQUENCE_INIT;
	AzError		status = {.code = AZ_ABORTED,.message = "sold out"};
	AzAddress	address = {
		.target = command->cover,.correlation_id = "c-1",
		.provenance = &deferred
	};
	AzDeadLetter letter;
	AzDeliveryFailure failure = {
		.rejected = {
			.command = command,.component = "to-stock",
			.component_type = "saga",.reason = "no"
		},
		.attempts = 1
	};

	deferred.source = command->cover;
	deferred.source_component = (char *) "to-stock";
	if (is_whole)
		failure.rejected.command =
			az_notification_reject(&address, command, &status, world->arena,
								   NULL);
	assert_non_null(failure.rejected.command);
	assert_true(az_dead_letter_of_delivery(&letter, &failure, world->arena,
										   NULL));
	file_letter(&letter);
}

static void
what_only_seems_an_envelope_is_told(void **state)
{
	Reply		reply;

	file_envelope(false);
	reply = replay(1, PB_REPLAY_MODE_AS_IS);
	assert_error(&reply, AZ_FAILED_PRECONDITION, "Notification");
	assert_int_equal(world->memory->committed_outbox.count, 0);
	assert_int_equal(list_letters()->ok->entries[0]->rejection_type,
					 PB_REJECTION_TYPE_UNSPECIFIED);
}

static int	notices;

static void
count_notices(World *asked, H2Request *request, PbContextualCommand *command)
{
	notices++;
	answer_events(asked, request, command);
}

static void
an_envelope_goes_back_into_the_outbox_and_is_delivered(void **state)
{
	PbReplayDeadLetterResponse *response;
	Reply		reply;

	notices = 0;
	world->n_events = 1;
	world->handle = count_notices;
	file_envelope(true);
	reply = replay(1, PB_REPLAY_MODE_AS_IS);
	response = read_reply(&reply, &pb_replay_dead_letter_response_descriptor);
	assert_int_equal(response->ok->applied_mode, PB_REPLAY_MODE_AS_IS);
	assert_string_equal(response->ok->new_correlation_id, "c-1");
	assert_true(world->memory->kept.was_replayed[0]);
	for (int i = 0; i < 5000 && world_stored(world) == 0; i++)
		world_go_on(world);
	assert_int_equal(notices, 1);
	assert_int_equal(world_stored(world), 1);
	assert_string_equal(world->last->command->pages[0]->command->type_url,
						"/io.angzarr.v1.Notification");
}

static int	projections;
static bool is_refusing;
static char projected[4][64];	/* correlation id, type, metadata */

static void
project(World *asked, H2Request *request, PbEventBook *events)
{
	PbProjection projection = PB_PROJECTION_INIT;

	projections++;
	snprintf(projected[0], 64, "%s", events->cover->correlation_id);
	snprintf(projected[1], 64, "%s", events->pages[0]->event->type_url);
	snprintf(projected[2], 64, "%s",
			 h2_header(request, "replayed_from_dlq_id"));
	snprintf(projected[3], 64, "%" PRIu32, events->pages[0]->header->sequence);
	if (is_refusing)
		h2_refuse(request, "14", "not there");
	else
		answer_message(asked, request, &projection);
}

/* Of an event that the projector "summary", which there is, failed on. */
static void
file_projection(void)
{
	MemoryComponent summary = {
		.name = "summary",.kind = "projector",.address = world->address,
		.inputs = "order",.max_attempts = 5
	};
	AzEvent		event = {
		.sequence = 4,.correlation_id = "c-9",.type_url = "/shop.ItemAdded",
		.payload = az_bytes_of("item"),.created_at_us = 1000000
	};
	AzBook		book = {
		.aggregate = world->order,.events = &event,.count = 1
	};
	AzDeadLetter letter;
	AzProcessingFailure failure = {
		.rejected = {
			.component = "summary",.component_type = "projector",
			.reason = "no"
		}
	};

	projections = 0;
	is_refusing = false;
	world->project = project;
	memory_db_register(world->memory, summary);
	for (int i = 0; i < 5; i++)
		world_go_on(world);
	failure.rejected.events = az_book_make(&book, world->arena, NULL);
	assert_true(az_dead_letter_of_processing(&letter, &failure, world->arena,
											 NULL));
	file_letter(&letter);
}

static void
events_go_to_their_component_again(void **state)
{
	PbReplayDeadLetterResponse *response;
	Reply		reply;

	file_projection();
	reply = replay(1, PB_REPLAY_MODE_AS_IS);
	response = read_reply(&reply, &pb_replay_dead_letter_response_descriptor);
	assert_string_equal(response->ok->new_correlation_id, "fresh-1");
	assert_int_equal(projections, 1);
	assert_string_equal(projected[0], "fresh-1");
	assert_string_equal(projected[1], "/shop.ItemAdded");
	assert_string_equal(projected[2], "1");
	assert_string_equal(projected[3], "4");
	assert_true(world->memory->kept.was_replayed[0]);
	assert_int_equal(world->memory->kept.committed_letters, 1);
}

static void
events_that_fail_again_are_a_new_letter_with_their_history(void **state)
{
	PbAngzarrDeadLetter *letter;
	Reply		reply;

	file_projection();
	is_refusing = true;
	reply = replay(1, PB_REPLAY_MODE_AS_IS);
	assert_error(&reply, AZ_UNAVAILABLE, "is a new dead letter: not there");
	assert_int_equal(projections, 1);
	assert_false(world->memory->kept.was_replayed[0]);
	assert_int_equal(world->memory->kept.committed_letters, 2);
	letter = az_decode(&pb_angzarr_dead_letter_descriptor,
					   world->memory->kept.letters[1], world->arena, NULL);
	assert_non_null(letter);
	assert_int_equal(letter->event_processing_failed->retry_count, 1);
	assert_int_equal(letter->n_metadata, 3);
}

static void
a_mark_that_fails_does_not_hide_that_the_command_has_run(void **state)
{
	Reply		reply;

	world->n_events = 1;
	file_letters(1);
	world->memory->before = fail_to_mark;
	reply = replay(1, PB_REPLAY_MODE_FRESH_SEQUENCE);
	read_reply(&reply, &pb_replay_dead_letter_response_descriptor);
	assert_int_equal(world_stored(world), 1);
	assert_false(world->memory->kept.was_replayed[0]);
}

static void
it_is_watched_and_described_like_any_service(void **state)
{
	PbHealthCheckRequest request = PB_HEALTH_CHECK_REQUEST_INIT;
	Reply		reply;
	AzBytes		bytes;

	request.service = (char *) "io.angzarr.status.v1.DlqAdminService";
	assert_true(az_encode(&request, world->arena, &bytes, NULL));
	world_send(world, "/grpc.health.v1.Health/Check", bytes, NULL, &reply);
	world_until(world, &reply.came);
	assert_int_equal(reply.code, AZ_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_list_is_an_answer),
		TEST(a_letter_is_shown_whole),
		TEST(the_view_is_json_and_an_unknown_type_is_shown_as_bytes),
		TEST(a_row_that_does_not_decode_has_an_empty_view),
		TEST(pages_follow_each_other_newest_first),
		TEST(a_page_is_of_50_letters_unless_it_is_told),
		TEST(filters_reach_the_store),
		TEST(a_page_that_is_too_large_for_a_message_is_cut_and_goes_on),
		TEST(a_bad_request_is_refused_with_what_is_wrong),
		TEST(a_store_that_does_not_answer_is_told_as_degraded),
		TEST(one_letter_can_be_had_by_its_id),
		TEST(a_letter_is_deleted_once),
		TEST(a_fresh_replay_runs_the_command_where_the_aggregate_is_now),
		TEST(a_replay_as_it_is_that_fails_again_is_filed_with_its_history),
		TEST(a_replay_as_it_is_runs_when_the_aggregate_has_come_there),
		TEST(the_status_of_the_command_is_that_of_its_replay),
		TEST(what_cannot_be_replayed_is_told),
		TEST(what_only_seems_an_envelope_is_told),
		TEST(an_envelope_goes_back_into_the_outbox_and_is_delivered),
		TEST(events_go_to_their_component_again),
		TEST(events_that_fail_again_are_a_new_letter_with_their_history),
		TEST(a_mark_that_fails_does_not_hide_that_the_command_has_run),
		TEST(it_is_watched_and_described_like_any_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
