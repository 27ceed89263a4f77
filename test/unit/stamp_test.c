/* Tests of stamping: what business logic answered becomes events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pipeline/stamp.h"

#include "failing_malloc.h"

#define NOW INT64_C(1700000000123456)

static AzArena *arena;
static AzValidationLimits limits = {.max_pages = 3,.max_payload_bytes = 10};
static AzStamp stamp;
static PbEventBook book;
static PbEventPage pages[4];
static PbEventPage *page_list[4];
static PbPageHeader headers[4];
static PbAny payloads[4];
static PbCover cover;
static PbUUID root;
static PbTimestamp created_at;
static uint8_t root_bytes[AZ_UUID_SIZE] = {1, 2, 3};
static AzEvent *events;
static size_t count;
static AzError error;

static int64_t
fixed_time(void)
{
	return NOW;
}

static const AzClock fixed_clock = {fixed_time, fixed_time};

static PbAny command_ext;

/* A book of two good events for an aggregate that is at 5. */
static int
setup(void **state)
{
	arena = az_arena_create();
	az_clock_set(&fixed_clock);
	pb_any_init(&command_ext);
	command_ext.type_url = (char *) "/command.Ext";
	memset(&error, 0, sizeof(error));
	stamp = (AzStamp)
	{
		.aggregate =
		{
			.domain = "order",.edition = ""
		},
			.next_sequence = 5,
			.correlation_id = "c-1",
			.ext = &command_ext,
			.limits = &limits
	};
	memcpy(stamp.aggregate.root, root_bytes, AZ_UUID_SIZE);
	pb_event_book_init(&book);
	pb_cover_init(&cover);
	pb_uuid_init(&root);
	pb_timestamp_init(&created_at);
	for (int i = 0; i < 4; i++)
	{
		pb_event_page_init(&pages[i]);
		pb_page_header_init(&headers[i]);
		pb_any_init(&payloads[i]);
		payloads[i].type_url = (char *) "/shop.ItemAdded";
		payloads[i].value.data = (uint8_t *) "12345678901";
		payloads[i].value.len = 10;
		pages[i].payload_case = PB_EVENT_PAGE_EVENT;
		pages[i].event = &payloads[i];
		page_list[i] = &pages[i];
	}
	book.pages = page_list;
	book.n_pages = 2;
	return 0;
}

static int
teardown(void **state)
{
	az_arena_free(arena);
	az_clock_set(NULL);
	return 0;
}

static bool
run(void)
{
	return az_stamp_events(&stamp, &book, &events, &count, arena, &error);
}

static void
assert_refused(AzCode code, const char *first, const char *second)
{
	assert_false(run());
	assert_int_equal(error.code, code);
	assert_non_null(strstr(error.message, first));
	assert_non_null(strstr(error.message, second));
}

static void
events_are_numbered_from_next_sequence_and_get_the_commands_marks(void **state)
{
	stamp.isolated = true;
	assert_true(run());
	assert_int_equal(count, 2);
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(events[i].sequence, 5 + i);
		assert_string_equal(events[i].correlation_id, "c-1");
		assert_non_null(memmem(events[i].ext.data, events[i].ext.len,
							   "/command.Ext", 12));
		assert_int_equal(events[i].created_at_us, NOW);
		assert_string_equal(events[i].type_url, "/shop.ItemAdded");
		assert_int_equal(events[i].payload.len, 10);
		assert_true(events[i].isolated);
		assert_int_equal(events[i].depth, 0);
		assert_null(events[i].cause);
	}
}

static void
no_book_and_a_book_without_pages_are_no_events(void **state)
{
	assert_true(az_stamp_events(&stamp, NULL, &events, &count, arena, &error));
	assert_int_equal(count, 0);
	book.n_pages = 0;
	assert_true(run());
	assert_int_equal(count, 0);
}

static void
pages_may_carry_the_right_number_and_no_other(void **state)
{
	for (int i = 0; i < 2; i++)
	{
		pages[i].header = &headers[i];
		headers[i].sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
		headers[i].sequence = 5 + (uint32_t) i;
	}
	assert_true(run());
	headers[1].sequence = 7;
	assert_refused(AZ_INTERNAL, "numbered an event 7", "place is 6");
}

static void
a_header_without_a_number_counts_as_none(void **state)
{
	pages[0].header = &headers[0];
	assert_true(run());
	assert_int_equal(events[0].sequence, 5);
}

static void
the_handlers_ext_replaces_the_commands(void **state)
{
	PbAny		ext;

	pb_any_init(&ext);
	ext.type_url = (char *) "/x.Y";
	cover.ext = &ext;
	cover.domain = (char *) "";
	book.cover = &cover;
	assert_true(run());
	assert_null(memmem(events[0].ext.data, events[0].ext.len,
					   "/command.Ext", 12));
	assert_non_null(memmem(events[0].ext.data, events[0].ext.len, "/x.Y", 4));
}

static void
a_cover_of_another_domain_is_refused_naming_both(void **state)
{
	cover.domain = (char *) "invoice";
	book.cover = &cover;
	assert_refused(AZ_INTERNAL, "\"invoice\"", "\"order\"");
	book.n_pages = 0;
	assert_refused(AZ_INTERNAL, "\"invoice\"", "\"order\"");
}

static void
a_cover_of_another_root_is_refused_naming_both(void **state)
{
	uint8_t		other[AZ_UUID_SIZE] = {0xff};

	root.value.data = other;
	root.value.len = AZ_UUID_SIZE;
	cover.root = &root;
	cover.domain = (char *) "order";
	book.cover = &cover;
	assert_refused(AZ_INTERNAL, "ff000000-0000-0000-0000-000000000000",
				   "01020300-0000-0000-0000-000000000000");
	root.value.len = 3;
	assert_refused(AZ_INTERNAL, "3 bytes", "16");
	root.value.data = root_bytes;
	root.value.len = AZ_UUID_SIZE;
	assert_true(run());
}

static void
created_at_of_the_handler_is_kept_to_the_microsecond(void **state)
{
	created_at.seconds = 1600000000;
	created_at.nanos = 123456789;
	pages[0].created_at = &created_at;
	assert_true(run());
	assert_int_equal(events[0].created_at_us, INT64_C(1600000000123456));
	assert_int_equal(events[1].created_at_us, NOW);
}

static void
an_impossible_created_at_is_refused(void **state)
{
	pages[0].created_at = &created_at;
	created_at.nanos = 1000000000;
	assert_refused(AZ_INTERNAL, "created_at", "1000000000 ns");
	created_at.nanos = -1;
	assert_refused(AZ_INTERNAL, "created_at", "-1 ns");
	created_at.nanos = 0;
	created_at.seconds = INT64_C(253402300800);
	assert_refused(AZ_INTERNAL, "created_at", "253402300800");
	created_at.seconds = INT64_C(-62135596801);
	assert_refused(AZ_INTERNAL, "created_at", "-62135596801");
	created_at.seconds++;
	assert_true(run());
}

static void
an_event_without_payload_is_refused(void **state)
{
	pages[1].payload_case = 0;
	assert_refused(AZ_INTERNAL, "without payload", "6");
}

static void
an_event_without_a_type_is_refused(void **state)
{
	static const char *const nothing[] = {"", "/", "type.googleapis.com/"};

	for (int i = 0; i < 3; i++)
	{
		payloads[1].type_url = (char *) nothing[i];
		assert_false(az_stamp_events(&stamp, &book, &events, &count, arena,
									 &error));
		assert_int_equal(error.code, AZ_INTERNAL);
		assert_non_null(strstr(error.message, "without a type at sequence 6"));
	}
}

static void
unknown_fields_of_an_ext_or_a_reference_are_not_stored(void **state)
{
	ProtobufCMessageUnknownField unknown = {
		.tag = 1000,.wire_type = 0,.len = 1,.data = (uint8_t *) "\1"
	};
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	PbTimestamp stored_at = PB_TIMESTAMP_INIT;
	ProtobufCMessage *const with[] = {
		&command_ext.base, &reference.base, &stored_at.base
	};
	AzBytes		ext;
	AzBytes		external;

	reference.uri = (char *) "s3://x";
	reference.stored_at = &stored_at;
	pages[0].payload_case = PB_EVENT_PAGE_EXTERNAL;
	pages[0].external = &reference;
	assert_true(az_stamp_events(&stamp, &book, &events, &count, arena, &error));
	ext = events[0].ext;
	external = events[0].external;
	for (int i = 0; i < 3; i++)
	{
		with[i]->n_unknown_fields = 1;
		with[i]->unknown_fields = &unknown;
	}
	assert_true(az_stamp_events(&stamp, &book, &events, &count, arena, &error));
	assert_true(az_bytes_equal(events[0].ext, ext));
	assert_true(az_bytes_equal(events[0].external, external));
}

static void
an_external_payload_is_kept_as_its_reference(void **state)
{
	PbPayloadReference reference;

	pb_payload_reference_init(&reference);
	pages[0].payload_case = PB_EVENT_PAGE_EXTERNAL;
	pages[0].external = &reference;
	assert_refused(AZ_INTERNAL, "empty payload reference", "5");
	reference.uri = (char *) "s3://b/k";
	assert_true(run());
	assert_non_null(memmem(events[0].external.data, events[0].external.len,
						   "s3://b/k", 8));
	assert_int_equal(events[0].payload.len, 0);
}

static void
a_payload_over_the_limit_is_refused_naming_the_setting(void **state)
{
	payloads[1].value.len = 11;
	assert_refused(AZ_RESOURCE_EXHAUSTED, "11 bytes",
				   "10 (angzarr.max_payload_size)");
}

static void
an_ext_of_the_handler_over_the_limit_is_refused_naming_the_setting(void **state)
{
	PbAny		ext;

	pb_any_init(&ext);
	ext.type_url = (char *) "/xxxxx.Y";
	cover.ext = &ext;
	book.cover = &cover;
	assert_true(run());
	assert_int_equal(events[0].ext.len, 10);
	ext.type_url = (char *) "/xxxxxx.Y";
	assert_refused(AZ_RESOURCE_EXHAUSTED, "ext of 11 bytes",
				   "10 (angzarr.max_payload_size)");
}

static void
more_pages_than_allowed_are_refused_naming_the_setting(void **state)
{
	book.n_pages = 3;
	assert_true(run());
	book.n_pages = 4;
	assert_refused(AZ_RESOURCE_EXHAUSTED, "4 events",
				   "3 (angzarr.max_pages_per_book)");
}

static void
no_event_goes_past_the_last_sequence(void **state)
{
	stamp.next_sequence = (int64_t) UINT32_MAX - 1;
	assert_true(run());
	assert_int_equal(events[1].sequence, UINT32_MAX);
	stamp.next_sequence = UINT32_MAX;
	assert_refused(AZ_OUT_OF_RANGE, "4294967295", "order/");
}

static void
memory_that_runs_out_is_an_error(void **state)
{
	static uint8_t big[200000];
	const AzValidationLimits wide = {.max_pages = 3,.max_payload_bytes = 300000};
	PbAny		ext;
	bool		worked = false;

	pb_any_init(&ext);
	ext.type_url = (char *) "/x.Y";
	ext.value.data = big;
	ext.value.len = sizeof(big);
	stamp.limits = &wide;
	cover.ext = &ext;
	book.cover = &cover;
	for (int n = 0; !worked; n++)
	{
		assert_true(n < 100);
		memset(&error, 0, sizeof(error));
		az_arena_reset(arena);
		fail_malloc_after(n);
		worked = run();
		assert_true(worked || error.code == AZ_RESOURCE_EXHAUSTED);
	}
	fail_malloc_after(-1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(events_are_numbered_from_next_sequence_and_get_the_commands_marks),
		TEST(no_book_and_a_book_without_pages_are_no_events),
		TEST(pages_may_carry_the_right_number_and_no_other),
		TEST(a_header_without_a_number_counts_as_none),
		TEST(the_handlers_ext_replaces_the_commands),
		TEST(a_cover_of_another_domain_is_refused_naming_both),
		TEST(a_cover_of_another_root_is_refused_naming_both),
		TEST(created_at_of_the_handler_is_kept_to_the_microsecond),
		TEST(an_impossible_created_at_is_refused),
		TEST(an_event_without_payload_is_refused),
		TEST(an_external_payload_is_kept_as_its_reference),
		TEST(an_event_without_a_type_is_refused),
		TEST(unknown_fields_of_an_ext_or_a_reference_are_not_stored),
		TEST(a_payload_over_the_limit_is_refused_naming_the_setting),
		TEST(an_ext_of_the_handler_over_the_limit_is_refused_naming_the_setting),
		TEST(more_pages_than_allowed_are_refused_naming_the_setting),
		TEST(no_event_goes_past_the_last_sequence),
		TEST(memory_that_runs_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
