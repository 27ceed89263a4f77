/*
 * What the database in memory keeps beside events: keys, snapshots, dead
 * letters; and where its streams end.
 */
#include <stdio.h>
#include <string.h>

#include "memory_statements.h"

/* Parameters of the statements about keys, after the aggregate's three. */
enum
{
	KIND = 3, KEY, FIRST, LAST, ANSWER
};

/* Parameters of AZ_STATEMENT_KEEP_SNAPSHOTS, likewise. */
enum
{
	SEQUENCE = 3, CREATED_AT, RETENTION, TYPE_URL, STATE
};

/* Parameters of AZ_STATEMENT_FILE_DEAD_LETTERS. */
enum
{
	PAYLOAD = 7
};

#define MOST 64

static const MemoryKey *find_key(const MemoryDb *memory,
								 const AzDbParam *params, size_t row);
static bool same_aggregate(const AzAggregate *a, const AzAggregate *b);
static bool keep_aggregate(MemoryDb *memory, const AzAggregate *aggregate,
						   AzAggregate *copy);
static void write_head(const MemoryStream *stream, AzRows *rows, size_t row);
static void set_int(AzRows *rows, size_t row, int column, int64_t value);
static bool is_null(const AzDbParam *param, size_t row);
static bool answer_count(size_t count, AzStatementId statement,
						 AzArena *arena, AzRows *rows, AzError *error);

bool
memory_find_keys(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				 AzRows *rows, AzError *error)
{
	size_t		found = 0;

	for (size_t i = 0; i < params[KEY].column.count; i++)
		found += find_key(memory, params, i) != NULL ? 1 : 0;
	if (!az_rows_create(rows, AZ_STATEMENT_FIND_KEYS, found, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0, row = 0; i < params[KEY].column.count; i++)
	{
		const MemoryKey *key = find_key(memory, params, i);

		if (key == NULL)
			continue;
		rows->columns[0].ints[row] = (int64_t) i;
		rows->columns[1].ints[row] = key->first;
		rows->columns[2].ints[row] = key->last;
		rows->columns[1].nulls[row] = !key->has_events;
		rows->columns[2].nulls[row] = !key->has_events;
		rows->columns[3].bytes[row] = key->answer;
		rows->columns[3].nulls[row++] = key->answer.len == 0;
	}
	return true;
}

bool
memory_keep_keys(MemoryDb *memory, AzStatementId statement,
				 const AzDbParam *params, AzArena *arena, AzRows *rows,
				 AzError *error)
{
	size_t		count = params[KEY].column.count;

	for (size_t i = 0; i < count; i++)
	{
		MemoryKey  *key = &memory->kept.keys[memory->kept.n_keys];
		AzAggregate aggregate = memory_aggregate(params, i);

		if (find_key(memory, params, i) != NULL)
		{
			if (statement == AZ_STATEMENT_KEEP_KEYS)
				return memory_fail(error, "23505");
			continue;
		}
		if (memory->kept.n_keys == MOST
			|| !keep_aggregate(memory, &aggregate, &key->aggregate)
			|| !az_arena_copy(memory->arena, params[KEY].column.bytes[i],
							  &key->key)
			|| !az_arena_copy(memory->arena, params[ANSWER].column.bytes[i],
							  &key->answer))
			return memory_fail(error, "53200");
		key->kind = az_arena_string_of(memory->arena,
									   params[KIND].column.bytes[i]);
		key->has_events = !is_null(&params[FIRST], i);
		key->first = params[FIRST].column.ints[i];
		key->last = params[LAST].column.ints[i];
		memory->kept.n_keys++;
	}
	return answer_count(count, statement, arena, rows, error);
}

bool
memory_keep_snapshots(MemoryDb *memory, const AzDbParam *params,
					  AzArena *arena, AzRows *rows, AzError *error)
{
	size_t		count = params[SEQUENCE].column.count;

	for (size_t i = 0; i < count; i++)
	{
		AzAggregate aggregate = memory_aggregate(params, i);
		AzSnapshot *snapshot =
		&memory->kept.snapshots[memory->kept.n_snapshots].snapshot;

		if (memory->kept.n_snapshots == MOST
			|| !keep_aggregate(memory, &aggregate,
							   &memory->kept.snapshots[memory->kept.n_snapshots].aggregate)
			|| !az_arena_copy(memory->arena, params[STATE].column.bytes[i],
							  &snapshot->state))
			return memory_fail(error, "53200");
		snapshot->sequence = params[SEQUENCE].column.ints[i];
		snapshot->created_at_us = params[CREATED_AT].column.ints[i];
		snapshot->retention = (AzRetention) params[RETENTION].column.ints[i];
		snapshot->type_url = az_arena_string_of(memory->arena,
												params[TYPE_URL].column.bytes[i]);
		memory->kept.n_snapshots++;
	}
	return answer_count(count, AZ_STATEMENT_KEEP_SNAPSHOTS, arena, rows,
						error);
}

bool
memory_file_letters(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
					AzRows *rows, AzError *error)
{
	size_t		count = params[PAYLOAD].column.count;

	for (size_t i = 0; i < count; i++)
	{
		if (memory->kept.n_letters == MOST
			|| !az_arena_copy(memory->arena, params[PAYLOAD].column.bytes[i],
							  &memory->kept.letters[memory->kept.n_letters])
			|| !memory_keep_letter(memory, params, i))
			return memory_fail(error, "53200");
		memory->kept.n_letters++;
	}
	return answer_count(count, AZ_STATEMENT_FILE_DEAD_LETTERS, arena, rows,
						error);
}

/* A stream of an edition that has no events goes on where main is. */
bool
memory_branch_states(MemoryDb *memory, AzStatementId statement,
					 const AzDbParam *params, AzArena *arena, AzRows *rows,
					 AzError *error)
{
	size_t		count = params[0].column.count;

	if (!az_rows_create(rows, statement, count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < count; i++)
	{
		AzAggregate aggregate = memory_aggregate(params, i);
		const MemoryStream *own = memory_stream(memory, &aggregate);
		const MemoryStream *main;

		aggregate.edition = "";
		main = memory_stream(memory, &aggregate);
		if (own == NULL || main == NULL)
			return memory_fail(error, "53200");
		rows->columns[0].ints[i] = (int64_t) i;
		rows->columns[1].ints[i] = own->count > 0;
		if (statement == AZ_STATEMENT_HOLD_BRANCHES)
			continue;
		rows->columns[2].ints[i] = memory->fixed;
		rows->columns[2].nulls[i] = memory->fixed < 0;
		rows->columns[3].ints[i] = own->count > 0 ? memory_stream_next(own) :
			memory->fixed >= 0 ? memory->fixed : memory_stream_next(main);
	}
	return true;
}

/* Tells what it was told to; nothing is deleted. */
bool
memory_delete_part(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				   AzRows *rows, AzError *error)
{
	const char *outcome = "done";

	snprintf(memory->deleted_edition, sizeof(memory->deleted_edition), "%s",
			 (const char *) params[0].column.bytes[0].data);
	snprintf(memory->deleted_domain, sizeof(memory->deleted_domain), "%s",
			 (const char *) params[1].column.bytes[0].data);
	if (memory->parts != NULL && memory->parts[0] != '\0')
		outcome = *memory->parts++ == 'b' ? "busy" : "more";
	if (!az_rows_create(rows, AZ_STATEMENT_DELETE_EDITION_PART, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].bytes[0] = az_bytes_of(outcome);
	return true;
}

void
memory_end_kept(MemoryDb *memory, bool keep)
{
	MemoryKept *kept = &memory->kept;

	if (keep)
	{
		kept->committed_keys = kept->n_keys;
		kept->committed_snapshots = kept->n_snapshots;
		kept->committed_letters = kept->n_letters;
		return;
	}
	kept->n_keys = kept->committed_keys;
	kept->n_snapshots = kept->committed_snapshots;
	kept->n_letters = kept->committed_letters;
}

static const MemoryKey *
find_key(const MemoryDb *memory, const AzDbParam *params, size_t row)
{
	AzAggregate aggregate = memory_aggregate(params, row);
	const char *kind = (const char *) params[KIND].column.bytes[row].data;

	for (size_t i = 0; i < memory->kept.n_keys; i++)
	{
		const MemoryKey *key = &memory->kept.keys[i];

		if (same_aggregate(&key->aggregate, &aggregate)
			&& strcmp(key->kind, kind) == 0
			&& az_bytes_equal(key->key, params[KEY].column.bytes[row]))
			return key;
	}
	return NULL;
}

static bool
same_aggregate(const AzAggregate *a, const AzAggregate *b)
{
	return memcmp(a->root, b->root, AZ_UUID_SIZE) == 0
		&& strcmp(a->domain, b->domain) == 0
		&& strcmp(a->edition, b->edition) == 0;
}

static bool
keep_aggregate(MemoryDb *memory, const AzAggregate *aggregate,
			   AzAggregate *copy)
{
	*copy = *aggregate;
	copy->domain = az_arena_string(memory->arena, aggregate->domain);
	copy->edition = az_arena_string(memory->arena, aggregate->edition);
	return copy->domain != NULL && copy->edition != NULL;
}

static bool
is_null(const AzDbParam *param, size_t row)
{
	return param->column.nulls != NULL && param->column.nulls[row];
}

static bool
answer_count(size_t count, AzStatementId statement, AzArena *arena,
			 AzRows *rows, AzError *error)
{
	if (!az_rows_create(rows, statement, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].ints[0] = (int64_t) count;
	return true;
}

/* ---- heads ---- */

bool
memory_heads(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
			 AzRows *rows, AzError *error)
{
	size_t		count = params[0].column.count;

	if (!az_rows_create(rows, AZ_STATEMENT_HEADS, count, arena))
		return memory_fail(error, "53200");
	for (size_t row = 0; row < count; row++)
	{
		AzAggregate aggregate = {.edition = ""};
		MemoryStream *stream;

		memcpy(aggregate.root, params[0].column.bytes[row].data, AZ_UUID_SIZE);
		aggregate.domain = (const char *) params[1].column.bytes[row].data;
		stream = memory_stream(memory, &aggregate);
		if (stream == NULL)
			return memory_fail(error, "53200");
		if (stream->poison[0] != '\0')
			return memory_fail(error, stream->poison);
		write_head(stream, rows, row);
	}
	return true;
}

static void
write_head(const MemoryStream *stream, AzRows *rows, size_t row)
{
	rows->columns[0].ints[row] = (int64_t) row;
	for (int column = 1; column <= 5; column++)
		rows->columns[column].nulls[row] = true;
	if (stream->count > 0)
	{
		const AzEvent *last = &stream->events[stream->count - 1];

		set_int(rows, row, 1, last->sequence);
		set_int(rows, row, 2, last->created_at_us);
	}
	if (stream->n_snapshots > 0)
	{
		const AzSnapshot *s = &stream->snapshots[stream->n_snapshots - 1];

		set_int(rows, row, 3, s->sequence);
		set_int(rows, row, 4, s->created_at_us);
		set_int(rows, row, 5, (int64_t) s->state.len);
	}
}

static void
set_int(AzRows *rows, size_t row, int column, int64_t value)
{
	rows->columns[column].ints[row] = value;
	rows->columns[column].nulls[row] = false;
}
