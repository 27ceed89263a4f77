/* Tests of commands to angzarr itself. */
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
static PbDeleteEditionEvents deletion;

static int
setup(void **state)
{
	world = world_create();
	pb_delete_edition_events_init(&deletion);
	deletion.edition = (char *) "what-if";
	deletion.domain = (char *) "order";
	return 0;
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

/* To "_angzarr"; its page holds the deletion. */
static PbCommandRequest *
meta_command(void)
{
	PbCommandRequest *request = world_command(world);
	PbAny	   *payload = request->command->pages[0]->command;
	AzBytes		bytes;

	assert_true(az_encode(&deletion, world->arena, &bytes, NULL));
	request->command->cover->domain = (char *) "_angzarr";
	payload->type_url = (char *) "type.googleapis.com/io.angzarr.v1.DeleteEditionEvents";
	payload->value.data = (uint8_t *) bytes.data;
	payload->value.len = bytes.len;
	return request;
}

static void
assert_deletes_nothing(PbCommandRequest *request, AzCode code,
					   const char *text)
{
	Reply		reply = world_handle(world, request);

	assert_error(&reply, code, text);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_DELETE_EDITION_PART],
					 0);
}

static void
a_deletion_is_answered_with_an_empty_book(void **state)
{
	PbCommandRequest *request;
	PbEventBook *book;
	Reply		reply;

	world_start(world);
	request = meta_command();
	request->command->cover->correlation_id = (char *) "c-1";
	reply = world_handle(world, request);
	assert_int_equal(reply.code, AZ_OK);
	book = world_answer_book(world, &reply);
	assert_int_equal(book->n_pages, 0);
	assert_int_equal(book->next_sequence, 0);
	assert_null(book->snapshot);
	assert_string_equal(book->cover->domain, "_angzarr");
	assert_string_equal(book->cover->correlation_id, "c-1");
	assert_string_equal(world->memory->deleted_edition, "what-if");
	assert_string_equal(world->memory->deleted_domain, "order");
	assert_int_equal(h2_service_requests(world->service), 0);
}

static void
a_large_edition_goes_part_by_part_each_in_a_tick_of_its_own(void **state)
{
	int			begun;

	world_start(world);
	world_handle(world, world_command(world));
	begun = world->memory->begun;
	world->memory->parts = "mmm";
	assert_int_equal(world_handle(world, meta_command()).code, AZ_OK);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_DELETE_EDITION_PART],
					 4);
	assert_int_equal(world->memory->begun - begun, 4);
}

static void
a_deletion_looks_again_while_others_write_there(void **state)
{
	world_start(world);
	world->memory->parts = "bbmb";
	assert_int_equal(world_handle(world, meta_command()).code, AZ_OK);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_DELETE_EDITION_PART],
					 5);
}

static const char *
for_ever(char letter)
{
	char	   *parts = az_arena_alloc(world->arena, 100001);

	memset(parts, letter, 100000);
	return parts;
}

static void
writers_that_never_end_make_the_deletion_unavailable(void **state)
{
	Reply		reply;

	world->settings.jobs.call_timeout_us = 30000;
	world_start(world);
	world->memory->parts = for_ever('b');
	reply = world_handle(world, meta_command());
	assert_error(&reply, AZ_UNAVAILABLE,
				 "writing to edition \"what-if\" of domain \"order\" for 30 ms");
	assert_true(world->memory->executed[AZ_STATEMENT_DELETE_EDITION_PART] > 1);
}

static void
meet_lock(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_DELETE_EDITION_PART && world->n_events-- > 0)
		memory_db_fail_statement(memory, statement, 1, "55P03");
}

static void
a_lock_in_the_way_of_a_deletion_makes_it_ask_again_later(void **state)
{
	world_start(world);
	world->n_events = 6;
	world->memory->before = meet_lock;
	assert_int_equal(world_handle(world, meta_command()).code, AZ_OK);
	/* Batch, safely, alone: twice; then it is through. */
	assert_int_equal(world->memory->executed[AZ_STATEMENT_DELETE_EDITION_PART],
					 7);
}

static void
the_main_timeline_is_protected_in_each_of_its_names(void **state)
{
	static const char *const names[] = {"", "angzarr"};

	world_start(world);
	for (int i = 0; i < 2; i++)
	{
		Reply		reply;
		PbStatus   *status;
		PbErrorInfo *info;
		AzBytes		bytes;

		deletion.edition = (char *) names[i];
		reply = world_handle(world, meta_command());
		assert_error(&reply, AZ_FAILED_PRECONDITION,
					 "the main timeline is protected");
		status = az_decode(&pb_status_descriptor, reply.details, world->arena,
						   NULL);
		bytes.data = status->details[0]->value.data;
		bytes.len = status->details[0]->value.len;
		info = az_decode(&pb_error_info_descriptor, bytes, world->arena, NULL);
		assert_string_equal(info->reason, "PROTECTED_TIMELINE");
		assert_int_equal(status->n_details, 1);
	}
	assert_int_equal(world->memory->executed[AZ_STATEMENT_DELETE_EDITION_PART],
					 0);
}

static void
what_is_no_edition_of_a_domain_is_an_invalid_argument(void **state)
{
	PbCommandRequest *request;

	world_start(world);
	deletion.domain = (char *) "";
	assert_deletes_nothing(meta_command(), AZ_INVALID_ARGUMENT,
						   "command.pages[0].command.domain is empty");
	deletion.domain = (char *) "a b";
	assert_deletes_nothing(meta_command(), AZ_INVALID_ARGUMENT,
						   "command.pages[0].command.domain \"a b\"");
	deletion.domain = (char *) "order";
	deletion.edition = (char *) "What";
	assert_deletes_nothing(meta_command(), AZ_INVALID_ARGUMENT,
						   "command.pages[0].command.edition \"What\"");
	request = meta_command();
	request->command->pages[0]->command->value.len--;
	assert_deletes_nothing(request, AZ_INVALID_ARGUMENT,
						   "DeleteEditionEvents");
	request->command->cover->root = NULL;
	assert_deletes_nothing(request, AZ_INVALID_ARGUMENT,
						   "command.cover.root is missing");
}

static void
anything_else_to_angzarr_is_unimplemented(void **state)
{
	PbCommandRequest *request;
	PbCommandPage *pages[2];
	PbEventRequest *fact;
	Reply		reply;

	world_start(world);
	request = meta_command();
	request->command->pages[0]->command->type_url = (char *) "/DeleteEditionEvents";
	assert_deletes_nothing(request, AZ_UNIMPLEMENTED,
						   "io.angzarr.v1.DeleteEditionEvents");
	request = meta_command();
	pages[0] = pages[1] = request->command->pages[0];
	request->command->pages = pages;
	request->command->n_pages = 2;
	assert_deletes_nothing(request, AZ_UNIMPLEMENTED, "in one page");
	fact = world_fact(world);
	fact->events->cover->domain = (char *) "_angzarr";
	reply = world_record(world, fact);
	assert_error(&reply, AZ_UNIMPLEMENTED, "DeleteEditionEvents");
}

static void
fail_part(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_DELETE_EDITION_PART)
		memory_db_fail_statement(memory, statement, 1, "53100");
}

static void
a_database_that_fails_fails_the_deletion_and_says_why(void **state)
{
	Reply		reply;

	world_start(world);
	memory_db_fail_commit(world->memory, 1, "40001");
	assert_int_equal(world_handle(world, meta_command()).code, AZ_OK);
	world->memory->before = fail_part;
	reply = world_handle(world, meta_command());
	assert_error(&reply, AZ_RESOURCE_EXHAUSTED, "told to fail");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_deletion_is_answered_with_an_empty_book),
		TEST(a_large_edition_goes_part_by_part_each_in_a_tick_of_its_own),
		TEST(a_deletion_looks_again_while_others_write_there),
		TEST(writers_that_never_end_make_the_deletion_unavailable),
		TEST(a_lock_in_the_way_of_a_deletion_makes_it_ask_again_later),
		TEST(the_main_timeline_is_protected_in_each_of_its_names),
		TEST(what_is_no_edition_of_a_domain_is_an_invalid_argument),
		TEST(anything_else_to_angzarr_is_unimplemented),
		TEST(a_database_that_fails_fails_the_deletion_and_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
