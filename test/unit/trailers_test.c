/* Tests of the trailers that tell a client how its call ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/trailers.h"
#include "wire/text.h"

#include "failing_malloc.h"

static AzArena *arena;
static AzTrailers trailers;

static int
setup(void **state)
{
	arena = az_arena_create();
	return arena == NULL;
}

static int
teardown(void **state)
{
	az_arena_free(arena);
	return 0;
}

static const char *
value_of(const char *name)
{
	for (size_t i = 0; i < trailers.count; i++)
	{
		if (strcmp(trailers.headers[i].name, name) == 0)
			return trailers.headers[i].value;
	}
	return NULL;
}

static const char *
message_for(const char *message, const char *detail, const char *hint)
{
	AzError		status = {.code = AZ_ABORTED,.message = message,
	.detail = detail,.hint = hint};

	az_trailers_build(&trailers, &status, arena);
	return value_of("grpc-message");
}

static void
ok_is_a_status_and_nothing_else(void **state)
{
	AzError		status = {.code = AZ_OK,.message = "ignored"};

	az_trailers_build(&trailers, &status, arena);
	assert_int_equal(trailers.count, 1);
	assert_string_equal(value_of("grpc-status"), "0");
}

static void
every_code_has_its_number_and_others_are_unknown(void **state)
{
	AzError		status = {.code = AZ_UNAUTHENTICATED};

	az_trailers_build(&trailers, &status, arena);
	assert_string_equal(value_of("grpc-status"), "16");
	assert_int_equal(trailers.count, 1);
	status.code = 17;
	az_trailers_build(&trailers, &status, arena);
	assert_string_equal(value_of("grpc-status"), "2");
	status.code = (AzCode) -1;
	az_trailers_build(&trailers, &status, arena);
	assert_string_equal(value_of("grpc-status"), "2");
}

static void
detail_and_hint_follow_the_message_as_sentences(void **state)
{
	assert_string_equal(message_for("it is late", NULL, NULL), "it is late");
	assert_string_equal(message_for("it is late", "It is 9.", NULL),
						"it is late. It is 9.");
	assert_string_equal(message_for("it is late", NULL, "Come again."),
						"it is late. Come again.");
	assert_string_equal(message_for("it is late", "It is 9.", "Come again."),
						"it is late. It is 9. Come again.");
}

static void
what_is_not_plain_is_percent_encoded(void **state)
{
	assert_string_equal(message_for("100% \xc3\xa9\n", NULL, NULL),
						"100%25 %C3%A9%0A");
}

static void
a_long_message_is_cut_before_a_character_that_does_not_fit(void **state)
{
	char		text[1100];
	const char *message;
	AzBytes		encoded;
	char	   *decoded;

	memset(text, 'a', sizeof(text));
	text[1024] = '\0';
	assert_int_equal(strlen(message_for(text, NULL, NULL)), 1024);
	text[1024] = 'a';
	text[1025] = '\0';
	assert_int_equal(strlen(message_for(text, NULL, NULL)), 1024);

	/* The euro sign would take the bytes 1022 to 1024. */
	memcpy(text + 1022, "\xe2\x82\xac", 4);
	message = message_for(text, NULL, NULL);
	encoded = az_bytes_of(message);
	decoded = az_percent_decode(arena, encoded);
	assert_int_equal(strlen(decoded), 1022);

	/* One that ends with byte 1023 stays. */
	memcpy(text + 1021, "\xe2\x82\xac" "bbb", 7);
	message = message_for(text, NULL, NULL);
	decoded = az_percent_decode(arena, az_bytes_of(message));
	assert_int_equal(strlen(decoded), 1024);
	assert_string_equal(decoded + 1021, "\xe2\x82\xac");
}

static void
details_are_base64_unless_they_are_too_large(void **state)
{
	static uint8_t large[12289];
	AzError		status = {.code = AZ_ABORTED,.message = "m"};

	status.details.data = (const uint8_t *) "\1\2\3\4";
	status.details.len = 4;
	az_trailers_build(&trailers, &status, arena);
	assert_string_equal(value_of("grpc-status-details-bin"), "AQIDBA");
	status.details.data = large;
	status.details.len = sizeof(large) - 1;
	az_trailers_build(&trailers, &status, arena);
	assert_int_equal(strlen(value_of("grpc-status-details-bin")), 16384);
	status.details.len = sizeof(large);
	az_trailers_build(&trailers, &status, arena);
	assert_null(value_of("grpc-status-details-bin"));
	assert_string_equal(value_of("grpc-message"), "m");
}

static void
without_memory_the_status_is_still_there(void **state)
{
	static uint8_t details[12000];
	char		text[3000];
	AzError		status = {.code = AZ_ABORTED,.message = text};
	bool		failed = true;

	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memset(text, '%', 1024);
	status.details.data = details;
	status.details.len = sizeof(details);
	for (int n = 0; failed; n++)
	{
		AzArena    *own = az_arena_create();

		/* So that each text needs a block of its own. */
		az_arena_alloc(own, 3500);
		fail_malloc_after(n);
		az_trailers_build(&trailers, &status, own);
		failed = malloc_has_failed();
		fail_malloc_after(-1);
		assert_string_equal(value_of("grpc-status"), "10");
		assert_int_equal(trailers.count, 3 - (failed ? 1 : 0));
		az_arena_free(own);
	}
}

#define TRAILERS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRAILERS_TEST(ok_is_a_status_and_nothing_else),
		TRAILERS_TEST(every_code_has_its_number_and_others_are_unknown),
		TRAILERS_TEST(detail_and_hint_follow_the_message_as_sentences),
		TRAILERS_TEST(what_is_not_plain_is_percent_encoded),
		TRAILERS_TEST(a_long_message_is_cut_before_a_character_that_does_not_fit),
		TRAILERS_TEST(details_are_base64_unless_they_are_too_large),
		TRAILERS_TEST(without_memory_the_status_is_still_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
