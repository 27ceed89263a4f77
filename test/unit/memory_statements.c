/*
 * The statements of the database in memory: the meaning of the SQL functions
 * behind db/statements.c, without a server.
 */
#include <string.h>

#include "memory_statements.h"

/* Parameters of AZ_STATEMENT_LOAD_BOOKS after the aggregate's three. */
enum
{
	USE_SNAPSHOT = 3, LOWER, UPPER, AS_OF, SAID, MAX_BOOK_ROWS
};

/* Parameters of both appends. */
enum
{
	ROOT, DOMAIN, EDITION, SEQUENCE, PAGE, CREATED_AT, CORRELATION_ID,
	TYPE_URL, PAYLOAD, EXTERNAL, EXT, ISOLATED, DEPTH, SOURCE_DOMAIN,
	SOURCE_EDITION, SOURCE_ROOT, SOURCE_SEQUENCE, SOURCE_COMPONENT
};

/* Rows being written. */
typedef struct Answer
{
	AzRows	   *rows;
	AzArena    *arena;
	size_t		row;			/* the current one */
	bool		out_of_memory;
} Answer;

/* What one load of the batch is about. */
typedef struct Selection
{
	const MemoryStream *stream;
	const AzSnapshot *snapshot;
	size_t		first;			/* of the events */
	size_t		end;
	int64_t		own_first;		/* a cover disagrees with it; or -1 */
	bool		is_cut;			/* the last one comes without its bytes */
} Selection;

static bool select_book(MemoryDb *memory, const AzDbParam *params, size_t row,
						Selection *selection, AzError *error);
static void cut(MemoryDb *memory, const AzDbColumn *max_rows, size_t row,
				Selection *selection);
static const AzSnapshot *newest_snapshot(const MemoryStream *stream,
										 int64_t upper, int64_t as_of);
static void write_book(Answer *answer, size_t book,
					   const Selection *selection);
static void write_snapshot(Answer *answer, size_t book,
						   const AzSnapshot *snapshot);
static void write_event(Answer *answer, size_t book, const AzEvent *event);
static bool append_command(MemoryDb *memory, bool probed,
						   const AzDbParam *params, size_t first, size_t end,
						   Answer *answer, AzError *error);
static bool append_pages(MemoryDb *memory, const AzDbParam *params,
						 size_t first, size_t end, MemoryStream *stream,
						 AzError *error);
static void touch(MemoryDb *memory, MemoryStream *stream);
static bool read_event(MemoryDb *memory, const AzDbParam *params, size_t row,
					   AzEvent *event);
static bool read_cause(MemoryDb *memory, const AzDbParam *params, size_t row,
					   AzEvent *event);
static const char *copy_text(MemoryDb *memory, const AzDbParam *param,
							 size_t row);
static bool copy_bytes(MemoryDb *memory, const AzDbParam *param, size_t row,
					   AzBytes *copy);
static void put_int(Answer *answer, int column, int64_t value);
static void put_text(Answer *answer, int column, const char *text);
static void put_bytes(Answer *answer, int column, AzBytes bytes);
static void put_null(Answer *answer, int column);

bool
memory_fail(AzError *error, const char *sqlstate)
{
	if (error == NULL)
		return false;
	memset(error, 0, sizeof(*error));
	error->code = az_code_of_sqlstate(sqlstate);
	memcpy(error->sqlstate, sqlstate, sizeof(error->sqlstate));
	error->message = "the database in memory was told to fail";
	return false;
}

/* ---- components ---- */

bool
memory_components(MemoryDb *memory, AzArena *arena, AzRows *rows,
				  AzError *error)
{
	Answer		answer = {rows, arena};

	if (!az_rows_create(rows, AZ_STATEMENT_COMPONENTS, memory->n_components,
						arena))
		return memory_fail(error, "53200");
	for (; answer.row < memory->n_components; answer.row++)
	{
		const MemoryComponent *component = &memory->components[answer.row];

		put_text(&answer, 0, component->name);
		put_text(&answer, 1, component->kind);
		put_text(&answer, 2, component->domain);
		put_text(&answer, 3, component->address);
		put_int(&answer, 4, component->deadline_ms);
		if (component->deadline_ms == 0)
			put_null(&answer, 4);
		put_int(&answer, 5, !component->full_books);
		put_int(&answer, 6, !component->disabled);
		put_text(&answer, 7, component->inputs);
		put_int(&answer, 8, component->max_attempts);
		if (component->max_attempts == 0)
			put_null(&answer, 8);
		put_int(&answer, 9, component->max_in_flight);
		if (component->max_in_flight == 0)
			put_null(&answer, 9);
	}
	return !answer.out_of_memory || memory_fail(error, "53200");
}

bool
memory_descriptors(MemoryDb *memory, AzArena *arena, AzRows *rows,
				   AzError *error)
{
	Answer		answer = {rows, arena};

	if (!az_rows_create(rows, AZ_STATEMENT_DESCRIPTORS, memory->n_files, arena))
		return memory_fail(error, "53200");
	for (; answer.row < memory->n_files; answer.row++)
	{
		put_text(&answer, 0, memory->files[answer.row].name);
		put_bytes(&answer, 1, memory->files[answer.row].bytes);
	}
	return !answer.out_of_memory || memory_fail(error, "53200");
}

/* ---- loading ---- */

bool
memory_load(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
			AzRows *rows, AzError *error)
{
	Answer		answer = {rows, arena};
	size_t		n_books = params[ROOT].column.count;
	size_t		n_rows = 0;
	Selection  *selections = az_arena_array(arena, n_books,
											sizeof(Selection));

	if (selections == NULL)
		return memory_fail(error, "53200");
	for (size_t i = 0; i < n_books; i++)
	{
		if (!select_book(memory, params, i, &selections[i], error))
			return false;
		n_rows += selections[i].end - selections[i].first
			+ (selections[i].snapshot != NULL ? 1 : 0)
			+ (selections[i].own_first >= 0 ? 1 : 0);
	}
	if (!az_rows_create(rows, AZ_STATEMENT_LOAD_BOOKS, n_rows, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < n_books; i++)
		write_book(&answer, i, &selections[i]);
	return !answer.out_of_memory || memory_fail(error, "53200");
}

/* The newest snapshot and the events after it, or those from "lower" on. */
static bool
select_book(MemoryDb *memory, const AzDbParam *params, size_t row,
			Selection *selection, AzError *error)
{
	AzAggregate aggregate = memory_aggregate(params, row);
	MemoryStream *stream = memory_stream(memory, &aggregate);
	int64_t		lower = params[LOWER].column.ints[row];
	int64_t		upper = params[UPPER].column.ints[row];
	int64_t		as_of = INT64_MAX;

	if (stream == NULL)
		return memory_fail(error, "53200");
	if (stream->poison[0] != '\0')
		return memory_fail(error, stream->poison);
	selection->stream = stream;
	selection->own_first = -1;
	if (!params[SAID].column.nulls[row] && stream->count > 0
		&& stream->events[0].sequence != params[SAID].column.ints[row])
	{
		selection->own_first = stream->events[0].sequence;
		return true;
	}
	if (!params[AS_OF].column.nulls[row])
		as_of = params[AS_OF].column.ints[row];
	if (params[USE_SNAPSHOT].column.ints[row] != 0)
	{
		selection->snapshot = newest_snapshot(stream, upper, as_of);
		lower = selection->snapshot == NULL ? 0 :
			selection->snapshot->sequence + 1;
	}
	while (selection->first < stream->count
		   && stream->events[selection->first].sequence < lower)
		selection->first++;
	selection->end = selection->first;
	while (selection->end < stream->count
		   && stream->events[selection->end].sequence <= upper
		   && stream->events[selection->end].created_at_us <= as_of)
		selection->end++;
	cut(memory, &params[MAX_BOOK_ROWS].column, row, selection);
	return true;
}

/* What a host leaves out because it is too much. */
static void
cut(MemoryDb *memory, const AzDbColumn *max_rows, size_t row,
	Selection *selection)
{
	size_t		bytes = 0;

	if (!max_rows->nulls[row] && selection->end - selection->first
		> (size_t) max_rows->ints[row])
		selection->end = selection->first + (size_t) max_rows->ints[row];
	if (memory->db.max_group_bytes == 0)
		return;
	for (size_t i = selection->first; i < selection->end; i++)
	{
		if (bytes > memory->db.max_group_bytes)
		{
			selection->end = i + 1;
			selection->is_cut = true;
		}
		bytes += selection->stream->events[i].payload.len;
	}
}

/* Of those up to a sequence and a time; NULL when there is none. */
static const AzSnapshot *
newest_snapshot(const MemoryStream *stream, int64_t upper, int64_t as_of)
{
	for (size_t i = stream->n_snapshots; i > 0; i--)
		if (stream->snapshots[i - 1].sequence <= upper &&
			stream->snapshots[i - 1].created_at_us <= as_of)
			return &stream->snapshots[i - 1];
	return NULL;
}

static void
write_book(Answer *answer, size_t book, const Selection *selection)
{
	if (selection->snapshot != NULL)
	{
		write_snapshot(answer, book, selection->snapshot);
		answer->row++;
	}
	for (size_t i = selection->first; i < selection->end; i++)
	{
		write_event(answer, book, &selection->stream->events[i]);
		if (selection->is_cut && i + 1 == selection->end)
			put_null(answer, 6);
		answer->row++;
	}
	if (selection->own_first < 0)
		return;
	put_int(answer, 0, (int64_t) book);
	put_null(answer, 1);
	put_int(answer, 2, selection->own_first);
	answer->row++;
}

static void
write_snapshot(Answer *answer, size_t book, const AzSnapshot *snapshot)
{
	put_int(answer, 0, (int64_t) book);
	put_int(answer, 1, true);
	put_int(answer, 2, snapshot->sequence);
	put_int(answer, 3, snapshot->created_at_us);
	put_text(answer, 4, "");
	put_text(answer, 5, snapshot->type_url);
	put_bytes(answer, 6, snapshot->state);
	put_null(answer, 7);
	put_null(answer, 8);
	put_int(answer, 9, snapshot->retention);
}

static void
write_event(Answer *answer, size_t book, const AzEvent *event)
{
	put_int(answer, 0, (int64_t) book);
	put_int(answer, 1, false);
	put_int(answer, 2, event->sequence);
	put_int(answer, 3, event->created_at_us);
	put_text(answer, 4, event->correlation_id);
	put_text(answer, 5, event->type_url);
	put_bytes(answer, 6, event->payload);
	put_bytes(answer, 7, event->external);
	put_bytes(answer, 8, event->ext);
	put_null(answer, 9);
}

/* ---- appending ---- */

bool
memory_append(MemoryDb *memory, bool probed, const AzDbParam *params,
			  AzArena *arena, AzRows *rows, AzError *error)
{
	Answer		answer = {rows, arena};
	const AzDbColumn *pages = &params[PAGE].column;
	size_t		n_commands = 0;
	size_t		first = 0;

	for (size_t i = 0; i < pages->count; i++)
		n_commands += pages->ints[i] == 0 ? 1 : 0;
	if (!az_rows_create(rows, AZ_STATEMENT_APPEND, n_commands, arena))
		return memory_fail(error, "53200");
	for (; answer.row < n_commands; answer.row++)
	{
		size_t		end = first + 1;

		while (end < pages->count && pages->ints[end] != 0)
			end++;
		if (!append_command(memory, probed, params, first, end, &answer,
							error))
			return false;
		first = end;
	}
	return !answer.out_of_memory || memory_fail(error, "53200");
}

/* The pages "first" up to "end": all of them or none. */
static bool
append_command(MemoryDb *memory, bool probed, const AzDbParam *params,
			   size_t first, size_t end, Answer *answer, AzError *error)
{
	AzAggregate aggregate = memory_aggregate(params, first);
	MemoryStream *stream = memory_stream(memory, &aggregate);

	if (stream == NULL)
		return memory_fail(error, "53200");
	if (stream->poison[0] != '\0')
		return memory_fail(error, stream->poison);
	put_int(answer, 0, (int64_t) answer->row);
	if (probed && stream->busy > 0)
	{
		stream->busy--;
		put_text(answer, 1, "busy");
		put_null(answer, 2);
		return true;
	}
	if (params[SEQUENCE].column.ints[first] != memory_stream_next(stream))
		put_text(answer, 1, "conflict");
	else if (append_pages(memory, params, first, end, stream, error))
		put_text(answer, 1, "appended");
	else
		return false;
	put_int(answer, 2, memory_stream_next(stream));
	return true;
}

static bool
append_pages(MemoryDb *memory, const AzDbParam *params, size_t first,
			 size_t end, MemoryStream *stream, AzError *error)
{
	AzAggregate aggregate = memory_aggregate(params, first);

	touch(memory, stream);
	for (size_t page = first; page < end; page++)
	{
		AzEvent		event = {0};

		if (params[SEQUENCE].column.ints[page] != memory_stream_next(stream)
			|| params[PAGE].column.ints[page] != (int64_t) (page - first))
			return memory_fail(error, "22023");
		if (!read_event(memory, params, page, &event)
			|| !memory_stream_push(memory, stream, &event)
			|| !memory_log_push(memory, &aggregate, &event, true))
			return memory_fail(error, "53200");
		if ((event.payload.data == NULL) == (event.external.data == NULL))
			return memory_fail(error, "23514");
	}
	return true;
}

/* Remembers that the open transaction wrote there. */
static void
touch(MemoryDb *memory, MemoryStream *stream)
{
	if (stream->is_touched)
		return;
	stream->is_touched = true;
	stream->next_touched = memory->touched;
	memory->touched = stream;
}

static bool
read_event(MemoryDb *memory, const AzDbParam *params, size_t row,
		   AzEvent *event)
{
	event->sequence = params[SEQUENCE].column.ints[row];
	event->created_at_us = params[CREATED_AT].column.ints[row];
	event->isolated = params[ISOLATED].column.ints[row] != 0;
	event->depth = (int32_t) params[DEPTH].column.ints[row];
	event->correlation_id = copy_text(memory, &params[CORRELATION_ID], row);
	event->type_url = copy_text(memory, &params[TYPE_URL], row);
	return event->correlation_id != NULL && event->type_url != NULL
		&& copy_bytes(memory, &params[PAYLOAD], row, &event->payload)
		&& copy_bytes(memory, &params[EXTERNAL], row, &event->external)
		&& copy_bytes(memory, &params[EXT], row, &event->ext)
		&& read_cause(memory, params, row, event);
}

static bool
read_cause(MemoryDb *memory, const AzDbParam *params, size_t row,
		   AzEvent *event)
{
	const AzDbColumn *roots = &params[SOURCE_ROOT].column;
	AzCause    *cause;

	if (roots->nulls != NULL && roots->nulls[row])
		return true;
	cause = az_arena_alloc(memory->arena, sizeof(AzCause));
	if (cause == NULL)
		return false;
	cause->source.domain = copy_text(memory, &params[SOURCE_DOMAIN], row);
	cause->source.edition = copy_text(memory, &params[SOURCE_EDITION], row);
	cause->component = copy_text(memory, &params[SOURCE_COMPONENT], row);
	memcpy(cause->source.root, roots->bytes[row].data, AZ_UUID_SIZE);
	cause->sequence = params[SOURCE_SEQUENCE].column.ints[row];
	event->cause = cause;
	return cause->source.domain != NULL && cause->source.edition != NULL
		&& cause->component != NULL;
}

AzAggregate
memory_aggregate(const AzDbParam *params, size_t row)
{
	AzAggregate aggregate = {0};

	memcpy(aggregate.root, params[ROOT].column.bytes[row].data, AZ_UUID_SIZE);
	aggregate.domain = (const char *) params[DOMAIN].column.bytes[row].data;
	aggregate.edition = (const char *) params[EDITION].column.bytes[row].data;
	return aggregate;
}

static const char *
copy_text(MemoryDb *memory, const AzDbParam *param, size_t row)
{
	if (param->column.nulls != NULL && param->column.nulls[row])
		return NULL;
	return az_arena_string_of(memory->arena, param->column.bytes[row]);
}

/* False when memory is out; null stays without data. */
static bool
copy_bytes(MemoryDb *memory, const AzDbParam *param, size_t row,
		   AzBytes *copy)
{
	if (param->column.nulls != NULL && param->column.nulls[row])
		return true;
	return az_arena_copy(memory->arena, param->column.bytes[row], copy);
}

/* ---- streams ---- */

MemoryStream *
memory_stream(MemoryDb *memory, const AzAggregate *aggregate)
{
	char	   *text = az_arena_format(memory->arena, "%16s%s/%s", "",
									   aggregate->domain, aggregate->edition);
	AzBytes		key;
	MemoryStream *stream;

	if (text == NULL)
		return NULL;
	key = az_bytes_of(text);
	memcpy(text, aggregate->root, AZ_UUID_SIZE);
	stream = az_map_get(memory->streams, key);
	if (stream != NULL)
		return stream;
	stream = az_arena_alloc(memory->arena, sizeof(MemoryStream));
	if (stream == NULL || !az_map_put(memory->streams, key, stream))
		return NULL;
	stream->aggregate = *aggregate;
	stream->aggregate.domain = az_arena_string(memory->arena,
											   aggregate->domain);
	stream->aggregate.edition = az_arena_string(memory->arena,
												aggregate->edition);
	stream->number = memory->n_streams++;
	*(memory->last != NULL ? &memory->last->next : &memory->first) = stream;
	memory->last = stream;
	return stream->aggregate.domain != NULL &&
		stream->aggregate.edition != NULL ? stream : NULL;
}

int64_t
memory_stream_next(const MemoryStream *stream)
{
	if (stream->count > 0)
		return stream->events[stream->count - 1].sequence + 1;
	if (stream->n_snapshots > 0)
		return stream->snapshots[stream->n_snapshots - 1].sequence + 1;
	return 0;
}

bool
memory_stream_push(MemoryDb *memory, MemoryStream *stream, const AzEvent *event)
{
	if (stream->count == stream->capacity)
	{
		size_t		capacity = stream->capacity == 0 ? 4 : stream->capacity * 2;
		AzEvent    *events = az_arena_array(memory->arena, capacity,
											sizeof(AzEvent));

		if (events == NULL)
			return false;
		if (stream->count > 0)
			memcpy(events, stream->events, stream->count * sizeof(AzEvent));
		stream->events = events;
		stream->capacity = capacity;
	}
	stream->events[stream->count++] = *event;
	return true;
}

/* ---- rows ---- */

static void
put_int(Answer *answer, int column, int64_t value)
{
	answer->rows->columns[column].ints[answer->row] = value;
}

static void
put_text(Answer *answer, int column, const char *text)
{
	put_bytes(answer, column, az_bytes_of(text));
}

/* Copied, as a server's rows are: they are gone with the arena. */
static void
put_bytes(Answer *answer, int column, AzBytes bytes)
{
	if (bytes.data == NULL)
		put_null(answer, column);
	else if (!az_arena_copy(answer->arena, bytes,
							&answer->rows->columns[column].bytes[answer->row]))
		answer->out_of_memory = true;
}

static void
put_null(Answer *answer, int column)
{
	answer->rows->columns[column].nulls[answer->row] = true;
}
