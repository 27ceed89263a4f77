/* Tests of speculative commands: what would happen, and that it does not. */
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
static PbSpeculateCommandHandlerRequest request;
static PbTemporalQuery point;
static PbTimestamp as_of_time;

static int
setup(void **state)
{
	world = world_create();
	pb_temporal_query_init(&point);
	pb_timestamp_init(&as_of_time);
	pb_speculate_command_handler_request_init(&request);
	request.command = world_command(world)->command;
	request.point_in_time = &point;
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

/* Nothing that writes, and no key, was asked of the database. */
static void
assert_nothing_written(size_t events)
{
	static const AzStatementId writers[] = {
		AZ_STATEMENT_APPEND_PROBED, AZ_STATEMENT_APPEND,
		AZ_STATEMENT_FIND_KEYS, AZ_STATEMENT_KEEP_KEYS,
		AZ_STATEMENT_KEEP_SNAPSHOTS, AZ_STATEMENT_FILE_DEAD_LETTERS
	};
	const MemoryDb *memory = world->memory;

	assert_int_equal(world_stored(world), events);
	assert_int_equal(memory->kept.n_keys, 0);
	assert_int_equal(memory->kept.n_snapshots, 0);
	assert_int_equal(memory->kept.n_letters, 0);
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
		assert_int_equal(memory->executed[writers[i]], 0);
}

static PbEventBook *
speculate(void)
{
	Reply		reply = world_speculate(world, &request);

	if (reply.code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(reply.code), reply.message);
	return world_answer_book(world, &reply);
}

static void
as_of_sequence(uint32_t sequence)
{
	point.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_SEQUENCE;
	point.as_of_sequence = sequence;
}

static void
answer_with_state(World *asked, H2Request *call, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbEventBook book = PB_EVENT_BOOK_INIT;
	PbSnapshot	snapshot = PB_SNAPSHOT_INIT;
	PbAny		order = PB_ANY_INIT;

	order.type_url = (char *) "/shop.Order";
	snapshot.state = &order;
	book.snapshot = &snapshot;
	response.result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response.events = &book;
	answer_message(asked, call, &response);
}

static void
without_a_point_the_command_meets_the_current_state(void **state)
{
	PbEventBook *book;

	put_events(3);
	world->n_events = 2;
	book = speculate();
	assert_int_equal(book->n_pages, 2);
	assert_int_equal(book->pages[0]->header->sequence, 3);
	assert_int_equal(book->pages[1]->header->sequence, 4);
	assert_int_equal(book->next_sequence, 5);
	assert_int_equal(world->last->events->n_pages, 3);
	request.point_in_time = NULL;
	assert_int_equal(speculate()->next_sequence, 5);
	assert_nothing_written(3);
}

static void
as_of_a_sequence_events_are_numbered_from_the_points_next(void **state)
{
	PbEventBook *book;

	put_events(5);
	as_of_sequence(1);
	book = speculate();
	assert_int_equal(world->last->events->n_pages, 2);
	assert_int_equal(world->last->events->next_sequence, 2);
	assert_int_equal(book->n_pages, 1);
	assert_int_equal(book->pages[0]->header->sequence, 2);
	assert_int_equal(book->next_sequence, 3);
	as_of_sequence(99);
	assert_int_equal(speculate()->pages[0]->header->sequence, 5);
	assert_nothing_written(5);
}

static void
the_newest_snapshot_of_the_point_is_used_and_none_after_it(void **state)
{
	put_events(6);
	memory_db_put_snapshot(world->memory, &world->order, 1, "at 1");
	memory_db_put_snapshot(world->memory, &world->order, 4, "at 4");
	as_of_sequence(3);
	speculate();
	assert_int_equal(world->last->events->snapshot->sequence, 1);
	assert_int_equal(world->last->events->n_pages, 2);
	as_of_sequence(4);
	speculate();
	assert_int_equal(world->last->events->snapshot->sequence, 4);
	assert_int_equal(world->last->events->n_pages, 0);
	assert_int_equal(world->last->events->next_sequence, 5);
	as_of_sequence(0);
	speculate();
	assert_null(world->last->events->snapshot);
	assert_int_equal(world->last->events->n_pages, 1);
}

static void
as_of_a_time_later_events_have_not_happened(void **state)
{
	point.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_TIME;
	point.as_of_time = &as_of_time;
	as_of_time.seconds = 1;		/* those that are put are of 1970 */
	put_events(2);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(speculate()->pages[0]->header->sequence, 2);
	as_of_time.seconds = 4000000000;
	assert_int_equal(speculate()->pages[0]->header->sequence, 3);
	as_of_time.seconds = -1;
	assert_int_equal(speculate()->pages[0]->header->sequence, 0);
	assert_int_equal(world_stored(world), 3);
}

static void
expected_sequence_and_merge_strategy_are_not_looked_at(void **state)
{
	put_events(3);
	request.command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	request.command->pages[0]->header->sequence = 77;
	assert_int_equal(speculate()->pages[0]->header->sequence, 3);
	request.command->pages[0]->merge_strategy = PB_MERGE_MANUAL;
	assert_int_equal(speculate()->pages[0]->header->sequence, 3);
	assert_nothing_written(3);
}

static void
a_deferred_command_is_asked_each_time_and_leaves_no_key(void **state)
{
	PbAngzarrDeferredSequence deferred = PB_ANGZARR_DEFERRED_SEQUENCE_INIT;
	PbPageHeader *header = request.command->pages[0]->header;

	deferred.source = request.command->cover;
	header->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header->angzarr_deferred = &deferred;
	for (int i = 0; i < 2; i++)
		assert_int_equal(speculate()->pages[0]->header->sequence, 0);
	assert_int_equal(h2_service_requests(world->service), 2);
	assert_nothing_written(0);
}

static void
a_state_that_comes_back_is_neither_kept_nor_answered(void **state)
{
	put_events(2);
	world->handle = answer_with_state;
	assert_null(speculate()->snapshot);
	assert_nothing_written(2);
}

static void
it_waits_for_no_command_of_the_same_aggregate(void **state)
{
	Reply		held;
	PbEventBook *book;

	world->handle = hold_request;
	world_send_command(world, world_command(world), &held);
	while (world->held == NULL)
		world_go_on(world);
	world->handle = answer_events;
	book = speculate();
	assert_int_equal(book->n_pages, 1);
	assert_false(held.came);
	answer_events(world, world->held, NULL);
	world_until(world, &held.came);
	assert_int_equal(held.code, AZ_OK);
}

static void
a_domain_nobody_registered_and_a_failing_database_are_said(void **state)
{
	Reply		reply;

	request.command->cover->domain = (char *) "unknown";
	reply = world_speculate(world, &request);
	assert_error(&reply, AZ_NOT_FOUND, "\"unknown\"");
	request.command->cover->domain = (char *) "order";
	memory_db_poison(world->memory, &world->order, "53100");
	reply = world_speculate(world, &request);
	assert_int_equal(reply.code, AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(h2_service_requests(world->service), 0);
}

static void
answer_misnumbered(World *asked, H2Request *call, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbEventBook book = PB_EVENT_BOOK_INIT;
	PbEventPage page = PB_EVENT_PAGE_INIT;
	PbEventPage *pages[] = {&page};
	PbPageHeader header = PB_PAGE_HEADER_INIT;
	PbAny		event = PB_ANY_INIT;

	event.type_url = (char *) "/shop.OrderCreated";
	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	header.sequence = 5;
	page.header = &header;
	page.payload_case = PB_EVENT_PAGE_EVENT;
	page.event = &event;
	book.pages = pages;
	book.n_pages = 1;
	response.result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response.events = &book;
	answer_message(asked, call, &response);
}

static void
what_would_be_no_answer_to_a_command_is_none_here(void **state)
{
	Reply		reply;

	put_events(5);
	as_of_sequence(2);
	world->handle = answer_misnumbered;
	reply = world_speculate(world, &request);
	assert_error(&reply, AZ_INTERNAL, "5, its place is 3");
}

static void
what_is_no_command_or_no_time_is_refused(void **state)
{
	Reply		reply;

	point.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_TIME;
	point.as_of_time = &as_of_time;
	as_of_time.nanos = -1;
	reply = world_speculate(world, &request);
	assert_error(&reply, AZ_INVALID_ARGUMENT,
				 "point_in_time.as_of_time is 0 seconds and -1 nanoseconds");
	request.command->n_pages = 0;
	reply = world_speculate(world, &request);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "command.pages is empty");
	request.command = NULL;
	reply = world_speculate(world, &request);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "command is missing");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_point_the_command_meets_the_current_state),
		TEST(as_of_a_sequence_events_are_numbered_from_the_points_next),
		TEST(the_newest_snapshot_of_the_point_is_used_and_none_after_it),
		TEST(as_of_a_time_later_events_have_not_happened),
		TEST(expected_sequence_and_merge_strategy_are_not_looked_at),
		TEST(a_deferred_command_is_asked_each_time_and_leaves_no_key),
		TEST(a_state_that_comes_back_is_neither_kept_nor_answered),
		TEST(it_waits_for_no_command_of_the_same_aggregate),
		TEST(a_domain_nobody_registered_and_a_failing_database_are_said),
		TEST(what_would_be_no_answer_to_a_command_is_none_here),
		TEST(what_is_no_command_or_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
