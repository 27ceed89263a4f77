/*
 * Reading in pieces from the database in memory: plans, pages, and which
 * aggregates there are.  A position is made of the stream's number and the
 * sequence.  An edition is a stream of its own, which begins anywhere.
 */
#include <string.h>

#include "memory_statements.h"

#define PER_STREAM 1000000		/* positions */

/* Parameters that plan and pages begin with. */
enum
{
	ROOT, DOMAIN, EDITION, SAID, CORRELATION_ID, SEQUENCES
};

/* The others of a plan, and of pages. */
enum
{
	USE_SNAPSHOT = 6, LOWER, UPPER, AS_OF, PLAN_LAST_POSITION
};

enum
{
	FROM = 6, UP_TO, AFTER_POSITION, LAST_POSITION, MAX_ROWS, MAX_BYTES
};

static MemoryStream *
stream_of(MemoryDb *memory, const AzDbParam *params, AzError *error)
{
	AzAggregate aggregate = {0};
	MemoryStream *stream;

	memcpy(aggregate.root, params[ROOT].column.bytes[0].data, AZ_UUID_SIZE);
	aggregate.domain = (const char *) params[DOMAIN].column.bytes[0].data;
	aggregate.edition = (const char *) params[EDITION].column.bytes[0].data;
	stream = memory_stream(memory, &aggregate);
	if (stream == NULL)
		memory_fail(error, "53200");
	else if (stream->poison[0] != '\0')
	{
		memory_fail(error, stream->poison);
		return NULL;
	}
	return stream;
}

static int64_t
position_of(const MemoryStream *stream, const AzEvent *event)
{
	return stream->number * PER_STREAM + event->sequence + 1;
}

/* Whether it has the correlation id and is one of the sequences. */
static bool
is_asked(const AzDbParam *params, const AzEvent *event)
{
	const char *id = (const char *) params[CORRELATION_ID].column.bytes[0].data;
	const AzDbColumn *sequences = &params[SEQUENCES].column;

	if (id[0] != '\0' && strcmp(id, event->correlation_id) != 0)
		return false;
	for (size_t i = 0; i < sequences->count; i++)
		if (sequences->ints[i] == event->sequence)
			return true;
	return sequences->count == 0;
}

static void
set_null(AzRows *rows, int column)
{
	rows->columns[column].nulls[rows->count - 1] = true;
}

static bool
set_bytes(AzRows *rows, size_t row, int column, AzBytes bytes, AzArena *arena)
{
	return az_arena_copy(arena, bytes, &rows->columns[column].bytes[row]);
}

static bool
plan_snapshot(const MemoryStream *stream, const AzDbParam *params,
			  AzRows *rows, int64_t *lower, AzArena *arena)
{
	const AzSnapshot *snapshot = NULL;

	for (size_t i = 0; i < stream->n_snapshots; i++)
		if (params[USE_SNAPSHOT].column.ints[0]
			&& stream->snapshots[i].sequence <= params[UPPER].column.ints[0])
			snapshot = &stream->snapshots[i];
	if (snapshot == NULL)
	{
		for (int column = 7; column <= 11; column++)
			set_null(rows, column);
		return true;
	}
	*lower = snapshot->sequence + 1;
	rows->columns[7].ints[0] = snapshot->sequence;
	rows->columns[8].ints[0] = snapshot->created_at_us;
	rows->columns[11].ints[0] = snapshot->retention;
	return set_bytes(rows, 0, 9, az_bytes_of(snapshot->type_url), arena)
		&& set_bytes(rows, 0, 10, snapshot->state, arena);
}

bool
memory_read_plan(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				 AzRows *rows, AzError *error)
{
	MemoryStream *stream = stream_of(memory, params, error);
	int64_t		lower = params[LOWER].column.ints[0];
	const AzEvent *last = NULL;

	if (stream == NULL)
		return false;
	if (!az_rows_create(rows, AZ_STATEMENT_READ_PLAN, 1, arena))
		return memory_fail(error, "53200");
	set_null(rows, 0);
	set_null(rows, 1);
	if (!params[SAID].column.nulls[0] && stream->count > 0
		&& stream->events[0].sequence != params[SAID].column.ints[0])
	{
		rows->columns[0].nulls[0] = false;
		rows->columns[0].ints[0] = stream->events[0].sequence;
	}
	if (!plan_snapshot(stream, params, rows, &lower, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < stream->count; i++)
	{
		const AzEvent *event = &stream->events[i];

		if (!params[AS_OF].column.nulls[0]
			&& event->created_at_us > params[AS_OF].column.ints[0])
			break;
		if (event->sequence >= lower
			&& event->sequence <= params[UPPER].column.ints[0]
			&& position_of(stream, event)
			<= params[PLAN_LAST_POSITION].column.ints[0]
			&& is_asked(params, event))
			last = event;
	}
	rows->columns[2].ints[0] = lower;
	if (last == NULL)
	{
		for (int column = 3; column <= 6; column++)
			set_null(rows, column);
		return true;
	}
	rows->columns[3].ints[0] = last->sequence;
	rows->columns[4].ints[0] = position_of(stream, last);
	if (last->ext.len == 0)
		set_null(rows, 6);
	return (set_bytes(rows, 0, 5, az_bytes_of(last->correlation_id), arena)
			&& set_bytes(rows, 0, 6, last->ext, arena))
		|| memory_fail(error, "53200");
}

bool
memory_read_pages(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				  AzRows *rows, AzError *error)
{
	MemoryStream *stream = stream_of(memory, params, error);
	int64_t		bytes = 0;
	size_t		count = 0;

	if (stream == NULL)
		return false;
	if (!az_rows_create(rows, AZ_STATEMENT_READ_PAGES, stream->count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < stream->count; i++)
	{
		const AzEvent *event = &stream->events[i];

		if (event->sequence < params[FROM].column.ints[0]
			|| event->sequence > params[UP_TO].column.ints[0]
			|| position_of(stream, event)
			> params[LAST_POSITION].column.ints[0]
			|| !is_asked(params, event)
			|| (int64_t) count >= params[MAX_ROWS].column.ints[0]
			|| bytes >= params[MAX_BYTES].column.ints[0])
			continue;
		rows->columns[0].ints[count] = event->sequence;
		rows->columns[1].ints[count] = position_of(stream, event);
		rows->columns[2].ints[count] = event->created_at_us;
		if (!set_bytes(rows, count, 3, az_bytes_of(event->type_url), arena)
			|| !set_bytes(rows, count, 4, event->payload, arena)
			|| !set_bytes(rows, count, 5, event->external, arena))
			return memory_fail(error, "53200");
		bytes += (int64_t) event->payload.len + 16;
		count++;
	}
	rows->count = count;
	return true;
}

/* Whether a stream is of main, and of what is asked for. */
static bool
is_of(const MemoryStream *stream, const AzDbParam *domain,
	  const AzDbParam *root)
{
	const char *name = (const char *) domain->column.bytes[0].data;

	if (stream->aggregate.edition[0] != '\0'
		|| (name[0] != '\0' && strcmp(name, stream->aggregate.domain) != 0))
		return false;
	return root->column.nulls[0]
		|| memcmp(root->column.bytes[0].data, stream->aggregate.root,
				  AZ_UUID_SIZE) == 0;
}

/* Its first and last event with that id, or NULL. */
static const AzEvent *
find_ends(const MemoryStream *stream, const char *id, const AzEvent **last)
{
	const AzEvent *first = NULL;

	for (size_t i = 0; i < stream->count; i++)
		if (strcmp(stream->events[i].correlation_id, id) == 0)
		{
			*last = &stream->events[i];
			if (first == NULL)
				first = *last;
		}
	return first;
}

bool
memory_correlated(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				  AzRows *rows, AzError *error)
{
	const char *id = (const char *) params[0].column.bytes[0].data;
	size_t		count = 0;
	int64_t		newest = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_CORRELATED,
						(size_t) memory->n_streams, arena))
		return memory_fail(error, "53200");
	for (const MemoryStream *stream = memory->first; stream != NULL;
		 stream = stream->next)
	{
		const AzEvent *last = NULL;
		const AzEvent *first = find_ends(stream, id, &last);
		AzBytes		root = {stream->aggregate.root, AZ_UUID_SIZE};

		if (first == NULL || !is_of(stream, &params[1], &params[2])
			|| position_of(stream, first) <= params[6].column.ints[0]
			|| position_of(stream, first) > params[7].column.ints[0])
			continue;
		newest = position_of(stream, last);
		if ((int64_t) count >= params[8].column.ints[0])
			continue;
		if (!set_bytes(rows, count, 0, az_bytes_of(stream->aggregate.domain),
					   arena)
			|| !set_bytes(rows, count, 1, root, arena))
			return memory_fail(error, "53200");
		rows->columns[2].nulls[count] = params[4].column.count == 0;
		if (params[4].column.count > 0)
			rows->columns[2].ints[count] = params[5].column.ints[0];
		rows->columns[3].ints[count] = position_of(stream, first);
		rows->columns[4].ints[count] = position_of(stream, last);
		count++;
	}
	rows->count = count;
	for (size_t row = 0; row < count; row++)
		rows->columns[5].ints[row] = newest;
	return true;
}

/* In the order in which they were made, which tests make that of roots. */
bool
memory_roots(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
			 AzRows *rows, AzError *error)
{
	size_t		count = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_ROOTS, (size_t) memory->n_streams,
						arena))
		return memory_fail(error, "53200");
	for (const MemoryStream *stream = memory->first; stream != NULL;
		 stream = stream->next)
	{
		AzBytes		root = {stream->aggregate.root, AZ_UUID_SIZE};

		if (stream->count == 0 || stream->aggregate.edition[0] != '\0'
			|| (int64_t) count >= params[2].column.ints[0]
			|| (!params[0].column.nulls[0]
				&& memcmp(params[0].column.bytes[0].data,
						  stream->aggregate.root, AZ_UUID_SIZE) >= 0))
			continue;
		if (!set_bytes(rows, count, 0, root, arena)
			|| !set_bytes(rows, count, 1,
						  az_bytes_of(stream->aggregate.domain), arena))
			return memory_fail(error, "53200");
		count++;
	}
	rows->count = count;
	return true;
}
