/* Tests of process managers: their stream, and what they do with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/uuid.h"

#include "failing_malloc.h"
#include "reaction_world.h"

static Reactions *reactions;
static World *world;
static AzAggregate process;		/* of "order-77" */
static int	times_overtaken;
static PbEventBook book;		/* of process events: one page, twice */
static PbEventPage page;
static PbAny event;
static PbEventPage *pages[] = {&page, &page};
static PbEventBook *books[] = {&book, &book};

static int
setup(void **state)
{
	reactions = reactions_create();
	world = reactions->world;
	process.domain = "process";
	process.edition = "";
	az_uuid_of_process("order-77", process.root);
	times_overtaken = 0;
	pb_event_book_init(&book);
	pb_event_page_init(&page);
	pb_any_init(&event);
	event.type_url = (char *) "/shop.Reserved";
	page.payload_case = PB_EVENT_PAGE_EVENT;
	page.event = &event;
	book.pages = pages;
	book.n_pages = 1;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	reactions_free(reactions);
	return 0;
}

static Outcome
deliver(void)
{
	return reactions_deliver(reactions, "checkout", 0, 1);
}

static void
assert_settled(const Outcome *outcome)
{
	if (outcome->code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(outcome->code),
				 outcome->message);
}

static void
answer_books(size_t count)
{
	reactions->process.process_events = books;
	reactions->process.n_process_events = count;
}

static const AzEvent *
process_event(size_t i)
{
	size_t		count;
	const AzEvent *events = memory_db_events(world->memory, &process, &count);

	assert_true(i < count);
	return &events[i];
}

/* Another event of the process is handled between the load and the append. */
static void
write_first(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_APPEND_PROBED && times_overtaken-- > 0)
		memory_db_put_event(memory, &process, "/shop.Reserved", "theirs");
}

static void
it_is_handed_the_event_and_its_own_state(void **state)
{
	const PbEventBook *own;
	Outcome		outcome;

	memory_db_put_event(world->memory, &process, "/shop.Reserved", "old");
	outcome = deliver();
	assert_settled(&outcome);
	own = reactions->last_process->process_state;
	assert_string_equal(own->cover->domain, "process");
	assert_string_equal(own->cover->correlation_id, "order-77");
	assert_memory_equal(own->cover->root->value.data, process.root,
						AZ_UUID_SIZE);
	assert_int_equal(own->n_pages, 1);
	assert_int_equal(own->next_sequence, 1);
	assert_int_equal(reactions->last_process->trigger->pages[0]->header->sequence,
					 3);
}

static void
an_event_without_correlation_id_belongs_to_no_process(void **state)
{
	Outcome		outcome;

	reactions->event.correlation_id = "";
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(reactions->process_calls, 0);
	assert_int_equal(reactions_keys(reactions, "reaction"), 0);
}

static void
its_events_are_one_after_the_other_with_our_numbers(void **state)
{
	PbPageHeader header = PB_PAGE_HEADER_INIT;
	PbCover		cover = PB_COVER_INIT;
	Outcome		outcome;

	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	header.sequence = 17;
	page.header = &header;
	cover.domain = (char *) "elsewhere";
	book.cover = &cover;
	book.n_pages = 2;
	memory_db_put_event(world->memory, &process, "/shop.Reserved", "old");
	answer_books(2);
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(reactions_stored(reactions, &process), 5);
	assert_int_equal(process_event(4)->sequence, 4);
	assert_string_equal(process_event(4)->correlation_id, "order-77");
	assert_int_equal(process_event(4)->depth, 1);
	assert_string_equal(process_event(4)->cause->component, "checkout");
	assert_int_equal(reactions_keys(reactions, "reaction"), 1);
}

static void
its_commands_run_and_all_of_it_once(void **state)
{
	Outcome		outcome;

	answer_books(1);
	reactions_answer(reactions, reactions_command(reactions), NULL);
	reactions_answer_fact(reactions, reactions_fact(reactions));
	outcome = deliver();
	assert_settled(&outcome);
	outcome = deliver();
	assert_settled(&outcome);
	assert_true(outcome.was_recorded);
	assert_int_equal(reactions->process_calls, 1);
	assert_int_equal(reactions_stored(reactions, &process), 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 2);
}

static void
overtaken_it_decides_anew(void **state)
{
	Outcome		outcome;

	answer_books(1);
	times_overtaken = 1;
	world->memory->before = write_first;
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(reactions->process_calls, 2);
	assert_int_equal(reactions->last_process->process_state->next_sequence, 1);
	assert_int_equal(reactions_stored(reactions, &process), 2);
	assert_int_equal(process_event(1)->sequence, 1);
}

static void
overtaken_too_often_it_is_tried_later(void **state)
{
	Outcome		outcome;

	answer_books(1);
	times_overtaken = 100;
	world->memory->before = write_first;
	outcome = deliver();
	assert_int_equal(outcome.code, AZ_UNAVAILABLE);
	assert_int_equal(outcome.stage, 0);
	assert_int_equal(reactions_keys(reactions, "reaction"), 0);
}

static void
after_a_crash_its_commands_run_from_the_record(void **state)
{
	Outcome		lost = {0};
	Outcome		outcome;

	answer_books(1);
	reactions_answer(reactions, reactions_command(reactions), NULL);
	reactions_begin(reactions, "checkout", &lost);
	while (reactions_keys(reactions, "reaction") == 0)
		reactions_turn(reactions);
	reactions_crash(reactions);
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(reactions->process_calls, 1);
	assert_int_equal(reactions_stored(reactions, &process), 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 1);
}

static void
its_rejected_command_comes_back_to_itself(void **state)
{
	const MemoryOutbox *outbox = &world->memory->committed_outbox;
	Outcome		outcome;

	reactions->stock_status = "9";
	reactions->stock_refusals = -1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(outbox->count, 1);
	assert_string_equal(outbox->rows[0].target.domain, "process");
	assert_memory_equal(outbox->rows[0].target.root, process.root,
						AZ_UUID_SIZE);
	assert_string_equal(outbox->rows[0].component, "checkout");
}

static void
its_notification_is_recorded_with_its_events(void **state)
{
	const MemoryOutbox *outbox = &world->memory->committed_outbox;
	PbNotification notification = PB_NOTIFICATION_INIT;
	Outcome		outcome;

	notification.cover = reactions_command(reactions)->cover;
	reactions->process.notification = &notification;
	answer_books(1);
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(outbox->count, 1);
	assert_string_equal(outbox->rows[0].kind, "notification");
	assert_string_equal(outbox->rows[0].target.domain, "stock");
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(outbox->count, 1);
}

static void
a_notification_to_nobody_is_its_failure(void **state)
{
	PbNotification notification = PB_NOTIFICATION_INIT;
	Outcome		outcome;

	reactions->process.notification = &notification;
	answer_books(1);
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(reactions_stored(reactions, &process), 0);
	assert_non_null(strstr(reactions_letter(reactions, 0)->rejection_reason,
						   "cannot be forwarded: notification.cover"));
}

static void
events_over_a_limit_are_its_failure(void **state)
{
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	event.value.data = az_arena_alloc(world->arena, 50001);
	event.value.len = 50001;
	answer_books(1);
	outcome = deliver();
	assert_settled(&outcome);
	letter = reactions_letter(reactions, 0);
	assert_string_equal(letter->source_component_type, "process_manager");
	assert_non_null(strstr(letter->rejection_reason,
						   "angzarr.max_payload_size"));
	assert_int_equal(letter->event_processing_failed->retry_count, 0);
}

static void
too_many_events_are_its_failure(void **state)
{
	PbEventPage *many[101];
	Outcome		outcome;

	for (int i = 0; i < 101; i++)
		many[i] = &page;
	book.pages = many;
	book.n_pages = 101;
	answer_books(1);
	outcome = deliver();
	assert_settled(&outcome);
	assert_non_null(strstr(reactions_letter(reactions, 0)->rejection_reason,
						   "101 events"));
}

static void
its_state_is_kept_as_it_says(void **state)
{
	PbSnapshot	snapshot = PB_SNAPSHOT_INIT;
	PbAny		own = PB_ANY_INIT;
	Outcome		outcome;

	own.type_url = (char *) "/shop.Checkout";
	snapshot.state = &own;
	book.snapshot = &snapshot;
	answer_books(1);
	outcome = deliver();
	assert_settled(&outcome);
	assert_int_equal(world->memory->kept.committed_snapshots, 1);
	assert_int_equal(world->memory->kept.snapshots[0].snapshot.sequence, 0);
}

static void
in_an_edition_its_state_is_that_of_the_edition(void **state)
{
	Outcome		outcome;

	world->order.edition = "trial";
	process.edition = "trial";
	answer_books(1);
	outcome = deliver();
	assert_settled(&outcome);
	assert_non_null(reactions->last_process->process_state->cover->edition);
	assert_string_equal(reactions->last_process->process_state->cover->edition->name,
						"trial");
	assert_int_equal(reactions_stored(reactions, &process), 1);
}

/* However little memory there is, in the end all of it was done once. */
static void
memory_that_runs_out_anywhere_does_no_harm(void **state)
{
	Outcome		outcome = {.code = AZ_RESOURCE_EXHAUSTED};
	PbNotification notification = PB_NOTIFICATION_INIT;

	notification.cover = reactions_command(reactions)->cover;
	reactions->process.notification = &notification;
	answer_books(1);
	reactions_answer(reactions, reactions_command(reactions), NULL);
	reactions_answer_fact(reactions, reactions_fact(reactions));
	for (int n = 0; outcome.code != AZ_OK; n++)
	{
		assert_true(n < 10000);
		fail_malloc_after(n);
		outcome = deliver();
		fail_malloc_after(-1);
		assert_int_equal(world->memory->kept.committed_letters, 0);
	}
	assert_int_equal(reactions_stored(reactions, &process), 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 2);
	assert_int_equal(world->memory->committed_outbox.count, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_handed_the_event_and_its_own_state),
		TEST(an_event_without_correlation_id_belongs_to_no_process),
		TEST(its_events_are_one_after_the_other_with_our_numbers),
		TEST(its_commands_run_and_all_of_it_once),
		TEST(overtaken_it_decides_anew),
		TEST(overtaken_too_often_it_is_tried_later),
		TEST(after_a_crash_its_commands_run_from_the_record),
		TEST(its_rejected_command_comes_back_to_itself),
		TEST(its_notification_is_recorded_with_its_events),
		TEST(a_notification_to_nobody_is_its_failure),
		TEST(events_over_a_limit_are_its_failure),
		TEST(too_many_events_are_its_failure),
		TEST(its_state_is_kept_as_it_says),
		TEST(in_an_edition_its_state_is_that_of_the_edition),
		TEST(memory_that_runs_out_anywhere_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
