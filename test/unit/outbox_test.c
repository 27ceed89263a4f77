/* Tests of delivering what the outbox holds, and of what follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "engine_world.h"
#include "failing_malloc.h"
#include "store/outbox.h"

static World *world;
static AzAggregate second;		/* another order */
static PbCover source;
static PbUUID source_root;
static PbAngzarrDeferredSequence deferred;
static PbRevocationResponse revocation;
static PbNotification returned;
static int	calls;
static int	refusals;			/* the first so many calls are refused */
static const char *refusal;		/* with this status */
static int	variant;			/* PB_BUSINESS_RESPONSE_*, of the first call */
static char warning[512];

static void
note_warning(AzLogLevel level, const char *message)
{
	if (level == AZ_LOG_WARNING)
		snprintf(warning, sizeof(warning), "%s", message);
}

static PbCover *
cover_of(const AzAggregate *aggregate)
{
	AzBytes		no_ext = {NULL, 0};

	return az_cover_make(aggregate, "", no_ext, world->arena, NULL);
}

static void
answer_notice(World *asked, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;

	if (calls++ < refusals)
	{
		h2_refuse(request, refusal, "not now");
		return;
	}
	if (variant == PB_BUSINESS_RESPONSE_EVENTS || calls > refusals + 1)
	{
		answer_events(asked, request, command);
		return;
	}
	response.result_case = variant;
	if (variant == PB_BUSINESS_RESPONSE_REVOCATION)
		response.revocation = &revocation;
	else
		response.notification = &returned;
	answer_message(asked, request, &response);
}

static int
setup(void **state)
{
	static uint8_t root[AZ_UUID_SIZE];

	calls = 0;
	refusals = 0;
	refusal = "14";
	warning[0] = '\0';
	variant = PB_BUSINESS_RESPONSE_EVENTS;
	az_log_set_sink(note_warning);
	world = world_create();
	world->handle = answer_notice;
	memcpy(root, world->order.root, AZ_UUID_SIZE);
	second = world->order;
	second.root[0] = 9;
	pb_uuid_init(&source_root);
	source_root.value.data = root;
	source_root.value.len = AZ_UUID_SIZE;
	pb_cover_init(&source);
	source.domain = (char *) "order";
	source.root = &source_root;
	pb_angzarr_deferred_sequence_init(&deferred);
	deferred.source = &source;
	deferred.source_seq = 1;
	deferred.source_component = (char *) "fulfil";
	pb_revocation_response_init(&revocation);
	revocation.reason = (char *) "cannot undo";
	pb_notification_init(&returned);
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	world_free(world);
	az_log_set_sink(NULL);
	return 0;
}

static void
put(AzOutboxRow row)
{
	const AzOutboxRow *rows[] = {&row};
	AzError		error = {0};

	row.target = row.target.domain == NULL ? world->order : row.target;
	assert_true(az_db_begin(&world->memory->db, world->arena, &error));
	assert_true(az_outbox_record(&world->memory->db, rows, 1, world->arena,
								 &error));
	assert_true(az_db_commit(&world->memory->db, world->arena, &error));
}

static void
put_rejection(int32_t depth)
{
	AzError		status = {.code = AZ_ABORTED,.message = "out of stock"};
	AzAddress	address = {
		.target = &source,.correlation_id = "c-1",.provenance = &deferred
	};
	AzOutboxRow row = {
		.kind = AZ_OUTBOX_REJECTION,.component = "fulfil",.depth = depth,
		.digest_key = az_bytes_of("k")
	};
	PbCommandBook *rejected = world_command(world)->command;
	PbCommandBook *envelope =
	az_notification_reject(&address, rejected, &status, world->arena, NULL);

	assert_non_null(envelope);
	assert_true(az_encode(envelope, world->arena, &row.envelope, NULL));
	put(row);
}

/* Lets the engine go on until something is so. */
static void
run_until(bool (*is_so) (void))
{
	int64_t		give_up = az_clock_monotonic_us() + 10000000;

	while (!is_so())
	{
		if (az_clock_monotonic_us() > give_up)
			fail_msg("what was waited for has not happened within 10 s");
		world_go_on(world);
	}
}

static bool
is_empty(void)
{
	return world->memory->committed_outbox.count == 0;
}

static PbAngzarrDeadLetter *
letter(size_t i)
{
	PbAngzarrDeadLetter *found;

	assert_true(i < world->memory->kept.committed_letters);
	found = az_decode(&pb_angzarr_dead_letter_descriptor,
					  world->memory->kept.letters[i], world->arena, NULL);
	assert_non_null(found);
	return found;
}

static void
what_was_recorded_before_the_start_is_delivered_once(void **state)
{
	const AzEvent *events;
	size_t		count;

	put_rejection(3);
	assert_true(world_start(world));
	run_until(is_empty);
	events = memory_db_events(world->memory, &world->order, &count);
	assert_int_equal(count, 1);
	assert_int_equal(events[0].depth, 3);
	assert_string_equal(events[0].correlation_id, "c-1");
	assert_int_equal(calls, 1);
	assert_int_equal(world->memory->kept.committed_letters, 0);
}

static void
a_transient_failure_is_tried_again_until_it_is_delivered(void **state)
{
	refusals = 3;
	put_rejection(0);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 4);
	assert_int_equal(world_stored(world), 1);
	assert_int_equal(world->memory->kept.committed_letters, 0);
}

static int64_t delays[32];
static int	n_delays;

static void
note_delay(MemoryDb *memory, AzStatementId statement)
{
	const MemoryOutbox *outbox = &memory->committed_outbox;

	if (statement == AZ_STATEMENT_READ_OBLIGATIONS && outbox->count > 0
		&& outbox->rows[0].attempts == n_delays + 1)
		delays[n_delays++] = outbox->rows[0].next_attempt_us -
			az_clock_wall_us();
}

static void
attempts_spent_are_a_dead_letter_and_the_row_goes(void **state)
{
	PbAngzarrDeadLetter *found;

	refusals = 100;
	n_delays = 0;
	world->settings.jobs.outbox_max_attempts = 4;
	world->settings.jobs.retry_delay_us = 20000;
	world->memory->before = note_delay;
	put_rejection(0);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 4);
	assert_int_equal(n_delays, 3);
	assert_true(delays[0] < delays[1] && delays[1] < delays[2]);
	found = letter(0);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_int_equal(found->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_COMPENSATION_DELIVERY_FAILED);
	assert_int_equal(found->compensation_delivery_failed->attempts, 4);
	assert_string_equal(found->compensation_delivery_failed->last_error,
						"not now");
	assert_string_equal(found->source_component, "fulfil");
	assert_string_equal(found->cover->domain, "order");
	assert_string_equal(found->cover->correlation_id, "c-1");
	assert_string_equal(found->rejected_command->pages[0]->command->type_url,
						"/io.angzarr.v1.Notification");
	assert_int_equal(world_stored(world), 0);
}

static void
who_has_no_such_method_is_asked_once(void **state)
{
	refusals = 100;
	refusal = "12";
	put_rejection(0);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 1);
	assert_int_equal(letter(0)->compensation_delivery_failed->attempts, 1);
}

static void
every_flag_of_a_revocation_is_followed(void **state)
{
	AzAggregate failures = world->order;
	PbSagaCompensationFailed *failed;
	PbAngzarrDeadLetter *found;
	const AzEvent *events;
	size_t		count;

	failures.domain = "angzarr-saga-failures";
	variant = PB_BUSINESS_RESPONSE_REVOCATION;
	revocation.emit_system_revocation = true;
	revocation.send_to_dead_letter_queue = true;
	revocation.escalate = true;
	/* It is not the first that is recorded there. */
	memory_db_put_event(world->memory, &failures, "/x", "");
	memory_db_put_event(world->memory, &failures, "/x", "");
	put_rejection(2);
	assert_true(world_start(world));
	run_until(is_empty);

	events = memory_db_events(world->memory, &failures, &count);
	assert_int_equal(count, 3);
	assert_string_equal(events[2].type_url,
						"/io.angzarr.v1.SagaCompensationFailed");
	assert_int_equal(events[2].depth, 2);
	failed = az_decode(&pb_saga_compensation_failed_descriptor,
					   events[2].payload, world->arena, NULL);
	assert_non_null(failed);
	assert_string_equal(failed->triggering_aggregate->domain, "order");
	assert_int_equal(failed->triggering_event_sequence, 1);
	assert_string_equal(failed->rejection_reason, "out of stock");
	assert_string_equal(failed->compensation_failure_reason, "cannot undo");
	assert_string_equal(failed->rejected_command->cover->domain, "order");

	found = letter(0);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_string_equal(found->rejection_reason, "out of stock");
	assert_string_equal(found->event_processing_failed->error, "cannot undo");
	assert_string_equal(found->source_component, "fulfil");
	assert_string_equal(found->rejected_command->pages[0]->command->type_url,
						"/shop.CreateOrder");
	assert_non_null(strstr(warning, "\"fulfil\" is to undo: cannot undo"));
	assert_int_equal(world_stored(world), 0);
}

static void
a_revocation_without_flags_only_closes_the_row(void **state)
{
	AzAggregate failures = world->order;
	size_t		count;

	failures.domain = "angzarr-saga-failures";
	variant = PB_BUSINESS_RESPONSE_REVOCATION;
	put_rejection(0);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 1);
	assert_int_equal(world->memory->kept.committed_letters, 0);
	memory_db_events(world->memory, &failures, &count);
	assert_int_equal(count, 0);
	assert_string_equal(warning, "");
}

static int	faults;

static void
fail_closing(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_CLOSE_OBLIGATIONS && faults-- > 0)
		memory_db_fail_statement(memory, statement, 1, "53100");
}

static void
what_follows_is_there_once_when_recording_it_failed_at_first(void **state)
{
	AzAggregate failures = world->order;
	size_t		count;

	failures.domain = "angzarr-saga-failures";
	variant = PB_BUSINESS_RESPONSE_REVOCATION;
	revocation.emit_system_revocation = true;
	revocation.send_to_dead_letter_queue = true;
	put_rejection(0);
	/* In the batch, in its safe form and alone: the attempt is lost. */
	faults = 3;
	world->memory->before = fail_closing;
	assert_true(world_start(world));
	run_until(is_empty);
	assert_non_null(strstr(warning, "could not work on the outbox"));
	memory_db_events(world->memory, &failures, &count);
	assert_int_equal(count, 1);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_int_equal(calls, 1);
}

static void
a_returned_notification_goes_to_its_own_cover(void **state)
{
	PbAny		payload = PB_ANY_INIT;
	const AzEvent *events;
	size_t		count;

	variant = PB_BUSINESS_RESPONSE_NOTIFICATION;
	payload.type_url = (char *) "/shop.Own";
	returned.payload = &payload;
	returned.cover = cover_of(&second);
	put_rejection(1);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 2);
	assert_int_equal(world_stored(world), 0);
	events = memory_db_events(world->memory, &second, &count);
	assert_int_equal(count, 1);
	assert_int_equal(events[0].depth, 2);
	assert_string_equal(events[0].correlation_id, "c-1");
	assert_string_equal(world->memory->kept.keys[1].kind, "notification");
}

static void
a_returned_notification_without_cover_is_a_dead_letter(void **state)
{
	variant = PB_BUSINESS_RESPONSE_NOTIFICATION;
	put_rejection(0);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 1);
	assert_non_null(strstr(letter(0)->compensation_delivery_failed->last_error,
						   "notification.cover"));
}

static void
a_notification_that_is_passed_on_for_ever_ends_in_a_dead_letter(void **state)
{
	variant = PB_BUSINESS_RESPONSE_NOTIFICATION;
	returned.cover = cover_of(&second);
	world->settings.jobs.max_causation_depth = 5;
	put_rejection(5);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 1);
	assert_non_null(strstr(letter(0)->compensation_delivery_failed->last_error,
						   "angzarr.max_causation_depth allows 5"));
}

static void
what_does_not_open_ends_in_a_dead_letter(void **state)
{
	AzOutboxRow row = {
		.kind = AZ_OUTBOX_REJECTION,.component = "fulfil",
		.digest_key = az_bytes_of("k"),.envelope = az_bytes_of("\377\377")
	};

	world->settings.jobs.outbox_max_attempts = 2;
	put(row);
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 0);
	assert_int_equal(letter(0)->compensation_delivery_failed->attempts, 2);
	assert_string_equal(letter(0)->cover->domain, "order");
}

static void
a_look_that_fails_is_told_once_and_comes_again(void **state)
{
	put_rejection(0);
	memory_db_fail_statement(world->memory, AZ_STATEMENT_READ_OBLIGATIONS, 1,
							 "57014");
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 1);
	assert_non_null(strstr(warning, "could not work on the outbox"));
}

static void
only_the_engine_that_has_the_lease_delivers(void **state)
{
	strcpy(world->memory->leased_elsewhere, ":outbox");
	world->settings.catalog_poll_us = 20000;
	put_rejection(0);
	assert_true(world_start(world));
	for (int i = 0; i < 50; i++)
		world_go_on(world);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_READ_OBLIGATIONS],
					 0);
	assert_int_equal(calls, 0);
	world->memory->leased_elsewhere[0] = '\0';
	run_until(is_empty);
	assert_int_equal(calls, 1);
	assert_string_equal(warning, "");
}

static bool
is_held(void)
{
	return world->held != NULL;
}

static void
an_engine_that_drains_gives_up_what_is_under_way(void **state)
{
	world->handle = hold_request;
	put_rejection(0);
	assert_true(world_start(world));
	run_until(is_held);
	assert_false(az_engine_is_drained(world->engine));
	az_engine_drain(world->engine);
	assert_true(az_engine_is_drained(world->engine));
	for (int i = 0; i < 20; i++)
		world_go_on(world);
	assert_int_equal(world->memory->committed_outbox.count, 1);
	assert_int_equal(world->memory->committed_outbox.rows[0].attempts, 0);
}

static void
more_than_can_be_under_way_are_all_delivered(void **state)
{
	for (int i = 0; i < 40; i++)
	{
		AzError		status = {.code = AZ_ABORTED,.message = "no"};
		AzAddress	address = {.target = &source,.provenance = &deferred};
		AzOutboxRow row = {
			.kind = AZ_OUTBOX_REJECTION,.component = "fulfil"
		};
		PbCommandBook *envelope;

		deferred.command_index = (uint32_t) i;
		envelope = az_notification_reject(&address,
										  world_command(world)->command,
										  &status, world->arena, NULL);
		row.digest_key = az_bytes_of(az_arena_format(world->arena, "k%d", i));
		assert_true(az_encode(envelope, world->arena, &row.envelope, NULL));
		put(row);
	}
	assert_true(world_start(world));
	run_until(is_empty);
	assert_int_equal(calls, 40);
	assert_int_equal(world_stored(world), 40);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_recorded_before_the_start_is_delivered_once),
		TEST(a_transient_failure_is_tried_again_until_it_is_delivered),
		TEST(attempts_spent_are_a_dead_letter_and_the_row_goes),
		TEST(who_has_no_such_method_is_asked_once),
		TEST(every_flag_of_a_revocation_is_followed),
		TEST(a_revocation_without_flags_only_closes_the_row),
		TEST(what_follows_is_there_once_when_recording_it_failed_at_first),
		TEST(a_returned_notification_goes_to_its_own_cover),
		TEST(a_returned_notification_without_cover_is_a_dead_letter),
		TEST(a_notification_that_is_passed_on_for_ever_ends_in_a_dead_letter),
		TEST(what_does_not_open_ends_in_a_dead_letter),
		TEST(a_look_that_fails_is_told_once_and_comes_again),
		TEST(only_the_engine_that_has_the_lease_delivers),
		TEST(an_engine_that_drains_gives_up_what_is_under_way),
		TEST(more_than_can_be_under_way_are_all_delivered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
