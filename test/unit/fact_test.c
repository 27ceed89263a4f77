/* Tests of facts: what is recorded of them, and that it is recorded once. */
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
static int	calls;
static int	times_overtaken;
static PbEventBook answer;		/* what the handler says of a fact */
static PbEventPage answer_page;
static PbEventPage *answer_pages[2] = {&answer_page, &answer_page};
static PbAny answer_event;

static int
setup(void **state)
{
	calls = 0;
	times_overtaken = 0;
	pb_any_init(&answer_event);
	answer_event.type_url = (char *) "/shop.OrderPaid";
	pb_event_page_init(&answer_page);
	answer_page.payload_case = PB_EVENT_PAGE_EVENT;
	answer_page.event = &answer_event;
	pb_event_book_init(&answer);
	answer.pages = answer_pages;
	answer.n_pages = 1;
	world = world_create();
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

static const AzEvent *
stored(size_t i)
{
	size_t		count;
	const AzEvent *events = memory_db_events(world->memory, &world->order,
											 &count);

	assert_true(i < count);
	return &events[i];
}

static PbFactInjectionResponse *
response_of(const Reply *reply)
{
	PbFactInjectionResponse *response;

	if (reply->code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(reply->code), reply->message);
	response = az_decode(&pb_fact_injection_response_descriptor, reply->bytes,
						 world->arena, NULL);
	assert_non_null(response);
	assert_non_null(response->events);
	return response;
}

static void
say_answer(World *asked, H2Request *request, PbFactRequest *facts)
{
	calls++;
	answer_message(asked, request, &answer);
}

static PbExternalDeferredSequence *
external_of(PbEventRequest *request)
{
	return request->events->pages[0]->header->external_deferred;
}

static PbEventRequest *
named_fact(const char *external_id)
{
	PbEventRequest *request = world_fact(world);

	external_of(request)->external_id = (char *) external_id;
	return request;
}

static PbEventRequest *
component_fact(const char *component, uint32_t index)
{
	PbEventRequest *request = world_fact(world);
	PbPageHeader *header = request->events->pages[0]->header;
	PbAngzarrDeferredSequence *deferred = az_arena_alloc(world->arena,
														 sizeof(*deferred));

	pb_angzarr_deferred_sequence_init(deferred);
	deferred->source = request->events->cover;
	deferred->source_seq = 4;
	deferred->source_component = (char *) component;
	deferred->command_index = index;
	header->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header->angzarr_deferred = deferred;
	return request;
}

/* Somebody appends between the load and the append. */
static void
write_first(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_APPEND_PROBED && times_overtaken-- > 0)
		memory_db_put_event(memory, &world->order, "/shop.ItemAdded", "theirs");
}

/* ---- what is recorded ---- */

static void
what_the_handler_makes_of_a_fact_is_appended_at_the_head(void **state)
{
	PbFactInjectionResponse *response;
	Reply		reply;

	put_events(3);
	world->handle_fact = say_answer;
	answer.n_pages = 2;
	reply = world_record(world, world_fact(world));
	response = response_of(&reply);
	assert_false(response->already_processed);
	assert_int_equal(response->events->n_pages, 2);
	assert_int_equal(response->events->pages[0]->header->sequence, 3);
	assert_int_equal(response->events->pages[1]->header->sequence, 4);
	assert_int_equal(response->events->next_sequence, 5);
	assert_null(response->events->snapshot);
	assert_string_equal(response->events->pages[0]->event->type_url,
						"/shop.OrderPaid");
	assert_int_equal(world_stored(world), 5);
}

static void
the_handler_is_given_the_facts_and_the_events_before_them(void **state)
{
	PbEventRequest *request = world_fact(world);
	PbEdition	edition = PB_EDITION_INIT;
	PbEventBook *prior;
	Reply		reply;

	edition.name = (char *) "angzarr";
	request->events->cover->edition = &edition;
	put_events(2);
	memory_db_put_snapshot(world->memory, &world->order, 0, "state at 0");
	world->handle_fact = say_answer;
	reply = world_record(world, request);
	response_of(&reply);
	prior = world->last_fact->prior_events;
	assert_int_equal(prior->snapshot->sequence, 0);
	assert_int_equal(prior->n_pages, 1);
	assert_int_equal(prior->next_sequence, 2);
	assert_string_equal(prior->cover->domain, "order");
	assert_string_equal(world->last_fact->facts->pages[0]->event->type_url,
						"/shop.PaymentReceived");
	assert_string_equal(world->last_fact->facts->pages[0]->header->external_deferred->external_id,
						"payment-1");
	assert_null(world->last_fact->facts->cover->edition);
}

static void
skip_handler_appends_the_facts_themselves_and_calls_nobody(void **state)
{
	PbEventRequest *request = world_fact(world);
	PbFactInjectionResponse *response;
	Reply		reply;

	put_events(2);
	world->handle_fact = say_answer;
	request->skip_handler = true;
	reply = world_record(world, request);
	response = response_of(&reply);
	assert_int_equal(calls, 0);
	assert_int_equal(response->events->pages[0]->header->sequence_type_case,
					 PB_PAGE_HEADER_SEQUENCE);
	assert_int_equal(response->events->pages[0]->header->sequence, 2);
	assert_string_equal(stored(2)->type_url, "/shop.PaymentReceived");
	assert_memory_equal(stored(2)->payload.data, "paid", 4);
}

static void
skip_handler_works_while_business_logic_cannot_be_reached(void **state)
{
	PbEventRequest *request = world_fact(world);
	MemoryComponent down = {
		.name = "down",.kind = "aggregate",.domain = "down",
		.address = "grpc://127.0.0.1:1"
	};
	Reply		reply;

	memory_db_register(world->memory, down);
	request->events->cover->domain = (char *) "down";
	request->skip_handler = true;
	reply = world_record(world, request);
	response_of(&reply);
	request->skip_handler = false;
	external_of(request)->external_id = (char *) "payment-2";
	reply = world_record(world, request);
	assert_error(&reply, AZ_UNAVAILABLE, "127.0.0.1:1");
}

static void
a_handler_without_the_method_has_the_facts_appended_themselves(void **state)
{
	PbEventRequest *request = world_fact(world);
	PbFactInjectionResponse *response;
	PbPageHeader numbered = PB_PAGE_HEADER_INIT;
	PbEventPage second = *request->events->pages[0];
	PbEventPage *pages[] = {request->events->pages[0], &second};
	Reply		reply;

	put_events(1);
	/* A number that somebody wrote into a fact is not its place. */
	numbered.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	numbered.sequence = 77;
	second.header = &numbered;
	request->events->pages = pages;
	request->events->n_pages = 2;
	reply = world_record(world, request);
	response = response_of(&reply);
	assert_non_null(world->last_fact);
	assert_int_equal(response->events->n_pages, 2);
	assert_int_equal(response->events->pages[0]->header->sequence, 1);
	assert_int_equal(response->events->pages[1]->header->sequence, 2);
	assert_string_equal(stored(1)->type_url, "/shop.PaymentReceived");
	assert_int_equal(world->memory->kept.committed_keys, 1);
}

static void
refuse_404(World *asked, H2Request *request, PbFactRequest *facts)
{
	static const char *const headers[] = {
		":status", "404", "content-type", "text/html", NULL
	};

	h2_answer(request, headers, "no", 2, NULL);
}

static void
somebody_on_the_way_who_knows_no_such_page_is_not_the_handler(void **state)
{
	Reply		reply;

	world->handle_fact = refuse_404;
	reply = world_record(world, world_fact(world));
	assert_error(&reply, AZ_UNIMPLEMENTED, "HTTP status 404");
	assert_int_equal(world_stored(world), 0);
}

static void
refuse_fact(World *asked, H2Request *request, PbFactRequest *facts)
{
	calls++;
	h2_refuse(request, "3", "no handler for this fact");
}

static void
any_other_failure_goes_through_writes_nothing_and_is_not_remembered(void **state)
{
	Reply		reply;

	world->handle_fact = refuse_fact;
	reply = world_record(world, world_fact(world));
	assert_error(&reply, AZ_INVALID_ARGUMENT, "no handler for this fact");
	assert_int_equal(world_stored(world), 0);
	assert_int_equal(world->memory->kept.n_keys, 0);
	world->handle_fact = say_answer;
	reply = world_record(world, world_fact(world));
	assert_false(response_of(&reply)->already_processed);
	assert_int_equal(calls, 2);
	assert_int_equal(world_stored(world), 1);
}

static void
answer_garbage(World *asked, H2Request *request, PbFactRequest *facts)
{
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};
	static const char *const trailers[] = {"grpc-status", "0", NULL};

	h2_answer(request, headers, "\0\0\0\0\1\xff", 6, trailers);
}

static void
an_answer_that_is_no_book_of_this_aggregate_is_internal(void **state)
{
	PbCover		cover = PB_COVER_INIT;
	Reply		reply;

	world->handle_fact = answer_garbage;
	reply = world_record(world, world_fact(world));
	assert_error(&reply, AZ_INTERNAL, "answered what does not decode");
	world->handle_fact = say_answer;
	cover.domain = (char *) "elsewhere";
	answer.cover = &cover;
	reply = world_record(world, world_fact(world));
	assert_error(&reply, AZ_INTERNAL, "for domain \"elsewhere\"");
	assert_int_equal(world_stored(world), 0);
	assert_int_equal(world->memory->kept.n_keys, 0);
}

static void
a_state_that_comes_back_with_facts_is_kept(void **state)
{
	PbSnapshot	snapshot = PB_SNAPSHOT_INIT;
	PbAny		order = PB_ANY_INIT;
	Reply		reply;

	put_events(3);
	order.type_url = (char *) "/shop.Order";
	snapshot.state = &order;
	answer.snapshot = &snapshot;
	world->handle_fact = say_answer;
	reply = world_record(world, world_fact(world));
	assert_null(response_of(&reply)->events->snapshot);
	assert_int_equal(world->memory->kept.committed_snapshots, 1);
	assert_int_equal(world->memory->kept.snapshots[0].snapshot.sequence, 3);
}

static void
events_carry_the_handlers_ext_or_else_the_facts(void **state)
{
	PbEventRequest *request = world_fact(world);
	PbAny		ours = PB_ANY_INIT;
	PbAny		theirs = PB_ANY_INIT;
	PbCover		cover = PB_COVER_INIT;
	PbFactInjectionResponse *response;
	Reply		reply;

	ours.type_url = (char *) "/of.facts";
	theirs.type_url = (char *) "/of.handler";
	request->events->cover->ext = &ours;
	request->events->cover->correlation_id = (char *) "c-1";
	world->handle_fact = say_answer;
	reply = world_record(world, request);
	response = response_of(&reply);
	assert_string_equal(response->events->cover->ext->type_url, "/of.facts");
	assert_string_equal(response->events->cover->correlation_id, "c-1");
	cover.ext = &theirs;
	answer.cover = &cover;
	external_of(request)->external_id = (char *) "payment-2";
	reply = world_record(world, request);
	response = response_of(&reply);
	assert_string_equal(response->events->cover->ext->type_url, "/of.handler");
	assert_string_equal(stored(1)->correlation_id, "c-1");
}

static void
isolated_facts_are_stored_as_isolated_and_a_pages_mode_is_ignored(void **state)
{
	PbEventRequest *request = world_fact(world);
	PbPageHeader *header = request->events->pages[0]->header;
	Reply		reply;

	header->_sync_mode_case = PB_PAGE_HEADER_SYNC_MODE;
	header->sync_mode = PB_SYNC_MODE_CASCADE;
	request->sync_mode = PB_SYNC_MODE_ISOLATED;
	reply = world_record(world, request);
	response_of(&reply);
	assert_true(stored(0)->isolated);
	header->sync_mode = PB_SYNC_MODE_ISOLATED;
	request->sync_mode = PB_SYNC_MODE_DECISION;
	external_of(request)->external_id = (char *) "payment-2";
	reply = world_record(world, request);
	response_of(&reply);
	assert_false(stored(1)->isolated);
	request->sync_mode = PB_SYNC_MODE_SIMPLE;
	external_of(request)->external_id = (char *) "payment-3";
	reply = world_record(world, request);
	response_of(&reply);
	assert_false(stored(2)->isolated);
}

/* ---- once ---- */

static void
a_repeat_gets_the_first_events_and_calls_nobody(void **state)
{
	PbFactInjectionResponse *response;
	Reply		reply;

	put_events(2);
	answer.n_pages = 2;
	world->handle_fact = say_answer;
	reply = world_record(world, world_fact(world));
	assert_false(response_of(&reply)->already_processed);
	put_events(1);
	reply = world_record(world, world_fact(world));
	response = response_of(&reply);
	assert_true(response->already_processed);
	assert_int_equal(response->events->n_pages, 2);
	assert_int_equal(response->events->pages[0]->header->sequence, 2);
	assert_int_equal(response->events->pages[1]->header->sequence, 3);
	assert_int_equal(response->events->next_sequence, 4);
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 5);
}

static void
a_fact_of_which_nothing_was_recorded_is_remembered_too(void **state)
{
	PbFactInjectionResponse *response;
	Reply		reply;

	put_events(2);
	answer.n_pages = 0;
	world->handle_fact = say_answer;
	reply = world_record(world, world_fact(world));
	assert_false(response_of(&reply)->already_processed);
	answer.n_pages = 1;
	reply = world_record(world, world_fact(world));
	response = response_of(&reply);
	assert_true(response->already_processed);
	assert_int_equal(response->events->n_pages, 0);
	assert_int_equal(response->events->next_sequence, 2);
	assert_int_equal(calls, 1);
}

static void
a_fact_without_external_id_is_recorded_each_time(void **state)
{
	Reply		reply;

	for (int i = 0; i < 2; i++)
	{
		reply = world_record(world, named_fact(""));
		assert_false(response_of(&reply)->already_processed);
	}
	assert_int_equal(world_stored(world), 2);
	assert_int_equal(world->memory->kept.n_keys, 0);
}

static void
the_first_pages_external_id_is_the_key_of_all(void **state)
{
	PbEventRequest *request = named_fact("a");
	PbEventRequest *other = named_fact("b");
	PbEventPage *pages[] = {request->events->pages[0], other->events->pages[0]};
	Reply		reply;

	request->events->pages = pages;
	request->events->n_pages = 2;
	reply = world_record(world, request);
	response_of(&reply);
	reply = world_record(world, named_fact("b"));
	assert_false(response_of(&reply)->already_processed);
	reply = world_record(world, named_fact("a"));
	assert_true(response_of(&reply)->already_processed);
	assert_int_equal(world_stored(world), 3);
	assert_string_equal(world->memory->kept.keys[0].kind, "fact");
	assert_memory_equal(world->memory->kept.keys[0].key.data, "a", 1);
	assert_int_equal(world->memory->kept.keys[0].key.len, 1);
}

static void
a_components_fact_has_its_provenance_for_a_key_and_names_its_cause(void **state)
{
	PbEventRequest *request = component_fact("checkout", 1);
	Reply		reply;

	reply = world_record(world, request);
	assert_false(response_of(&reply)->already_processed);
	assert_int_equal(stored(0)->cause->sequence, 4);
	assert_string_equal(stored(0)->cause->component, "checkout");
	reply = world_record(world, component_fact("checkout", 1));
	assert_true(response_of(&reply)->already_processed);
	reply = world_record(world, component_fact("checkout", 2));
	assert_false(response_of(&reply)->already_processed);
	reply = world_record(world, component_fact("billing", 1));
	assert_false(response_of(&reply)->already_processed);
	request->events->pages[0]->header->angzarr_deferred->source = NULL;
	reply = world_record(world, request);
	assert_error(&reply, AZ_INVALID_ARGUMENT,
				 "events.pages[0].header.angzarr_deferred.source is missing");
}

static void
a_commands_key_is_not_a_facts(void **state)
{
	PbCommandRequest *command = world_command(world);
	PbEventRequest *fact = component_fact("checkout", 1);
	Reply		reply;

	command->command->pages[0]->header = fact->events->pages[0]->header;
	assert_int_equal(world_handle(world, command).code, AZ_OK);
	reply = world_record(world, fact);
	assert_false(response_of(&reply)->already_processed);
	assert_int_equal(world_stored(world), 2);
}

static void
of_two_injections_at_one_time_one_writes_and_both_get_the_same_events(void **state)
{
	PbFactInjectionResponse *first;
	PbFactInjectionResponse *second;
	Reply		replies[2];

	world->handle_fact = say_answer;
	for (int i = 0; i < 2; i++)
		world_send_fact(world, world_fact(world), &replies[i]);
	for (int i = 0; i < 2; i++)
		world_until(world, &replies[i].came);
	first = response_of(&replies[0]);
	second = response_of(&replies[1]);
	assert_int_equal(first->already_processed + second->already_processed, 1);
	assert_int_equal(first->events->n_pages, 1);
	assert_int_equal(second->events->n_pages, 1);
	assert_int_equal(first->events->pages[0]->header->sequence, 0);
	assert_int_equal(second->events->pages[0]->header->sequence, 0);
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 1);
}

static void
an_overtaken_fact_goes_to_the_new_head(void **state)
{
	Reply		reply;

	put_events(1);
	times_overtaken = 2;
	world->memory->before = write_first;
	world->handle_fact = say_answer;
	reply = world_record(world, world_fact(world));
	assert_int_equal(response_of(&reply)->events->pages[0]->header->sequence,
					 3);
	assert_int_equal(calls, 3);
	assert_int_equal(world->last_fact->prior_events->next_sequence, 3);
}

static void
a_fact_overtaken_too_often_may_be_sent_again(void **state)
{
	Reply		reply;

	times_overtaken = 1000;
	world->memory->before = write_first;
	reply = world_record(world, world_fact(world));
	assert_error(&reply, AZ_UNAVAILABLE, "6 times (angzarr.max_append_retries)");
	assert_int_equal(1000 - times_overtaken, 6);
	assert_int_equal(world->memory->kept.committed_keys, 0);
	times_overtaken = 0;
	reply = world_record(world, world_fact(world));
	assert_false(response_of(&reply)->already_processed);
}

static void
a_fact_and_its_key_are_kept_together_or_not_at_all(void **state)
{
	Reply		reply;

	memory_db_fail_statement(world->memory, AZ_STATEMENT_KEEP_KEYS, 1,
							 "23505");
	reply = world_record(world, world_fact(world));
	response_of(&reply);
	assert_int_equal(world_stored(world), 1);
	assert_int_equal(world->memory->kept.committed_keys, 1);
	assert_int_equal(world->memory->rolled_back, 1);
}

/* ---- refusals ---- */

static void
a_fact_that_is_none_is_refused_and_asks_nobody(void **state)
{
	PbEventRequest *request = world_fact(world);
	Reply		reply;

	request->events->pages[0]->header = NULL;
	reply = world_record(world, request);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "which a fact has");
	request = world_fact(world);
	request->events->cover->domain = (char *) "unknown";
	reply = world_record(world, request);
	assert_error(&reply, AZ_NOT_FOUND, "\"unknown\"");
	assert_null(world->last_fact);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_FIND_KEYS], 0);
}

static void
a_database_that_fails_fails_the_fact_and_says_why(void **state)
{
	Reply		reply;

	memory_db_poison(world->memory, &world->order, "53100");
	reply = world_record(world, world_fact(world));
	assert_int_equal(reply.code, AZ_RESOURCE_EXHAUSTED);
	memory_db_poison(world->memory, &world->order, NULL);
	reply = world_record(world, world_fact(world));
	assert_false(response_of(&reply)->already_processed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_handler_makes_of_a_fact_is_appended_at_the_head),
		TEST(the_handler_is_given_the_facts_and_the_events_before_them),
		TEST(skip_handler_appends_the_facts_themselves_and_calls_nobody),
		TEST(skip_handler_works_while_business_logic_cannot_be_reached),
		TEST(a_handler_without_the_method_has_the_facts_appended_themselves),
		TEST(somebody_on_the_way_who_knows_no_such_page_is_not_the_handler),
		TEST(any_other_failure_goes_through_writes_nothing_and_is_not_remembered),
		TEST(an_answer_that_is_no_book_of_this_aggregate_is_internal),
		TEST(a_state_that_comes_back_with_facts_is_kept),
		TEST(events_carry_the_handlers_ext_or_else_the_facts),
		TEST(isolated_facts_are_stored_as_isolated_and_a_pages_mode_is_ignored),
		TEST(a_repeat_gets_the_first_events_and_calls_nobody),
		TEST(a_fact_of_which_nothing_was_recorded_is_remembered_too),
		TEST(a_fact_without_external_id_is_recorded_each_time),
		TEST(the_first_pages_external_id_is_the_key_of_all),
		TEST(a_components_fact_has_its_provenance_for_a_key_and_names_its_cause),
		TEST(a_commands_key_is_not_a_facts),
		TEST(of_two_injections_at_one_time_one_writes_and_both_get_the_same_events),
		TEST(an_overtaken_fact_goes_to_the_new_head),
		TEST(a_fact_overtaken_too_often_may_be_sent_again),
		TEST(a_fact_and_its_key_are_kept_together_or_not_at_all),
		TEST(a_fact_that_is_none_is_refused_and_asks_nobody),
		TEST(a_database_that_fails_fails_the_fact_and_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
