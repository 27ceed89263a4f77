/* Loading the books of many aggregates with one statement. */
#include "store/load.h"

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_LOAD_BOOKS. */
enum
{
	ROOT, DOMAIN, EDITION, USE_SNAPSHOT, LOWER, UPPER
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
static bool take_book(AzLoadWish *load, const AzRows *rows, size_t first,
					  size_t end);
static bool take_snapshot(AzLoadWish *load, const AzRows *rows, size_t row);
static bool take_event(AzLoadWish *load, const AzRows *rows, size_t row);
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
	size_t		row = 0;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
		fill_params(params, i, (AzLoadWish *) wishes[i]);
	if (!az_db_execute(db, AZ_STATEMENT_LOAD_BOOKS, params, scratch, &rows,
					   error))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		size_t		first = row;

		while (row < rows.count && az_rows_int(&rows, row, BOOK) == (int64_t) i)
			row++;
		wishes[i]->outcome = AZ_WISH_FULFILLED;
		if (!take_book((AzLoadWish *) wishes[i], &rows, first, row))
		{
			wishes[i]->outcome = AZ_WISH_FAILED;
			az_error_out_of_memory(&wishes[i]->error);
		}
	}
	if (row != rows.count)
		return az_error_set(error, NULL, AZ_INTERNAL,
							"load_books answered out of order");
	return true;
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
	AzEvent    *event = &load->book.events[load->book.count++];

	event->sequence = az_rows_int(rows, row, SEQUENCE);
	event->created_at_us = az_rows_int(rows, row, CREATED_AT);
	return copy_text(&event->correlation_id, rows, row, CORRELATION_ID, arena) &&
		copy_text(&event->type_url, rows, row, TYPE_URL, arena) &&
		copy_bytes(&event->payload, rows, row, PAYLOAD, arena) &&
		copy_bytes(&event->external, rows, row, EXTERNAL, arena) &&
		copy_bytes(&event->ext, rows, row, EXT, arena);
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
