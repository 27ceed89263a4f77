/* Tests of what requests are refused, in which words and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "pipeline/validate.h"

#define MAX_PAGES 3
#define MAX_PAYLOAD 1000

static const AzValidationLimits limits = {MAX_PAGES, MAX_PAYLOAD, 3};

/* A request that is fine until a test spoils it. */
static struct
{
	AzArena    *arena;
	AzError		error;
	uint8_t		bytes[2000];
	PbUUID		root;
	PbEdition	edition;
	PbCover		cover;
	PbAny		payload[MAX_PAGES + 1];
	PbPayloadReference reference;
	PbExternalDeferredSequence external;
	PbPageHeader header[MAX_PAGES + 1];
	PbCommandPage page[MAX_PAGES + 1];
	PbCommandPage *pages[MAX_PAGES + 1];
	PbCommandBook book;
	PbCommandRequest request;
	PbTemporalQuery temporal;
	PbQuery		query;
	PbTimestamp created_at;
	PbEventPage event[MAX_PAGES + 1];
	PbEventPage *events[MAX_PAGES + 1];
	PbEventBook facts;
	PbEventRequest fact;
}			r;

/* Its first page alone has a deferred header. */
static void
set_up_fact(void)
{
	pb_timestamp_init(&r.created_at);
	for (int i = 0; i <= MAX_PAGES; i++)
	{
		pb_event_page_init(&r.event[i]);
		r.event[i].payload_case = PB_EVENT_PAGE_EVENT;
		r.event[i].event = &r.payload[i];
		r.payload[i].type_url = (char *) "/shop.Paid";
		r.events[i] = &r.event[i];
	}
	r.event[0].header = &r.header[MAX_PAGES];
	r.header[MAX_PAGES].sequence_type_case = PB_PAGE_HEADER_EXTERNAL_DEFERRED;
	r.header[MAX_PAGES].external_deferred = &r.external;
	pb_event_book_init(&r.facts);
	r.facts.cover = &r.cover;
	r.facts.n_pages = 2;
	r.facts.pages = r.events;
	pb_event_request_init(&r.fact);
	r.fact.events = &r.facts;
}

static int
set_up(void **state)
{
	memset(&r, 0, sizeof(r));
	r.arena = az_arena_create();
	pb_uuid_init(&r.root);
	r.root.value.data = r.bytes;
	r.root.value.len = 16;
	pb_edition_init(&r.edition);
	pb_cover_init(&r.cover);
	r.cover.root = &r.root;
	r.cover.domain = "order";
	pb_payload_reference_init(&r.reference);
	pb_external_deferred_sequence_init(&r.external);
	for (int i = 0; i <= MAX_PAGES; i++)
	{
		pb_any_init(&r.payload[i]);
		r.payload[i].value.data = r.bytes;
		pb_page_header_init(&r.header[i]);
		pb_command_page_init(&r.page[i]);
		r.page[i].header = &r.header[i];
		r.page[i].payload_case = PB_COMMAND_PAGE_COMMAND;
		r.page[i].command = &r.payload[i];
		r.pages[i] = &r.page[i];
	}
	pb_command_book_init(&r.book);
	r.book.cover = &r.cover;
	r.book.n_pages = 2;
	r.book.pages = r.pages;
	pb_command_request_init(&r.request);
	r.request.command = &r.book;
	pb_temporal_query_init(&r.temporal);
	pb_query_init(&r.query);
	r.query.cover = &r.cover;
	set_up_fact();
	return r.arena == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(r.arena);
	return 0;
}

static void
assert_fine(void)
{
	if (!az_validate_command(&r.request, &limits, r.arena, &r.error))
		fail_msg("refused: %s", r.error.message);
}

static void
assert_refused(const char *message)
{
	assert_false(az_validate_command(&r.request, &limits, r.arena, &r.error));
	assert_int_equal(r.error.code, AZ_INVALID_ARGUMENT);
	assert_string_equal(r.error.message, message);
}

static void
assert_fact_fine(void)
{
	if (!az_validate_fact(&r.fact, &limits, r.arena, &r.error))
		fail_msg("refused: %s", r.error.message);
}

static void
assert_fact_refused(const char *message)
{
	assert_false(az_validate_fact(&r.fact, &limits, r.arena, &r.error));
	assert_int_equal(r.error.code, AZ_INVALID_ARGUMENT);
	assert_string_equal(r.error.message, message);
}

static void
assert_query_fine(void)
{
	if (!az_validate_query(&r.query, &limits, r.arena, &r.error))
		fail_msg("refused: %s", r.error.message);
}

static void
assert_query_refused(const char *message)
{
	assert_false(az_validate_query(&r.query, &limits, r.arena, &r.error));
	assert_int_equal(r.error.code, AZ_INVALID_ARGUMENT);
	assert_string_equal(r.error.message, message);
}

/* "len" times the same character. */
static char *
repeated(char c, size_t len)
{
	char	   *text = az_arena_alloc(r.arena, len + 1);

	memset(text, c, len);
	return text;
}

static void
a_plain_command_is_fine(void **state)
{
	assert_fine();
	r.page[0].header = NULL;
	assert_fine();
}

static void
a_command_that_is_fine_costs_no_memory(void **state)
{
	AzError		error = {0};

	assert_true(az_validate_command(&r.request, &limits, NULL, &error));
	assert_true(az_validate_query(&r.query, &limits, NULL, &error));
	assert_int_equal(error.code, AZ_OK);
}

static void
a_request_needs_a_command(void **state)
{
	r.request.command = NULL;
	assert_refused("command is missing");
}

static void
a_book_may_have_as_many_pages_as_the_setting_says(void **state)
{
	r.book.n_pages = MAX_PAGES;
	assert_fine();
	r.book.n_pages = MAX_PAGES + 1;
	assert_refused("command.pages has 4 pages, allowed are 3 (angzarr.max_pages_per_book)");
}

static void
a_payload_may_be_as_large_as_the_setting_says(void **state)
{
	r.payload[1].value.len = MAX_PAYLOAD;
	assert_fine();
	r.payload[1].value.len = MAX_PAYLOAD + 1;
	assert_refused("command.pages[1] has a payload of 1001 bytes, allowed are 1000 (angzarr.max_payload_size)");
}

static void
a_reference_to_a_payload_is_bounded_like_a_payload(void **state)
{
	r.page[0].payload_case = PB_COMMAND_PAGE_EXTERNAL;
	r.page[0].external = &r.reference;
	/* One byte of tag and two of length come on top. */
	r.reference.uri = repeated('u', 997);
	assert_fine();
	r.reference.uri = repeated('u', 998);
	assert_refused("command.pages[0] has a payload of 1001 bytes, allowed are 1000 (angzarr.max_payload_size)");
}

static void
an_ext_is_bounded_like_a_payload(void **state)
{
	PbAny		ext = PB_ANY_INIT;

	/* One byte of tag and two of length come on top. */
	ext.value.data = r.bytes;
	ext.value.len = 997;
	r.cover.ext = &ext;
	assert_fine();
	ext.value.len = 998;
	assert_refused("command.cover.ext has 1001 bytes, allowed are 1000 (angzarr.max_payload_size)");
	/* Its type counts as well. */
	ext.value.len = 0;
	ext.type_url = repeated('t', 998);
	assert_refused("command.cover.ext has 1001 bytes, allowed are 1000 (angzarr.max_payload_size)");
}

static void
a_book_needs_a_cover(void **state)
{
	r.book.cover = NULL;
	assert_refused("command.cover is missing");
}

static void
a_command_needs_a_domain(void **state)
{
	r.cover.domain = "";
	assert_refused("command.cover.domain is empty, it must match [a-z_][a-z0-9_-]*");
}

static void
a_domain_has_at_most_64_characters(void **state)
{
	r.cover.domain = repeated('d', 64);
	assert_fine();
	r.cover.domain = repeated('d', 65);
	assert_refused("command.cover.domain \"dddddddddddddddddddddddddddddddddddddddd...\" has 65 characters, allowed are 64");
}

static void
a_domain_is_lower_case_letters_digits_underscore_and_hyphen(void **state)
{
	static char *const fine[] = {"a", "_", "_angzarr", "order-line_2", "z9"};
	static char *const wrong[] = {"Order", "orDer", "9order", "-order", "or der", "order.line", "o/", "or\xC3\xA4"};

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
	{
		r.cover.domain = fine[i];
		assert_fine();
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		r.cover.domain = wrong[i];
		assert_false(az_validate_command(&r.request, &limits, r.arena,
										 &r.error));
		assert_non_null(strstr(r.error.message,
							   "does not match [a-z_][a-z0-9_-]*"));
	}
	r.cover.domain = "Order";
	assert_refused("command.cover.domain \"Order\" does not match [a-z_][a-z0-9_-]*");
}

static void
what_was_found_is_shown_so_that_it_can_be_printed_anywhere(void **state)
{
	r.cover.domain = "a\n\"\\\x1b\xC3\xA4~";
	assert_refused("command.cover.domain \"a\\x0a\\x22\\x5c\\x1b\\xc3\\xa4~\" does not match [a-z_][a-z0-9_-]*");
	r.cover.domain = repeated('\n', 60);
	assert_false(az_validate_command(&r.request, &limits, r.arena, &r.error));
	assert_non_null(strstr(r.error.message, "\\x0a...\""));
}

static void
a_command_needs_a_root(void **state)
{
	r.cover.root = NULL;
	assert_refused("command.cover.root is missing");
}

static void
a_root_has_16_bytes(void **state)
{
	r.root.value.len = 15;
	assert_refused("command.cover.root has 15 bytes, a root has 16");
	r.root.value.len = 17;
	assert_refused("command.cover.root has 17 bytes, a root has 16");
	r.root.value.len = 0;
	assert_refused("command.cover.root has 0 bytes, a root has 16");
}

static void
an_edition_is_empty_or_a_name_of_at_most_64_characters(void **state)
{
	static char *const fine[] = {"", "angzarr", "what-if_2", "a"};

	r.cover.edition = &r.edition;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
	{
		r.edition.name = fine[i];
		assert_fine();
	}
	r.edition.name = repeated('e', 64);
	assert_fine();
	r.edition.name = "_hidden";
	assert_refused("command.cover.edition.name \"_hidden\" does not match [a-z][a-z0-9_-]*");
	r.edition.name = repeated('e', 65);
	assert_refused("command.cover.edition.name \"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee...\" has 65 characters, allowed are 64");
}

static void
a_correlation_id_is_letters_digits_underscore_and_hyphen_up_to_128(void **state)
{
	r.cover.correlation_id = repeated('9', 128);
	assert_fine();
	r.cover.correlation_id = "A-b_9";
	assert_fine();
	r.cover.correlation_id = "a b";
	assert_refused("command.cover.correlation_id \"a b\" does not match [A-Za-z0-9_-]*");
	r.cover.correlation_id = "a.b";
	assert_refused("command.cover.correlation_id \"a.b\" does not match [A-Za-z0-9_-]*");
	r.cover.correlation_id = repeated('9', 129);
	assert_refused("command.cover.correlation_id \"9999999999999999999999999999999999999999...\" has 129 characters, allowed are 128");
}

static void
a_command_needs_a_page(void **state)
{
	r.book.n_pages = 0;
	assert_refused("command.pages is empty");
}

static void
every_page_needs_a_payload(void **state)
{
	r.page[1].payload_case = 0;
	assert_refused("command.pages[1] has no payload, neither command nor external");
}

static void
the_pages_of_a_command_agree_in_merge_strategy(void **state)
{
	r.page[0].merge_strategy = PB_MERGE_STRICT;
	assert_refused("command.pages[1].merge_strategy is MERGE_COMMUTATIVE (1), that of command.pages[0] is MERGE_STRICT (2); the pages of a command must agree");
	r.page[1].merge_strategy = PB_MERGE_STRICT;
	assert_fine();
	r.page[0].merge_strategy = PB_MERGE_UNSPECIFIED;
	r.page[1].merge_strategy = PB_MERGE_COMMUTATIVE;
	assert_fine();
	r.page[1].merge_strategy = 17;
	assert_refused("command.pages[1].merge_strategy is an unknown value (17), that of command.pages[0] is MERGE_COMMUTATIVE (1); the pages of a command must agree");
}

static void
only_facts_have_an_external_deferred_header(void **state)
{
	r.header[1].sequence_type_case = PB_PAGE_HEADER_EXTERNAL_DEFERRED;
	r.header[1].external_deferred = &r.external;
	assert_refused("command.pages[1].header has external_deferred, which only facts have; a command has sequence or angzarr_deferred");
	r.header[1].sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	assert_fine();
	r.header[1].sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	assert_fine();
}

static void
unknown_enum_values_are_refused_wherever_they_stand(void **state)
{
	r.request.sync_mode = PB_SYNC_MODE_ISOLATED;
	assert_fine();
	r.request.sync_mode = 6;
	assert_refused("sync_mode is 6, known values are 0 to 5");
	r.request.sync_mode = -1;
	assert_refused("sync_mode is -1, known values are 0 to 5");
	r.request.sync_mode = 0;
	r.request.cascade_error_mode = 5;
	assert_refused("cascade_error_mode is 5, known values are 0 to 4");
	r.request.cascade_error_mode = PB_CASCADE_ERROR_DEAD_LETTER;
	assert_fine();
	r.page[0].merge_strategy = 5;
	r.page[1].merge_strategy = 5;
	assert_refused("command.pages[0].merge_strategy is 5, known values are 0 to 4");
	r.page[0].merge_strategy = 0;
	r.page[1].merge_strategy = 0;
	r.header[1].sync_mode = 99;
	assert_refused("command.pages[1].header.sync_mode is 99, known values are 0 to 5");
	r.header[1].sync_mode = 0;
	r.page[0].payload_case = PB_COMMAND_PAGE_EXTERNAL;
	r.page[0].external = &r.reference;
	r.reference.storage_type = 4;
	assert_refused("command.pages[0].external.storage_type is 4, known values are 0 to 3");
}

/* Spoils everything, then mends it in the order of the contract. */
static void
the_first_thing_wrong_in_the_order_of_the_contract_is_what_is_said(void **state)
{
	static const char *const words[] = {
		"4 pages", "payload of 1001", "cover is missing", "domain is empty",
		"root is missing", "root has 3", "edition.name \"E\"",
		"correlation_id \"?\"", "[2] has no payload", "must agree",
		"external_deferred", "sync_mode is 77"
	};

	r.book.cover = NULL;
	r.book.n_pages = MAX_PAGES + 1;
	r.payload[1].value.len = MAX_PAYLOAD + 1;
	r.cover.domain = "";
	r.cover.root = NULL;
	r.cover.edition = &r.edition;
	r.root.value.len = 3;
	r.edition.name = "E";
	r.cover.correlation_id = "?";
	r.page[2].payload_case = 0;
	r.page[2].merge_strategy = PB_MERGE_MANUAL;
	r.header[0].sequence_type_case = PB_PAGE_HEADER_EXTERNAL_DEFERRED;
	r.header[0].external_deferred = &r.external;
	r.request.sync_mode = 77;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		assert_false(az_validate_command(&r.request, &limits, r.arena,
										 &r.error));
		if (strstr(r.error.message, words[i]) == NULL)
			fail_msg("not \"%s\": %s", words[i], r.error.message);
		switch (i)
		{
			case 0:
				r.book.n_pages = MAX_PAGES;
				break;
			case 1:
				r.payload[1].value.len = 0;
				break;
			case 2:
				r.book.cover = &r.cover;
				break;
			case 3:
				r.cover.domain = "order";
				break;
			case 4:
				r.cover.root = &r.root;
				break;
			case 5:
				r.root.value.len = 16;
				break;
			case 6:
				r.edition.name = "e";
				break;
			case 7:
				r.cover.correlation_id = "";
				break;
			case 8:
				r.page[2].payload_case = PB_COMMAND_PAGE_COMMAND;
				break;
			case 9:
				r.page[2].merge_strategy = 0;
				break;
			case 10:
				r.header[0].sequence_type_case = 0;
				break;
			default:
				r.request.sync_mode = 0;
		}
	}
	assert_fine();
}

static void
no_pages_are_found_only_after_the_cover_is_right(void **state)
{
	r.book.n_pages = 0;
	r.cover.correlation_id = "?";
	assert_refused("command.cover.correlation_id \"?\" does not match [A-Za-z0-9_-]*");
}

static void
a_cover_is_checked_under_the_path_it_is_given(void **state)
{
	assert_false(az_validate_cover(NULL, "cover", r.arena, &r.error));
	assert_string_equal(r.error.message, "cover is missing");
	r.cover.domain = "X";
	assert_false(az_validate_cover(&r.cover, "facts.cover", r.arena, &r.error));
	assert_string_equal(r.error.message,
						"facts.cover.domain \"X\" does not match [a-z_][a-z0-9_-]*");
}

static void
a_query_asks_by_root_and_domain_or_by_correlation_id(void **state)
{
	assert_query_fine();
	r.cover.correlation_id = "c-1";
	assert_query_fine();
	r.cover.root = NULL;
	assert_query_fine();
	r.cover.domain = "";
	assert_query_fine();
	r.cover.correlation_id = "";
	assert_query_refused("query.cover has neither root nor correlation_id");
	r.cover.root = &r.root;
	assert_query_refused("query.cover.domain is empty, but query.cover.root is set");
	r.query.cover = NULL;
	assert_query_refused("query.cover is missing");
}

static void
the_cover_of_a_query_follows_the_rules_of_covers(void **state)
{
	r.cover.domain = "Order";
	assert_query_refused("query.cover.domain \"Order\" does not match [a-z_][a-z0-9_-]*");
	r.cover.domain = "order";
	r.root.value.len = 4;
	assert_query_refused("query.cover.root has 4 bytes, a root has 16");
	r.root.value.len = 16;
	r.cover.edition = &r.edition;
	r.edition.name = "A";
	assert_query_refused("query.cover.edition.name \"A\" does not match [a-z][a-z0-9_-]*");
	r.edition.name = "";
	r.cover.correlation_id = "#";
	assert_query_refused("query.cover.correlation_id \"#\" does not match [A-Za-z0-9_-]*");
}

static void
a_temporal_query_needs_a_point_in_time(void **state)
{
	r.query.selection_case = PB_QUERY_TEMPORAL;
	r.query.temporal = &r.temporal;
	assert_query_refused("query.temporal has no point in time, neither as_of_time nor as_of_sequence");
	r.temporal.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_SEQUENCE;
	assert_query_fine();
}

static void
a_time_to_look_back_to_is_one_of_protobuf(void **state)
{
	PbTimestamp time = PB_TIMESTAMP_INIT;

	r.query.selection_case = PB_QUERY_TEMPORAL;
	r.query.temporal = &r.temporal;
	r.temporal.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_TIME;
	r.temporal.as_of_time = &time;
	assert_query_fine();
	time.seconds = INT64_C(253402300799);
	time.nanos = 999999999;
	assert_query_fine();
	time.seconds++;
	assert_query_refused("query.temporal.as_of_time is 253402300800 seconds and 999999999 nanoseconds, allowed are -62135596800 to 253402300799 and 0 to 999999999");
	time.seconds = INT64_C(-62135596801);
	assert_query_refused("query.temporal.as_of_time is -62135596801 seconds and 999999999 nanoseconds, allowed are -62135596800 to 253402300799 and 0 to 999999999");
	time.seconds = 0;
	time.nanos = -1;
	assert_query_refused("query.temporal.as_of_time is 0 seconds and -1 nanoseconds, allowed are -62135596800 to 253402300799 and 0 to 999999999");
	time.nanos = 1000000000;
	assert_query_refused("query.temporal.as_of_time is 0 seconds and 1000000000 nanoseconds, allowed are -62135596800 to 253402300799 and 0 to 999999999");
}

static void
a_query_names_no_more_sequences_than_allowed(void **state)
{
	PbSequenceSet set = PB_SEQUENCE_SET_INIT;
	uint32_t	values[4] = {0};

	r.query.selection_case = PB_QUERY_SEQUENCES;
	r.query.sequences = &set;
	set.values = values;
	set.n_values = 3;
	assert_query_fine();
	set.n_values = 4;
	assert_query_refused("query.sequences has 4 values, allowed are 3 (angzarr.max_query_sequences)");
}

static void
a_plain_fact_is_fine_and_costs_no_memory(void **state)
{
	assert_fact_fine();
	assert_true(az_validate_fact(&r.fact, &limits, NULL, &r.error));
	r.external.external_id = (char *) "";
	assert_fact_fine();
}

static void
the_first_thing_wrong_with_a_fact_is_said_in_the_contracts_order(void **state)
{
	r.fact.sync_mode = (PbSyncMode) 6;
	r.created_at.nanos = -1;
	r.event[1].created_at = &r.created_at;
	r.payload[0].type_url = (char *) "no-type/";
	r.event[0].header = NULL;
	r.event[1].payload_case = 0;
	r.facts.cover = NULL;
	r.payload[1].value.len = MAX_PAYLOAD + 1;
	r.event[1].payload_case = PB_EVENT_PAGE_EVENT;
	r.facts.n_pages = MAX_PAGES + 1;
	r.fact.events = NULL;
	assert_fact_refused("events is missing");
	r.fact.events = &r.facts;
	assert_fact_refused("events.pages has 4 pages, allowed are 3 (angzarr.max_pages_per_book)");
	r.facts.n_pages = 2;
	assert_fact_refused("events.pages[1] has a payload of 1001 bytes, allowed are 1000 (angzarr.max_payload_size)");
	r.event[1].payload_case = 0;
	assert_fact_refused("events.cover is missing");
	r.facts.cover = &r.cover;
	r.facts.n_pages = 0;
	assert_fact_refused("events.pages is empty");
	r.facts.n_pages = 2;
	assert_fact_refused("events.pages[1] has no payload, neither event nor external");
	r.event[1].payload_case = PB_EVENT_PAGE_EVENT;
	r.payload[1].value.len = MAX_PAYLOAD;
	assert_fact_refused("none of events.pages has a header with external_deferred or angzarr_deferred, which a fact has");
	r.event[0].header = &r.header[MAX_PAGES];
	assert_fact_refused("events.pages[0].event.type_url \"no-type/\" names no type");
	r.payload[0].type_url = (char *) "/shop.Paid";
	assert_fact_refused("events.pages[1].created_at is 0 s and -1 ns, allowed are the years 1 to 9999 and 0 to 999999999 ns");
	r.created_at.nanos = 0;
	assert_fact_refused("sync_mode is 6, known values are 0 to 5");
	r.fact.sync_mode = PB_SYNC_MODE_ISOLATED;
	assert_fact_fine();
}

static void
a_deferred_header_on_any_page_makes_it_a_fact(void **state)
{
	r.event[1].header = r.event[0].header;
	r.event[0].header = &r.header[0];
	r.header[0].sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	assert_fact_fine();
	r.event[1].header->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	assert_fact_fine();
	r.event[1].header->sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	assert_fact_refused("none of events.pages has a header with external_deferred or angzarr_deferred, which a fact has");
}

static void
a_facts_cover_is_checked_like_a_commands(void **state)
{
	r.cover.domain = (char *) "Order";
	assert_fact_refused("events.cover.domain \"Order\" does not match [a-z_][a-z0-9_-]*");
	r.cover.domain = (char *) "order";
	r.root.value.len = 15;
	assert_fact_refused("events.cover.root has 15 bytes, a root has 16");
	r.root.value.len = 16;
	r.cover.correlation_id = (char *) "a b";
	assert_fact_refused("events.cover.correlation_id \"a b\" does not match [A-Za-z0-9_-]*");
	r.cover.correlation_id = (char *) "";
	r.cover.ext = &r.payload[2];
	r.payload[2].type_url = (char *) "";
	r.payload[2].value.len = MAX_PAYLOAD - 2;
	assert_fact_refused("events.cover.ext has 1001 bytes, allowed are 1000 (angzarr.max_payload_size)");
}

static void
a_facts_reference_to_a_payload_says_where_it_is(void **state)
{
	r.event[1].payload_case = PB_EVENT_PAGE_EXTERNAL;
	r.event[1].external = &r.reference;
	assert_fact_refused("events.pages[1].external is empty, it must say where the payload is");
	r.reference.storage_type = (PbPayloadStorageType) 4;
	assert_fact_refused("events.pages[1].external.storage_type is 4, known values are 0 to 3");
	r.reference.storage_type = PB_PAYLOAD_STORAGE_TYPE_S3;
	assert_fact_fine();
	r.header[MAX_PAGES].sync_mode = (PbSyncMode) 99;
	assert_fact_refused("events.pages[0].header.sync_mode is 99, known values are 0 to 5");
}

static void
without_memory_a_wrong_request_is_still_refused(void **state)
{
	r.cover.domain = "Order";
	for (int n = 0; n < 4; n++)
	{
		AzArena    *own = az_arena_create();

		/* Nothing fits any more into what the arena has already. */
		fail_malloc_after(0);
		while (az_arena_alloc(own, 1) != NULL)
			;
		fail_malloc_after(n);
		assert_false(az_validate_command(&r.request, &limits, own, &r.error));
		assert_true(n > 0 || malloc_has_failed());
		fail_malloc_after(-1);
		assert_true(r.error.code == AZ_INVALID_ARGUMENT ||
					r.error.code == AZ_RESOURCE_EXHAUSTED);
		assert_non_null(r.error.message);
		az_arena_free(own);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_command_that_is_fine_costs_no_memory),
		TEST(a_plain_command_is_fine),
		TEST(a_request_needs_a_command),
		TEST(a_book_may_have_as_many_pages_as_the_setting_says),
		TEST(a_payload_may_be_as_large_as_the_setting_says),
		TEST(a_reference_to_a_payload_is_bounded_like_a_payload),
		TEST(an_ext_is_bounded_like_a_payload),
		TEST(a_book_needs_a_cover),
		TEST(a_command_needs_a_domain),
		TEST(a_domain_has_at_most_64_characters),
		TEST(a_domain_is_lower_case_letters_digits_underscore_and_hyphen),
		TEST(what_was_found_is_shown_so_that_it_can_be_printed_anywhere),
		TEST(a_command_needs_a_root),
		TEST(a_root_has_16_bytes),
		TEST(an_edition_is_empty_or_a_name_of_at_most_64_characters),
		TEST(a_correlation_id_is_letters_digits_underscore_and_hyphen_up_to_128),
		TEST(a_command_needs_a_page),
		TEST(every_page_needs_a_payload),
		TEST(the_pages_of_a_command_agree_in_merge_strategy),
		TEST(only_facts_have_an_external_deferred_header),
		TEST(unknown_enum_values_are_refused_wherever_they_stand),
		TEST(the_first_thing_wrong_in_the_order_of_the_contract_is_what_is_said),
		TEST(no_pages_are_found_only_after_the_cover_is_right),
		TEST(a_cover_is_checked_under_the_path_it_is_given),
		TEST(a_query_asks_by_root_and_domain_or_by_correlation_id),
		TEST(the_cover_of_a_query_follows_the_rules_of_covers),
		TEST(a_temporal_query_needs_a_point_in_time),
		TEST(a_time_to_look_back_to_is_one_of_protobuf),
		TEST(a_query_names_no_more_sequences_than_allowed),
		TEST(a_plain_fact_is_fine_and_costs_no_memory),
		TEST(the_first_thing_wrong_with_a_fact_is_said_in_the_contracts_order),
		TEST(a_deferred_header_on_any_page_makes_it_a_fact),
		TEST(a_facts_cover_is_checked_like_a_commands),
		TEST(a_facts_reference_to_a_payload_says_where_it_is),
		TEST(without_memory_a_wrong_request_is_still_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
