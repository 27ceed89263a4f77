/* Tests of JSON made of encoded messages, and messages made of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "descriptor/json.h"
#include "failing_malloc.h"

#define VALUE "google.protobuf.Value"
#define ROUNDS 20000

static AzArena *arena;
static AzError error;
static AzTypes *types;

/* What the server knows without any registration. */
static int
setup(void **state)
{
	const AzBytes known = {az_descriptor_set, az_descriptor_set_len};

	arena = az_arena_create();
	memset(&error, 0, sizeof(error));
	types = az_types_create(known, NULL, 0, arena, &error);
	return types == NULL;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_types_free(types);
	az_arena_free(arena);
	return 0;
}

static void
assert_fault(AzCode code, const char *text)
{
	if (error.code != code || strstr(error.message, text) == NULL)
		fail_msg("got %s \"%s\", not \"...%s...\"", az_code_name(error.code),
				 error.message, text);
	memset(&error, 0, sizeof(error));
}

static AzBytes
parse(const char *type, const char *json)
{
	AzBytes		message = {0};

	if (!az_json_parse(types, type, az_bytes_of(json), arena, &message,
					   &error))
		fail_msg("\"%s\" of %s: %s", type, json, error.message);
	return message;
}

/* The JSON is what the message made of it is printed as. */
static void
assert_round(const char *type, const char *json, const char *wanted)
{
	AzBytes		printed;

	assert_true(az_json_print(types, type, parse(type, json), arena, &printed,
							  &error));
	assert_string_equal((const char *) printed.data, wanted);
	assert_int_equal(strlen(wanted), printed.len);
}

static void
assert_refused(const char *type, const char *json, const char *fault)
{
	AzBytes		message;

	if (az_json_parse(types, type, az_bytes_of(json), arena, &message, &error))
		fail_msg("\"%s\" took %s", type, json);
	assert_fault(AZ_INVALID_ARGUMENT, fault);
}

static void
assert_unprintable(const char *type, AzBytes message, const char *fault)
{
	AzBytes		json;

	assert_false(az_json_print(types, type, message, arena, &json, &error));
	assert_fault(AZ_INVALID_ARGUMENT, fault);
}

#define BYTES(text) ((AzBytes) {(const uint8_t *) (text), sizeof(text) - 1})

static void
well_known_types_have_their_own_forms(void **state)
{
	assert_round("google.protobuf.Timestamp", "\"0001-01-01T00:00:00Z\"",
				 "\"0001-01-01T00:00:00Z\"");
	assert_round("google.protobuf.Timestamp",
				 "\"2000-02-29T23:59:59.25+02:00\"",
				 "\"2000-02-29T21:59:59.250Z\"");
	assert_round("google.protobuf.Timestamp",
				 "\"9999-12-31T23:59:59.999999999Z\"",
				 "\"9999-12-31T23:59:59.999999999Z\"");
	assert_round("google.protobuf.Duration", "\"-0.000001s\"",
				 "\"-0.000001s\"");
	assert_round("google.protobuf.Duration", "\"315576000000s\"",
				 "\"315576000000s\"");
	assert_round("google.protobuf.FieldMask", "\"aB.c,d\"", "\"aB.c,d\"");
	assert_round("google.protobuf.FieldMask", "\"\"", "\"\"");
	assert_round("google.protobuf.Empty", "{}", "{}");
	assert_round("google.protobuf.Int64Value", "7", "\"7\"");
	assert_round("google.protobuf.BytesValue", "\"_-8\"", "\"/+8=\"");
	assert_round(VALUE, "{\"b\": [null, true, 1.5, \"x\"], \"a\": {}}",
				 "{\"a\":{},\"b\":[null,true,1.5,\"x\"]}");
}

static void
an_any_holds_what_is_known_and_keeps_what_is_not(void **state)
{
	assert_round("google.protobuf.Any",
				 "{\"value\": {\"@type\": \"a/" VALUE "\", \"value\": null},"
				 " \"@type\": \"b/google.protobuf.Any\"}",
				 "{\"@type\":\"b/google.protobuf.Any\","
				 "\"value\":{\"@type\":\"a/" VALUE "\",\"value\":null}}");
	assert_round("google.protobuf.Any",
				 "{\"@type\": \"a/io.angzarr.v1.Cover\", \"domain\": \"d\"}",
				 "{\"@type\":\"a/io.angzarr.v1.Cover\",\"domain\":\"d\"}");
	assert_round("google.protobuf.Any",
				 "{\"@type\": \"a/no.Body\", \"value_b64\": \"AQ\"}",
				 "{\"@type\":\"a/no.Body\",\"value_b64\":\"AQ==\"}");
	assert_round("google.protobuf.Any", "{}", "{}");
	assert_refused("google.protobuf.Any", "{\"a\": 1}", "\"@type\"");
	assert_refused("google.protobuf.Any", "{\"@type\": \"no.Body\"}",
				   "type \"no.Body\" is not known");
	assert_refused("google.protobuf.Any",
				   "{\"@type\": \"google.protobuf.Duration\", \"seconds\": 1}",
				   "must have \"@type\" and \"value\" only");
}

static void
numbers_are_read_exactly(void **state)
{
	assert_round("google.protobuf.UInt64Value", "18446744073709551615",
				 "\"18446744073709551615\"");
	assert_round("google.protobuf.Int64Value", "\"-9223372036854775808\"",
				 "\"-9223372036854775808\"");
	assert_round("google.protobuf.Int32Value", "1.20e1", "12");
	assert_round("google.protobuf.Int32Value", "-0.0", "0");
	assert_round("google.protobuf.FloatValue", "0", "0");
	assert_round("google.protobuf.FloatValue", "0.1", "0.1");
	assert_round("google.protobuf.FloatValue", "1e-45", "1.4013e-45");
	assert_round("google.protobuf.FloatValue", "3.4028235e38",
				 "3.4028235e+38");
	assert_round("google.protobuf.DoubleValue", "\"-Infinity\"",
				 "\"-Infinity\"");
	assert_round("google.protobuf.DoubleValue", "5e-324", "5e-324");
	assert_refused("google.protobuf.UInt64Value", "18446744073709551616",
				   "whole number from 0 to 18446744073709551615");
	assert_refused("google.protobuf.Int64Value", "-9223372036854775809",
				   "whole number from -9223372036854775808");
	assert_refused("google.protobuf.UInt32Value", "-1", "from 0 to 4294967295");
	assert_refused("google.protobuf.Int32Value", "1e999999999999",
				   "whole number");
	assert_refused("google.protobuf.Int32Value", "\" 1\"", "whole number");
	assert_refused("google.protobuf.Int32Value", "true", "not true");
	assert_refused("google.protobuf.FloatValue", "3.5e38", "32 bits");
	assert_refused("google.protobuf.DoubleValue", "\"nan\"", "a number");
}

static void
what_is_no_json_is_refused_with_its_place(void **state)
{
	static const char *const bad[] = {
		"", "{", "[", "[1,", "{\"a\"", "{\"a\":1", "{a:1}", "\"a", "\"\\x\"",
		"\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "tru",
		"01", "1.", "1e", "-", "+1", "1 2", "\"a\nb\"", "[1 2]", "nul", "\\"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(VALUE, bad[i], "it is no JSON: ");
	assert_refused(VALUE, "\"\xff\"", "it is not UTF-8");
	assert_round(VALUE, " \"\\u00e9\\ud83d\\ude00\\n\\/\" ",
				 "\"\xc3\xa9\xf0\x9f\x98\x80\\u000a/\"");
}

static void
what_does_not_fit_a_field_is_refused_with_its_name(void **state)
{
	assert_refused("io.angzarr.v1.Cover", "{\"nobody\": 1}",
				   "field \"nobody\": message \"io.angzarr.v1.Cover\" has no such field");
	assert_refused("io.angzarr.v1.Cover", "{\"domain\": 1}",
				   "field \"domain\": it must be a string, not the number 1");
	assert_refused("io.angzarr.v1.Cover", "3", "it must be an object");
	assert_refused("google.protobuf.BytesValue", "\"abcde\"", "base64");
	assert_refused("google.protobuf.BytesValue", "\"a=\"", "base64");
	assert_refused("google.protobuf.BytesValue", "\"a*bc\"", "base64");
	assert_refused("google.protobuf.BoolValue", "\"true\"", "true or false");
	assert_refused("google.protobuf.Timestamp", "\"2026-02-29T00:00:00Z\"",
				   "a time like");
	assert_refused("google.protobuf.Timestamp", "\"2026-01-01T24:00:00Z\"",
				   "a time like");
	assert_refused("google.protobuf.Timestamp", "\"2026-01-01 00:00:00\"",
				   "a time like");
	assert_refused("google.protobuf.Timestamp", "\"0001-01-01T00:00:00+01:00\"",
				   "a time like");
	assert_refused("google.protobuf.Duration", "\"315576000001s\"",
				   "a duration like");
	assert_refused("google.protobuf.Duration", "\"1\"", "a duration like");
	assert_refused("google.protobuf.FieldMask", "\"a_b\"", "lowerCamelCase");
	assert_refused("google.protobuf.ListValue", "{}", "an array");
	assert_refused("google.protobuf.Field", "{\"kind\": \"NO_KIND\"}",
				   "enum \"google.protobuf.Field.Kind\"");
}

static void
what_is_no_such_message_is_refused(void **state)
{
	AzBytes		json;

	assert_unprintable(VALUE, BYTES("\x2a\x05"), "not an encoded");
	assert_unprintable(VALUE, BYTES("\x11\0\0\0\0\0\0\xf8\x7f"),
					   "cannot be NaN or infinite");
	assert_unprintable("google.protobuf.StringValue", BYTES("\x0a\x01\xff"),
					   "not an encoded");
	assert_unprintable("google.protobuf.StringValue", BYTES("\x0a\x01\0"),
					   "zero byte");
	assert_unprintable("google.protobuf.FieldMask", BYTES("\x0a\x01" "A"),
					   "lower_case_with_underscores");
	assert_unprintable("google.protobuf.Duration", BYTES("\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
					   "out of the range");
	assert_false(az_json_print(types, "no.Body", BYTES(""), arena, &json,
							   &error));
	assert_fault(AZ_NOT_FOUND, "type \"no.Body\" is not known");
	assert_false(az_json_parse(types, "no.Body", BYTES("{}"), arena, &json,
							   &error));
	assert_fault(AZ_NOT_FOUND, "type \"no.Body\" is not known");
}

/* "levels" of lists in each other. */
static char *
nested(size_t levels)
{
	char	   *text = az_arena_alloc(arena, 2 * levels + 1);

	memset(text, '[', levels);
	memset(text + levels, ']', levels);
	return text;
}

static void
depth_has_a_limit_and_what_is_within_can_be_read_again(void **state)
{
	size_t		most = 0;
	AzBytes		message;
	AzBytes		any = {0};

	assert_refused(VALUE, nested(200), "nested more than 100 deep");
	assert_refused(VALUE, nested(100000), "nested too deep");
	while (az_json_parse(types, VALUE, az_bytes_of(nested(most + 1)), arena,
						 &message, &error))
		assert_true(az_json_print(types, VALUE, message, arena, &message,
								  &error) && ++most < 100);
	assert_fault(AZ_INVALID_ARGUMENT, "nested more than 100 deep");
	assert_true(most >= 40);
	/* Anys count too: each is a message of its own for the library. */
	for (int i = 0; i < 200; i++)
	{
		PbAny		outer = PB_ANY_INIT;

		outer.type_url = (char *) "a/google.protobuf.Any";
		outer.value.data = (uint8_t *) any.data;
		outer.value.len = any.len;
		assert_true(az_encode(&outer, arena, &any, &error));
	}
	assert_unprintable("google.protobuf.Any", any, "nested more than 100 deep");
}

/* Whatever comes, there is an answer; what is printed is read again. */
static void
hostile_input_never_does_more_than_fail(void **state)
{
	static const char *const names[] = {
		VALUE, "google.protobuf.Any", "io.angzarr.v1.EventBook",
		"google.protobuf.FileDescriptorProto", "google.protobuf.Struct",
		"google.protobuf.FieldMask"
	};
	static const char pieces[] = "{}[]\",:\\u0019.eE+-ntf@type truefalsenull";
	const char *seed = getenv("JSON_SEED");
	unsigned	number = seed == NULL ? 20261124 : (unsigned) atoi(seed);
	int			printed = 0;

	print_message("# seed %u\n", number);
	srand(number);
	for (int i = 0; i < ROUNDS; i++)
	{
		AzArena    *scratch = az_arena_create();
		const char *type = names[(size_t) rand() % 6];
		uint8_t		bytes[64];
		AzBytes		input = {bytes, (size_t) rand() % sizeof(bytes)};
		AzBytes		made;
		AzBytes		again;

		/* Small numbers are tags and lengths more often. */
		for (size_t at = 0; at < input.len; at++)
			bytes[at] = (uint8_t) (rand() % (rand() % 4 == 0 ? 256 : 40));
		if (az_json_print(types, type, input, scratch, &made, &error) &&
			++printed > 0 &&
			!az_json_parse(types, type, made, scratch, &again, &error))
			assert_non_null(strstr(error.message, "required fields"));
		for (size_t at = 0; at < input.len; at++)
			bytes[at] = (uint8_t) pieces[(size_t) rand() % (sizeof(pieces) - 1)];
		if (!az_json_parse(types, type, input, scratch, &made, &error))
			assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
		az_arena_free(scratch);
	}
	assert_true(printed > ROUNDS / 100);
}

static void
a_large_map_takes_time_in_proportion(void **state)
{
	const size_t count = 100000;
	char	   *json = az_arena_alloc(arena, count * 16 + 3);
	size_t		len = 0;
	AzBytes		printed;

	json[len++] = '{';
	for (size_t i = 0; i < count; i++)
		len += (size_t) snprintf(json + len, 16, "%s\"%zu\":null",
								 i > 0 ? "," : "", i + 100000);
	json[len] = '}';
	assert_true(az_json_print(types, "google.protobuf.Struct",
							  parse("google.protobuf.Struct", json), arena,
							  &printed, &error));
	assert_string_equal((const char *) printed.data, json);
}

static void
no_memory_for_the_result_is_an_error(void **state)
{
	const size_t len = 1000000;
	char	   *json = az_arena_alloc(arena, len + 1);
	AzBytes		message;
	AzBytes		made;

	memset(json, 'a', len);
	json[0] = json[len - 1] = '"';
	message = parse("google.protobuf.StringValue", json);
	fail_malloc_after(0);
	assert_false(az_json_print(types, "google.protobuf.StringValue", message,
							   arena, &made, &error));
	assert_true(malloc_has_failed());
	assert_fault(AZ_RESOURCE_EXHAUSTED, "out of memory");
	fail_malloc_after(0);
	assert_false(az_json_parse(types, "google.protobuf.StringValue",
							   az_bytes_of(json), arena, &made, &error));
	assert_true(malloc_has_failed());
	assert_fault(AZ_RESOURCE_EXHAUSTED, "out of memory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(well_known_types_have_their_own_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(an_any_holds_what_is_known_and_keeps_what_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_are_read_exactly, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_json_is_refused_with_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_a_field_is_refused_with_its_name, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_such_message_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(depth_has_a_limit_and_what_is_within_can_be_read_again, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_input_never_does_more_than_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_map_takes_time_in_proportion, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_for_the_result_is_an_error, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
