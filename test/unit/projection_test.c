/*
 * Tests of delivering to projectors: what they are given, what a failure
 * means, and what is filed; and of jobs of deliveries as such.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "pipeline/delivery.h"

#include "engine_world.h"
#include "failing_malloc.h"
#include "memory_statements.h"

static World *world;
static int	calls;
static PbEventBook *last;
static char correlation[80];
static char timeout[80];
static void (*answer) (H2Request *request);

static void
keep(char *to, const H2Request *request, const char *name)
{
	const char *value = h2_header(request, name);

	snprintf(to, 80, "%s", value != NULL ? value : "");
}

static void
project(World *asked, H2Request *request, PbEventBook *events)
{
	PbProjection projection = PB_PROJECTION_INIT;

	calls++;
	last = events;
	keep(correlation, request, "x-correlation-id");
	keep(timeout, request, "grpc-timeout");
	if (answer != NULL)
		answer(request);
	else
		answer_message(world, request, &projection);
}

static int
setup(void **state)
{
	world = world_create();
	world->project = project;
	world->settings.log_poll_us = 60000000;
	world->settings.jobs.max_attempts = 3;
	calls = 0;
	answer = NULL;
	last = NULL;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	world_free(world);
	return 0;
}

/* A projector; so often, and so long. */
static void
start(int max_attempts, int64_t deadline_ms)
{
	MemoryComponent component = {
		.name = "sums",.kind = "projector",.domain = "",.inputs = "order",
		.address = world->address,.max_attempts = max_attempts,
		.deadline_ms = deadline_ms
	};

	memory_db_register(world->memory, component);
	assert_true(world_start(world));
}

static void
until_called(int count)
{
	for (int turns = 0; calls < count && turns < 5000; turns++)
		world_go_on(world);
	assert_int_equal(calls, count);
}

static PbAngzarrDeadLetter *
letter(void)
{
	MemoryKept *kept = &world->memory->kept;
	PbAngzarrDeadLetter *found;
	int			turns = 0;

	while (kept->committed_letters == 0 && turns++ < 5000)
		world_go_on(world);
	assert_int_equal(kept->committed_letters, 1);
	found = az_decode(&pb_angzarr_dead_letter_descriptor, kept->letters[0],
					  world->arena, NULL);
	assert_non_null(found);
	assert_string_equal(found->source_component, "sums");
	assert_string_equal(found->source_component_type, "projector");
	assert_string_equal(found->cover->domain, "order");
	return found;
}

static void
put(int events)
{
	memory_db_put_append(world->memory, &world->order, "c-1", events, false);
}

static void
refuse(H2Request *request)
{
	h2_refuse(request, "3", "never will I");
}

static void
be_busy(H2Request *request)
{
	h2_refuse(request, "14", "not now");
}

static void
babble(H2Request *request)
{
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};
	static const char *const trailers[] = {"grpc-status", "0", NULL};

	h2_answer(request, headers, "\0\0\0\0\3\x0a\x05x", 8, trailers);
}

static void
a_projector_is_given_a_book_of_events(void **state)
{
	start(0, 0);
	put(3);
	until_called(1);
	assert_int_equal(last->n_pages, 3);
	assert_string_equal(last->cover->domain, "order");
	assert_string_equal(last->cover->correlation_id, "c-1");
	assert_memory_equal(last->cover->root->value.data, world->order.root, 16);
	assert_int_equal(last->next_sequence, 3);
	assert_null(last->snapshot);
	assert_int_equal(last->pages[2]->header->sequence, 2);
	assert_string_equal(last->pages[2]->event->type_url, "/t.Added");
	assert_memory_equal(last->pages[2]->event->value.data, "payload", 7);
	assert_string_equal(correlation, "c-1");
	assert_string_equal(timeout[0] != '\0' ? "some" : "none", "some");
}

static void
events_without_correlation_id_are_sent_without_one(void **state)
{
	start(0, 0);
	memory_db_put_event(world->memory, &world->order, "/t.A", "x");
	until_called(1);
	assert_string_equal(correlation, "");
}

static void
a_components_deadline_is_that_of_its_calls(void **state)
{
	start(0, 1);
	answer = NULL;
	world->settings.jobs.call_timeout_us = 5000000;
	put(1);
	until_called(1);
	/* Microseconds, of a millisecond. */
	assert_true(strlen(timeout) <= strlen("1000u"));
}

static void
what_it_refuses_for_good_is_filed_with_the_reason(void **state)
{
	PbAngzarrDeadLetter *found;

	start(0, 0);
	answer = refuse;
	put(1);
	found = letter();
	assert_int_equal(calls, 1);
	assert_non_null(strstr(found->rejection_reason, "never will I"));
	assert_int_equal(found->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS);
	assert_int_equal(found->rejected_events->n_pages, 1);
	assert_int_equal(found->rejected_events->pages[0]->header->sequence, 0);
	assert_int_equal(found->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_EVENT_PROCESSING_FAILED);
	assert_int_equal(found->event_processing_failed->retry_count, 0);
	assert_false(found->event_processing_failed->is_transient);
}

static void
what_it_cannot_now_is_filed_when_the_attempts_are_spent(void **state)
{
	PbAngzarrDeadLetter *found;

	start(0, 0);
	answer = be_busy;
	put(1);
	found = letter();
	assert_int_equal(calls, 3);
	assert_true(found->event_processing_failed->is_transient);
	assert_int_equal(found->event_processing_failed->retry_count, 3);
}

static void
a_components_own_attempts_go_before_the_setting(void **state)
{
	start(2, 0);
	answer = be_busy;
	put(1);
	assert_int_equal(letter()->event_processing_failed->retry_count, 2);
	assert_int_equal(calls, 2);
}

static void
an_answer_that_does_not_decode_is_a_failure(void **state)
{
	start(1, 0);
	answer = babble;
	put(1);
	assert_non_null(strstr(letter()->rejection_reason, "does not decode"));
}

static void
a_payload_stored_elsewhere_is_filed_and_nobody_is_asked(void **state)
{
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	PbAngzarrDeadLetter *found;
	AzEvent    *event;

	start(0, 0);
	put(1);
	reference.uri = (char *) "s3://bucket/key";
	event = &world->memory->log[0].event;
	memset(&event->payload, 0, sizeof(event->payload));
	assert_true(az_encode(&reference, world->arena, &event->external, NULL));
	found = letter();
	assert_int_equal(calls, 0);
	assert_int_equal(found->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_PAYLOAD_RETRIEVAL_FAILED);
	assert_non_null(strstr(found->rejection_reason, "stored elsewhere"));
}

static void
a_letter_that_cannot_be_filed_is_filed_later(void **state)
{
	start(0, 0);
	answer = refuse;
	memory_db_fail_statement(world->memory, AZ_STATEMENT_FILE_DEAD_LETTERS, 1,
							 "53200");
	put(1);
	letter();
	assert_true(world->memory->executed[AZ_STATEMENT_FILE_DEAD_LETTERS] >= 2);
}

/* ---- jobs of deliveries ---- */

static AzLoop *loop;
static AzChannels *channels;
static AzCatalog *catalog;
static AzJobs *jobs;

static int
setup_jobs(void **state)
{
	AzClientLimits limits = {.connections = 1};
	AzJobSettings settings = {.max_jobs = 2,.max_attempts = 7};

	loop = az_loop_create();
	channels = az_channels_create(loop, &limits);
	catalog = az_catalog_create();
	jobs = az_jobs_create(loop, channels, catalog, &settings);
	return jobs == NULL;
}

static int
teardown_jobs(void **state)
{
	fail_malloc_after(-1);
	az_jobs_free(jobs);
	az_catalog_free(catalog);
	az_channels_free(channels);
	az_loop_free(loop);
	return 0;
}

static void
only_what_reacts_can_be_delivered_to(void **state)
{
	AzComponent component = {.name = "x",.kind = "aggregate",.domain = "",
	.address = ""};
	AzDelivery	delivery = {.component = &component};
	AzError		error = {0};

	assert_null(az_delivery_create(jobs, &delivery, &error));
	assert_int_equal(error.code, AZ_INTERNAL);
	assert_int_equal(jobs->count, 0);
}

static void
a_delivery_is_copied_or_memory_is_out(void **state)
{
	char		name[] = "sums";
	char		source[3000];
	AzComponent component = {.name = name,.kind = "projector",.domain = "",
	.address = "grpc://localhost:1",.max_attempts = 4};
	AzCause		cause = {{"order", "", {1}, false, 0}, 3, name};
	AzEvent		event = {
		.correlation_id = "c-1",.type_url = "/t.A",.cause = &cause,
		.payload = az_bytes_of("payload")
	};
	AzDelivery	delivery = {
		.component = &component,
		.trigger = {{"order", "", {1}, false, 0}, NULL, &event, 1, 1}
	};
	AzDeliveryJob *copy = NULL;
	AzError		error;
	int			n_failed = 0;

	memset(source, 's', sizeof(source));
	source[sizeof(source) - 1] = '\0';
	cause.component = source;
	component.address = source;
	event.type_url = source;
	delivery.trigger.aggregate.domain = source;
	for (; copy == NULL; n_failed++)
	{
		memset(&error, 0, sizeof(error));
		fail_malloc_after(n_failed);
		copy = (AzDeliveryJob *) az_delivery_create(jobs, &delivery, &error);
		fail_malloc_after(-1);
		if (copy == NULL)
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	}
	assert_true(n_failed > 3);
	name[0] = source[0] = 'X';
	event.sequence = 9;
	assert_string_equal(copy->delivery.component->name, "sums");
	assert_int_equal(copy->delivery.component->address[0], 's');
	assert_int_equal(copy->delivery.trigger.aggregate.domain[0], 's');
	assert_int_equal(copy->delivery.trigger.events[0].sequence, 0);
	assert_int_equal(copy->delivery.trigger.events[0].type_url[0], 's');
	assert_int_equal(copy->delivery.trigger.events[0].cause->sequence, 3);
	assert_int_equal(copy->delivery.trigger.events[0].cause->component[0], 's');
	assert_int_equal(az_delivery_max_attempts(copy), 4);
	az_job_cancel(&copy->job);
	component.max_attempts = 0;
	copy = (AzDeliveryJob *) az_delivery_create(jobs, &delivery, &error);
	assert_int_equal(az_delivery_max_attempts(copy), 7);
	az_job_cancel(&copy->job);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_JOBS(name) \
	cmocka_unit_test_setup_teardown(name, setup_jobs, teardown_jobs)
	const struct CMUnitTest tests[] = {
		TEST(a_projector_is_given_a_book_of_events),
		TEST(events_without_correlation_id_are_sent_without_one),
		TEST(a_components_deadline_is_that_of_its_calls),
		TEST(what_it_refuses_for_good_is_filed_with_the_reason),
		TEST(what_it_cannot_now_is_filed_when_the_attempts_are_spent),
		TEST(a_components_own_attempts_go_before_the_setting),
		TEST(an_answer_that_does_not_decode_is_a_failure),
		TEST(a_payload_stored_elsewhere_is_filed_and_nobody_is_asked),
		TEST(a_letter_that_cannot_be_filed_is_filed_later),
		TEST_JOBS(only_what_reacts_can_be_delivered_to),
		TEST_JOBS(a_delivery_is_copied_or_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
