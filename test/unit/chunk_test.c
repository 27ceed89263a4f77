/* Tests of books as several messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/book.h"
#include "codec/chunk.h"
#include "codec/decode.h"
#include "failing_malloc.h"

static AzArena *arena;
static AzError error;
static AzChunk chunk;
static PbCover *cover;
static const AzAggregate order = {"order", "", {1}};

static int
setup(void **state)
{
	AzBytes		no_ext = {0};

	memset(&error, 0, sizeof(error));
	memset(&chunk, 0, sizeof(chunk));
	arena = az_arena_create();
	cover = az_cover_make(&order, "c-1", no_ext, arena, &error);
	return cover == NULL;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_chunk_free(&chunk);
	az_arena_free(arena);
	return 0;
}

static bool
add(int64_t sequence, size_t size)
{
	static const uint8_t bytes[1000];
	AzEvent		event = {
		.sequence = sequence,.created_at_us = 1,.correlation_id = "",
		.type_url = "/t.Added",.payload = {bytes, size}
	};
	bool		fits;

	assert_true(az_chunk_add(&chunk, &event, &fits, arena, &error));
	return fits;
}

static PbEventBook *
made(void)
{
	AzBytes		message;
	PbEventBook *book;

	assert_true(az_chunk_end(&chunk, &message, &error));
	book = az_decode(&pb_event_book_descriptor, message, arena, &error);
	assert_non_null(book);
	return book;
}

static void
begin(size_t max_bytes, const AzSnapshot *snapshot)
{
	assert_true(az_chunk_begin(&chunk, max_bytes, cover, snapshot, arena,
							   &error));
}

static void
an_empty_message_is_a_book_with_its_cover(void **state)
{
	PbEventBook *book;

	begin(100, NULL);
	book = made();
	assert_string_equal(book->cover->domain, "order");
	assert_string_equal(book->cover->correlation_id, "c-1");
	assert_int_equal(book->n_pages, 0);
	assert_int_equal(book->next_sequence, 0);
	assert_null(book->snapshot);
}

static void
pages_come_as_they_were_added(void **state)
{
	PbEventBook *book;

	begin(10000, NULL);
	for (int i = 3; i < 8; i++)
		assert_true(add(i, (size_t) i));
	book = made();
	assert_int_equal(book->n_pages, 5);
	assert_int_equal(book->next_sequence, 8);
	for (int i = 0; i < 5; i++)
	{
		assert_int_equal(book->pages[i]->header->sequence, i + 3);
		assert_int_equal(book->pages[i]->event->value.len, i + 3);
		assert_string_equal(book->pages[i]->event->type_url, "/t.Added");
	}
}

static void
a_snapshot_comes_with_the_sequence_after_it(void **state)
{
	AzSnapshot	snapshot = {
		.sequence = 6,.type_url = "/t.State",.state = {(const uint8_t *) "s", 1}
	};
	PbEventBook *book;

	begin(10000, &snapshot);
	book = made();
	assert_int_equal(book->snapshot->sequence, 6);
	assert_string_equal(book->snapshot->state->type_url, "/t.State");
	assert_int_equal(book->next_sequence, 7);
	begin(10000, &snapshot);
	assert_true(add(7, 1));
	assert_int_equal(made()->next_sequence, 8);
}

static void
a_message_never_exceeds_its_limit_but_for_a_single_page(void **state)
{
	AzSnapshot	snapshot = {.type_url = "/t.State"};
	AzBytes		message;
	size_t		n = 0;

	begin(500, NULL);
	while (add((int64_t) n, 50))
		n++;
	assert_in_range(n, 4, 8);
	assert_true(az_chunk_end(&chunk, &message, &error));
	assert_in_range(message.len, 400, 500);
	begin(500, NULL);
	assert_true(add(0, 900));
	assert_false(add(1, 1));
	assert_int_equal(made()->n_pages, 1);
	/* Beside a snapshot even the first page must fit. */
	begin(500, &snapshot);
	assert_false(add(1, 900));
	assert_int_equal(made()->n_pages, 0);
}

static void
beginning_again_forgets_what_was_there(void **state)
{
	begin(500, NULL);
	assert_true(add(0, 10));
	begin(500, NULL);
	assert_true(add(9, 10));
	assert_int_equal(made()->n_pages, 1);
	assert_int_equal(made()->next_sequence, 10);
}

static void
damaged_events_are_data_loss(void **state)
{
	AzEvent		event = {
		.correlation_id = "",.type_url = "",
		.external = {(const uint8_t *) "\377", 1}
	};
	bool		fits;

	begin(500, NULL);
	assert_false(az_chunk_add(&chunk, &event, &fits, arena, &error));
	assert_int_equal(error.code, AZ_DATA_LOSS);
}

static void
without_memory_it_says_so(void **state)
{
	AzSnapshot	snapshot = {.type_url = "/t.State"};
	int			failures = 0;

	for (int n = 0;; n++)
	{
		AzEvent		event = {.correlation_id = "",.type_url = "/t.Added"};
		AzBytes		message;
		bool		fits;
		bool		done;

		az_chunk_free(&chunk);
		memset(&error, 0, sizeof(error));
		az_arena_alloc(arena, 3900);
		fail_malloc_after(n);
		done = az_chunk_begin(&chunk, 500, cover, &snapshot, arena, &error)
			&& az_chunk_add(&chunk, &event, &fits, arena, &error)
			&& az_chunk_end(&chunk, &message, &error);
		fail_malloc_after(-1);
		if (done)
			break;
		failures++;
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	}
	assert_true(failures > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_message_is_a_book_with_its_cover),
		TEST(pages_come_as_they_were_added),
		TEST(a_snapshot_comes_with_the_sequence_after_it),
		TEST(a_message_never_exceeds_its_limit_but_for_a_single_page),
		TEST(beginning_again_forgets_what_was_there),
		TEST(damaged_events_are_data_loss),
		TEST(without_memory_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
