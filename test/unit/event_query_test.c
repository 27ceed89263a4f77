/*
 * Tests of the queries' service and its pipelines: jobs and ticks over a
 * database in memory, calls without a network.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "engine/tick.h"
#include "failing_malloc.h"
#include "memory_db.h"

#define FAKE_MAX_SENT 3000
#include "fake_call.h"

#define METHOD(name) "/io.angzarr.v1.EventQueryService/" name
#define CHUNK 4000
#define LIMIT 20000

static AzLoop *loop;
static AzCatalog *catalog;
static AzJobs *jobs;
static AzServices *services;
static AzTick tick;
static MemoryDb *memory;
static AzServerCall *call;
static AzArena *arena;
static AzAggregate order = {"order", "", {1}};
static AzAggregate cart = {"cart", "", {2}};

/* What a test asks, to be changed as it likes. */
static PbQuery query;
static PbCover cover;
static PbUUID root;
static PbEdition edition;

static int
setup(void **state)
{
	const AzJobSettings settings = {
		.validation = {.max_sequences = 5000},
		.max_message_bytes = LIMIT,
		.stream_chunk_bytes = CHUNK,
		.max_jobs = 2
	};

	call = NULL;
	arena = az_arena_create();
	loop = az_loop_create();
	catalog = az_catalog_create();
	memory = memory_db_create();
	jobs = az_jobs_create(loop, NULL, catalog, &settings);
	services = az_services_create(jobs);
	pb_query_init(&query);
	pb_cover_init(&cover);
	pb_uuid_init(&root);
	pb_edition_init(&edition);
	root.value.data = order.root;
	root.value.len = AZ_UUID_SIZE;
	cover.root = &root;
	cover.domain = (char *) "order";
	query.cover = &cover;
	return services == NULL ||
		!az_tick_init(&tick, &memory->db, 100, 1000000);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	if (call != NULL)
		fake_hang_up(services, call);
	assert_int_equal(jobs->count, 0);
	az_services_free(services);
	az_jobs_free(jobs);
	az_tick_free(&tick);
	memory_db_free(memory);
	az_catalog_free(catalog);
	az_loop_free(loop);
	az_arena_free(arena);
	return 0;
}

static void
put(const AzAggregate *aggregate, const char *correlation_id, int count)
{
	for (int i = 0; i < count; i++)
		memory_db_put_correlated(memory, aggregate, correlation_id, 1);
}

/* Everything that can be done now. */
static void
run(void)
{
	do
	{
		az_jobs_run_ready(jobs);
		az_tick_run(&tick, jobs);
	}
	while (jobs->ready != NULL || jobs->wishes != NULL);
}

static void
open_call(const char *method)
{
	if (call != NULL)
		fake_hang_up(services, call);
	call = fake_call(services, method);
}

static void
send_query(void)
{
	AzBytes		bytes;

	assert_true(az_encode(&query, arena, &bytes, NULL));
	az_service_events.message(services, call, bytes);
}

static void
ask(const char *method)
{
	open_call(method);
	send_query();
	az_service_events.half_closed(services, call);
	run();
}

/* The client has taken all there was; what comes next it takes too. */
static void
take(void)
{
	call->unsent = 0;
	az_service_events.drained(services, call);
	run();
}

static PbEventBook *
book(size_t place)
{
	PbEventBook *decoded;

	assert_true(place < call->n_sent);
	decoded = az_decode(&pb_event_book_descriptor, call->sent[place], arena,
						NULL);
	assert_non_null(decoded);
	return decoded;
}

static void
assert_ended(AzCode code, const char *text)
{
	if (!call->finished || call->code != code ||
		strstr(call->message, text) == NULL)
		fail_msg("ended %d with %s \"%s\", not %s \"...%s...\"",
				 call->finished, az_code_name(call->code), call->message,
				 az_code_name(code), text);
}

static void
assert_ok(size_t n_sent)
{
	assert_ended(AZ_OK, "");
	assert_int_equal(call->n_sent, n_sent);
}

/* ---- one book ---- */

static void
a_small_book_is_one_message(void **state)
{
	put(&order, "c", 3);
	memory_db_put_snapshot(memory, &order, 0, "state");
	ask(METHOD("GetEvents"));
	assert_ok(1);
	assert_int_equal(book(0)->n_pages, 2);
	assert_int_equal(book(0)->pages[0]->header->sequence, 1);
	assert_int_equal(book(0)->snapshot->sequence, 0);
	assert_int_equal(book(0)->next_sequence, 3);
	assert_string_equal(book(0)->cover->correlation_id, "c");
	assert_memory_equal(book(0)->cover->root->value.data, order.root, 16);
}

static void
get_event_book_gives_the_same(void **state)
{
	put(&order, "c", 3);
	ask(METHOD("GetEventBook"));
	assert_ok(1);
	assert_int_equal(book(0)->n_pages, 3);
	assert_int_equal(memory->executed[AZ_STATEMENT_LOAD_BOOKS], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_PLAN], 0);
}

static void
an_unknown_aggregate_is_an_empty_book(void **state)
{
	ask(METHOD("GetEvents"));
	assert_ok(1);
	assert_int_equal(book(0)->n_pages, 0);
	assert_string_equal(book(0)->cover->domain, "order");
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_PAGES], 0);
}

static void
a_large_book_comes_in_pieces_as_the_client_takes_them(void **state)
{
	int64_t		next = 500;
	size_t		n = 0;

	put(&order, "c", 5000);
	memory_db_put_snapshot(memory, &order, 499, "state");
	open_call(METHOD("GetEvents"));
	call->unsent = 100000;
	send_query();
	run();
	for (; !call->finished; n++)
	{
		assert_int_equal(call->n_sent, n + 1);
		assert_true(call->sent[n].len <= CHUNK);
		assert_int_equal(book(n)->snapshot != NULL, n == 0);
		for (size_t i = 0; i < book(n)->n_pages; i++)
			assert_int_equal(book(n)->pages[i]->header->sequence, next++);
		assert_int_equal(book(n)->next_sequence, next);
		assert_string_equal(book(n)->cover->domain, "order");
		/* Nobody takes it: nothing more is read. */
		run();
		assert_int_equal(call->n_sent, n + 1);
		az_service_events.drained(services, call);
		run();
	}
	for (size_t i = 0; n < call->n_sent && i < book(n)->n_pages; i++)
		next++;
	assert_ended(AZ_OK, "");
	assert_int_equal(next, 5000);
	assert_true(call->n_sent > 20);
	assert_true(memory->executed[AZ_STATEMENT_READ_PAGES] >= 3);
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_PLAN], 1);
}

static void
what_is_appended_meanwhile_is_not_sent(void **state)
{
	size_t		pages = 0;

	put(&order, "c", 300);
	open_call(METHOD("GetEvents"));
	call->unsent = 100000;
	send_query();
	run();
	put(&order, "c", 100);
	take();
	assert_ended(AZ_OK, "");
	for (size_t n = 0; n < call->n_sent; n++)
		pages += book(n)->n_pages;
	assert_int_equal(pages, 300);
}

static void
events_that_are_deleted_meanwhile_end_it(void **state)
{
	edition.name = (char *) "what-if";
	cover.edition = &edition;
	order.edition = "what-if";
	put(&order, "c", 3000);
	open_call(METHOD("GetEvents"));
	call->unsent = 100000;
	send_query();
	run();
	memory_db_delete(memory, &order);
	take();
	order.edition = "";
	assert_ended(AZ_ABORTED, "what-if");
	assert_ended(AZ_ABORTED, "deleted");
}

static void
a_set_of_sequences_is_those_that_exist(void **state)
{
	PbSequenceSet set = PB_SEQUENCE_SET_INIT;
	uint32_t	values[] = {9, 2, 2, 0};

	put(&order, "c", 4);
	query.selection_case = PB_QUERY_SEQUENCES;
	query.sequences = &set;
	set.values = values;
	set.n_values = 4;
	for (int i = 0; i < 2; i++)
	{
		ask(i == 0 ? METHOD("GetEventBook") : METHOD("GetEvents"));
		assert_ok(1);
		assert_int_equal(book(0)->n_pages, 2);
		assert_int_equal(book(0)->pages[0]->header->sequence, 0);
		assert_int_equal(book(0)->pages[1]->header->sequence, 2);
		assert_int_equal(book(0)->next_sequence, 3);
	}
}

static void
a_cover_that_disagrees_names_both_places(void **state)
{
	PbDomainDivergence said = PB_DOMAIN_DIVERGENCE_INIT;
	PbDomainDivergence *list[] = {&said};

	said.domain = (char *) "order";
	said.sequence = 7;
	edition.name = (char *) "what-if";
	edition.divergences = list;
	edition.n_divergences = 1;
	cover.edition = &edition;
	order.edition = "what-if";
	put(&order, "c", 1);
	order.edition = "";
	for (int i = 0; i < 2; i++)
	{
		ask(i == 0 ? METHOD("GetEventBook") : METHOD("GetEvents"));
		assert_ended(AZ_FAILED_PRECONDITION, "diverges at sequence 0");
		assert_ended(AZ_FAILED_PRECONDITION, "says 7");
	}
}

/* ---- correlation ids ---- */

static void
aggregates_with_a_correlation_id_come_one_after_the_other(void **state)
{
	put(&order, "a", 2);
	put(&cart, "b", 2);
	put(&cart, "a", 2);
	cover.root = NULL;
	cover.domain = (char *) "";
	cover.correlation_id = (char *) "a";
	ask(METHOD("GetEvents"));
	assert_ok(2);
	assert_string_equal(book(0)->cover->domain, "order");
	assert_int_equal(book(0)->n_pages, 2);
	assert_string_equal(book(1)->cover->domain, "cart");
	assert_string_equal(book(1)->cover->correlation_id, "a");
	assert_int_equal(book(1)->pages[0]->header->sequence, 2);
	assert_int_equal(book(1)->n_pages, 2);
	ask(METHOD("GetEventBook"));
	assert_ok(1);
	assert_string_equal(book(0)->cover->domain, "order");
	cover.domain = (char *) "cart";
	ask(METHOD("GetEvents"));
	assert_ok(1);
	assert_string_equal(book(0)->cover->domain, "cart");
}

static void
more_aggregates_than_one_list_holds_are_all_sent(void **state)
{
	for (int i = 0; i < 2500; i++)
	{
		AzAggregate one = {"order", "", {3, (uint8_t) (i / 256), (uint8_t) i}};

		put(&one, "a", 1);
	}
	cover.root = NULL;
	cover.correlation_id = (char *) "a";
	ask(METHOD("GetEvents"));
	assert_ok(2500);
	for (size_t i = 0; i < 2500; i++)
		assert_int_equal(book(i)->cover->root->value.data[2], (uint8_t) i);
	assert_int_equal(memory->executed[AZ_STATEMENT_CORRELATED], 3);
}

static void
between_aggregates_it_waits_for_the_client_too(void **state)
{
	put(&order, "a", 1);
	put(&cart, "a", 1);
	cover.root = NULL;
	cover.domain = (char *) "";
	cover.correlation_id = (char *) "a";
	open_call(METHOD("GetEvents"));
	call->unsent = 100000;
	send_query();
	run();
	assert_int_equal(call->n_sent, 1);
	az_service_events.drained(services, call);
	run();
	assert_int_equal(call->n_sent, 2);
	take();
	assert_ok(2);
}

static void
a_correlation_id_that_nobody_has_is_an_empty_book(void **state)
{
	cover.root = NULL;
	cover.domain = (char *) "";
	cover.correlation_id = (char *) "a";
	for (int i = 0; i < 2; i++)
	{
		ask(i == 0 ? METHOD("GetEventBook") : METHOD("GetEvents"));
		assert_ok(1);
		assert_null(book(0)->cover->root);
		assert_string_equal(book(0)->cover->correlation_id, "a");
		assert_int_equal(book(0)->n_pages, 0);
	}
}

/* What a deletion between list and plan leaves. */
static void
delete_before_plan(MemoryDb *db, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_READ_PLAN)
		memory_db_delete(db, &order);
}

static void
an_aggregate_that_goes_after_it_was_found_ends_the_stream(void **state)
{
	put(&order, "a", 1);
	cover.correlation_id = (char *) "a";
	memory->before = delete_before_plan;
	ask(METHOD("GetEvents"));
	assert_ended(AZ_ABORTED, "deleted");
}

static void
what_covers_say_of_editions_is_asked_of_the_store(void **state)
{
	PbDomainDivergence said = PB_DOMAIN_DIVERGENCE_INIT;
	PbDomainDivergence *list[] = {&said};

	said.domain = (char *) "order";
	edition.name = (char *) "what-if";
	edition.divergences = list;
	edition.n_divergences = 1;
	cover.edition = &edition;
	cover.correlation_id = (char *) "a";
	order.edition = "what-if";
	put(&order, "a", 1);
	order.edition = "";
	put(&order, "a", 1);
	put(&cart, "a", 1);
	ask(METHOD("GetEvents"));
	assert_ok(1);
	assert_string_equal(book(0)->cover->edition->name, "what-if");
	assert_int_equal(book(0)->cover->edition->n_divergences, 1);
}

/* ---- what goes wrong ---- */

static void
a_unary_answer_that_is_too_large_points_to_get_events(void **state)
{
	put(&order, "a", 1000);
	ask(METHOD("GetEventBook"));
	assert_ended(AZ_RESOURCE_EXHAUSTED, "GetEvents");
	cover.correlation_id = (char *) "a";
	ask(METHOD("GetEventBook"));
	assert_ended(AZ_RESOURCE_EXHAUSTED, "GetEvents");
	assert_ended(AZ_RESOURCE_EXHAUSTED, "angzarr.max_message_size");
	assert_int_equal(call->n_sent, 0);
}

static void
bad_queries_are_refused_by_every_method(void **state)
{
	static const char *const paths[] = {
		METHOD("GetEventBook"), METHOD("GetEvents"), METHOD("Synchronize")
	};
	PbSequenceSet set = PB_SEQUENCE_SET_INIT;

	for (size_t i = 0; i < 3; i++)
	{
		cover.domain = (char *) "Bad";
		query.selection_case = 0;
		ask(paths[i]);
		assert_ended(AZ_INVALID_ARGUMENT, "Bad");
		cover.domain = (char *) "order";
		query.selection_case = PB_QUERY_SEQUENCES;
		query.sequences = &set;
		set.n_values = 5001;
		set.values = az_arena_array(arena, set.n_values, sizeof(uint32_t));
		ask(paths[i]);
		assert_ended(AZ_INVALID_ARGUMENT, "angzarr.max_query_sequences");
		open_call(paths[i]);
		az_service_events.message(services, call, az_bytes_of("\377\377"));
		assert_ended(AZ_INVALID_ARGUMENT, "Query");
	}
}

/* Lets one kind of statement fail whenever it is run. */
static AzStatementId failing;

static void
fail_always(MemoryDb *db, AzStatementId statement)
{
	if (statement == failing)
		memory_db_fail_statement(db, statement, 1, "53100");
}

static void
a_failing_database_ends_it_at_every_statement(void **state)
{
	static const AzStatementId statements[] = {
		AZ_STATEMENT_CORRELATED, AZ_STATEMENT_READ_PLAN,
		AZ_STATEMENT_READ_PAGES
	};

	put(&order, "a", 1);
	cover.correlation_id = (char *) "a";
	memory->before = fail_always;
	for (size_t i = 0; i < 3; i++)
	{
		failing = statements[i];
		ask(METHOD("GetEvents"));
		assert_ended(AZ_RESOURCE_EXHAUSTED, "told to fail");
		assert_int_equal(call->n_sent, 0);
	}
}

static void
a_client_that_takes_nothing_more_ends_the_job(void **state)
{
	put(&order, "a", 1);
	open_call(METHOD("GetEvents"));
	call->send_fails = true;
	send_query();
	run();
	assert_int_equal(jobs->count, 0);
	open_call(METHOD("GetAggregateRoots"));
	call->send_fails = true;
	az_service_events.message(services, call, az_bytes_of(""));
	run();
	assert_int_equal(jobs->count, 0);
}

static void
a_client_that_goes_away_ends_the_job_wherever_it_is(void **state)
{
	put(&order, "a", 3000);
	for (int turns = 0; turns < 8; turns++)
	{
		open_call(METHOD("GetEvents"));
		call->unsent = 100000;
		send_query();
		for (int i = 0; i < turns; i++)
		{
			az_jobs_run_ready(jobs);
			if (i % 2 == 1)
				az_tick_run(&tick, jobs);
		}
		assert_int_equal(jobs->count, 1);
		fake_hang_up(services, call);
		call = NULL;
		assert_int_equal(jobs->count, 0);
	}
}

static void
too_many_jobs_are_refused_by_every_method(void **state)
{
	static const char *const paths[] = {
		METHOD("GetEventBook"), METHOD("GetEvents"), METHOD("Synchronize"),
		METHOD("GetAggregateRoots")
	};

	jobs->settings.max_jobs = 0;
	for (size_t i = 0; i < 4; i++)
	{
		ask(paths[i]);
		assert_ended(AZ_RESOURCE_EXHAUSTED, "angzarr.max_jobs");
	}
}

static void
without_memory_every_method_fails_with_a_status(void **state)
{
	static const char *const paths[] = {
		METHOD("GetEvents"), METHOD("GetEventBook"), METHOD("Synchronize"),
		METHOD("GetAggregateRoots")
	};

	put(&order, "a", 30);
	memory_db_put_snapshot(memory, &order, 3, "state");
	cover.correlation_id = (char *) "a";
	for (size_t i = 0; i < 4; i++)
		for (int n = 0;; n++)
		{
			open_call(paths[i]);
			az_arena_alloc(call->arena, 3900);
			fail_malloc_after(n);
			if (i < 3)
			{
				AzBytes		bytes;

				if (!az_encode(&query, arena, &bytes, NULL))
					continue;
				az_service_events.message(services, call, bytes);
			}
			else
				az_service_events.message(services, call, az_bytes_of(""));
			az_service_events.half_closed(services, call);
			run();
			fail_malloc_after(-1);
			if (call->finished && call->code == AZ_OK)
				break;
			assert_true(!call->finished ||
						call->code == AZ_RESOURCE_EXHAUSTED ||
						call->code == AZ_CANCELLED);
			assert_true(n < 2000);
		}
}

/* ---- Synchronize ---- */

static void
queries_are_answered_in_order_and_the_end_follows_the_last(void **state)
{
	PbSequenceRange range = PB_SEQUENCE_RANGE_INIT;

	put(&order, "a", 4);
	query.selection_case = PB_QUERY_RANGE;
	query.range = &range;
	range._upper_case = PB_SEQUENCE_RANGE_UPPER;
	open_call(METHOD("Synchronize"));
	for (uint32_t i = 0; i < 4; i++)
	{
		range.lower = i;
		range.upper = i;
		send_query();
		assert_int_equal(call->held, i > 0);
	}
	run();
	assert_false(call->held);
	assert_int_equal(call->n_sent, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(book(i)->pages[0]->header->sequence, i);
	assert_false(call->finished);
	send_query();
	run();
	assert_int_equal(call->n_sent, 5);
	az_service_events.half_closed(services, call);
	assert_ok(5);
}

static void
the_end_waits_for_answers_under_way(void **state)
{
	put(&order, "a", 1);
	open_call(METHOD("Synchronize"));
	send_query();
	send_query();
	az_service_events.half_closed(services, call);
	assert_false(call->finished);
	run();
	assert_ok(2);
	open_call(METHOD("Synchronize"));
	az_service_events.half_closed(services, call);
	assert_ok(0);
}

static void
a_bad_query_ends_it_after_the_answers_before_it(void **state)
{
	put(&order, "a", 1);
	open_call(METHOD("Synchronize"));
	send_query();
	cover.domain = (char *) "Bad";
	send_query();
	cover.domain = (char *) "order";
	send_query();
	run();
	assert_ended(AZ_INVALID_ARGUMENT, "Bad");
	assert_int_equal(call->n_sent, 1);
	open_call(METHOD("Synchronize"));
	send_query();
	az_service_events.message(services, call, az_bytes_of("\377\377"));
	run();
	assert_ended(AZ_INVALID_ARGUMENT, "Query");
	assert_int_equal(call->n_sent, 1);
}

static void
no_query_is_begun_while_answers_wait_for_the_client(void **state)
{
	put(&order, "a", 1);
	open_call(METHOD("Synchronize"));
	call->unsent = 100000;
	send_query();
	run();
	assert_int_equal(call->n_sent, 1);
	send_query();
	az_service_events.half_closed(services, call);
	run();
	assert_int_equal(call->n_sent, 1);
	assert_false(call->finished);
	take();
	assert_ok(2);
}

static void
a_server_that_stops_answers_what_was_asked_and_ends(void **state)
{
	put(&order, "a", 1);
	open_call(METHOD("Synchronize"));
	send_query();
	send_query();
	az_services_stop(services);
	run();
	assert_int_equal(call->n_sent, 2);
	assert_ended(AZ_UNAVAILABLE, "stopping");
}

static void
who_asked_all_before_the_server_stops_ends_well(void **state)
{
	put(&order, "a", 1);
	open_call(METHOD("Synchronize"));
	send_query();
	send_query();
	az_service_events.half_closed(services, call);
	az_services_stop(services);
	run();
	assert_ok(2);
}

/* ---- GetAggregateRoots ---- */

static void
every_aggregate_of_main_comes_once(void **state)
{
	for (int i = 0; i < 2300; i++)
	{
		AzAggregate one = {"order", "", {3, (uint8_t) (i / 256), (uint8_t) i}};

		put(&one, "", 1);
	}
	open_call(METHOD("GetAggregateRoots"));
	az_service_events.message(services, call, az_bytes_of(""));
	run();
	assert_ok(2300);
	for (size_t i = 0; i < 2300; i++)
	{
		PbAggregateRoot *one = az_decode(&pb_aggregate_root_descriptor,
										 call->sent[i], arena, NULL);

		assert_string_equal(one->domain, "order");
		assert_int_equal(one->root->value.data[1], i / 256);
		assert_int_equal(one->root->value.data[2], i % 256);
	}
	assert_int_equal(memory->executed[AZ_STATEMENT_ROOTS], 3);
}

static void
roots_wait_for_the_client_and_end_with_the_last(void **state)
{
	put(&order, "", 1);
	put(&cart, "", 1);
	open_call(METHOD("GetAggregateRoots"));
	call->unsent = 100000;
	az_service_events.message(services, call, az_bytes_of(""));
	run();
	assert_int_equal(call->n_sent, 1);
	az_service_events.drained(services, call);
	run();
	assert_int_equal(call->n_sent, 2);
	assert_false(call->finished);
	take();
	assert_ok(2);
	open_call(METHOD("GetAggregateRoots"));
	az_service_events.message(services, call, az_bytes_of("\377"));
	assert_ended(AZ_INVALID_ARGUMENT, "Empty");
}

static void
roots_of_a_failing_database_end_with_its_error(void **state)
{
	memory->before = fail_always;
	failing = AZ_STATEMENT_ROOTS;
	open_call(METHOD("GetAggregateRoots"));
	az_service_events.message(services, call, az_bytes_of(""));
	run();
	assert_ended(AZ_RESOURCE_EXHAUSTED, "told to fail");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_small_book_is_one_message),
		TEST(get_event_book_gives_the_same),
		TEST(an_unknown_aggregate_is_an_empty_book),
		TEST(a_large_book_comes_in_pieces_as_the_client_takes_them),
		TEST(what_is_appended_meanwhile_is_not_sent),
		TEST(events_that_are_deleted_meanwhile_end_it),
		TEST(a_set_of_sequences_is_those_that_exist),
		TEST(a_cover_that_disagrees_names_both_places),
		TEST(aggregates_with_a_correlation_id_come_one_after_the_other),
		TEST(more_aggregates_than_one_list_holds_are_all_sent),
		TEST(between_aggregates_it_waits_for_the_client_too),
		TEST(a_correlation_id_that_nobody_has_is_an_empty_book),
		TEST(an_aggregate_that_goes_after_it_was_found_ends_the_stream),
		TEST(what_covers_say_of_editions_is_asked_of_the_store),
		TEST(a_unary_answer_that_is_too_large_points_to_get_events),
		TEST(bad_queries_are_refused_by_every_method),
		TEST(a_failing_database_ends_it_at_every_statement),
		TEST(a_client_that_takes_nothing_more_ends_the_job),
		TEST(a_client_that_goes_away_ends_the_job_wherever_it_is),
		TEST(too_many_jobs_are_refused_by_every_method),
		TEST(without_memory_every_method_fails_with_a_status),
		TEST(queries_are_answered_in_order_and_the_end_follows_the_last),
		TEST(the_end_waits_for_answers_under_way),
		TEST(a_bad_query_ends_it_after_the_answers_before_it),
		TEST(no_query_is_begun_while_answers_wait_for_the_client),
		TEST(a_server_that_stops_answers_what_was_asked_and_ends),
		TEST(who_asked_all_before_the_server_stops_ends_well),
		TEST(every_aggregate_of_main_comes_once),
		TEST(roots_wait_for_the_client_and_end_with_the_last),
		TEST(roots_of_a_failing_database_end_with_its_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
