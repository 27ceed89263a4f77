/* Tests of what becomes of a job that writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/commit.h"

static AzJobs jobs;
static AzJob job;
static AzTarget target;
static AzCommit commit;

static int
setup(void **state)
{
	memset(&jobs, 0, sizeof(jobs));
	memset(&job, 0, sizeof(job));
	memset(&target, 0, sizeof(target));
	memset(&commit, 0, sizeof(commit));
	jobs.cache = az_cache_create(0);
	job.jobs = &jobs;
	job.arena = az_arena_create();
	target.aggregate.domain = "order";
	target.aggregate.edition = "";
	target.timeout_us = 60000000;
	commit.append.aggregate = target.aggregate;
	return jobs.cache == NULL || job.arena == NULL;
}

static int
teardown(void **state)
{
	az_cache_free(jobs.cache);
	az_arena_free(job.arena);
	return 0;
}

static AzCommitOutcome
finish(AzWishOutcome outcome)
{
	commit.append.wish.outcome = outcome;
	return az_commit_finish(&commit, &job, &target);
}

static void
what_is_busy_is_parked_and_keeps_its_patience_while_it_is(void **state)
{
	int64_t		until;

	assert_int_equal(finish(AZ_WISH_BUSY), AZ_COMMIT_PARKED);
	until = commit.parked_until_us;
	assert_true(until > 0);
	assert_int_equal(finish(AZ_WISH_BUSY), AZ_COMMIT_PARKED);
	assert_int_equal(commit.parked_until_us, until);
}

static void
patience_that_is_spent_makes_it_unavailable(void **state)
{
	commit.parked_until_us = 1;
	assert_int_equal(finish(AZ_WISH_BUSY), AZ_COMMIT_FAILED);
	assert_int_equal(job.error.code, AZ_UNAVAILABLE);
	assert_non_null(strstr(job.error.message, "60000 ms"));
}

static void
who_was_parked_then_overtaken_has_all_its_patience_again(void **state)
{
	assert_int_equal(finish(AZ_WISH_BUSY), AZ_COMMIT_PARKED);
	commit.parked_until_us = 1;
	assert_int_equal(finish(AZ_WISH_FULFILLED), AZ_COMMIT_OVERTAKEN);
	assert_int_equal(finish(AZ_WISH_BUSY), AZ_COMMIT_PARKED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_busy_is_parked_and_keeps_its_patience_while_it_is),
		TEST(patience_that_is_spent_makes_it_unavailable),
		TEST(who_was_parked_then_overtaken_has_all_its_patience_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
