/* Loading the books of many aggregates with one statement. */
#include "store/load.h"

#include "codec/book.h"
#include "store/columns.h"

#define PAGE_BYTES 16			/* of a message, that a page takes at least */

/* Parameters of AZ_STATEMENT_LOAD_BOOKS. */
enum
{
	ROOT, DOMAIN, EDITION, USE_SNAPSHOT, LOWER, UPPER, AS_OF, DIVERGENCE,
	MAX_ROWS
};

/* Its results. */
enum
{
	BOOK, IS_SNAPSHOT, SEQUENCE, CREATED_AT, CORRELATION_ID, TYPE_URL,
	PAYLOAD, EXTERNAL, EXT, RETENTION
};

static bool run_loads(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static void fill_params(AzDbParam *params, size_t row, const AzLoadWish *load);
static size_t bound_bytes(AzWish **wishes, size_t count);
static bool fits(const AzLoadWish *load, const AzRows *rows, size_t first,
				 size_t end);
static size_t max_rows(const AzLoadWish *load);
static bool take_books(AzWish **wishes, size_t count, const AzRows *rows,
					   AzError *error);
static bool check_book(AzLoadWish *load, const AzRows *rows, size_t first,
					   size_t end);
static bool take_book(AzLoadWish *load, const AzRows *rows, size_t first,
					  size_t end);
static bool take_snapshot(AzLoadWish *load, const AzRows *rows, size_t row);
static bool take_event(AzLoadWish *load, const AzRows *rows, size_t row);
static bool is_as_before(const AzEvent *before, const AzRows *rows, size_t row,
						 int column);
static bool copy_text(const char **copy, const AzRows *rows, size_t row,
					  int column, AzArena *arena);
static bool copy_bytes(AzBytes *copy, const AzRows *rows, size_t row,
					   int column, AzArena *arena);

const AzWishKind az_load_kind = {"load books", run_loads, NULL};

static bool
run_loads(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_LOAD_BOOKS, count,
										   scratch);
	AzRows		rows;
	bool		loaded;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
		fill_params(params, i, (AzLoadWish *) wishes[i]);
	db->max_group_bytes = bound_bytes(wishes, count);
	loaded = az_db_execute(db, AZ_STATEMENT_LOAD_BOOKS, params, scratch, &rows,
						   error);
	db->max_group_bytes = 0;
	return loaded && take_books(wishes, count, &rows, error);
}

/* What no book of them may take; 0 when one may take any number. */
static size_t
bound_bytes(AzWish **wishes, size_t count)
{
	size_t		most = 0;

	for (size_t i = 0; i < count; i++)
	{
		size_t		bytes = ((AzLoadWish *) wishes[i])->max_bytes;

		if (bytes == 0)
			return 0;
		if (bytes > most)
			most = bytes;
	}
	return most;
}

static bool
take_books(AzWish **wishes, size_t count, const AzRows *rows, AzError *error)
{
	size_t		row = 0;

	for (size_t i = 0; i < count; i++)
	{
		AzLoadWish *load = (AzLoadWish *) wishes[i];
		size_t		first = row;

		while (row < rows->count && az_rows_int(rows, row, BOOK) == (int64_t) i)
			row++;
		load->wish.outcome = AZ_WISH_FULFILLED;
		if (!check_book(load, rows, first, row))
			load->wish.outcome = AZ_WISH_FAILED;
		else if (!take_book(load, rows, first, row))
		{
			load->wish.outcome = AZ_WISH_FAILED;
			az_error_out_of_memory(&load->wish.error);
		}
	}
	if (row != rows->count)
		return az_error_set(error, NULL, AZ_INTERNAL,
							"load_books answered out of order");
	return true;
}

/* Whether the rows are a book: else they say why there is none. */
static bool
check_book(AzLoadWish *load, const AzRows *rows, size_t first, size_t end)
{
	AzArena    *arena = load->wish.arena;

	if (first == end)
		return true;
	if (az_rows_is_null(rows, first, IS_SNAPSHOT))
		return az_error_set(&load->wish.error, arena, AZ_FAILED_PRECONDITION,
							"edition \"%s\" of %s diverges at sequence %lld, the cover says %lld",
							load->aggregate.edition,
							az_aggregate_text(&load->aggregate, arena),
							(long long) az_rows_int(rows, first, SEQUENCE),
							(long long) load->aggregate.divergence);
	if (load->max_bytes == 0 || fits(load, rows, first, end))
		return true;
	return az_error_set(&load->wish.error, arena, AZ_RESOURCE_EXHAUSTED,
						"the book of %s has more than %zu bytes (angzarr.max_message_size); GetEvents gives it in pieces, snapshots make it shorter",
						az_aggregate_text(&load->aggregate, arena),
						load->max_bytes);
}

/* Whether a message could hold it, and the host has given all of it. */
static bool
fits(const AzLoadWish *load, const AzRows *rows, size_t first, size_t end)
{
	size_t		bytes = 0;

	if (end - first >= max_rows(load))
		return false;
	for (size_t row = first; row < end; row++)
	{
		if (az_rows_is_null(rows, row, PAYLOAD) &&
			az_rows_is_null(rows, row, EXTERNAL))
			return false;
		bytes += PAGE_BYTES + az_rows_bytes(rows, row, TYPE_URL).len +
			az_rows_bytes(rows, row, PAYLOAD).len +
			az_rows_bytes(rows, row, EXTERNAL).len;
	}
	return bytes <= load->max_bytes + PAGE_BYTES;
}

static size_t
max_rows(const AzLoadWish *load)
{
	return load->max_bytes / PAGE_BYTES + 2;
}

static void
fill_params(AzDbParam *params, size_t row, const AzLoadWish *load)
{
	AzBytes		root = {load->aggregate.root, AZ_UUID_SIZE};

	az_columns_set_bytes(&params[ROOT], row, root);
	az_columns_set_text(&params[DOMAIN], row, load->aggregate.domain);
	az_columns_set_text(&params[EDITION], row, load->aggregate.edition);
	az_columns_set_int(&params[USE_SNAPSHOT], row, load->use_snapshot);
	az_columns_set_int(&params[LOWER], row, load->lower);
	az_columns_set_int(&params[UPPER], row, load->upper);
	az_columns_set_int(&params[AS_OF], row, load->as_of_us);
	if (!load->has_as_of)
		az_columns_set_null(&params[AS_OF], row);
	az_columns_set_int(&params[DIVERGENCE], row, load->aggregate.divergence);
	if (!load->aggregate.has_divergence)
		az_columns_set_null(&params[DIVERGENCE], row);
	az_columns_set_int(&params[MAX_ROWS], row, (int64_t) max_rows(load));
	if (load->max_bytes == 0)
		az_columns_set_null(&params[MAX_ROWS], row);
}

/* Copies the rows of one book from "first" up to "end" into the job. */
static bool
take_book(AzLoadWish *load, const AzRows *rows, size_t first, size_t end)
{
	AzBook	   *book = &load->book;

	book->aggregate = load->aggregate;
	book->snapshot = NULL;
	book->count = 0;
	book->next_sequence = 0;
	book->events = az_arena_array(load->wish.arena, end - first + 1,
								  sizeof(AzEvent));
	if (book->events == NULL)
		return false;
	for (size_t row = first; row < end; row++)
	{
		bool		is_snapshot = az_rows_int(rows, row, IS_SNAPSHOT) != 0;

		if (is_snapshot ? !take_snapshot(load, rows, row)
			: !take_event(load, rows, row))
			return false;
		book->next_sequence = az_rows_int(rows, row, SEQUENCE) + 1;
	}
	return true;
}

static bool
take_snapshot(AzLoadWish *load, const AzRows *rows, size_t row)
{
	AzArena    *arena = load->wish.arena;
	AzSnapshot *snapshot = az_arena_alloc(arena, sizeof(AzSnapshot));

	if (snapshot == NULL)
		return false;
	snapshot->sequence = az_rows_int(rows, row, SEQUENCE);
	snapshot->created_at_us = az_rows_int(rows, row, CREATED_AT);
	snapshot->retention = (AzRetention) az_rows_int(rows, row, RETENTION);
	load->book.snapshot = snapshot;
	return copy_text(&snapshot->type_url, rows, row, TYPE_URL, arena) &&
		copy_bytes(&snapshot->state, rows, row, PAYLOAD, arena);
}

static bool
take_event(AzLoadWish *load, const AzRows *rows, size_t row)
{
	AzArena    *arena = load->wish.arena;
	AzEvent    *event = &load->book.events[load->book.count];
	const AzEvent *before = load->book.count > 0 ? event - 1 : NULL;

	load->book.count++;
	if (before != NULL)
		*event = *before;
	event->sequence = az_rows_int(rows, row, SEQUENCE);
	event->created_at_us = az_rows_int(rows, row, CREATED_AT);
	return (is_as_before(before, rows, row, CORRELATION_ID) ||
			copy_text(&event->correlation_id, rows, row, CORRELATION_ID,
					  arena)) &&
		(is_as_before(before, rows, row, TYPE_URL) ||
		 copy_text(&event->type_url, rows, row, TYPE_URL, arena)) &&
		(is_as_before(before, rows, row, PAYLOAD) ||
		 copy_bytes(&event->payload, rows, row, PAYLOAD, arena)) &&
		(is_as_before(before, rows, row, EXTERNAL) ||
		 copy_bytes(&event->external, rows, row, EXTERNAL, arena)) &&
		(is_as_before(before, rows, row, EXT) ||
		 copy_bytes(&event->ext, rows, row, EXT, arena));
}

/* Whether the host has one copy of a value for this row and the last one. */
static bool
is_as_before(const AzEvent *before, const AzRows *rows, size_t row, int column)
{
	const uint8_t *data = az_rows_bytes(rows, row, column).data;

	return before != NULL && data != NULL &&
		data == az_rows_bytes(rows, row - 1, column).data;
}

/* Null reads as the empty text. */
static bool
copy_text(const char **copy, const AzRows *rows, size_t row, int column,
		  AzArena *arena)
{
	*copy = "";
	if (az_rows_is_null(rows, row, column))
		return true;
	*copy = az_arena_string_of(arena, az_rows_bytes(rows, row, column));
	return *copy != NULL;
}

/* Null reads as no bytes. */
static bool
copy_bytes(AzBytes *copy, const AzRows *rows, size_t row, int column,
		   AzArena *arena)
{
	copy->data = NULL;
	copy->len = 0;
	if (az_rows_is_null(rows, row, column))
		return true;
	return az_arena_copy(arena, az_rows_bytes(rows, row, column), copy);
}
