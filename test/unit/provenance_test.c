/* Tests of keys and causes made of provenances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "pipeline/provenance.h"

static AzArena *arena;
static AzError error;
static uint8_t root_bytes[16] = {1, 2, 3};
static PbUUID root;
static PbCover source;
static PbAngzarrDeferredSequence deferred;

static int
setup(void **state)
{
	arena = az_arena_create();
	memset(&error, 0, sizeof(error));
	pb_uuid_init(&root);
	root.value.data = root_bytes;
	root.value.len = 16;
	pb_cover_init(&source);
	source.domain = (char *) "cart";
	source.root = &root;
	pb_angzarr_deferred_sequence_init(&deferred);
	deferred.source = &source;
	deferred.source_seq = 12;
	deferred.source_component = (char *) "check/out";
	deferred.command_index = 3;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static AzKey
key_of(const char *kind)
{
	AzKey		key;

	assert_true(az_provenance_key(&deferred, kind, "x", &key, arena, &error));
	return key;
}

static void
a_key_holds_every_part_and_no_external_id_can_be_it(void **state)
{
	static const char expected[] =
	"\0cart//01020300-0000-0000-0000-000000000000/12/3/check/out";
	AzKey		key = key_of("fact");

	assert_string_equal(key.kind, "fact");
	assert_int_equal(key.bytes.len, sizeof(expected) - 1);
	assert_memory_equal(key.bytes.data, expected, key.bytes.len);
}

static void
main_has_one_form_in_a_key(void **state)
{
	PbEdition	edition = PB_EDITION_INIT;
	AzKey		unset = key_of("command");

	source.edition = &edition;
	assert_true(az_bytes_equal(key_of("command").bytes, unset.bytes));
	edition.name = (char *) "angzarr";
	assert_true(az_bytes_equal(key_of("command").bytes, unset.bytes));
	edition.name = (char *) "what-if";
	assert_false(az_bytes_equal(key_of("command").bytes, unset.bytes));
}

static void
a_source_that_is_not_whole_has_no_key(void **state)
{
	AzKey		key;

	source.domain = (char *) "";
	assert_false(az_provenance_key(&deferred, "command", "page.deferred", &key,
								   arena, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "page.deferred.source.domain"));
}

static void
a_component_that_no_name_can_be_has_no_key(void **state)
{
	char		name[66];
	AzKey		key;

	memset(name, 'x', sizeof(name));
	name[65] = '\0';
	deferred.source_component = name;
	assert_false(az_provenance_key(&deferred, "command", "page.deferred", &key,
								   arena, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message,
						   "page.deferred.source_component has 65 bytes"));
	name[64] = '\0';
	assert_int_equal(key_of("command").bytes.data[0], 0);
}

static void
the_cause_is_the_source_the_sequence_and_the_component(void **state)
{
	const AzCause *cause = az_provenance_cause(&deferred, arena);

	assert_string_equal(cause->source.domain, "cart");
	assert_string_equal(cause->source.edition, "");
	assert_memory_equal(cause->source.root, root_bytes, 16);
	assert_int_equal(cause->sequence, 12);
	assert_string_equal(cause->component, "check/out");
}

static void
without_memory_there_is_neither_key_nor_cause(void **state)
{
	AzKey		key;

	fail_malloc_after(0);
	if (!az_provenance_key(&deferred, "command", "x", &key, arena, &error))
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	fail_malloc_after(-1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_holds_every_part_and_no_external_id_can_be_it),
		TEST(main_has_one_form_in_a_key),
		TEST(a_source_that_is_not_whole_has_no_key),
		TEST(a_component_that_no_name_can_be_has_no_key),
		TEST(the_cause_is_the_source_the_sequence_and_the_component),
		TEST(without_memory_there_is_neither_key_nor_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
