/* Tests of making covers, pages and books, and of reading covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "failing_malloc.h"

static AzArena *arena;
static AzError error;
static const AzBytes nothing = {NULL, 0};
static AzAggregate order = {
	.domain = "order",
	.edition = "",
	.root = {0x4f, 0x1c, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff}
};

static int
create_arena(void **state)
{
	arena = az_arena_create();
	memset(&error, 0, sizeof(error));
	return arena == NULL ? -1 : 0;
}

static int
free_arena(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

/* An encoded Any of that type. */
static AzBytes
any_bytes(const char *type_url)
{
	PbAny		any = PB_ANY_INIT;
	AzBytes		bytes;

	any.type_url = (char *) type_url;
	assert_true(az_encode(&any, arena, &bytes, NULL));
	return bytes;
}

static AzBytes
reference_bytes(void)
{
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	AzBytes		bytes;

	reference.uri = "s3://bucket/key";
	reference.original_size = 5000000000;
	assert_true(az_encode(&reference, arena, &bytes, NULL));
	return bytes;
}

static AzEvent
event(int64_t sequence)
{
	AzEvent		made = {
		.sequence = sequence,
		.created_at_us = 1700000000123456,
		.correlation_id = "c-1",
		.type_url = "/a.B",
		.payload = {(const uint8_t *) "xyz", 3}
	};

	return made;
}

static void
a_cover_says_whose_it_is(void **state)
{
	PbCover    *cover = az_cover_make(&order, "c-9", nothing, arena, &error);

	assert_non_null(cover);
	assert_string_equal(cover->domain, "order");
	assert_string_equal(cover->correlation_id, "c-9");
	assert_int_equal(cover->root->value.len, 16);
	assert_memory_equal(cover->root->value.data, order.root, 16);
	assert_null(cover->ext);
}

static void
main_is_sent_as_an_unset_edition(void **state)
{
	AzAggregate branch = order;

	assert_null(az_cover_make(&order, "", nothing, arena, &error)->edition);
	branch.edition = "what-if";
	assert_string_equal(az_cover_make(&branch, "", nothing, arena,
									  &error)->edition->name, "what-if");
}

static void
a_cover_outlives_the_aggregate_it_was_made_from(void **state)
{
	AzAggregate own = order;
	PbCover    *cover = az_cover_make(&own, "", nothing, arena, &error);

	memset(own.root, 0, sizeof(own.root));
	assert_memory_equal(cover->root->value.data, order.root, 16);
}

static void
the_ext_of_a_cover_is_what_was_stored(void **state)
{
	PbCover    *cover = az_cover_make(&order, "", any_bytes("/a.Ext"), arena,
									  &error);

	assert_string_equal(cover->ext->type_url, "/a.Ext");
}

static void
a_stored_ext_that_is_damaged_is_data_loss(void **state)
{
	AzBytes		bytes = {(const uint8_t *) "\x0A\x05x", 3};

	assert_null(az_cover_make(&order, "", bytes, arena, &error));
	assert_int_equal(error.code, AZ_DATA_LOSS);
	assert_string_equal(error.message,
						"stored bytes are damaged: cannot decode google.protobuf.Any: malformed or cut off");
}

static void
a_page_has_its_sequence_time_and_event(void **state)
{
	AzEvent		stored = event(4294967295);
	PbEventPage *page = az_page_make(&stored, arena, &error);

	assert_int_equal(page->header->sequence_type_case, PB_PAGE_HEADER_SEQUENCE);
	assert_int_equal(page->header->sequence, 4294967295U);
	assert_int_equal(page->header->_sync_mode_case, 0);
	assert_int_equal(page->created_at->seconds, 1700000000);
	assert_int_equal(page->created_at->nanos, 123456000);
	assert_int_equal(page->payload_case, PB_EVENT_PAGE_EVENT);
	assert_string_equal(page->event->type_url, "/a.B");
	assert_int_equal(page->event->value.len, 3);
	assert_ptr_equal(page->event->value.data, stored.payload.data);
}

static void
a_page_kept_elsewhere_has_its_reference(void **state)
{
	AzEvent		stored = event(1);
	PbEventPage *page;

	stored.external = reference_bytes();
	page = az_page_make(&stored, arena, &error);
	assert_int_equal(page->payload_case, PB_EVENT_PAGE_EXTERNAL);
	assert_string_equal(page->external->uri, "s3://bucket/key");
	assert_int_equal(page->external->original_size, 5000000000);
}

static void
a_book_shows_correlation_id_and_ext_of_its_last_page(void **state)
{
	AzEvent		events[] = {event(3), event(4)};
	AzBook		stored = {
		.aggregate = order,
		.events = events,
		.count = 2,
		.next_sequence = 5
	};
	PbEventBook *book;

	events[0].ext = any_bytes("/a.First");
	events[1].ext = any_bytes("/a.Last");
	events[1].correlation_id = "c-2";
	book = az_book_make(&stored, arena, &error);
	assert_string_equal(book->cover->correlation_id, "c-2");
	assert_string_equal(book->cover->ext->type_url, "/a.Last");
	assert_int_equal(book->n_pages, 2);
	assert_int_equal(book->pages[0]->header->sequence, 3);
	assert_int_equal(book->pages[1]->header->sequence, 4);
	assert_int_equal(book->next_sequence, 5);
	assert_null(book->snapshot);
}

static void
a_book_of_nothing_has_a_cover_and_next_sequence_0(void **state)
{
	AzBook		stored = {.aggregate = order};
	PbEventBook *book = az_book_make(&stored, arena, &error);
	AzBytes		bytes;

	assert_string_equal(book->cover->domain, "order");
	assert_string_equal(book->cover->correlation_id, "");
	assert_int_equal(book->n_pages, 0);
	assert_int_equal(book->next_sequence, 0);
	assert_true(az_encode(book, arena, &bytes, &error));
}

static void
a_book_brings_its_snapshot(void **state)
{
	AzSnapshot	snapshot = {
		.sequence = 9,
		.created_at_us = 1500000,
		.type_url = "/a.State",
		.state = {(const uint8_t *) "s", 1},
		.retention = AZ_RETENTION_TRANSIENT
	};
	AzBook		stored = {
		.aggregate = order,
		.snapshot = &snapshot,
		.next_sequence = 10
	};
	PbEventBook *book = az_book_make(&stored, arena, &error);

	assert_int_equal(book->snapshot->sequence, 9);
	assert_int_equal(book->snapshot->retention, PB_RETENTION_TRANSIENT);
	assert_int_equal(book->snapshot->created_at->seconds, 1);
	assert_int_equal(book->snapshot->created_at->nanos, 500000000);
	assert_string_equal(book->snapshot->state->type_url, "/a.State");
	assert_int_equal(book->next_sequence, 10);
}

static void
a_damaged_page_fails_the_whole_book(void **state)
{
	AzEvent		events[] = {event(0), event(1)};
	AzBook		stored = {.aggregate = order,.events = events,.count = 2};

	events[1].external = (AzBytes)
	{
		(const uint8_t *) "\xFF", 1
	};
	assert_null(az_book_make(&stored, arena, &error));
	assert_int_equal(error.code, AZ_DATA_LOSS);
}

/* Every way of making something, each of whose allocations fails in turn. */
static const void *
make_everything(AzArena *own, const AzBook *book)
{
	if (az_page_make(&book->events[0], own, &error) == NULL)
		return NULL;
	if (az_timestamp_make(1, own) == NULL)
	{
		az_error_out_of_memory(&error);
		return NULL;
	}
	return az_book_make(book, own, &error);
}

static void
each_allocation_may_fail(void **state)
{
	enum
	{
		COUNT = 200
	};
	AzSnapshot	snapshot = {.type_url = "/a.State"};
	AzEvent		events[COUNT];
	AzBook		book = {
		.aggregate = order,
		.snapshot = &snapshot,
		.events = events,
		.count = COUNT
	};
	int			failures = 0;
	bool		failed = true;

	for (int i = 0; i < COUNT; i++)
	{
		events[i] = event(i);
		events[i].external = i % 2 == 0 ? nothing : reference_bytes();
		events[i].ext = any_bytes("/a.Ext");
	}
	for (int n = 0; failed; n++)
	{
		AzArena    *own = az_arena_create();
		const void *made;

		fail_malloc_after(n);
		made = make_everything(own, &book);
		failed = malloc_has_failed();
		fail_malloc_after(-1);
		assert_true(failed == (made == NULL));
		if (failed)
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		failures += failed;
		az_arena_free(own);
	}
	assert_in_range(failures, 3, 1000);
}

/* Fills an arena so that its next allocation must come from the system. */
static void
exhaust(AzArena *own)
{
	fail_malloc_after(0);
	while (az_arena_alloc(own, 1) != NULL)
		;
	assert_true(malloc_has_failed());
}

static void
the_first_allocation_of_each_maker_may_fail(void **state)
{
	AzEvent		stored = event(0);
	AzBook		book = {.aggregate = order,.events = &stored,.count = 1};

	exhaust(arena);
	fail_malloc_after(0);
	assert_null(az_cover_make(&order, "", nothing, arena, &error));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	fail_malloc_after(0);
	assert_null(az_page_make(&stored, arena, &error));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	fail_malloc_after(0);
	assert_null(az_book_make(&book, arena, &error));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	fail_malloc_after(0);
	assert_null(az_timestamp_make(1, arena));
	fail_malloc_after(0);
	assert_string_equal(az_aggregate_text(&order, arena), "order");
}

static void
main_is_read_from_all_its_forms(void **state)
{
	PbEdition	edition = PB_EDITION_INIT;
	PbCover    *cover = az_cover_make(&order, "", nothing, arena, &error);
	AzAggregate read = {0};

	az_cover_read(cover, &read);
	assert_string_equal(read.domain, "order");
	assert_string_equal(read.edition, "");
	assert_memory_equal(read.root, order.root, 16);
	cover->edition = &edition;
	az_cover_read(cover, &read);
	assert_string_equal(read.edition, "");
	edition.name = "angzarr";
	az_cover_read(cover, &read);
	assert_string_equal(read.edition, "");
	edition.name = "angzarr-2";
	az_cover_read(cover, &read);
	assert_string_equal(read.edition, "angzarr-2");
}

static void
an_edition_diverges_where_its_cover_says_so_for_the_domain(void **state)
{
	PbDomainDivergence another = PB_DOMAIN_DIVERGENCE_INIT;
	PbDomainDivergence ours = PB_DOMAIN_DIVERGENCE_INIT;
	PbDomainDivergence later = PB_DOMAIN_DIVERGENCE_INIT;
	PbDomainDivergence *all[] = {&another, &ours, &later};
	PbEdition	edition = PB_EDITION_INIT;
	PbCover    *cover = az_cover_make(&order, "", nothing, arena, &error);
	AzAggregate read;

	another.domain = "customer";
	another.sequence = 3;
	ours.domain = "order";
	ours.sequence = 7;
	later.domain = "order";
	later.sequence = 8;
	edition.divergences = all;
	edition.n_divergences = 3;
	cover->edition = &edition;
	az_cover_read(cover, &read);
	assert_false(read.has_divergence);

	edition.name = "what-if";
	az_cover_read(cover, &read);
	assert_true(read.has_divergence);
	assert_int_equal(read.divergence, 7);
	cover = az_cover_make(&read, "", nothing, arena, &error);
	assert_int_equal(cover->edition->n_divergences, 1);
	assert_string_equal(cover->edition->divergences[0]->domain, "order");
	assert_int_equal(cover->edition->divergences[0]->sequence, 7);

	edition.n_divergences = 1;
	cover->edition = &edition;
	az_cover_read(cover, &read);
	assert_false(read.has_divergence);
}

static void
a_cover_without_a_root_reads_as_zeros(void **state)
{
	static const uint8_t zeros[AZ_UUID_SIZE];
	PbCover    *cover = az_cover_make(&order, "", nothing, arena, &error);
	AzAggregate read = order;

	cover->root = NULL;
	az_cover_read(cover, &read);
	assert_memory_equal(read.root, zeros, AZ_UUID_SIZE);
	assert_string_equal(read.domain, "order");
}

static void
an_aggregate_reads_as_domain_root_and_edition(void **state)
{
	AzAggregate branch = order;

	assert_string_equal(az_aggregate_text(&order, arena),
						"order/4f1c0203-0405-0607-0809-0a0b0c0d0eff");
	branch.edition = "what-if";
	assert_string_equal(az_aggregate_text(&branch, arena),
						"order/4f1c0203-0405-0607-0809-0a0b0c0d0eff (edition what-if)");
}

static void
a_type_is_named_by_what_follows_the_last_slash(void **state)
{
	assert_string_equal(az_type_name("type.googleapis.com/a.B"), "a.B");
	assert_string_equal(az_type_name("/a.B"), "a.B");
	assert_string_equal(az_type_name("a.B"), "a.B");
	assert_string_equal(az_type_name("x/y/a.B"), "a.B");
	assert_string_equal(az_type_name("a.B/"), "");
	assert_string_equal(az_type_name(""), "");
	assert_string_equal(az_type_name(NULL), "");
}

static void
times_are_kept_to_the_microsecond_on_both_sides_of_1970(void **state)
{
	static const struct
	{
		int64_t		time_us;
		int64_t		seconds;
		int32_t		nanos;
	}			cases[] = {
		{0, 0, 0},
		{1, 0, 1000},
		{1999999, 1, 999999000},
		{-1, -1, 999999000},
		{-1000000, -1, 0},
		{-1500000, -2, 500000000},
		{INT64_MAX, 9223372036854, 775807000},
		{INT64_MIN, -9223372036855, 224192000},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PbTimestamp *made = az_timestamp_make(cases[i].time_us, arena);

		assert_int_equal(made->seconds, cases[i].seconds);
		assert_int_equal(made->nanos, cases[i].nanos);
		assert_true(az_timestamp_us(made) == cases[i].time_us ||
					cases[i].time_us == INT64_MIN);
		made->nanos += 999;
		assert_true(az_timestamp_us(made) == cases[i].time_us ||
					cases[i].time_us == INT64_MIN);
	}
}

static void
times_beyond_an_int64_are_its_ends(void **state)
{
	PbTimestamp time = PB_TIMESTAMP_INIT;

	time.seconds = INT64_MAX;
	assert_true(az_timestamp_us(&time) == INT64_MAX);
	time.seconds = INT64_MIN;
	assert_true(az_timestamp_us(&time) == INT64_MIN);
	time.seconds = INT64_MAX / 1000000;
	time.nanos = INT32_MAX;
	assert_true(az_timestamp_us(&time) == INT64_MAX);
}

static void
a_key_tells_root_domain_and_edition_apart(void **state)
{
	AzAggregate aggregates[] = {
		{"order", "", {1}}, {"order", "", {2}}, {"orders", "", {1}},
		{"order", "s", {1}}, {"orde", "r", {1}}, {"", "order", {1}}
	};
	AzAggregate same = {"order", "", {1}, true, 7};
	AzBytes		keys[6];
	AzBytes		key;

	for (int i = 0; i < 6; i++)
	{
		assert_true(az_aggregate_key(&aggregates[i], arena, &keys[i]));
		for (int j = 0; j < i; j++)
		{
			assert_false(az_bytes_equal(keys[i], keys[j]));
			assert_false(az_aggregate_is_same(&aggregates[i], &aggregates[j]));
		}
	}
	assert_true(az_aggregate_is_same(&same, &aggregates[0]));
	assert_true(az_aggregate_key(&same, arena, &key));
	assert_true(az_bytes_equal(key, keys[0]));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create_arena, free_arena)
	const struct CMUnitTest tests[] = {
		TEST(a_cover_says_whose_it_is),
		TEST(main_is_sent_as_an_unset_edition),
		TEST(a_cover_outlives_the_aggregate_it_was_made_from),
		TEST(the_ext_of_a_cover_is_what_was_stored),
		TEST(a_stored_ext_that_is_damaged_is_data_loss),
		TEST(a_page_has_its_sequence_time_and_event),
		TEST(a_page_kept_elsewhere_has_its_reference),
		TEST(a_book_shows_correlation_id_and_ext_of_its_last_page),
		TEST(a_book_of_nothing_has_a_cover_and_next_sequence_0),
		TEST(a_book_brings_its_snapshot),
		TEST(a_damaged_page_fails_the_whole_book),
		TEST(each_allocation_may_fail),
		TEST(the_first_allocation_of_each_maker_may_fail),
		TEST(main_is_read_from_all_its_forms),
		TEST(an_edition_diverges_where_its_cover_says_so_for_the_domain),
		TEST(an_aggregate_reads_as_domain_root_and_edition),
		TEST(a_type_is_named_by_what_follows_the_last_slash),
		TEST(times_are_kept_to_the_microsecond_on_both_sides_of_1970),
		TEST(times_beyond_an_int64_are_its_ends),
		TEST(a_cover_without_a_root_reads_as_zeros),
		TEST(a_key_tells_root_domain_and_edition_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
