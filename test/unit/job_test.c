/* Tests of the driver of jobs, with pipelines made for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pipeline/job.h"

#include "failing_malloc.h"

typedef struct TestJob
{
	AzJob		job;
	AzWish		wish;
	const char *name;
	AzAggregate aggregate;
} TestJob;

static AzLoop *loop;
static AzChannels *channels;
static AzCatalog *catalog;
static AzJobs *jobs;
static AzJobSettings settings = {.max_jobs = 4,.call_timeout_us = 1000000};
static int64_t now;
static char trace[512];			/* what happened, in words */
static AzStepResult finish_result;

static int64_t
fake_time(void)
{
	return now;
}

static const AzClock fake_clock = {fake_time, fake_time};
static const AzWishKind test_kind = {"test", NULL, NULL};

static void
note(const char *what, const AzJob *job)
{
	size_t		len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s%s %s", len ? ", " : "",
			 what, ((const TestJob *) job)->name);
}

static AzStepResult
prepare(AzJob *job)
{
	TestJob    *test = (TestJob *) job;

	if (strcmp(test->name, "bad") == 0)
	{
		az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT, "bad");
		return AZ_STEP_FAILED;
	}
	if (test->aggregate.domain != NULL)
		job->aggregate = &test->aggregate;
	return AZ_STEP_NEXT;
}

static AzStepResult
start_wish(AzJob *job)
{
	note("ask", job);
	return az_job_wish(job, &((TestJob *) job)->wish, &test_kind);
}

static AzStepResult
take_wish(AzJob *job)
{
	note("take", job);
	return finish_result;
}

static AzStepResult
go_on(AzJob *job)
{
	note("pass", job);
	return AZ_STEP_NEXT;
}

static AzStepResult
call_nobody(AzJob *job)
{
	return az_job_call(job, "carrier-pigeon://", "/a.B/C", az_bytes_of(""),
					   1000);
}

static const AzStep wish_steps[] = {
	{"ask", AZ_STEP_LOCAL, start_wish, take_wish},
	{"pass", AZ_STEP_LOCAL, go_on, NULL},
	{NULL}
};
static const AzPipeline wish_pipeline = {"test", prepare, wish_steps};

static const AzStep call_steps[] = {
	{"call", AZ_STEP_REMOTE, call_nobody, NULL},
	{NULL}
};
static const AzPipeline call_pipeline = {"call", prepare, call_steps};

static void
done(AzJob *job)
{
	note(job->error.code == AZ_OK ? "done" : "failed", job);
}

static TestJob *
start(const char *name, const AzPipeline *pipeline, const char *domain)
{
	TestJob    *test = (TestJob *) az_job_create(jobs, pipeline,
												 sizeof(TestJob), NULL);

	assert_non_null(test);
	test->name = name;
	test->aggregate.domain = domain;
	test->aggregate.edition = "";
	test->job.done = done;
	az_job_start(&test->job);
	return test;
}

/* What a tick does, without a database. */
static void
fulfil_one(void)
{
	AzWish	   *wish = jobs->wishes;

	assert_non_null(wish);
	DL_DELETE2(jobs->wishes, wish, previous, next);
	jobs->n_wishes--;
	wish->done(wish);
}

static int
setup(void **state)
{
	AzClientLimits limits = {.connections = 1,.max_inflight = 1};

	now = 1000000;
	az_clock_set(&fake_clock);
	trace[0] = '\0';
	finish_result = AZ_STEP_NEXT;
	loop = az_loop_create();
	channels = az_channels_create(loop, &limits);
	catalog = az_catalog_create();
	jobs = az_jobs_create(loop, channels, catalog, &settings);
	return jobs == NULL;
}

static int
teardown(void **state)
{
	az_jobs_free(jobs);
	az_catalog_free(catalog);
	az_channels_free(channels);
	az_loop_free(loop);
	az_clock_set(NULL);
	return 0;
}

/* ---- jobs that wait for others ---- */

static TestJob *child;			/* the last one that was started */
static int	children;			/* still to be started */

static AzStepResult
run_child(AzJob *job)
{
	AzError		error = {0};

	if (children == 0)
		return AZ_STEP_END;
	children--;
	child = (TestJob *) az_job_create(jobs, &wish_pipeline, sizeof(TestJob),
									  &error);
	assert_non_null(child);
	child->name = "child";
	return az_job_run(job, &child->job);
}

static AzStepResult
take_child(AzJob *job)
{
	assert_ptr_equal(job->ended, &child->job);
	note(job->ended->error.code == AZ_OK ? "child of" : "lost child of", job);
	return AZ_STEP_REPEAT;
}

static const AzStep parent_steps[] = {
	{"run", AZ_STEP_LOCAL, run_child, take_child},
	{NULL}
};
static const AzPipeline parent_pipeline = {"parent", prepare, parent_steps};

static void
a_job_waits_for_another_and_then_for_the_next(void **state)
{
	children = 2;
	start("a", &parent_pipeline, NULL);
	az_jobs_run_ready(jobs);
	assert_int_equal(jobs->count, 2);
	fulfil_one();
	assert_string_equal(trace,
						"ask child, take child, pass child, child of a");
	az_jobs_run_ready(jobs);
	finish_result = AZ_STEP_FAILED;
	az_error_set(&child->job.error, NULL, AZ_INTERNAL, "broken");
	fulfil_one();
	assert_non_null(strstr(trace, "take child, lost child of a, done a"));
	assert_int_equal(jobs->count, 0);
}

static void
what_a_job_waits_for_is_given_up_with_it(void **state)
{
	TestJob    *parent = start("a", &parent_pipeline, NULL);

	children = 1;
	az_jobs_run_ready(jobs);
	assert_int_equal(jobs->n_wishes, 1);
	az_job_cancel(&parent->job);
	assert_int_equal(jobs->n_wishes, 0);
	assert_int_equal(jobs->count, 0);
}

static void
what_is_given_up_alone_is_waited_for_no_more(void **state)
{
	TestJob    *parent = start("a", &parent_pipeline, NULL);

	children = 1;
	az_jobs_run_ready(jobs);
	az_job_cancel(&child->job);
	assert_null(parent->job.child);
	assert_int_equal(jobs->count, 1);
}

static void
metadata_is_copied_to_what_a_job_waits_for(void **state)
{
	TestJob    *parent = start("a", &parent_pipeline, NULL);

	children = 1;
	assert_true(az_metadata_add(&parent->job.metadata, parent->job.arena,
								az_bytes_of("traceparent"),
								az_bytes_of("00-1")));
	parent->job.deadline_us = 5;
	az_jobs_run_ready(jobs);
	assert_int_equal(child->job.metadata.count, 1);
	assert_ptr_not_equal(child->job.metadata.entries,
						 parent->job.metadata.entries);
	assert_int_equal(child->job.deadline_us, 5);
}

static void
a_job_runs_its_steps_in_order_and_ends_once(void **state)
{
	start("a", &wish_pipeline, NULL);
	assert_string_equal(trace, "");
	az_jobs_run_ready(jobs);
	assert_string_equal(trace, "ask a");
	assert_int_equal(jobs->n_wishes, 1);
	fulfil_one();
	assert_string_equal(trace, "ask a, take a, pass a, done a");
	assert_int_equal(jobs->count, 0);
}

static void
a_job_that_is_refused_at_the_door_takes_no_step(void **state)
{
	start("bad", &wish_pipeline, NULL);
	az_jobs_run_ready(jobs);
	assert_string_equal(trace, "failed bad");
	assert_int_equal(jobs->count, 0);
}

static void
a_failed_step_ends_the_job(void **state)
{
	TestJob    *test = start("a", &wish_pipeline, NULL);

	az_jobs_run_ready(jobs);
	finish_result = AZ_STEP_FAILED;
	az_error_set(&test->job.error, test->job.arena, AZ_INTERNAL, "broken");
	fulfil_one();
	assert_string_equal(trace, "ask a, take a, failed a");
}

static void
a_step_may_end_the_job_before_the_last_one(void **state)
{
	start("a", &wish_pipeline, NULL);
	az_jobs_run_ready(jobs);
	finish_result = AZ_STEP_END;
	fulfil_one();
	assert_string_equal(trace, "ask a, take a, done a");
}

static void
a_restart_begins_at_the_first_step_and_is_counted(void **state)
{
	TestJob    *test = start("a", &wish_pipeline, NULL);

	az_jobs_run_ready(jobs);
	finish_result = AZ_STEP_RESTART;
	fulfil_one();
	assert_int_equal(test->job.restarts, 1);
	finish_result = AZ_STEP_NEXT;
	fulfil_one();
	assert_string_equal(trace, "ask a, take a, ask a, take a, pass a, done a");
}

static void
a_step_that_asks_again_waits_longer_each_time(void **state)
{
	TestJob    *test = start("a", &wish_pipeline, NULL);
	int64_t		last_wait = 0;

	az_jobs_run_ready(jobs);
	finish_result = AZ_STEP_AGAIN;
	for (int i = 0; i < 10; i++)
	{
		int64_t		wait;

		fulfil_one();
		wait = test->job.pause.due_us - now;
		assert_true(wait > last_wait || wait == 50000);
		last_wait = wait;
		now += wait - 1;
		az_loop_turn(loop, 0);
		az_jobs_run_ready(jobs);
		assert_int_equal(jobs->n_wishes, 0);
		now += 1;
		az_loop_turn(loop, 0);
		az_jobs_run_ready(jobs);
		assert_int_equal(jobs->n_wishes, 1);
	}
	assert_int_equal(last_wait, 50000);
	finish_result = AZ_STEP_NEXT;
	fulfil_one();
	assert_int_equal(jobs->count, 0);
}

static void
jobs_of_one_aggregate_go_one_by_one_in_order(void **state)
{
	start("a", &wish_pipeline, "order");
	start("b", &wish_pipeline, "order");
	start("c", &wish_pipeline, "order");
	start("d", &wish_pipeline, "stock");
	az_jobs_run_ready(jobs);
	assert_string_equal(trace, "ask a, ask d");
	fulfil_one();
	az_jobs_run_ready(jobs);
	fulfil_one();
	fulfil_one();
	az_jobs_run_ready(jobs);
	fulfil_one();
	assert_string_equal(trace,
						"ask a, ask d, take a, pass a, done a, ask b, "
						"take d, pass d, done d, take b, pass b, done b, "
						"ask c, take c, pass c, done c");
	assert_int_equal(jobs->count, 0);
	assert_int_equal(az_map_count(jobs->lanes), 0);
}

static void
jobs_of_different_aggregates_do_not_wait_for_each_other(void **state)
{
	start("a", &wish_pipeline, "order");
	start("b", &wish_pipeline, "stock");
	start("c", &wish_pipeline, "order")->aggregate.root[0] = 1;
	start("d", &wish_pipeline, "order")->aggregate.edition = "what-if";
	az_jobs_run_ready(jobs);
	assert_string_equal(trace, "ask a, ask b, ask c, ask d");
	for (int i = 0; i < 4; i++)
		fulfil_one();
	assert_int_equal(jobs->count, 0);
}

static void
a_job_given_up_is_silent_and_lets_the_next_one_go(void **state)
{
	TestJob    *running = start("a", &wish_pipeline, "order");
	TestJob    *waiting = start("b", &wish_pipeline, "order");

	start("c", &wish_pipeline, "order");
	az_jobs_run_ready(jobs);
	az_job_cancel(&waiting->job);
	az_job_cancel(&running->job);
	assert_int_equal(jobs->n_wishes, 0);
	az_jobs_run_ready(jobs);
	fulfil_one();
	assert_string_equal(trace, "ask a, ask c, take c, pass c, done c");
	assert_int_equal(az_map_count(jobs->lanes), 0);
}

static void
a_job_given_up_while_it_holds_the_lane_but_has_not_begun_passes_it_on(void **state)
{
	TestJob    *second;

	start("a", &wish_pipeline, "order");
	second = start("b", &wish_pipeline, "order");
	start("c", &wish_pipeline, "order");
	az_jobs_run_ready(jobs);
	fulfil_one();
	az_job_cancel(&second->job);
	az_jobs_run_ready(jobs);
	fulfil_one();
	assert_string_equal(trace,
						"ask a, take a, pass a, done a, "
						"ask c, take c, pass c, done c");
}

static void
a_job_given_up_in_a_pause_is_gone(void **state)
{
	TestJob    *test = start("a", &wish_pipeline, "order");

	az_jobs_run_ready(jobs);
	finish_result = AZ_STEP_AGAIN;
	fulfil_one();
	az_job_cancel(&test->job);
	assert_int_equal(az_loop_timeout_ms(loop), -1);
	assert_int_equal(jobs->count, 0);
}

static void
more_jobs_than_allowed_are_refused_naming_the_setting(void **state)
{
	AzError		error = {0};

	for (int i = 0; i < 4; i++)
		start("a", &wish_pipeline, NULL);
	assert_null(az_job_create(jobs, &wish_pipeline, sizeof(TestJob), &error));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(error.message, "angzarr.max_jobs"));
}

static void
a_call_to_an_address_that_is_none_fails_the_job(void **state)
{
	start("a", &call_pipeline, NULL);
	az_jobs_run_ready(jobs);
	assert_string_equal(trace, "failed a");
}

static void
memory_that_runs_out_ends_the_job_and_leaves_no_lane(void **state)
{
	bool		worked = false;

	for (int n = 0; !worked; n++)
	{
		AzError		error = {0};
		AzJob	   *job;

		assert_true(n < 50);
		trace[0] = '\0';
		fail_malloc_after(n);
		job = az_job_create(jobs, &wish_pipeline, sizeof(TestJob), &error);
		if (job != NULL)
		{
			((TestJob *) job)->name = "a";
			((TestJob *) job)->aggregate.domain = "order";
			((TestJob *) job)->aggregate.edition = "";
			job->done = done;
			az_job_start(job);
			az_jobs_run_ready(jobs);
			worked = strcmp(trace, "ask a") == 0;
			assert_true(worked || strcmp(trace, "failed a") == 0);
		}
		else
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		fail_malloc_after(-1);
		if (!worked)
			assert_int_equal(az_map_count(jobs->lanes), 0);
	}
	fulfil_one();
	assert_int_equal(az_map_count(jobs->lanes), 0);
}

static void
jobs_still_there_at_the_end_are_dropped_silently(void **state)
{
	start("a", &wish_pipeline, "order");
	start("b", &wish_pipeline, "order");
	az_jobs_run_ready(jobs);
	az_jobs_free(jobs);
	jobs = NULL;
	assert_string_equal(trace, "ask a");
}

/* ---- waiting for something else ---- */

static AzStepResult
wait_outside(AzJob *job)
{
	note("wait", job);
	return AZ_STEP_WAIT;
}

static void
let_go(AzJob *job)
{
	note("release", job);
}

static const AzStep outside_steps[] = {
	{"wait", AZ_STEP_REMOTE, wait_outside, take_wish},
	{NULL}
};
static const AzPipeline outside_pipeline = {
	"outside", prepare, outside_steps, let_go
};

static void
a_job_that_waits_for_something_else_goes_on_when_resumed(void **state)
{
	TestJob    *test = start("a", &outside_pipeline, NULL);

	az_jobs_run_ready(jobs);
	az_jobs_run_ready(jobs);
	assert_string_equal(trace, "wait a");
	az_job_resume(&test->job);
	assert_string_equal(trace, "wait a, take a, done a, release a");
}

static void
what_a_job_holds_is_released_however_it_ends(void **state)
{
	TestJob    *test = start("a", &outside_pipeline, NULL);

	az_jobs_run_ready(jobs);
	az_job_cancel(&test->job);
	assert_string_equal(trace, "wait a, release a");
	start("bad", &outside_pipeline, NULL);
	az_jobs_run_ready(jobs);
	assert_string_equal(trace, "wait a, release a, failed bad, release bad");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_job_runs_its_steps_in_order_and_ends_once),
		TEST(a_job_that_is_refused_at_the_door_takes_no_step),
		TEST(a_failed_step_ends_the_job),
		TEST(a_step_may_end_the_job_before_the_last_one),
		TEST(a_restart_begins_at_the_first_step_and_is_counted),
		TEST(a_step_that_asks_again_waits_longer_each_time),
		TEST(jobs_of_one_aggregate_go_one_by_one_in_order),
		TEST(jobs_of_different_aggregates_do_not_wait_for_each_other),
		TEST(a_job_given_up_is_silent_and_lets_the_next_one_go),
		TEST(a_job_given_up_while_it_holds_the_lane_but_has_not_begun_passes_it_on),
		TEST(a_job_given_up_in_a_pause_is_gone),
		TEST(more_jobs_than_allowed_are_refused_naming_the_setting),
		TEST(a_call_to_an_address_that_is_none_fails_the_job),
		TEST(memory_that_runs_out_ends_the_job_and_leaves_no_lane),
		TEST(jobs_still_there_at_the_end_are_dropped_silently),
		TEST(a_job_that_waits_for_something_else_goes_on_when_resumed),
		TEST(what_a_job_holds_is_released_however_it_ends),
		TEST(a_job_waits_for_another_and_then_for_the_next),
		TEST(what_a_job_waits_for_is_given_up_with_it),
		TEST(what_is_given_up_alone_is_waited_for_no_more),
		TEST(metadata_is_copied_to_what_a_job_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
