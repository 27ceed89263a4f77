/* Tests of where commands and facts begin an edition. */
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

/* Editions in the memory database are streams of their own: it shows where
 * something is written, and not what main adds to it. */
static World *world;
static AzAggregate branch;
static PbEdition edition;
static PbDomainDivergence divergence;
static PbDomainDivergence *divergences[] = {&divergence};

static int
setup(void **state)
{
	world = world_create();
	branch = world->order;
	branch.edition = "what-if";
	pb_edition_init(&edition);
	edition.name = (char *) "what-if";
	pb_domain_divergence_init(&divergence);
	divergence.domain = (char *) "order";
	edition.divergences = divergences;
	for (int i = 0; i < 3; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							"main");
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

static PbCommandRequest *
command_at(uint32_t expected)
{
	PbCommandRequest *request = world_command(world);

	request->command->cover->edition = &edition;
	request->command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	request->command->pages[0]->header->sequence = expected;
	return request;
}

static PbEventRequest *
edition_fact(void)
{
	PbEventRequest *request = world_fact(world);

	request->events->cover->edition = &edition;
	return request;
}

/* How many events the edition has of its own. */
static size_t
stored(void)
{
	size_t		count;

	memory_db_events(world->memory, &branch, &count);
	return count;
}

static void
say(uint32_t sequence)
{
	divergence.sequence = sequence;
	edition.n_divergences = 1;
}

static void
the_main_timeline_has_no_branch_to_look_for(void **state)
{
	PbCommandRequest *request = command_at(3);

	request->command->cover->edition = NULL;
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_BRANCH_STATES], 0);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_HOLD_BRANCHES], 0);
}

static void
the_first_command_begins_an_edition_that_the_next_one_finds(void **state)
{
	PbEventBook *book;
	Reply		reply = world_handle(world, command_at(0));

	assert_int_equal(reply.code, AZ_OK);
	book = world_answer_book(world, &reply);
	assert_string_equal(book->cover->edition->name, "what-if");
	assert_string_equal(world->last->events->cover->edition->name, "what-if");
	assert_int_equal(book->cover->edition->n_divergences, 0);
	assert_int_equal(stored(), 1);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_HOLD_BRANCHES], 1);
	assert_int_equal(world_handle(world, command_at(1)).code, AZ_OK);
	assert_int_equal(stored(), 2);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_HOLD_BRANCHES], 1);
	reply = world_handle(world, command_at(0));
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "command expects 0, aggregate is at 2");
}

static void
beyond_main_nothing_begins(void **state)
{
	Reply		reply = world_handle(world, command_at(4));

	assert_error(&reply, AZ_FAILED_PRECONDITION, "command expects 4");
	assert_int_equal(stored(), 0);
}

static void
a_cover_that_contradicts_the_editions_row_is_refused_with_both(void **state)
{
	Reply		reply;
	PbEventRequest *fact = edition_fact();

	world->memory->fixed = 2;
	say(1);
	reply = world_handle(world, command_at(1));
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "created to diverge at sequence 2");
	assert_error(&reply, AZ_FAILED_PRECONDITION, "says 1");
	reply = world_record(world, fact);
	assert_error(&reply, AZ_FAILED_PRECONDITION, "says 1");
	assert_int_equal(stored(), 0);
	assert_null(world->last);
}

static void
a_cover_that_disagrees_with_own_events_is_refused_with_both(void **state)
{
	Reply		reply;

	memory_db_put_event(world->memory, &branch, "/shop.ItemAdded", "own");
	say(1);
	reply = world_handle(world, command_at(1));
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "diverges at sequence 0, the cover says 1");
}

/* Somebody begins the edition before the statement that a test waits for. */
static AzStatementId before_statement;

static void
begin_first(MemoryDb *memory, AzStatementId statement)
{
	if (statement != before_statement)
		return;
	memory->before = NULL;
	memory_db_put_event(memory, &branch, "/shop.ItemAdded", "theirs");
}

static void
who_begins_second_between_look_and_load_starts_anew(void **state)
{
	Reply		reply;

	before_statement = AZ_STATEMENT_LOAD_BOOKS;
	world->memory->before = begin_first;
	/* Theirs begins at 0, ours would at 2: not the cover's fault. */
	reply = world_handle(world, command_at(2));
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "command expects 2, aggregate is at 1");
	assert_null(world->last);
}

static void
who_begins_second_before_the_append_is_overtaken(void **state)
{
	PbCommandRequest *request = command_at(0);
	Reply		reply;

	before_statement = AZ_STATEMENT_HOLD_BRANCHES;
	world->memory->before = begin_first;
	reply = world_handle(world, request);
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "command expects 0, aggregate is at 1");
	assert_int_equal(stored(), 1);
}

static void
a_fact_that_is_overtaken_on_an_edition_goes_to_its_head(void **state)
{
	Reply		reply;

	before_statement = AZ_STATEMENT_HOLD_BRANCHES;
	world->memory->before = begin_first;
	reply = world_record(world, edition_fact());
	assert_int_equal(reply.code, AZ_OK);
	assert_int_equal(stored(), 2);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_HOLD_BRANCHES], 1);
}

static void
fail_looks(MemoryDb *memory, AzStatementId statement)
{
	if (statement == before_statement)
		memory_db_fail_statement(memory, statement, 1, "53100");
}

static void
a_look_that_fails_says_why(void **state)
{
	Reply		reply;

	before_statement = AZ_STATEMENT_BRANCH_STATES;
	world->memory->before = fail_looks;
	reply = world_handle(world, command_at(0));
	assert_error(&reply, AZ_RESOURCE_EXHAUSTED, "told to fail");
	before_statement = AZ_STATEMENT_HOLD_BRANCHES;
	reply = world_handle(world, command_at(0));
	assert_error(&reply, AZ_RESOURCE_EXHAUSTED, "told to fail");
	assert_int_equal(stored(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_main_timeline_has_no_branch_to_look_for),
		TEST(the_first_command_begins_an_edition_that_the_next_one_finds),
		TEST(beyond_main_nothing_begins),
		TEST(a_cover_that_contradicts_the_editions_row_is_refused_with_both),
		TEST(a_cover_that_disagrees_with_own_events_is_refused_with_both),
		TEST(who_begins_second_between_look_and_load_starts_anew),
		TEST(who_begins_second_before_the_append_is_overtaken),
		TEST(a_fact_that_is_overtaken_on_an_edition_goes_to_its_head),
		TEST(a_look_that_fails_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
