/* Tests of deciding on remembered books: nobody may ever see that they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"

#include "engine_world.h"

static World *world;
static int	calls;
static size_t sees[16];			/* how many pages each call was given */

static void count_and_answer(World *asked, H2Request *request,
							 PbContextualCommand *command);

static int
setup(void **state)
{
	calls = 0;
	world = world_create();
	world->handle = count_and_answer;
	return 0;
}

static int
teardown(void **state)
{
	world_free(world);
	return 0;
}

/* ---- ways to answer, by what is seen ---- */

static void
count(const PbContextualCommand *command)
{
	sees[calls++ % 16] = command->events->n_pages;
}

static void
count_and_answer(World *asked, H2Request *request,
				 PbContextualCommand *command)
{
	count(command);
	answer_events(asked, request, command);
}

static void
reject_below_four(World *asked, H2Request *request,
				  PbContextualCommand *command)
{
	count(command);
	if (command->events->n_pages < 4)
		h2_refuse(request, "9", "too few");
	else
		answer_events(asked, request, command);
}

static void
revoke_below_four(World *asked, H2Request *request,
				  PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbRevocationResponse revocation = PB_REVOCATION_RESPONSE_INIT;

	count(command);
	if (command->events->n_pages >= 4)
	{
		answer_events(asked, request, command);
		return;
	}
	revocation.reason = (char *) "too few";
	response.result_case = PB_BUSINESS_RESPONSE_REVOCATION;
	response.revocation = &revocation;
	answer_message(asked, request, &response);
}

static void
quiet_below_four(World *asked, H2Request *request,
				 PbContextualCommand *command)
{
	count(command);
	asked->n_events = command->events->n_pages < 4 ? 0 : 1;
	answer_events(asked, request, command);
}

static const char *state_type = "/shop.Order";

static void
answer_with_snapshot(World *asked, H2Request *request,
					 PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbEventBook book = PB_EVENT_BOOK_INIT;
	PbEventPage page = PB_EVENT_PAGE_INIT;
	PbSnapshot	snapshot = PB_SNAPSHOT_INIT;
	PbAny		any = PB_ANY_INIT;
	PbAny		state = PB_ANY_INIT;
	PbEventPage *pages[] = {&page};

	count(command);
	any.type_url = (char *) "/shop.Order";
	page.payload_case = PB_EVENT_PAGE_EVENT;
	page.event = &any;
	state.type_url = (char *) state_type;
	snapshot.state = &state;
	book.pages = pages;
	book.n_pages = 1;
	book.snapshot = &snapshot;
	response.result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response.events = &book;
	answer_message(asked, request, &response);
}

/* ---- the tests' own words ---- */

static void
put_events(int n)
{
	for (int i = 0; i < n; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							"theirs");
}

/* The engine has three events in mind, and has loaded nothing for the next. */
static void
remember_three(void)
{
	int			n_events = world->n_events;
	void		(*handle) (World *asked, H2Request *request,
						   PbContextualCommand *command) = world->handle;

	assert_true(world_start(world));
	world->n_events = 1;
	world->handle = count_and_answer;
	put_events(2);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	world->n_events = n_events;
	world->handle = handle;
	calls = 0;
	memset(world->memory->executed, 0, sizeof(world->memory->executed));
}

static int
executed(AzStatementId statement)
{
	return world->memory->executed[statement];
}

static PbCommandRequest *
command_with(PbMergeStrategy merge, uint32_t expected)
{
	PbCommandRequest *request = world_command(world);

	request->command->pages[0]->merge_strategy = merge;
	request->command->pages[0]->header->sequence = expected;
	return request;
}

static void
assert_answer(PbCommandRequest *request, uint32_t sequence)
{
	Reply		reply = world_handle(world, request);
	PbEventBook *book;

	if (reply.code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(reply.code), reply.message);
	book = world_answer_book(world, &reply);
	assert_int_equal(book->n_pages, 1);
	assert_int_equal(book->pages[0]->header->sequence, sequence);
	assert_int_equal(book->next_sequence, sequence + 1);
}

static void
assert_refused(PbCommandRequest *request, AzCode code, const char *text)
{
	Reply		reply = world_handle(world, request);

	if (reply.code != code || strstr(reply.message, text) == NULL)
		fail_msg("got %s \"%s\", not %s \"...%s...\"", az_code_name(reply.code),
				 reply.message, az_code_name(code), text);
}

/* Somebody appends right before the append, once. */
static void
write_before_append(MemoryDb *memory, AzStatementId statement)
{
	if (statement != AZ_STATEMENT_APPEND_PROBED)
		return;
	memory->before = NULL;
	put_events(1);
}

static void
write_before_each_append(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_APPEND_PROBED)
		put_events(1);
}

/* ---- what is remembered ---- */

static void
a_command_on_a_known_aggregate_loads_nothing(void **state)
{
	remember_three();
	assert_answer(world_command(world), 3);
	assert_answer(world_command(world), 4);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
	assert_int_equal(executed(AZ_STATEMENT_HEADS), 0);
	assert_int_equal(calls, 2);
	assert_int_equal(sees[0], 3);
	assert_int_equal(sees[1], 4);
}

static void
a_new_aggregate_is_known_after_its_first_command(void **state)
{
	assert_true(world_start(world));
	assert_answer(world_command(world), 0);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
	assert_answer(world_command(world), 1);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
	assert_int_equal(sees[1], 1);
}

static AzBytes
given(void)
{
	AzBytes		bytes;

	assert_true(az_encode(world->last->events, world->arena, &bytes, NULL));
	return bytes;
}

/* Also what the engine itself has appended, with its ext and correlation id. */
static void
a_remembered_book_is_byte_for_byte_what_a_load_gives(void **state)
{
	PbCommandRequest *request;
	PbAny		ext = PB_ANY_INIT;
	AzBytes		remembered;
	AzBytes		loaded;

	remember_three();
	request = world_command(world);
	ext.type_url = (char *) "/test.Ext";
	request->command->cover->correlation_id = (char *) "c-1";
	request->command->cover->ext = &ext;
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	world->n_events = 0;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	remembered = given();
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
	memory_db_unregister(world->memory, "nobody");
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	loaded = given();
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
	assert_int_equal(loaded.len, remembered.len);
	assert_memory_equal(loaded.data, remembered.data, loaded.len);
}

static void
without_room_every_command_loads(void **state)
{
	world->settings.jobs.cache_bytes = 0;
	remember_three();
	assert_answer(world_command(world), 3);
	assert_answer(world_command(world), 4);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 2);
}

static void
a_smaller_limit_is_taken_over_at_once(void **state)
{
	remember_three();
	world->settings.jobs.cache_bytes = 0;
	az_engine_apply(world->engine, &world->settings);
	assert_answer(world_command(world), 3);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
}

static void
news_of_the_components_empties_the_memory(void **state)
{
	MemoryComponent full = {
		.name = "order",.kind = "aggregate",.domain = "order",
		.address = world->address,.full_books = true
	};

	remember_three();
	memory_db_unregister(world->memory, "order");
	memory_db_put_snapshot(world->memory, &world->order, 1, "state");
	memory_db_register(world->memory, full);
	assert_answer(world_command(world), 3);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
	assert_int_equal(sees[0], 3);
	assert_null(world->last->events->snapshot);
}

static void
after_a_snapshot_the_next_command_loads(void **state)
{
	world->handle = answer_with_snapshot;
	remember_three();
	assert_answer(world_command(world), 3);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
	assert_answer(world_command(world), 4);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
}

/* Whether it was committed nobody knows; the batch and the plain form fail. */
static void
after_an_append_that_failed_the_next_command_loads(void **state)
{
	remember_three();
	memory_db_poison(world->memory, &world->order, "53100");
	assert_refused(world_command(world), AZ_RESOURCE_EXHAUSTED, "");
	memory_db_poison(world->memory, &world->order, NULL);
	memset(world->memory->executed, 0, sizeof(world->memory->executed));
	assert_answer(world_command(world), 3);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
}

/* ---- when memory is behind ---- */

static void
the_next_command_sees_what_somebody_else_appended(void **state)
{
	remember_three();
	put_events(1);
	assert_answer(world_command(world), 4);
	assert_int_equal(calls, 2);
	assert_int_equal(sees[1], 4);
	assert_int_equal(world_stored(world), 5);
	assert_answer(world_command(world), 5);
	assert_int_equal(calls, 3);
	assert_int_equal(sees[2], 5);
}

static void
that_memory_was_behind_counts_as_no_retry(void **state)
{
	world->settings.jobs.max_append_retries = 0;
	remember_three();
	put_events(1);
	assert_answer(world_command(world), 4);
	assert_int_equal(calls, 2);
}

static void
a_command_is_overtaken_as_often_as_without_memory(void **state)
{
	world->settings.jobs.max_append_retries = 2;
	remember_three();
	world->memory->before = write_before_each_append;
	assert_refused(world_command(world), AZ_FAILED_PRECONDITION,
				   "Sequence mismatch");
	/* Once for memory's sake, then as it would: once, and twice again. */
	assert_int_equal(calls, 4);
}

static void
a_strict_command_is_not_refused_because_memory_is_behind(void **state)
{
	remember_three();
	put_events(1);
	assert_answer(command_with(PB_MERGE_STRICT, 4), 4);
	assert_int_equal(calls, 1);
	assert_int_equal(sees[0], 4);
}

static void
a_mismatch_is_told_with_the_number_of_the_store(void **state)
{
	remember_three();
	put_events(1);
	assert_refused(command_with(PB_MERGE_STRICT, 3), AZ_FAILED_PRECONDITION,
				   "Sequence mismatch: command expects 3, aggregate is at 4");
	assert_refused(command_with(PB_MERGE_STRICT, 2), AZ_FAILED_PRECONDITION,
				   "Sequence mismatch: command expects 2, aggregate is at 4");
	put_events(1);
	assert_refused(command_with(PB_MERGE_STRICT, 1), AZ_FAILED_PRECONDITION,
				   "Sequence mismatch: command expects 1, aggregate is at 5");
	assert_int_equal(world_stored(world), 5);
}

static void
replay_nothing(World *asked, H2Request *request, PbReplayRequest *replay)
{
	PbReplayResponse response = PB_REPLAY_RESPONSE_INIT;

	answer_message(asked, request, &response);
}

/* What is compared has to be what is there. */
static void
a_stale_command_that_may_be_merged_loads_first(void **state)
{
	world->replay = replay_nothing;
	remember_three();
	assert_answer(command_with(PB_MERGE_COMMUTATIVE, 3), 3);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
	put_events(1);
	assert_answer(command_with(PB_MERGE_COMMUTATIVE, 2), 5);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 1);
	assert_int_equal(calls, 2);
	assert_int_equal(sees[1], 5);
}

static void
a_manual_mismatch_is_filed_once(void **state)
{
	remember_three();
	put_events(1);
	assert_refused(command_with(PB_MERGE_MANUAL, 3), AZ_ABORTED,
				   "Sequence mismatch: command expects 3, aggregate is at 4");
	assert_int_equal(world->memory->kept.committed_letters, 1);
}

static void
a_strict_command_that_is_overtaken_is_refused_as_ever(void **state)
{
	remember_three();
	world->memory->before = write_before_append;
	assert_refused(command_with(PB_MERGE_STRICT, 3), AZ_FAILED_PRECONDITION,
				   "Sequence mismatch: command expects 3, aggregate is at 4");
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 4);
}

/* ---- answers without an append ---- */

static void
a_rejection_is_given_once_the_book_is_confirmed(void **state)
{
	world->handle = reject_below_four;
	remember_three();
	assert_refused(world_command(world), AZ_FAILED_PRECONDITION, "too few");
	assert_int_equal(calls, 1);
	assert_int_equal(executed(AZ_STATEMENT_HEADS), 1);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
}

static void
a_rejection_on_a_book_that_is_behind_is_not_given(void **state)
{
	world->handle = reject_below_four;
	remember_three();
	put_events(1);
	assert_answer(world_command(world), 4);
	assert_int_equal(calls, 2);
	assert_int_equal(sees[0], 3);
	assert_int_equal(sees[1], 4);
}

static void
a_revocation_on_a_book_that_is_behind_is_not_given(void **state)
{
	world->handle = revoke_below_four;
	remember_three();
	assert_refused(world_command(world), AZ_FAILED_PRECONDITION, "too few");
	put_events(1);
	calls = 0;
	assert_answer(world_command(world), 4);
	assert_int_equal(calls, 2);
}

static void
an_empty_answer_on_a_book_that_is_behind_is_not_given(void **state)
{
	Reply		reply;

	world->handle = quiet_below_four;
	remember_three();
	reply = world_handle(world, world_command(world));
	assert_int_equal(reply.code, AZ_OK);
	assert_int_equal(world_answer_book(world, &reply)->next_sequence, 3);
	assert_int_equal(executed(AZ_STATEMENT_HEADS), 1);
	put_events(1);
	calls = 0;
	assert_answer(world_command(world), 4);
	assert_int_equal(calls, 2);
}

/* Its events alone would be in order. */
static void
an_answer_that_is_wrong_in_part_is_not_appended(void **state)
{
	world->handle = answer_with_snapshot;
	remember_three();
	state_type = "/";
	assert_refused(world_command(world), AZ_INTERNAL,
				   "a snapshot without a type");
	assert_int_equal(world_stored(world), 3);
	assert_int_equal(calls, 1);
	state_type = "/shop.Order";
}

static PbCommandRequest *
deferred_command(void)
{
	static PbAngzarrDeferredSequence deferred;
	PbCommandRequest *request = world_command(world);
	PbPageHeader *header = request->command->pages[0]->header;

	pb_angzarr_deferred_sequence_init(&deferred);
	deferred.source = world_command(world)->command->cover;
	deferred.source_component = (char *) "checkout";
	header->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header->angzarr_deferred = &deferred;
	return request;
}

static void
that_a_deferred_command_had_no_events_is_kept_of_the_store_as_it_is(void **state)
{
	world->handle = quiet_below_four;
	remember_three();
	put_events(1);
	assert_answer(deferred_command(), 4);
	assert_int_equal(calls, 2);
	assert_int_equal(world->memory->kept.committed_keys, 1);
	assert_true(world->memory->kept.keys[0].has_events);
}

static void
a_book_that_cannot_be_confirmed_is_an_error_and_no_answer(void **state)
{
	world->handle = reject_below_four;
	remember_three();
	memory_db_poison(world->memory, &world->order, "53100");
	assert_refused(world_command(world), AZ_RESOURCE_EXHAUSTED,
				   "told to fail");
}

static void
business_logic_that_is_down_is_told_at_once(void **state)
{
	remember_three();
	h2_service_stop(world->service);
	assert_refused(world_command(world), AZ_UNAVAILABLE,
				   "business logic of domain \"order\"");
	assert_int_equal(executed(AZ_STATEMENT_HEADS), 0);
	world->service = h2_service_start(world->outside, "127.0.0.1", 0);
}

/* ---- snapshots ---- */

/* A book with a snapshot at 0 and three events after it is in mind. */
static void
remember_with_snapshot(void)
{
	assert_true(world_start(world));
	put_events(2);
	memory_db_put_snapshot(world->memory, &world->order, 0, "wrong");
	assert_answer(world_command(world), 2);
	memset(world->memory->executed, 0, sizeof(world->memory->executed));
	assert_answer(world_command(world), 3);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
	assert_int_equal(sees[1], 2);
	calls = 0;
}

static void
a_snapshot_that_holds_needs_no_load(void **state)
{
	remember_with_snapshot();
	assert_answer(world_command(world), 4);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
	assert_int_equal(calls, 1);
	assert_memory_equal(world->last->events->snapshot->state->value.data,
						"wrong", 5);
}

static void
events_decided_on_a_snapshot_that_was_replaced_are_not_appended(void **state)
{
	remember_with_snapshot();
	memory_db_put_snapshot(world->memory, &world->order, 1, "mended");
	assert_answer(world_command(world), 4);
	assert_int_equal(calls, 2);
	assert_memory_equal(world->last->events->snapshot->state->value.data,
						"mended", 6);
	assert_int_equal(world_stored(world), 5);
}

static void
a_strict_command_decides_again_when_a_snapshot_was_replaced(void **state)
{
	remember_with_snapshot();
	memory_db_put_snapshot(world->memory, &world->order, 1, "mended");
	assert_answer(command_with(PB_MERGE_STRICT, 4), 4);
	assert_int_equal(calls, 2);
}

static void
a_rejection_on_a_snapshot_that_was_replaced_is_not_given(void **state)
{
	remember_with_snapshot();
	world->handle = reject_below_four;
	memory_db_put_snapshot(world->memory, &world->order, 2, "mended");
	assert_refused(world_command(world), AZ_FAILED_PRECONDITION, "too few");
	assert_int_equal(calls, 2);
	assert_int_equal(sees[0], 3);
	assert_int_equal(sees[1], 1);
}

/* ---- others who write ---- */

static void
a_book_that_grew_too_large_to_load_is_refused_as_by_a_load(void **state)
{
	static char large[40001];

	memset(large, 'x', sizeof(large) - 1);
	assert_true(world_start(world));
	for (int i = 0; i < 2; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							large);
	assert_answer(world_command(world), 2);
	world->settings.jobs.max_message_bytes = 50000;
	az_engine_apply(world->engine, &world->settings);
	assert_refused(world_command(world), AZ_RESOURCE_EXHAUSTED,
				   "(angzarr.max_message_size)");
	assert_int_equal(world_stored(world), 3);
}

static void
a_command_that_is_parked_goes_on_with_what_it_decided(void **state)
{
	remember_three();
	memory_db_be_busy(world->memory, &world->order, 2);
	assert_answer(world_command(world), 3);
	assert_int_equal(calls, 1);
	assert_answer(world_command(world), 4);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
}

static void
many_commands_on_one_aggregate_follow_each_other(void **state)
{
	Reply		replies[20];

	remember_three();
	for (int i = 0; i < 20; i++)
		world_send_command(world, world_command(world), &replies[i]);
	for (int i = 0; i < 20; i++)
	{
		world_until(world, &replies[i].came);
		assert_int_equal(replies[i].code, AZ_OK);
	}
	assert_int_equal(world_stored(world), 23);
	assert_int_equal(calls, 20);
	assert_int_equal(executed(AZ_STATEMENT_LOAD_BOOKS), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_command_on_a_known_aggregate_loads_nothing),
		TEST(a_new_aggregate_is_known_after_its_first_command),
		TEST(a_remembered_book_is_byte_for_byte_what_a_load_gives),
		TEST(without_room_every_command_loads),
		TEST(a_smaller_limit_is_taken_over_at_once),
		TEST(news_of_the_components_empties_the_memory),
		TEST(after_a_snapshot_the_next_command_loads),
		TEST(after_an_append_that_failed_the_next_command_loads),
		TEST(the_next_command_sees_what_somebody_else_appended),
		TEST(that_memory_was_behind_counts_as_no_retry),
		TEST(a_command_is_overtaken_as_often_as_without_memory),
		TEST(a_strict_command_is_not_refused_because_memory_is_behind),
		TEST(a_mismatch_is_told_with_the_number_of_the_store),
		TEST(a_stale_command_that_may_be_merged_loads_first),
		TEST(a_manual_mismatch_is_filed_once),
		TEST(a_strict_command_that_is_overtaken_is_refused_as_ever),
		TEST(a_rejection_is_given_once_the_book_is_confirmed),
		TEST(a_rejection_on_a_book_that_is_behind_is_not_given),
		TEST(a_revocation_on_a_book_that_is_behind_is_not_given),
		TEST(an_empty_answer_on_a_book_that_is_behind_is_not_given),
		TEST(an_answer_that_is_wrong_in_part_is_not_appended),
		TEST(that_a_deferred_command_had_no_events_is_kept_of_the_store_as_it_is),
		TEST(a_book_that_cannot_be_confirmed_is_an_error_and_no_answer),
		TEST(business_logic_that_is_down_is_told_at_once),
		TEST(a_snapshot_that_holds_needs_no_load),
		TEST(events_decided_on_a_snapshot_that_was_replaced_are_not_appended),
		TEST(a_strict_command_decides_again_when_a_snapshot_was_replaced),
		TEST(a_rejection_on_a_snapshot_that_was_replaced_is_not_given),
		TEST(a_book_that_grew_too_large_to_load_is_refused_as_by_a_load),
		TEST(a_command_that_is_parked_goes_on_with_what_it_decided),
		TEST(many_commands_on_one_aggregate_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
