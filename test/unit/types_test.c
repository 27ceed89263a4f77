/* Tests of what descriptors say about payload types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "descriptor/types.h"
#include "failing_malloc.h"

#define MOST 8

static AzArena *arena;
static AzError error;
static AzBytes known;

/* A file with one message "shop.Order", to be changed before it is encoded. */
typedef struct Made
{
	PbFileDescriptorProto file;
	PbDescriptorProto message;
	PbDescriptorProto *messages[1];
	PbFieldDescriptorProto fields[MOST];
	PbFieldDescriptorProto *field_list[MOST];
	char	   *imports[2];
} Made;

static int
setup(void **state)
{
	arena = az_arena_create();
	memset(&error, 0, sizeof(error));
	known.data = az_descriptor_set;
	known.len = az_descriptor_set_len;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static void
add_field(Made *made, const char *name, int number, int type, int label)
{
	PbFieldDescriptorProto *field = &made->fields[made->message.n_field];

	pb_field_descriptor_proto_init(field);
	field->name = (char *) name;
	field->has_number = field->has_type = field->has_label = true;
	field->number = number;
	field->type = type;
	field->label = label;
	made->field_list[made->message.n_field++] = field;
}

/* string id = 1, int32 count = 2, repeated string tags = 3. */
static void
make_order(Made *made, const char *file)
{
	memset(made, 0, sizeof(*made));
	pb_file_descriptor_proto_init(&made->file);
	pb_descriptor_proto_init(&made->message);
	made->file.name = (char *) file;
	made->file.package = (char *) "shop";
	made->file.syntax = (char *) "proto3";
	made->message.name = (char *) "Order";
	made->message.field = made->field_list;
	made->messages[0] = &made->message;
	made->file.message_type = made->messages;
	made->file.n_message_type = 1;
	made->file.dependency = made->imports;
	add_field(made, "id", 1, 9, 1);
	add_field(made, "count", 2, 5, 1);
	add_field(made, "tags", 3, 9, 3);
}

static AzTypesFile
encode_file(const Made *made)
{
	AzTypesFile file = {.name = made->file.name};

	assert_true(az_encode(&made->file, arena, &file.bytes, &error));
	return file;
}

static AzTypes *
types_of(const Made *made)
{
	AzTypesFile file = encode_file(made);

	return az_types_create(known, &file, 1, arena, &error);
}

static AzBytes
encode_set(PbFileDescriptorProto **files, size_t count)
{
	PbFileDescriptorSet set = PB_FILE_DESCRIPTOR_SET_INIT;
	AzBytes		bytes;

	set.file = files;
	set.n_file = count;
	assert_true(az_encode(&set, arena, &bytes, &error));
	return bytes;
}

static void
assert_fault(AzCode code, const char *text)
{
	if (error.code != code || strstr(error.message, text) == NULL)
		fail_msg("got %s \"%s\", not \"...%s...\"", az_code_name(error.code),
				 error.message, text);
	memset(&error, 0, sizeof(error));
}

static void
types_and_their_fields_are_known_by_name(void **state)
{
	Made		made;
	AzTypes    *types;

	make_order(&made, "shop.proto");
	types = types_of(&made);
	assert_non_null(types);
	assert_true(az_types_has(types, "shop.Order"));
	assert_false(az_types_has(types, "shop.Other"));
	assert_true(az_types_has(types, "io.angzarr.v1.Cover"));
	assert_string_equal(az_types_field_name(types, "shop.Order", 2), "count");
	assert_null(az_types_field_name(types, "shop.Order", 9));
	assert_null(az_types_field_name(types, "shop.Other", 1));
	az_types_free(types);
	az_types_free(NULL);
}

static void
of_a_set_our_own_files_are_left_out(void **state)
{
	Made		mine;
	Made		ours;
	PbFileDescriptorProto *files[] = {&ours.file, &mine.file};
	AzTypesFile *split;
	size_t		count;

	make_order(&mine, "shop.proto");
	make_order(&ours, "io/angzarr/v1/types.proto");
	assert_true(az_types_split(known, encode_set(files, 2), arena, &split,
							   &count, &error));
	assert_int_equal(count, 1);
	assert_string_equal(split[0].name, "shop.proto");
	assert_true(az_bytes_equal(split[0].bytes, encode_file(&mine).bytes));
}

static void
what_is_no_set_is_refused(void **state)
{
	Made		made;
	PbFileDescriptorProto *files[] = {&made.file, &made.file};
	AzTypesFile *split;
	size_t		count;

	assert_false(az_types_split(known, az_bytes_of("\x0a\xff"), arena, &split,
								&count, &error));
	assert_fault(AZ_INVALID_ARGUMENT, "not an encoded FileDescriptorSet");
	make_order(&made, "shop.proto");
	assert_false(az_types_split(known, encode_set(files, 2), arena, &split,
								&count, &error));
	assert_fault(AZ_INVALID_ARGUMENT, "two files of it are called \"shop.proto\"");
	made.file.name = (char *) "";
	assert_false(az_types_split(known, encode_set(files, 1), arena, &split,
								&count, &error));
	assert_fault(AZ_INVALID_ARGUMENT, "has no name");
}

static void
files_that_do_not_go_together_are_refused_and_named(void **state)
{
	Made		made;
	Made		other;
	AzTypesFile files[2];

	make_order(&made, "shop.proto");
	made.imports[0] = (char *) "money.proto";
	made.file.n_dependency = 1;
	assert_null(types_of(&made));
	assert_fault(AZ_INVALID_ARGUMENT,
				 "file \"shop.proto\" imports \"money.proto\", which is not there");
	make_order(&other, "money.proto");
	other.imports[0] = (char *) "shop.proto";
	other.file.n_dependency = 1;
	files[0] = encode_file(&made);
	files[1] = encode_file(&other);
	assert_null(az_types_create(known, files, 2, arena, &error));
	assert_fault(AZ_INVALID_ARGUMENT, "import each other in a circle");

	made.file.n_dependency = 0;
	made.fields[1].number = 1;
	assert_null(types_of(&made));
	assert_fault(AZ_INVALID_ARGUMENT, "shop.proto");
	files[0].bytes = az_bytes_of("\xff");
	assert_null(az_types_create(known, files, 1, arena, &error));
	assert_fault(AZ_INVALID_ARGUMENT, "\"shop.proto\" does not decode");
}

static void
a_file_may_import_ours_and_come_before_what_it_imports(void **state)
{
	Made		made;
	Made		other;
	AzTypesFile files[2];
	AzTypes    *types;

	make_order(&made, "a.proto");
	make_order(&other, "z.proto");
	other.file.package = (char *) "bank";
	made.imports[0] = (char *) "z.proto";
	made.imports[1] = (char *) "io/angzarr/v1/types.proto";
	made.file.n_dependency = 2;
	files[0] = encode_file(&made);
	files[1] = encode_file(&other);
	types = az_types_create(known, files, 2, arena, &error);
	assert_non_null(types);
	assert_true(az_types_has(types, "bank.Order"));
	az_types_free(types);
}

/* Whether a change of the file may be registered; expects why not. */
static void
assert_follows(const Made *before, const Made *after, const char *fault)
{
	AzTypes    *old = types_of(before);
	AzTypes    *now = types_of(after);
	bool		follows = az_types_can_follow(old, now, arena, &error);

	assert_int_equal(follows, fault == NULL);
	if (fault != NULL)
		assert_fault(AZ_FAILED_PRECONDITION, fault);
	az_types_free(old);
	az_types_free(now);
}

static void
what_was_stored_must_still_be_readable(void **state)
{
	Made		before;
	Made		after;

	make_order(&before, "shop.proto");
	make_order(&after, "shop.proto");
	assert_follows(&before, &after, NULL);
	add_field(&after, "added", 4, 9, 1);
	assert_follows(&before, &after, NULL);
	after.fields[1].type = 3;	/* int32 to int64 */
	after.fields[0].type = 12;	/* string to bytes */
	after.fields[1].name = (char *) "renamed";
	assert_follows(&before, &after, NULL);
	after.fields[1].type = 9;
	assert_follows(&before, &after,
				   "field 2 (\"count\") of message \"shop.Order\" cannot change: it was int32 and is now string");
	after.fields[1].type = 17;
	assert_follows(&before, &after, "it was int32 and is now sint32");
	after.fields[1].type = 5;
	after.fields[1].label = 3;
	assert_follows(&before, &after, "it is repeated and was not");
	assert_follows(&after, &before, "it was repeated and is no longer");
	after.fields[1].label = 1;
	after.message.name = (char *) "Purchase";
	assert_follows(&before, &after,
				   "message \"shop.Order\" is no longer there");
}

static void
random_bytes_are_an_error_and_never_a_crash(void **state)
{
	uint32_t	seed = 20261124;
	uint8_t		bytes[64];
	AzTypesFile *split;
	size_t		count;

	print_message("# seed %u\n", seed);
	for (int round = 0; round < 20000; round++)
	{
		AzBytes		set = {bytes, seed % sizeof(bytes)};

		for (size_t i = 0; i < sizeof(bytes); i++)
		{
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t) (seed >> 24);
		}
		/* Half of them begin like a file. */
		if (round % 2 == 0)
			memcpy(bytes, "\x0a\x3e\x0a\x01" "f", 5);
		memset(&error, 0, sizeof(error));
		if (az_types_split(known, set, arena, &split, &count, &error))
			az_types_free(az_types_create(known, split, count, arena, &error));
		az_arena_reset(arena);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(types_and_their_fields_are_known_by_name),
		TEST(of_a_set_our_own_files_are_left_out),
		TEST(what_is_no_set_is_refused),
		TEST(files_that_do_not_go_together_are_refused_and_named),
		TEST(a_file_may_import_ours_and_come_before_what_it_imports),
		TEST(what_was_stored_must_still_be_readable),
		TEST(random_bytes_are_an_error_and_never_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
