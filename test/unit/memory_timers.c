/* The timers of the database in memory. */
#include <stdlib.h>
#include <string.h>

#include "memory_statements.h"

/* Parameters of AZ_STATEMENT_KEEP_TIMERS; the first three of all. */
enum
{
	COMPONENT, EDITION, ROOT, NAME, DUE_AT, PAYLOAD, SEQUENCE, IS_HANDLED
};

#define KNOWN_SEQUENCE 3
#define MOST 64

static bool keep(MemoryDb *memory, const AzDbParam *params);
static bool keep_handled(MemoryDb *memory, const AzDbParam *params, size_t i);
static void remove_moved(MemoryDb *memory, const AzDbParam *params, size_t i);
static bool is_last(const AzDbParam *params, size_t i);
static bool push(MemoryDb *memory, const AzDbParam *params, size_t i);
static bool is_process(const MemoryTimer *timer, const AzDbParam *params,
					   size_t i);
static MemoryTimer *find(MemoryDb *memory, const AzDbParam *params,
						 const AzDbParam *sequence, size_t i);
static void remove_timer(MemoryDb *memory, MemoryTimer *timer);
static const char *text(const AzDbParam *param, size_t i);
static bool standing(MemoryDb *memory, const AzDbParam *params,
					 AzArena *arena, AzRows *rows);
static bool due(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				AzRows *rows);
static void write_row(MemoryDb *memory, const MemoryTimer *timer,
					  AzRows *rows, size_t i);
static int	compare_due(const void *left, const void *right);

bool
memory_timers(MemoryDb *memory, AzStatementId statement,
			  const AzDbParam *params, AzArena *arena, AzRows *rows,
			  AzError *error)
{
	bool		is_fine = true;

	if (statement == AZ_STATEMENT_STANDING_TIMERS)
		return standing(memory, params, arena, rows)
			|| memory_fail(error, "53200");
	if (statement == AZ_STATEMENT_DUE_TIMERS)
		return due(memory, params, arena, rows)
			|| memory_fail(error, "53200");
	if (statement == AZ_STATEMENT_KEEP_TIMERS)
		is_fine = keep(memory, params);
	else
		for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		{
			MemoryTimer *timer = find(memory, params, &params[KNOWN_SEQUENCE],
									  i);

			if (timer != NULL)
				remove_timer(memory, timer);
		}
	return (is_fine && az_rows_create(rows, statement, 1, arena))
		|| memory_fail(error, "53200");
}

void
memory_end_timers(MemoryDb *memory, bool committed)
{
	if (committed)
		memory->committed_timers = memory->timers;
	else
		memory->timers = memory->committed_timers;
}

static bool
keep(MemoryDb *memory, const AzDbParam *params)
{
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		if (params[IS_HANDLED].column.ints[i]
			&& !keep_handled(memory, params, i))
			return false;
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		if (!params[IS_HANDLED].column.ints[i])
			remove_moved(memory, params, i);
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		if (is_last(params, i)
			&& find(memory, params, &params[SEQUENCE], i) == NULL
			&& !push(memory, params, i))
			return false;
	return true;
}

static bool
keep_handled(MemoryDb *memory, const AzDbParam *params, size_t i)
{
	MemoryTimer *timer = find(memory, params, &params[SEQUENCE], i);

	if (timer == NULL)
		return push(memory, params, i);
	timer->is_handled = true;
	return true;
}

static void
remove_moved(MemoryDb *memory, const AzDbParam *params, size_t i)
{
	for (size_t row = memory->timers.count; row > 0; row--)
	{
		MemoryTimer *timer = &memory->timers.rows[row - 1];

		if (is_process(timer, params, i) && !timer->is_handled
			&& strcmp(timer->name, text(&params[NAME], i)) == 0
			&& timer->sequence < params[SEQUENCE].column.ints[i])
			remove_timer(memory, timer);
	}
}

/* Sets a timer, and no later row of the call is about that one. */
static bool
is_last(const AzDbParam *params, size_t i)
{
	if (params[IS_HANDLED].column.ints[i] || params[DUE_AT].column.nulls[i])
		return false;
	for (size_t other = 0; other < params[COMPONENT].column.count; other++)
		if (!params[IS_HANDLED].column.ints[other]
			&& params[SEQUENCE].column.ints[other]
			> params[SEQUENCE].column.ints[i]
			&& strcmp(text(&params[NAME], other), text(&params[NAME], i)) == 0
			&& az_bytes_equal(params[ROOT].column.bytes[other],
							  params[ROOT].column.bytes[i]))
			return false;
	return true;
}

static bool
push(MemoryDb *memory, const AzDbParam *params, size_t i)
{
	MemoryTimer *timer = &memory->timers.rows[memory->timers.count];
	AzArena    *arena = memory->arena;

	if (memory->timers.count == MOST)
		return false;
	memset(timer, 0, sizeof(*timer));
	timer->component = az_arena_string(arena, text(&params[COMPONENT], i));
	timer->edition = az_arena_string(arena, text(&params[EDITION], i));
	memcpy(timer->root, params[ROOT].column.bytes[i].data, AZ_UUID_SIZE);
	timer->name = az_arena_string(arena, text(&params[NAME], i));
	timer->due_us = params[DUE_AT].column.ints[i];
	timer->sequence = params[SEQUENCE].column.ints[i];
	timer->is_handled = params[IS_HANDLED].column.ints[i] != 0;
	if (timer->component == NULL || timer->edition == NULL
		|| timer->name == NULL
		|| (!params[PAYLOAD].column.nulls[i]
			&& !az_arena_copy(arena, params[PAYLOAD].column.bytes[i],
							  &timer->payload)))
		return false;
	memory->timers.count++;
	return true;
}

static bool
is_process(const MemoryTimer *timer, const AzDbParam *params, size_t i)
{
	return strcmp(timer->component, text(&params[COMPONENT], i)) == 0
		&& strcmp(timer->edition, text(&params[EDITION], i)) == 0
		&& memcmp(timer->root, params[ROOT].column.bytes[i].data,
				  AZ_UUID_SIZE) == 0;
}

static MemoryTimer *
find(MemoryDb *memory, const AzDbParam *params, const AzDbParam *sequence,
	 size_t i)
{
	for (size_t row = 0; row < memory->timers.count; row++)
	{
		MemoryTimer *timer = &memory->timers.rows[row];

		if (is_process(timer, params, i)
			&& timer->sequence == sequence->column.ints[i])
			return timer;
	}
	return NULL;
}

static void
remove_timer(MemoryDb *memory, MemoryTimer *timer)
{
	*timer = memory->timers.rows[--memory->timers.count];
}

static const char *
text(const AzDbParam *param, size_t i)
{
	return (const char *) param->column.bytes[i].data;
}

static bool
standing(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
		 AzRows *rows)
{
	size_t		count = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_STANDING_TIMERS,
						params[COMPONENT].column.count, arena))
		return false;
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		if (find(memory, params, &params[KNOWN_SEQUENCE], i) != NULL)
			rows->columns[0].ints[count++] = (int64_t) i;
	rows->count = count;
	rows->columns[0].count = count;
	return true;
}

static bool
due(MemoryDb *memory, const AzDbParam *params, AzArena *arena, AzRows *rows)
{
	MemoryTimer sorted[MOST];
	size_t		count = memory->timers.count;
	size_t		row = 0;

	memcpy(sorted, memory->timers.rows, sizeof(sorted));
	qsort(sorted, count, sizeof(MemoryTimer), compare_due);
	if (!az_rows_create(rows, AZ_STATEMENT_DUE_TIMERS, count, arena))
		return false;
	for (size_t i = 0; i < params[0].column.count; i++)
	{
		int64_t		most = params[1].column.ints[i];

		for (size_t j = 0; j < count && most > 0; j++)
		{
			if (strcmp(sorted[j].component, text(&params[0], i)) != 0)
				continue;
			rows->columns[0].ints[row] = (int64_t) i;
			write_row(memory, &sorted[j], rows, row++);
			most--;
		}
	}
	rows->count = row;
	for (int i = 0; i < rows->n_columns; i++)
		rows->columns[i].count = row;
	return true;
}

/* In order of the columns of angzarr._due_timers. */
static void
write_row(MemoryDb *memory, const MemoryTimer *timer, AzRows *rows, size_t i)
{
	AzBytes		root = {(uint8_t *) timer->root, AZ_UUID_SIZE};
	AzAggregate process = {.edition = timer->edition};
	const AzEvent *events;
	size_t		count;

	for (size_t j = 0; j < memory->n_components; j++)
		if (strcmp(memory->components[j].name, timer->component) == 0)
			process.domain = memory->components[j].domain;
	memcpy(process.root, timer->root, AZ_UUID_SIZE);
	events = memory_db_events(memory, &process, &count);
	rows->columns[1].bytes[i] = root;
	rows->columns[2].bytes[i] = az_bytes_of(process.domain);
	rows->columns[3].bytes[i] = az_bytes_of(timer->edition);
	rows->columns[4].nulls[i] = true;
	rows->columns[5].bytes[i] = az_bytes_of(timer->name);
	rows->columns[6].ints[i] = timer->due_us;
	rows->columns[7].bytes[i] = timer->payload;
	rows->columns[8].ints[i] = timer->sequence;
	rows->columns[9].bytes[i] =
		az_bytes_of(events[timer->sequence].correlation_id);
	rows->columns[11].ints[i] = events[timer->sequence].depth;
}

static int
compare_due(const void *left, const void *right)
{
	const MemoryTimer *a = left;
	const MemoryTimer *b = right;

	return a->due_us < b->due_us ? -1 : a->due_us > b->due_us;
}
