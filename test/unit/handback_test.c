/* Tests of handing what was rejected to the process manager it is of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "codec/uuid.h"
#include "pipeline/obligation.h"

#include "failing_malloc.h"
#include "reaction_world.h"

static Reactions *reactions;
static World *world;
static AzAggregate process;		/* of "order-77" */
static bool came;
static AzError ended;
static PbEventBook book;		/* of process events: one page */
static PbEventPage page;
static PbAny event;
static PbEventPage *pages[] = {&page};
static PbEventBook *books[] = {&book};

static int
setup(void **state)
{
	reactions = reactions_create();
	world = reactions->world;
	process.domain = "process";
	process.edition = "";
	az_uuid_of_process("order-77", process.root);
	pb_event_book_init(&book);
	pb_event_page_init(&page);
	pb_any_init(&event);
	event.type_url = (char *) "/shop.Cancelled";
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

/* The process sends two commands, of which both are refused. */
static void
reject_two(void)
{
	Outcome		outcome;

	reactions->stock_status = "9";
	reactions->stock_refusals = 2;
	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	outcome = reactions_deliver(reactions, "checkout", 0, 1);
	assert_int_equal(outcome.code, AZ_OK);
	assert_int_equal(world->memory->committed_outbox.count, 2);
	assert_int_equal(reactions->process_calls, 1);
	reactions_answer(reactions, NULL, NULL);
}

static void
note_end(AzJob *job)
{
	came = true;
	ended.code = job->error.code;
}

/* Makes one attempt at the row at a place, when all are due. */
static void
attempt(size_t i)
{
	AzOutboxPage due = {.most = 8};
	AzDb	   *db = &world->memory->db;
	AzError		error = {0};
	AzJob	   *job;

	assert_true(az_db_begin(db, world->arena, &error));
	assert_true(az_outbox_read(db, &due, world->arena, &error));
	assert_true(az_db_commit(db, world->arena, &error));
	assert_true(i < due.count);
	job = az_obligation_create(reactions->jobs, &due.entries[i], &error);
	assert_non_null(job);
	came = false;
	job->done = note_end;
	az_job_start(job);
	reactions_until(reactions, &came);
	assert_int_equal(ended.code, AZ_OK);
}

static void
it_is_handed_the_rejection_with_the_provenance_of_the_command(void **state)
{
	const PbEventBook *trigger;
	const PbEventPage *handed;
	PbNotification *notification;
	PbRejectionNotification *rejection;
	AzBytes		bytes;

	memory_db_put_event(world->memory, &process, "/shop.Reserved", "old");
	reject_two();
	attempt(1);
	trigger = reactions->last_process->trigger;
	assert_string_equal(trigger->cover->domain, "process");
	assert_memory_equal(trigger->cover->root->value.data, process.root,
						AZ_UUID_SIZE);
	assert_string_equal(trigger->cover->correlation_id, "order-77");
	assert_int_equal(trigger->n_pages, 1);
	handed = trigger->pages[0];
	assert_int_equal(handed->header->sequence_type_case,
					 PB_PAGE_HEADER_ANGZARR_DEFERRED);
	assert_string_equal(handed->header->angzarr_deferred->source->domain,
						"order");
	assert_int_equal(handed->header->angzarr_deferred->source_seq, 3);
	assert_int_equal(handed->header->angzarr_deferred->command_index, 1);
	assert_string_equal(az_type_name(handed->event->type_url),
						"io.angzarr.v1.Notification");
	bytes.data = handed->event->value.data;
	bytes.len = handed->event->value.len;
	notification = az_decode(&pb_notification_descriptor, bytes, world->arena,
							 NULL);
	assert_non_null(notification);
	assert_non_null(notification->sent_at);
	assert_string_equal(notification->cover->domain, "process");
	bytes.data = notification->payload->value.data;
	bytes.len = notification->payload->value.len;
	rejection = az_decode(&pb_rejection_notification_descriptor, bytes,
						  world->arena, NULL);
	assert_string_equal(rejection->rejected_command->cover->domain, "stock");
	assert_int_equal(reactions->last_process->process_state->n_pages, 1);
	assert_int_equal(world->memory->committed_outbox.count, 1);
}

static void
each_rejection_is_handed_over_once_and_recorded_with_its_events(void **state)
{
	const AzEvent *events;
	size_t		count;

	reject_two();
	reactions->process.process_events = books;
	reactions->process.n_process_events = 1;
	attempt(0);
	attempt(0);
	events = memory_db_events(world->memory, &process, &count);
	assert_int_equal(count, 2);
	assert_int_equal(events[0].depth, 2);
	assert_string_equal(events[0].correlation_id, "order-77");
	assert_string_equal(events[0].cause->component, "checkout");
	assert_string_equal(events[0].cause->source.domain, "order");
	assert_int_equal(reactions_keys(reactions, "rejection-notification"), 2);
	assert_int_equal(reactions_keys(reactions, "reaction"), 1);
	assert_int_equal(reactions->process_calls, 3);
	assert_int_equal(world->memory->committed_outbox.count, 0);
	assert_int_equal(world->memory->kept.committed_letters, 0);
}

static void
its_commands_are_run_at_places_of_their_own(void **state)
{
	const AzEvent *events;
	size_t		count;

	reject_two();
	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	attempt(1);
	assert_int_equal(reactions->last_command->command->pages[0]->header->angzarr_deferred->command_index,
					 2001);
	assert_string_equal(reactions->last_command->command->pages[0]->header->angzarr_deferred->source->domain,
						"order");
	assert_int_equal(reactions->last_command->command->pages[0]->header->angzarr_deferred->source_seq,
					 3);
	attempt(0);
	assert_int_equal(reactions->last_command->command->pages[0]->header->angzarr_deferred->command_index,
					 1001);
	assert_int_equal(reactions_keys(reactions, "command"), 4);
	events = memory_db_events(world->memory, &reactions->stock, &count);
	assert_true(count >= 4);
	assert_int_equal(events[0].depth, 2);
}

static void
what_is_rejected_again_is_a_dead_letter(void **state)
{
	PbAngzarrDeadLetter *letter;

	reject_two();
	reactions->stock_refusals = 1;
	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	attempt(0);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	letter = reactions_letter(reactions, 0);
	assert_string_equal(letter->source_component, "checkout");
	assert_string_equal(letter->rejected_command->cover->domain, "stock");
	assert_int_equal(letter->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_EVENT_PROCESSING_FAILED);
	/* The second command of the answer, and the other rejection. */
	assert_int_equal(reactions_keys(reactions, "command"), 1);
	assert_int_equal(world->memory->committed_outbox.count, 1);
}

static void
a_crash_after_the_record_runs_its_commands_from_there(void **state)
{
	int			calls;

	reject_two();
	reactions->stock_status = "14";
	reactions->stock_refusals = 1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	attempt(0);
	assert_int_equal(world->memory->committed_outbox.count, 2);
	assert_int_equal(reactions_keys(reactions, "rejection-notification"), 1);
	calls = reactions->process_calls;
	reactions_crash(reactions);
	reactions_answer(reactions, NULL, NULL);
	/* The one that is due next is the other: it was not put off. */
	attempt(1);
	assert_int_equal(reactions->process_calls, calls);
	assert_int_equal(reactions_keys(reactions, "command"), 1);
	assert_int_equal(world->memory->committed_outbox.count, 1);
}

static void
attempts_spent_on_its_command_are_that_command_s_dead_letter(void **state)
{
	PbAngzarrDeadLetter *letter;

	reject_two();
	reactions->stock_status = "14";
	reactions->stock_refusals = -1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	attempt(0);
	attempt(1);
	assert_int_equal(world->memory->kept.committed_letters, 0);
	attempt(1);
	letter = reactions_letter(reactions, 0);
	assert_string_equal(letter->rejected_command->cover->domain, "stock");
	assert_int_equal(letter->event_processing_failed->retry_count, 3);
	assert_int_equal(world->memory->committed_outbox.count, 1);
}

/* The service of processes says that it has no such method. */
static void
a_process_without_the_method_is_asked_once(void **state)
{
	PbAngzarrDeadLetter *letter;

	reject_two();
	reactions->process_status = "12";
	attempt(0);
	letter = reactions_letter(reactions, 0);
	assert_int_equal(letter->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_COMPENSATION_DELIVERY_FAILED);
	assert_int_equal(letter->compensation_delivery_failed->attempts, 1);
	assert_string_equal(letter->source_component, "checkout");
	assert_int_equal(world->memory->committed_outbox.count, 1);
}

static void
a_process_that_fails_is_asked_again(void **state)
{
	reject_two();
	reactions->process_status = "9";
	attempt(0);
	assert_int_equal(world->memory->committed_outbox.count, 2);
	assert_int_equal(world->memory->kept.committed_letters, 0);
	reactions->process_status = NULL;
	attempt(1);
	assert_int_equal(world->memory->committed_outbox.count, 1);
	assert_int_equal(reactions_keys(reactions, "rejection-notification"), 1);
}

static void
a_notification_that_is_passed_on_has_a_key_and_places_of_its_own(void **state)
{
	PbCover    *cover;
	PbNotification notification = PB_NOTIFICATION_INIT;
	AzBytes		no_ext = {NULL, 0};
	uint32_t	place;

	cover = az_cover_make(&process, "order-77", no_ext, world->arena, NULL);
	notification.cover = cover;
	reactions->process.notification = &notification;
	assert_int_equal(reactions_deliver(reactions, "checkout", 0, 1).code,
					 AZ_OK);
	assert_int_equal(world->memory->committed_outbox.count, 1);
	reactions->process.notification = NULL;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	attempt(0);
	assert_int_equal(reactions_keys(reactions, "notification"), 1);
	place = reactions->last_command->command->pages[0]->header->angzarr_deferred->command_index;
	assert_true(place >= UINT32_C(0x80000000));
	assert_int_equal(world->memory->committed_outbox.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_handed_the_rejection_with_the_provenance_of_the_command),
		TEST(each_rejection_is_handed_over_once_and_recorded_with_its_events),
		TEST(its_commands_are_run_at_places_of_their_own),
		TEST(what_is_rejected_again_is_a_dead_letter),
		TEST(a_crash_after_the_record_runs_its_commands_from_there),
		TEST(attempts_spent_on_its_command_are_that_command_s_dead_letter),
		TEST(a_process_without_the_method_is_asked_once),
		TEST(a_process_that_fails_is_asked_again),
		TEST(a_notification_that_is_passed_on_has_a_key_and_places_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
