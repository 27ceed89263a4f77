/* Tests of the timers of process managers, from the event that sets one on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "codec/uuid.h"
#include "engine/subscription.h"
#include "engine/timers.h"

#include "failing_malloc.h"
#include "reaction_world.h"

#define SECOND INT64_C(1000000)
#define START (1700000000 * SECOND)

static Reactions *reactions;
static MemoryDb *memory;
static AzSubscriptions subscriptions;
static AzTimers timers;
static AzAggregate process;		/* of "order-77" */
static int64_t now;				/* since the start, on both clocks */

/* What the process manager answers: one book of one or two pages. */
static PbEventBook book;
static PbEventBook *books[] = {&book};
static PbEventPage page[2];
static PbEventPage *pages[] = {&page[0], &page[1]};
static PbAny event[2];

static int64_t
monotonic_us(void)
{
	return START + now;
}

static const AzClock clock = {monotonic_us, monotonic_us};

/* This engine delivers to "checkout". */
static void
start_timers(void)
{
	AzWindowLimits limits = {10, 10, 1};
	AzSubscription *subscription;

	memset(&subscriptions, 0, sizeof(subscriptions));
	subscriptions.jobs = reactions->jobs;
	subscriptions.looks = 1;
	subscription = az_subscription_create(&subscriptions, "checkout");
	assert_non_null(subscription);
	subscription->window = az_window_create(&limits, 0);
	subscription->has_lease = true;
	subscription->is_enabled = true;
	subscription->previous = subscription;
	subscriptions.all = subscription;
	assert_true(az_timers_init(&timers, &memory->db, reactions->jobs,
							   &subscriptions));
}

static void
stop_timers(void)
{
	az_timers_free(&timers);
	az_subscription_free(subscriptions.all);
}

static int
setup(void **state)
{
	now = 0;
	az_clock_set(&clock);
	reactions = reactions_create();
	memory = reactions->world->memory;
	process.domain = "process";
	process.edition = "";
	az_uuid_of_process("order-77", process.root);
	pb_event_book_init(&book);
	book.pages = pages;
	for (int i = 0; i < 2; i++)
	{
		pb_event_page_init(&page[i]);
		pb_any_init(&event[i]);
		page[i].payload_case = PB_EVENT_PAGE_EVENT;
		page[i].event = &event[i];
	}
	reactions->process.process_events = books;
	reactions->process.n_process_events = 1;
	start_timers();
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	stop_timers();
	reactions_free(reactions);
	az_clock_set(NULL);
	return 0;
}

static void
answer(int i, const char *type, const void *message)
{
	AzBytes		bytes;

	assert_true(az_encode(message, reactions->world->arena, &bytes, NULL));
	event[i].type_url = (char *) type;
	event[i].value.data = (uint8_t *) bytes.data;
	event[i].value.len = bytes.len;
	book.n_pages = i + 1;
}

static void
answer_scheduled(int i, const char *name, int64_t due_s)
{
	PbTimeoutScheduled scheduled = PB_TIMEOUT_SCHEDULED_INIT;
	PbAny		payload;

	pb_any_init(&payload);
	payload.type_url = (char *) "/shop.Cart";
	scheduled.name = (char *) name;
	scheduled.payload = &payload;
	scheduled.due_at = az_timestamp_make(START + due_s * SECOND,
										 reactions->world->arena);
	answer(i, "/angzarr.timer.v1.TimeoutScheduled", &scheduled);
}

static void
answer_cancelled(const char *name)
{
	PbTimeoutCancelled cancelled = PB_TIMEOUT_CANCELLED_INIT;

	cancelled.name = (char *) name;
	answer(0, "/angzarr.timer.v1.TimeoutCancelled", &cancelled);
}

/* Another event of the order, of which the process manager hears. */
static Outcome
deliver(void)
{
	reactions->event.sequence++;
	return reactions_deliver(reactions, "checkout", 0, 1);
}

static void
assert_delivered(void)
{
	Outcome		outcome = deliver();

	if (outcome.code != AZ_OK || outcome.was_lettered)
		fail_msg("got %s \"%s\"", az_code_name(outcome.code), outcome.message);
}

/* Turns until nothing is under way, and a while longer. */
static void
go_on(void)
{
	for (int idle = 0, turns = 0; idle < 20 && turns < 3000; turns++)
	{
		az_timers_turn(&timers);
		reactions_turn(reactions);
		idle = reactions->jobs->count == 0 ? idle + 1 : 0;
	}
	assert_int_equal(reactions->jobs->count, 0);
}

static void
pass(int64_t seconds)
{
	now += seconds * SECOND;
	go_on();
}

static const PbEventPage *
trigger_page(void)
{
	const PbEventBook *trigger = reactions->last_process->trigger;

	assert_int_equal(trigger->n_pages, 1);
	return trigger->pages[0];
}

/* ---- a timer elapses ---- */

static void
a_timer_wakes_its_process_when_it_is_due_and_not_before(void **state)
{
	const PbEventBook *trigger;
	PbTimeoutElapsed *elapsed;
	AzBytes		bytes;

	answer_scheduled(0, "payment", 30);
	assert_delivered();
	assert_int_equal(memory->timers.count, 1);
	book.n_pages = 0;
	pass(29);
	assert_int_equal(reactions->process_calls, 1);
	pass(1);
	assert_int_equal(reactions->process_calls, 2);
	trigger = reactions->last_process->trigger;
	assert_string_equal(trigger->cover->domain, "process");
	assert_string_equal(trigger->cover->correlation_id, "order-77");
	assert_memory_equal(trigger->cover->root->value.data, process.root,
						AZ_UUID_SIZE);
	assert_int_equal(trigger->next_sequence, 1);
	assert_int_equal(trigger_page()->header->sequence, 0);
	assert_string_equal(az_type_name(trigger_page()->event->type_url),
						"angzarr.timer.v1.TimeoutElapsed");
	bytes.data = trigger_page()->event->value.data;
	bytes.len = trigger_page()->event->value.len;
	elapsed = az_decode(&pb_timeout_elapsed_descriptor, bytes,
						reactions->world->arena, NULL);
	assert_non_null(elapsed);
	assert_string_equal(elapsed->name, "payment");
	assert_int_equal(elapsed->due_at->seconds, (START + 30 * SECOND) / SECOND);
	assert_string_equal(elapsed->payload->type_url, "/shop.Cart");
	assert_int_equal(memory->timers.count, 0);
	pass(600);
	assert_int_equal(reactions->process_calls, 2);
}

static void
nothing_is_asked_of_the_database_until_a_timer_is_due(void **state)
{
	int			asked;

	answer_scheduled(0, "payment", 3600);
	assert_delivered();
	go_on();
	asked = memory->begun;
	pass(3599);
	assert_int_equal(memory->begun, asked);
	assert_false(az_timers_want_turn(&timers));
}

static void
a_timer_that_is_set_again_moves(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	answer_scheduled(0, "payment", 50);
	assert_delivered();
	assert_int_equal(memory->timers.count, 1);
	book.n_pages = 0;
	pass(20);
	assert_int_equal(reactions->process_calls, 2);
	pass(30);
	assert_int_equal(reactions->process_calls, 3);
	assert_int_equal(trigger_page()->header->sequence, 1);
}

static void
a_timer_that_is_cancelled_never_elapses(void **state)
{
	answer_scheduled(0, "payment", 10);
	answer_scheduled(1, "refund", 10);
	assert_delivered();
	answer_cancelled("payment");
	assert_delivered();
	book.n_pages = 0;
	pass(10);
	assert_int_equal(reactions->process_calls, 3);
	assert_int_equal(trigger_page()->header->sequence, 1);
}

/* ---- once ---- */

static void
what_comes_of_a_timer_is_done_after_a_crash_and_asked_once(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	/* It sets itself again, which must not make the first one forgotten. */
	answer_scheduled(0, "payment", 5000);
	reactions_answer(reactions, reactions_command(reactions), NULL);
	reactions->stock_status = "14";
	reactions->stock_refusals = 1;
	pass(10);
	assert_int_equal(reactions->stock_calls, 1);
	assert_int_equal(memory->timers.count, 2);
	stop_timers();
	reactions_crash(reactions);
	start_timers();
	pass(1);
	assert_int_equal(reactions->process_calls, 2);
	assert_int_equal(reactions->stock_calls, 2);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 1);
	assert_int_equal(memory->timers.count, 1);
	assert_int_equal(memory->timers.rows[0].sequence, 1);
}

static void
a_timer_is_no_repetition_of_the_event_that_set_it(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	book.n_pages = 0;
	pass(10);
	assert_int_equal(reactions_keys(reactions, "reaction"), 2);
}

/* ---- what fails ---- */

static void
a_transient_failure_is_tried_again_and_then_a_dead_letter(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	reactions->process_status = "13";
	pass(10);
	assert_int_equal(reactions->process_calls, 2);
	assert_int_equal(memory->timers.count, 1);
	pass(3600);
	assert_int_equal(memory->kept.committed_letters, 0);
	pass(3600);
	assert_int_equal(reactions->process_calls, 4);
	assert_int_equal(memory->kept.committed_letters, 1);
	assert_int_equal(memory->timers.count, 0);
}

static void
a_refused_timer_is_a_dead_letter_at_once(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	reactions->process_status = "3";
	pass(10);
	assert_int_equal(memory->kept.committed_letters, 1);
	assert_int_equal(memory->timers.count, 0);
}

static void
assert_refused(const char *fault)
{
	size_t		letters = memory->kept.committed_letters;
	Outcome		outcome = deliver();
	PbAngzarrDeadLetter *letter;

	assert_true(outcome.was_lettered);
	letter = reactions_letter(reactions, letters);
	if (strstr(letter->rejection_reason, fault) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", letter->rejection_reason,
				 fault);
	assert_int_equal(memory->timers.count, 0);
	assert_int_equal(reactions_stored(reactions, &process), 0);
}

static void
an_answer_with_a_timer_that_is_none_is_a_dead_letter(void **state)
{
	PbTimeoutScheduled scheduled = PB_TIMEOUT_SCHEDULED_INIT;
	PbTimestamp due_at = {0};
	char		name[300] = {0};

	answer_scheduled(0, "", 10);
	assert_refused("has no name");
	memset(name, 'n', 256);
	answer_scheduled(0, name, 10);
	assert_refused("has a name of 256 bytes, allowed are 255");
	answer_cancelled("");
	assert_refused("TimeoutCancelled, to be event 0 of its process, that has no name");
	scheduled.name = (char *) "payment";
	answer(0, "x/angzarr.timer.v1.TimeoutScheduled", &scheduled);
	assert_refused("has no due_at");
	due_at = *az_timestamp_make(0, reactions->world->arena);
	due_at.nanos = -1;
	scheduled.due_at = &due_at;
	answer(0, "angzarr.timer.v1.TimeoutScheduled", &scheduled);
	assert_refused("no time of the years 1 to 9999");
	event[0].value.data = (uint8_t *) "\x0a\x05";
	event[0].value.len = 2;
	assert_refused("does not decode");
}

static void
a_database_that_fails_is_asked_again(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	book.n_pages = 0;
	go_on();
	memory_db_fail_statement(memory, AZ_STATEMENT_DUE_TIMERS, 1, "57P01");
	pass(10);
	assert_int_equal(reactions->process_calls, 1);
	memory_db_fail_statement(memory, AZ_STATEMENT_DROP_TIMERS, 1, "57P01");
	pass(1);
	assert_int_equal(reactions->process_calls, 2);
	assert_int_equal(memory->timers.count, 1);
	pass(1);
	assert_int_equal(memory->timers.count, 0);
}

/* ---- whose timers ---- */

static void
timers_of_who_is_paused_wait(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	book.n_pages = 0;
	subscriptions.all->is_paused = true;
	subscriptions.looks++;
	pass(60);
	assert_int_equal(reactions->process_calls, 1);
	subscriptions.all->is_paused = false;
	subscriptions.looks++;
	go_on();
	assert_int_equal(reactions->process_calls, 2);
}

static void
timers_of_whose_lease_another_engine_has_are_left_to_it(void **state)
{
	subscriptions.all->has_lease = false;
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	pass(60);
	assert_int_equal(reactions->process_calls, 1);
	assert_int_equal(memory->timers.count, 1);
}

static void
stopped_it_begins_nothing_and_has_written_all(void **state)
{
	answer_scheduled(0, "payment", 10);
	assert_delivered();
	az_timers_stop(&timers);
	pass(60);
	assert_int_equal(reactions->process_calls, 1);
	assert_true(az_timers_are_stopped(&timers));
}

int
main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ONE(a_timer_wakes_its_process_when_it_is_due_and_not_before),
		ONE(nothing_is_asked_of_the_database_until_a_timer_is_due),
		ONE(a_timer_that_is_set_again_moves),
		ONE(a_timer_that_is_cancelled_never_elapses),
		ONE(what_comes_of_a_timer_is_done_after_a_crash_and_asked_once),
		ONE(a_timer_is_no_repetition_of_the_event_that_set_it),
		ONE(a_transient_failure_is_tried_again_and_then_a_dead_letter),
		ONE(a_refused_timer_is_a_dead_letter_at_once),
		ONE(an_answer_with_a_timer_that_is_none_is_a_dead_letter),
		ONE(a_database_that_fails_is_asked_again),
		ONE(timers_of_who_is_paused_wait),
		ONE(timers_of_whose_lease_another_engine_has_are_left_to_it),
		ONE(stopped_it_begins_nothing_and_has_written_all)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
