/* Tests of what commands and facts of a reaction are stamped with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/emit.h"

#include "failing_malloc.h"
#include "reaction_world.h"

static Reactions *reactions;
static AzArena *arena;
static PbCommandBook *commands[2];
static PbEventBook *facts[1];
static PbPageHeader header;
static PbAngzarrDeferredSequence deferred;
static PbCover source;
static AzBook trigger;
static AzEmission emission;

static int
setup(void **state)
{
	reactions = reactions_create();
	arena = reactions->world->arena;
	commands[0] = reactions_command(reactions);
	commands[1] = reactions_command(reactions);
	facts[0] = reactions_fact(reactions);
	pb_page_header_init(&header);
	pb_angzarr_deferred_sequence_init(&deferred);
	source = *commands[0]->cover;
	source.domain = (char *) "order";
	source.correlation_id = (char *) "order-77";
	trigger = (AzBook)
	{
		.aggregate = reactions->world->order,
			.events = &reactions->event,.count = 1
	};
	emission = (AzEmission)
	{
		.component = az_catalog_named(reactions->catalog, "fulfil"),
			.trigger = &trigger,.source = &source,
			.commands = commands,.n_commands = 2,
			.facts = facts,.n_facts = 1
	};
	return 0;
}

static int
teardown(void **state)
{
	reactions_free(reactions);
	return 0;
}

static void
stamp(void)
{
	AzError		error = {0};

	if (!az_emit_stamp(&emission, reactions->jobs, arena, &error))
		fail_msg("%s", error.message);
}

static void
assert_refused(AzCode code, const char *text)
{
	AzError		error = {0};

	assert_false(az_emit_stamp(&emission, reactions->jobs, arena, &error));
	assert_int_equal(error.code, code);
	if (strstr(error.message, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, error.message);
}

static void
each_command_and_each_fact_says_where_it_comes_from(void **state)
{
	const PbAngzarrDeferredSequence *second;
	const PbAngzarrDeferredSequence *fact;

	stamp();
	second = commands[1]->pages[0]->header->angzarr_deferred;
	fact = facts[0]->pages[0]->header->angzarr_deferred;
	assert_ptr_equal(second->source, &source);
	assert_int_equal(second->source_seq, 3);
	assert_string_equal(second->source_component, "fulfil");
	assert_int_equal(second->command_index, 1);
	assert_int_equal(fact->command_index, 0);
	assert_string_equal(commands[0]->cover->correlation_id, "order-77");
}

static void
what_the_handler_says_of_source_and_mode_stays(void **state)
{
	PbCover		other = source;

	other.domain = (char *) "cart";
	deferred.source = &other;
	deferred.source_seq = 9;
	deferred.source_component = (char *) "somebody";
	deferred.command_index = 44;
	header.sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header.angzarr_deferred = &deferred;
	header._sync_mode_case = PB_PAGE_HEADER_SYNC_MODE;
	header.sync_mode = PB_SYNC_MODE_DECISION;
	commands[1]->pages[0]->header = &header;
	commands[1]->cover->correlation_id = (char *) "its-own";
	stamp();
	assert_string_equal(header.angzarr_deferred->source->domain, "cart");
	assert_int_equal(header.angzarr_deferred->source_seq, 9);
	assert_string_equal(header.angzarr_deferred->source_component, "fulfil");
	assert_int_equal(header.angzarr_deferred->command_index, 1);
	assert_int_equal(header.sync_mode, PB_SYNC_MODE_DECISION);
	assert_string_equal(commands[1]->cover->correlation_id, "its-own");
}

static void
a_sequence_stays_with_a_command_and_not_with_a_fact(void **state)
{
	PbPageHeader of_fact = PB_PAGE_HEADER_INIT;

	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	header.sequence = 5;
	of_fact = header;
	commands[0]->pages[0]->header = &header;
	facts[0]->pages[0]->header = &of_fact;
	stamp();
	assert_int_equal(header.sequence_type_case, PB_PAGE_HEADER_SEQUENCE);
	assert_int_equal(header.sequence, 5);
	assert_int_equal(of_fact.sequence_type_case,
					 PB_PAGE_HEADER_ANGZARR_DEFERRED);
}

static void
the_edition_is_that_of_the_event_whatever_the_handler_says(void **state)
{
	PbEdition	trial = PB_EDITION_INIT;
	PbEdition	other = PB_EDITION_INIT;

	other.name = (char *) "other";
	commands[0]->cover->edition = &other;
	stamp();
	assert_null(commands[0]->cover->edition);
	trial.name = (char *) "trial";
	source.edition = &trial;
	commands[0]->cover->edition = &other;
	stamp();
	assert_ptr_equal(commands[0]->cover->edition, &trial);
	assert_ptr_equal(facts[0]->cover->edition, &trial);
}

static void
what_is_not_valid_is_named(void **state)
{
	commands[1]->n_pages = 0;
	assert_refused(AZ_INTERNAL,
				   "saga \"fulfil\" answered command 2 of 2, which is not valid: command");
	commands[1]->n_pages = 1;
	facts[0]->cover->root = NULL;
	assert_refused(AZ_INTERNAL, "answered fact 1 of 1, which is not valid");
}

static void
a_source_that_is_no_whole_cover_is_not_valid(void **state)
{
	PbCover		nobody = PB_COVER_INIT;

	deferred.source = &nobody;
	header.sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header.angzarr_deferred = &deferred;
	commands[0]->pages[0]->header = &header;
	assert_refused(AZ_INTERNAL, "pages[0].header.angzarr_deferred.source");
}

static void
a_domain_that_nobody_registered_is_named(void **state)
{
	facts[0]->cover->domain = (char *) "nowhere";
	assert_refused(AZ_NOT_FOUND, "a fact for domain \"nowhere\"");
	facts[0]->cover->domain = (char *) "process";
	assert_refused(AZ_NOT_FOUND, "a fact for domain \"process\"");
}

static void
each_has_a_key_of_its_own_and_one_more_depth(void **state)
{
	AzOrigin	first;
	AzOrigin	second;
	AzOrigin	fact;

	reactions->event.depth = 6;
	assert_true(az_emit_origin(&emission, 0, &first, arena, NULL));
	assert_true(az_emit_origin(&emission, 1, &second, arena, NULL));
	assert_true(az_emit_origin(&emission, 2, &fact, arena, NULL));
	assert_string_equal(first.key.kind, "command");
	assert_string_equal(fact.key.kind, "fact");
	assert_false(az_bytes_equal(first.key.bytes, second.key.bytes));
	assert_int_equal(first.depth, 7);
	assert_string_equal(second.cause->component, "fulfil");
	assert_int_equal(second.cause->sequence, 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_command_and_each_fact_says_where_it_comes_from),
		TEST(what_the_handler_says_of_source_and_mode_stays),
		TEST(a_sequence_stays_with_a_command_and_not_with_a_fact),
		TEST(the_edition_is_that_of_the_event_whatever_the_handler_says),
		TEST(what_is_not_valid_is_named),
		TEST(a_source_that_is_no_whole_cover_is_not_valid),
		TEST(a_domain_that_nobody_registered_is_named),
		TEST(each_has_a_key_of_its_own_and_one_more_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
