/* Tests of decoding and encoding messages, hostile ones above all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "failing_malloc.h"

static AzArena *arena;

static int
create_arena(void **state)
{
	arena = az_arena_create();
	return arena == NULL ? -1 : 0;
}

static int
free_arena(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static AzBytes
encoded(const void *message)
{
	AzBytes		bytes = {NULL, 0};

	assert_true(az_encode(message, arena, &bytes, NULL));
	return bytes;
}

/* A request with everything a request can have. */
static AzBytes
full_request(void)
{
	static uint8_t root_bytes[16] = "0123456789abcdef";
	static uint8_t payload_bytes[300];
	PbUUID		root = PB_UUID_INIT;
	PbDomainDivergence divergence = PB_DOMAIN_DIVERGENCE_INIT;
	PbDomainDivergence *divergences[] = {&divergence};
	PbEdition	edition = PB_EDITION_INIT;
	PbAny		ext = PB_ANY_INIT;
	PbAny		payload = PB_ANY_INIT;
	PbCover		cover = PB_COVER_INIT;
	PbPageHeader header = PB_PAGE_HEADER_INIT;
	PbCommandPage page = PB_COMMAND_PAGE_INIT;
	PbCommandPage *pages[20];
	PbCommandBook book = PB_COMMAND_BOOK_INIT;
	PbCommandRequest request = PB_COMMAND_REQUEST_INIT;

	root.value.data = root_bytes;
	root.value.len = sizeof(root_bytes);
	divergence.domain = "order";
	divergence.sequence = 7;
	edition.name = "what-if";
	edition.divergences = divergences;
	edition.n_divergences = 1;
	ext.type_url = "/a.Ext";
	cover.root = &root;
	cover.domain = "order";
	cover.correlation_id = "c-1";
	cover.edition = &edition;
	cover.ext = &ext;
	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	header.sequence = 3;
	header._sync_mode_case = PB_PAGE_HEADER_SYNC_MODE;
	header.sync_mode = PB_SYNC_MODE_SIMPLE;
	payload.type_url = "/a.Command";
	payload.value.data = payload_bytes;
	payload.value.len = sizeof(payload_bytes);
	page.header = &header;
	page.merge_strategy = PB_MERGE_STRICT;
	page.payload_case = PB_COMMAND_PAGE_COMMAND;
	page.command = &payload;
	for (size_t i = 0; i < 20; i++)
		pages[i] = &page;
	book.cover = &cover;
	book.pages = pages;
	book.n_pages = 20;
	request.command = &book;
	request.sync_mode = PB_SYNC_MODE_CASCADE;
	return encoded(&request);
}

static void *
decode(const ProtobufCMessageDescriptor *type, const char *bytes, size_t len,
	   AzError *error)
{
	AzBytes		slice = {(const uint8_t *) bytes, len};

	return az_decode(type, slice, arena, error);
}

static void
a_message_survives_encoding_and_decoding(void **state)
{
	AzBytes		bytes = full_request();
	PbCommandRequest *request =
	az_decode(&pb_command_request_descriptor, bytes, arena, NULL);
	AzBytes		again;

	assert_non_null(request);
	assert_string_equal(request->command->cover->domain, "order");
	assert_string_equal(request->command->cover->edition->name, "what-if");
	assert_int_equal(request->command->n_pages, 20);
	assert_int_equal(request->command->pages[19]->header->sequence, 3);
	assert_int_equal(request->command->pages[19]->header->sync_mode,
					 PB_SYNC_MODE_SIMPLE);
	assert_int_equal(request->command->pages[19]->command->value.len, 300);
	again = encoded(request);
	assert_true(az_bytes_equal(bytes, again));
}

static void
no_bytes_are_a_message_of_defaults(void **state)
{
	PbCover    *cover = decode(&pb_cover_descriptor, NULL, 0, NULL);

	assert_non_null(cover);
	assert_string_equal(cover->domain, "");
	assert_null(cover->root);
	assert_int_equal(encoded(cover).len, 0);
}

static void
an_optional_field_knows_whether_it_was_there(void **state)
{
	PbSequenceRange *range =
	decode(&pb_sequence_range_descriptor, "\x08\x02", 2, NULL);

	assert_int_equal(range->lower, 2);
	assert_int_equal(range->_upper_case, 0);
	range = decode(&pb_sequence_range_descriptor, "\x08\x02\x10\x00", 4, NULL);
	assert_int_equal(range->_upper_case, PB_SEQUENCE_RANGE_UPPER);
	assert_int_equal(range->upper, 0);
	assert_int_equal(encoded(range).len, 4);
}

static void
strings_and_bytes_are_copies(void **state)
{
	char		bytes[] = "\x12\x05order\x0A\x04\x0A\x02xy";
	PbCover    *cover =
	decode(&pb_cover_descriptor, bytes, sizeof(bytes) - 1, NULL);

	memset(bytes, 0, sizeof(bytes));
	assert_string_equal(cover->domain, "order");
	assert_memory_equal(cover->root->value.data, "xy", 2);
}

static void
text_that_is_not_utf8_is_refused_by_the_path_of_its_field(void **state)
{
	AzError		error = {0};

	/* CommandRequest{command{cover{domain}}} */
	assert_null(decode(&pb_command_request_descriptor,
					   "\x0A\x05\x0A\x03\x12\x01\xFF", 7, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_string_equal(error.message,
						"cannot decode io.angzarr.v1.CommandRequest: not UTF-8, at command.cover.domain");
}

static void
text_with_a_zero_character_is_refused_wherever_it_stands(void **state)
{
	AzError		error = {0};

	assert_null(decode(&pb_cover_descriptor, "\x12\x03" "a\0b", 5, &error));
	assert_string_equal(error.message,
						"cannot decode io.angzarr.v1.Cover: text with U+0000, at domain");
	assert_null(decode(&pb_any_descriptor, "\x0A\x01\0", 3, &error));
	/* Keys of maps are text too. */
	assert_null(decode(&pb_error_info_descriptor, "\x1A\x03\x0A\x01\0", 5,
					   &error));
	assert_string_equal(error.message,
						"cannot decode google.rpc.ErrorInfo: text with U+0000, at metadata.key");
}

static void
bytes_may_hold_anything(void **state)
{
	PbAny	   *any = decode(&pb_any_descriptor, "\x12\x03\x00\xFF\x00", 5, NULL);

	assert_non_null(any);
	assert_int_equal(any->value.len, 3);
	assert_memory_equal(any->value.data, "\x00\xFF\x00", 3);
}

static void
malformed_bytes_are_refused_with_the_type_and_place(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t		len;
		const char *why;
	}			cases[] = {
		{"\x0A", 1, "malformed or cut off"},	/* no length */
		{"\x0A\x05" "ab", 4, "malformed or cut off"},	/* too short */
		{"\x00\x01", 2, "malformed or cut off"},	/* field 0 */
		{"\x0B\x0C", 2, "malformed or cut off"},	/* a group */
		{"\x0F", 1, "malformed or cut off"},	/* wire type 7 */
		{"\x80\x80\x80\x80\x80\x01", 6, "malformed or cut off"},	/* long tag */
		{"\xFF\xFF\xFF\xFF\x7F", 5, "malformed or cut off"},	/* over 2^32 */
		{"\x0A\xFF\xFF\xFF\xFF\x0F", 6, "malformed or cut off"},	/* 4 GB */
		{"\x0A\x80\x80\x80\x80\x80\x00", 7, "malformed or cut off"},
		{"\x08\x01", 2, "wrong wire type, at root"},
		{"\x12\x80", 2, "malformed or cut off"},
		{"\x0A\x02\x0A\x05", 4, "malformed or cut off, at root"},
		{"\x39\x01\x02\x03", 4, "malformed or cut off"},	/* fixed64, cut */
		{"\x3D\x01\x02", 3, "malformed or cut off"},	/* fixed32, cut */
		{"\x38\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11,
		"malformed or cut off"},	/* a varint without end */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		AzError		error = {0};
		char		expected[128] = "cannot decode io.angzarr.v1.Cover: ";

		strncat(expected, cases[i].why, 64);
		assert_null(decode(&pb_cover_descriptor, cases[i].bytes, cases[i].len,
						   &error));
		assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
		assert_string_equal(error.message, expected);
	}
}

static void
packed_and_unpacked_numbers_are_both_understood(void **state)
{
	PbSequenceSet *set =
	decode(&pb_sequence_set_descriptor, "\x0A\x03\x01\x02\x03\x08\x04", 7, NULL);
	AzError		error = {0};

	assert_non_null(set);
	assert_int_equal(set->n_values, 4);
	assert_int_equal(set->values[0], 1);
	assert_int_equal(set->values[3], 4);
	assert_null(decode(&pb_sequence_set_descriptor, "\x0A\x02\x01\x80", 4,
					   &error));
	assert_string_equal(error.message,
						"cannot decode io.angzarr.v1.SequenceSet: malformed or cut off, at values");
}

static void
unknown_fields_survive(void **state)
{
	/*
	 * EventPage{header{sequence 5, 99: "new"}, 50: 1, 51: fixed64, 52:
	 * fixed32}
	 */
	static const char bytes[] = "\x0A\x08\x08\x05\x9A\x06\x03new"
	"\x90\x03\x01" "\x99\x03" "12345678" "\xA5\x03" "1234";
	PbEventPage *page =
	decode(&pb_event_page_descriptor, bytes, sizeof(bytes) - 1, NULL);
	AzBytes		again;

	assert_non_null(page);
	assert_int_equal(page->header->sequence, 5);
	again = encoded(page);
	assert_int_equal(again.len, sizeof(bytes) - 1);
	assert_memory_equal(again.data, bytes, again.len);
}

static void
an_unknown_enum_value_is_kept(void **state)
{
	PbCommandRequest *request =
	decode(&pb_command_request_descriptor, "\x10\x63", 2, NULL);

	assert_int_equal((int) request->sync_mode, 99);
}

static void
the_last_of_several_variants_of_a_oneof_holds(void **state)
{
	/* EventPage{external{uri "u"}, event{"/b"}} */
	static const char bytes[] = "\x22\x03\x12\x01u" "\x1A\x04\x0A\x02/b";
	PbEventPage *page =
	decode(&pb_event_page_descriptor, bytes, sizeof(bytes) - 1, NULL);

	assert_int_equal(page->payload_case, PB_EVENT_PAGE_EVENT);
	assert_string_equal(page->event->type_url, "/b");
	/* PageHeader{external_deferred{"x"}, sequence 300}: a pointer, a number. */
	assert_int_equal(((PbPageHeader *)
					  decode(&pb_page_header_descriptor,
							 "\x12\x03\x0A\x01x\x08\xAC\x02", 8, NULL))->sequence, 300);
}

static void
a_submessage_in_several_pieces_is_refused_rather_than_merged_wrongly(void **state)
{
	AzError		error = {0};

	/* Snapshot in EventBook: its retention would be lost. */
	assert_null(decode(&pb_event_book_descriptor,
					   "\x12\x02\x20\x01\x12\x02\x10\x05", 8, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_string_equal(error.message,
						"cannot decode io.angzarr.v1.EventBook: a submessage in several pieces, at snapshot");
	/* Of repeated submessages there may be as many as one likes. */
	assert_non_null(decode(&pb_event_book_descriptor, "\x1A\x00\x1A\x00", 4,
						   &error));
}

static void
nesting_inside_any_is_never_looked_at(void **state)
{
	/* Each a message whose field 1 is the one before. */
	size_t		size = 40000;
	size_t		len = 0;
	uint8_t    *deep = malloc(size);
	PbAny		any = PB_ANY_INIT;
	PbAny	   *back;

	for (int i = 0; i < 10000; i++)
	{
		uint8_t		head[4] = {0x0A};
		size_t		head_len = 1;
		size_t		rest = len;

		for (; rest > 0x7F; rest >>= 7)
			head[head_len++] = (uint8_t) (rest | 0x80);
		head[head_len++] = (uint8_t) rest;
		len += head_len;
		assert_true(len <= size);
		memcpy(deep + size - len, head, head_len);
	}
	any.value.data = deep + size - len;
	any.value.len = len;
	back = az_decode(&pb_any_descriptor, encoded(&any), arena, NULL);
	assert_non_null(back);
	assert_int_equal(back->value.len, len);
	assert_memory_equal(back->value.data, any.value.data, len);
	free(deep);
}

static void
truncated_input_never_crashes(void **state)
{
	AzBytes		whole = full_request();
	size_t		whole_ones = 0;

	for (size_t len = 0; len <= whole.len; len++)
	{
		/* In its own memory, so that reading beyond the end is noticed. */
		uint8_t    *bytes = malloc(len + 1);
		AzBytes		slice = {bytes, len};
		AzError		error = {0};

		memcpy(bytes, whole.data, len);
		if (az_decode(&pb_command_request_descriptor, slice, arena,
					  &error) != NULL)
			whole_ones++;
		else
			assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
		free(bytes);
	}
	/* Nothing, the book alone, the book and its mode. */
	assert_int_equal(whole_ones, 3);
}

/* A pseudo-random number; the same ones at each run. */
static uint32_t
next_random(void)
{
	static uint32_t seed = 20240229;

	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void
mutated_input_decodes_or_is_refused_and_what_decodes_can_be_encoded(void **state)
{
	AzBytes		whole = full_request();
	uint8_t    *bytes = malloc(whole.len);
	AzBytes		slice = {bytes, whole.len};
	AzArena    *own = az_arena_create();
	size_t		decoded = 0;

	for (int round = 0; round < 20000; round++)
	{
		AzError		error = {0};
		AzBytes		again;
		void	   *message;

		memcpy(bytes, whole.data, whole.len);
		for (uint32_t n = next_random() % 4 + 1; n > 0; n--)
			bytes[next_random() % 200] = (uint8_t) next_random();
		message = az_decode(&pb_command_request_descriptor, slice, own,
							&error);
		if (message == NULL)
			assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
		else
		{
			assert_true(az_encode(message, own, &again, NULL));
			assert_non_null(az_decode(&pb_command_request_descriptor, again,
									  own, NULL));
			decoded++;
		}
		az_arena_reset(own);
	}
	assert_in_range(decoded, 1000, 19000);
	az_arena_free(own);
	free(bytes);
}

static void
each_allocation_may_fail(void **state)
{
	AzBytes		bytes = full_request();
	int			failures = 0;

	for (int n = 0;; n++)
	{
		AzArena    *own = az_arena_create();
		AzError		error = {0};
		AzBytes		again;
		void	   *message;
		bool		ok;

		fail_malloc_after(n);
		message = az_decode(&pb_command_request_descriptor, bytes, own, &error);
		ok = message != NULL && az_encode(message, own, &again, &error);
		if (!malloc_has_failed())
		{
			fail_malloc_after(-1);
			assert_true(ok);
			az_arena_free(own);
			break;
		}
		fail_malloc_after(-1);
		assert_false(ok);
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		assert_string_equal(error.message, "out of memory");
		az_arena_free(own);
		failures++;
	}
	assert_in_range(failures, 2, 1000);
}

static void
a_message_of_nothing_but_tiny_fields_is_refused_before_it_takes_memory(void **state)
{
	size_t		len = 1024 * 1024;
	char	   *bytes = malloc(len);
	AzError		error = {0};

	/* EventBook{pages{}, pages{}, ...} */
	for (size_t i = 0; i < len; i += 2)
		memcpy(bytes + i, "\x1A\x00", 2);
	assert_null(decode(&pb_event_book_descriptor, bytes, len, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_string_equal(error.message,
						"cannot decode io.angzarr.v1.EventBook: too many tiny fields, at pages");
	/* The same of unknown fields. */
	for (size_t i = 0; i < len; i += 2)
		memcpy(bytes + i, "\x78\x00", 2);
	assert_null(decode(&pb_event_book_descriptor, bytes, len, &error));
	assert_non_null(strstr(error.message, "too many tiny fields"));
	assert_true(az_arena_size(arena) < 64 * 1024);
	free(bytes);
}

static void
a_book_of_many_small_events_decodes_within_its_memory(void **state)
{
	/* pages{event{"/order.v1.Created"}} */
	static const char page[] = "\x1A\x15\x1A\x13\x0A\x11/order.v1.Created";
	size_t		one = sizeof(page) - 1;
	size_t		count = 20000;
	char	   *bytes = malloc(one * count);
	AzError		error = {0};
	PbEventBook *book;

	for (size_t i = 0; i < count; i++)
		memcpy(bytes + i * one, page, one);
	book = decode(&pb_event_book_descriptor, bytes, one * count, &error);
	assert_non_null(book);
	assert_int_equal(book->n_pages, count);
	assert_true(az_arena_size(arena) < 32 * one * count + 1024 * 1024);
	free(bytes);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create_arena, free_arena)
	const struct CMUnitTest tests[] = {
		TEST(a_message_survives_encoding_and_decoding),
		TEST(no_bytes_are_a_message_of_defaults),
		TEST(an_optional_field_knows_whether_it_was_there),
		TEST(strings_and_bytes_are_copies),
		TEST(text_that_is_not_utf8_is_refused_by_the_path_of_its_field),
		TEST(text_with_a_zero_character_is_refused_wherever_it_stands),
		TEST(bytes_may_hold_anything),
		TEST(malformed_bytes_are_refused_with_the_type_and_place),
		TEST(packed_and_unpacked_numbers_are_both_understood),
		TEST(unknown_fields_survive),
		TEST(an_unknown_enum_value_is_kept),
		TEST(the_last_of_several_variants_of_a_oneof_holds),
		TEST(a_submessage_in_several_pieces_is_refused_rather_than_merged_wrongly),
		TEST(nesting_inside_any_is_never_looked_at),
		TEST(truncated_input_never_crashes),
		TEST(mutated_input_decodes_or_is_refused_and_what_decodes_can_be_encoded),
		TEST(each_allocation_may_fail),
		TEST(a_message_of_nothing_but_tiny_fields_is_refused_before_it_takes_memory),
		TEST(a_book_of_many_small_events_decodes_within_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
