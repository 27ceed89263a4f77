/* Tests of what a command leaves beside its events: keys, states, letters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"

#include "engine_world.h"
#include "failing_malloc.h"

static World *world;
static PbSnapshot given;		/* what the handler gives back with its events */
static PbAny given_state;
static PbUUID source_root;
static PbCover source;
static PbAngzarrDeferredSequence deferred;
static int	calls;

static int
setup(void **state)
{
	static uint8_t root[16] = {9};

	calls = 0;
	world = world_create();
	pb_any_init(&given_state);
	given_state.type_url = (char *) "/shop.Order";
	given_state.value.data = (uint8_t *) "state";
	given_state.value.len = 5;
	pb_snapshot_init(&given);
	given.state = &given_state;
	given.sequence = 77;		/* ours counts, whatever it writes there */
	pb_uuid_init(&source_root);
	source_root.value.data = root;
	source_root.value.len = sizeof(root);
	pb_cover_init(&source);
	source.domain = (char *) "cart";
	source.root = &source_root;
	pb_angzarr_deferred_sequence_init(&deferred);
	deferred.source = &source;
	deferred.source_seq = 4;
	deferred.source_component = (char *) "checkout";
	deferred.command_index = 1;
	return !world_start(world);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	world_free(world);
	return 0;
}

static void
assert_error(const Reply *reply, AzCode code, const char *text)
{
	if (reply->code != code || strstr(reply->message, text) == NULL)
		fail_msg("got %s \"%s\", not %s \"...%s...\"", az_code_name(reply->code),
				 reply->message, az_code_name(code), text);
}

static void
put_events(int n)
{
	for (int i = 0; i < n; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							"old");
}

static PbCommandRequest *
command_with(PbMergeStrategy merge, uint32_t expected)
{
	PbCommandRequest *request = world_command(world);

	request->command->pages[0]->merge_strategy = merge;
	request->command->pages[0]->header->sequence = expected;
	return request;
}

static PbCommandRequest *
deferred_command(void)
{
	PbCommandRequest *request = world_command(world);
	PbPageHeader *header = request->command->pages[0]->header;

	header->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header->angzarr_deferred = &deferred;
	return request;
}

static void
answer_with_snapshot(World *asked, H2Request *request,
					 PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbEventBook book = PB_EVENT_BOOK_INIT;
	PbEventPage page = PB_EVENT_PAGE_INIT;
	PbAny		event = PB_ANY_INIT;
	PbEventPage *pages[] = {&page, &page};

	event.type_url = (char *) "/shop.OrderCreated";
	page.payload_case = PB_EVENT_PAGE_EVENT;
	page.event = &event;
	book.pages = pages;
	book.n_pages = (size_t) asked->n_events;
	book.snapshot = &given;
	response.result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response.events = &book;
	answer_message(asked, request, &response);
}

static void
count_and_answer(World *asked, H2Request *request,
				 PbContextualCommand *command)
{
	calls++;
	answer_events(asked, request, command);
}

static void
reject_first(World *asked, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbRevocationResponse revocation = PB_REVOCATION_RESPONSE_INIT;

	if (calls++ > 0)
	{
		answer_events(asked, request, command);
		return;
	}
	revocation.reason = (char *) "not today";
	response.result_case = PB_BUSINESS_RESPONSE_REVOCATION;
	response.revocation = &revocation;
	answer_message(asked, request, &response);
}

static PbStatus *
details_of(const Reply *reply)
{
	PbStatus   *status = az_decode(&pb_status_descriptor, reply->details,
								   world->arena, NULL);

	assert_non_null(status);
	return status;
}

/* Somebody appends between the load and the append, once. */
static void
write_first(MemoryDb *memory, AzStatementId statement)
{
	if (statement != AZ_STATEMENT_APPEND_PROBED)
		return;
	memory->before = NULL;
	memory_db_put_event(memory, &world->order, "/shop.ItemAdded", "theirs");
}

/* ---- snapshots ---- */

static void
a_state_that_comes_back_is_kept_at_the_last_event(void **state)
{
	const AzSnapshot *kept = &world->memory->kept.snapshots[0].snapshot;

	put_events(3);
	world->n_events = 2;
	world->handle = answer_with_snapshot;
	given.retention = PB_RETENTION_PERSIST;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(world->memory->kept.committed_snapshots, 1);
	assert_int_equal(kept->sequence, 4);
	assert_string_equal(kept->type_url, "/shop.Order");
	assert_int_equal(kept->state.len, 5);
	assert_int_equal(kept->retention, AZ_RETENTION_PERSIST);
	assert_true(kept->created_at_us > 1);
}

static void
a_state_without_new_events_is_kept_at_the_event_before(void **state)
{
	put_events(3);
	world->n_events = 0;
	world->handle = answer_with_snapshot;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(world->memory->kept.committed_snapshots, 1);
	assert_int_equal(world->memory->kept.snapshots[0].snapshot.sequence, 2);
	assert_int_equal(world_stored(world), 3);
}

static void
a_state_of_an_aggregate_without_events_is_not_kept(void **state)
{
	world->n_events = 0;
	world->handle = answer_with_snapshot;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(world->memory->kept.n_snapshots, 0);
}

static void
what_is_no_state_fails_the_command_and_stores_nothing(void **state)
{
	static uint8_t large[60000];
	Reply		reply;

	world->handle = answer_with_snapshot;
	given_state.type_url = (char *) "/";
	reply = world_handle(world, world_command(world));
	assert_error(&reply, AZ_INTERNAL, "a snapshot without a type");
	given_state.type_url = (char *) "/shop.Order";
	given.retention = (PbSnapshotRetention) 9;
	reply = world_handle(world, world_command(world));
	assert_error(&reply, AZ_INTERNAL, "retention 9");
	given.retention = PB_RETENTION_DEFAULT;
	given_state.value.data = large;
	given_state.value.len = sizeof(large);
	reply = world_handle(world, world_command(world));
	assert_error(&reply, AZ_RESOURCE_EXHAUSTED, "a snapshot of 60000 bytes");
	assert_int_equal(world_stored(world), 0);
	assert_int_equal(world->memory->kept.n_snapshots, 0);
}

static void
a_state_and_its_events_are_kept_together_or_not_at_all(void **state)
{
	world->handle = answer_with_snapshot;
	memory_db_fail_statement(world->memory, AZ_STATEMENT_KEEP_SNAPSHOTS, 1,
							 "40001");
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(world_stored(world), 1);
	assert_int_equal(world->memory->kept.committed_snapshots, 1);
}

/* ---- refusals ---- */

static void
a_refused_command_shows_the_aggregate_as_it_is(void **state)
{
	Reply		reply;
	PbStatus   *status;
	PbEventBook *book;
	AzBytes		bytes;

	put_events(3);
	reply = world_handle(world, command_with(PB_MERGE_STRICT, 1));
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "Sequence mismatch: command expects 1, aggregate is at 3");
	status = details_of(&reply);
	assert_int_equal(status->n_details, 3);
	bytes.data = status->details[2]->value.data;
	bytes.len = status->details[2]->value.len;
	book = az_decode(&pb_event_book_descriptor, bytes, world->arena, NULL);
	assert_int_equal(book->n_pages, 3);
	assert_int_equal(book->next_sequence, 3);
}

static void
a_strict_command_that_is_overtaken_is_refused_with_what_overtook_it(void **state)
{
	Reply		reply;

	put_events(3);
	world->handle = count_and_answer;
	world->memory->before = write_first;
	reply = world_handle(world, command_with(PB_MERGE_STRICT, 3));
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "Sequence mismatch: command expects 3, aggregate is at 4");
	assert_int_equal(details_of(&reply)->n_details, 3);
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 4);
}

static void
a_manual_mismatch_is_filed_before_the_caller_is_told(void **state)
{
	PbAngzarrDeadLetter *letter;
	Reply		reply;

	put_events(3);
	world->handle = count_and_answer;
	reply = world_handle(world, command_with(PB_MERGE_MANUAL, 1));
	assert_error(&reply, AZ_ABORTED,
				 "Sequence mismatch: command expects 1, aggregate is at 3");
	assert_int_equal(calls, 0);
	assert_int_equal(details_of(&reply)->n_details, 2);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	letter = az_decode(&pb_angzarr_dead_letter_descriptor,
					   world->memory->kept.letters[0], world->arena, NULL);
	assert_string_equal(letter->cover->domain, "order");
	assert_string_equal(letter->rejected_command->pages[0]->command->type_url,
						"/shop.CreateOrder");
	assert_int_equal(letter->sequence_mismatch->expected_sequence, 1);
	assert_int_equal(letter->sequence_mismatch->actual_sequence, 3);
	assert_int_equal(letter->sequence_mismatch->merge_strategy,
					 PB_MERGE_MANUAL);
	assert_string_equal(letter->source_component, "order");
	assert_string_equal(letter->source_component_type, "aggregate");
	assert_string_equal(letter->rejection_reason, reply.message);
	assert_string_equal(letter->metadata[0]->key, "topic");
	assert_string_equal(letter->metadata[0]->value, "angzarr.dlq.order");
	assert_non_null(letter->occurred_at);
}

static void
a_manual_command_that_is_overtaken_is_filed_too(void **state)
{
	Reply		reply;

	put_events(3);
	world->memory->before = write_first;
	reply = world_handle(world, command_with(PB_MERGE_MANUAL, 3));
	assert_error(&reply, AZ_ABORTED,
				 "Sequence mismatch: command expects 3, aggregate is at 4");
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_int_equal(world_stored(world), 4);
}

/* Every try fails, in the batch and alone. */
static void
fail_filing(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_FILE_DEAD_LETTERS)
		memory_db_fail_statement(memory, statement, 1, "53100");
}

static void
a_letter_that_cannot_be_filed_is_an_error_and_not_a_refusal(void **state)
{
	Reply		reply;

	put_events(3);
	world->memory->before = fail_filing;
	reply = world_handle(world, command_with(PB_MERGE_MANUAL, 1));
	assert_int_equal(reply.code, AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(world->memory->kept.n_letters, 0);
}

/* ---- deferred commands ---- */

static void
a_deferred_command_is_done_once_and_a_repeat_gets_the_first_events(void **state)
{
	Reply		reply;
	PbEventBook *book;

	put_events(2);
	world->n_events = 2;
	world->handle = count_and_answer;
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world->memory->kept.committed_keys, 1);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(calls, 2);

	reply = world_handle(world, deferred_command());
	assert_int_equal(reply.code, AZ_OK);
	book = world_answer_book(world, &reply);
	assert_int_equal(book->n_pages, 2);
	assert_int_equal(book->pages[0]->header->sequence, 2);
	assert_int_equal(book->pages[1]->header->sequence, 3);
	assert_int_equal(book->next_sequence, 4);
	assert_int_equal(calls, 2);
	assert_int_equal(world_stored(world), 6);
}

static void
a_deferred_command_without_events_is_remembered_too(void **state)
{
	Reply		reply;
	PbEventBook *book;

	put_events(2);
	world->n_events = 0;
	world->handle = count_and_answer;
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	world->n_events = 1;
	reply = world_handle(world, deferred_command());
	assert_int_equal(reply.code, AZ_OK);
	book = world_answer_book(world, &reply);
	assert_int_equal(book->n_pages, 0);
	assert_int_equal(book->next_sequence, 2);
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 2);
}

static void
each_part_of_the_provenance_makes_another_command(void **state)
{
	static uint8_t other_root[16] = {8};
	PbEdition	edition = PB_EDITION_INIT;
	size_t		done = 1;

	edition.name = (char *) "what-if";
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	source.domain = (char *) "basket";
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), ++done);
	source.edition = &edition;
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), ++done);
	source_root.value.data = other_root;
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), ++done);
	deferred.source_seq++;
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), ++done);
	deferred.source_component = (char *) "billing";
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), ++done);
	deferred.command_index++;
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), ++done);
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), done);
}

static void
a_deferred_command_is_never_checked_and_names_its_cause(void **state)
{
	PbCommandRequest *request = deferred_command();
	const AzEvent *events;
	size_t		count;

	put_events(5);
	request->command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	events = memory_db_events(world->memory, &world->order, &count);
	assert_int_equal(count, 6);
	assert_string_equal(events[5].cause->source.domain, "cart");
	assert_int_equal(events[5].cause->sequence, 4);
	assert_string_equal(events[5].cause->component, "checkout");
	assert_null(events[4].cause);
}

static void
a_rejection_is_not_remembered(void **state)
{
	Reply		reply;

	world->handle = reject_first;
	reply = world_handle(world, deferred_command());
	assert_error(&reply, AZ_FAILED_PRECONDITION, "not today");
	assert_int_equal(world->memory->kept.n_keys, 0);
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(calls, 2);
	assert_int_equal(world_stored(world), 1);
}

static void
a_key_and_its_events_are_kept_together_or_not_at_all(void **state)
{
	memory_db_fail_statement(world->memory, AZ_STATEMENT_KEEP_KEYS, 1,
							 "23505");
	assert_int_equal(world_handle(world, deferred_command()).code, AZ_OK);
	assert_int_equal(world_stored(world), 1);
	assert_int_equal(world->memory->kept.committed_keys, 1);
	assert_int_equal(world->memory->rolled_back, 1);
}

static void
a_source_that_is_not_whole_is_refused_and_named(void **state)
{
	PbCommandRequest *request;
	Reply		reply;

	deferred.source = NULL;
	reply = world_handle(world, deferred_command());
	assert_error(&reply, AZ_INVALID_ARGUMENT,
				 "command.pages[0].header.angzarr_deferred.source is missing");
	deferred.source = &source;
	source.root = NULL;
	reply = world_handle(world, deferred_command());
	assert_error(&reply, AZ_INVALID_ARGUMENT,
				 "command.pages[0].header.angzarr_deferred.source.root");
	source.root = &source_root;
	source.domain = (char *) "a/b";
	reply = world_handle(world, deferred_command());
	assert_error(&reply, AZ_INVALID_ARGUMENT, "angzarr_deferred.source.domain");
	/* What is wrong with a request comes before who would handle it. */
	request = deferred_command();
	request->command->cover->domain = (char *) "nobody";
	reply = world_handle(world, request);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "angzarr_deferred.source.domain");
	assert_int_equal(world_stored(world), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_state_that_comes_back_is_kept_at_the_last_event),
		TEST(a_state_without_new_events_is_kept_at_the_event_before),
		TEST(a_state_of_an_aggregate_without_events_is_not_kept),
		TEST(what_is_no_state_fails_the_command_and_stores_nothing),
		TEST(a_state_and_its_events_are_kept_together_or_not_at_all),
		TEST(a_refused_command_shows_the_aggregate_as_it_is),
		TEST(a_strict_command_that_is_overtaken_is_refused_with_what_overtook_it),
		TEST(a_manual_mismatch_is_filed_before_the_caller_is_told),
		TEST(a_manual_command_that_is_overtaken_is_filed_too),
		TEST(a_letter_that_cannot_be_filed_is_an_error_and_not_a_refusal),
		TEST(a_deferred_command_is_done_once_and_a_repeat_gets_the_first_events),
		TEST(a_deferred_command_without_events_is_remembered_too),
		TEST(each_part_of_the_provenance_makes_another_command),
		TEST(a_deferred_command_is_never_checked_and_names_its_cause),
		TEST(a_rejection_is_not_remembered),
		TEST(a_key_and_its_events_are_kept_together_or_not_at_all),
		TEST(a_source_that_is_not_whole_is_refused_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
