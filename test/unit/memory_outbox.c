/* The outbox of the database in memory; its clock is the test's. */
#include <stdlib.h>
#include <string.h>

#include "memory_statements.h"

/* Parameters of AZ_STATEMENT_RECORD_OBLIGATIONS. */
enum
{
	KIND, COMPONENT, ROOT, DOMAIN, EDITION, KEY, ENVELOPE, DEPTH
};

#define MOST 64

static bool record(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				   AzRows *rows, AzError *error);
static bool is_recorded(const MemoryOutbox *outbox, const AzDbParam *params,
						size_t i);
static bool push(MemoryDb *memory, const AzDbParam *params, size_t i);
static const char *text(MemoryDb *memory, const AzDbParam *param, size_t i);
static bool read_rows(MemoryDb *memory, const AzDbParam *params,
					  AzArena *arena, AzRows *rows, AzError *error);
static bool is_busy(const AzDbParam *busy, int64_t id);
static void write_row(const MemoryObligation *row, AzRows *rows, size_t i);
static bool postpone(MemoryDb *memory, const AzDbParam *params,
					 AzArena *arena, AzRows *rows, AzError *error);
static bool close_rows(MemoryDb *memory, const AzDbParam *params,
					   AzArena *arena, AzRows *rows, AzError *error);
static bool answer(int64_t count, AzStatementId statement, AzArena *arena,
				   AzRows *rows, AzError *error);

bool
memory_outbox(MemoryDb *memory, AzStatementId statement,
			  const AzDbParam *params, AzArena *arena, AzRows *rows,
			  AzError *error)
{
	switch (statement)
	{
		case AZ_STATEMENT_RECORD_OBLIGATIONS:
			return record(memory, params, arena, rows, error);
		case AZ_STATEMENT_READ_OBLIGATIONS:
			return read_rows(memory, params, arena, rows, error);
		case AZ_STATEMENT_POSTPONE_OBLIGATIONS:
			return postpone(memory, params, arena, rows, error);
		default:
			return close_rows(memory, params, arena, rows, error);
	}
}

void
memory_end_outbox(MemoryDb *memory, bool keep)
{
	if (keep)
		memory->committed_outbox = memory->outbox;
	else
		memory->outbox = memory->committed_outbox;
}

static bool
record(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
	   AzRows *rows, AzError *error)
{
	int64_t		count = 0;

	for (size_t i = 0; i < params[KIND].column.count; i++)
	{
		if (is_recorded(&memory->outbox, params, i))
			continue;
		if (!push(memory, params, i))
			return memory_fail(error, "53200");
		count++;
	}
	return answer(count, AZ_STATEMENT_RECORD_OBLIGATIONS, arena, rows, error);
}

static bool
is_recorded(const MemoryOutbox *outbox, const AzDbParam *params, size_t i)
{
	for (size_t row = 0; row < outbox->count; row++)
		if (strcmp(outbox->rows[row].kind,
				   (const char *) params[KIND].column.bytes[i].data) == 0
			&& az_bytes_equal(outbox->rows[row].key,
							  params[KEY].column.bytes[i]))
			return true;
	return false;
}

static bool
push(MemoryDb *memory, const AzDbParam *params, size_t i)
{
	MemoryObligation *row = &memory->outbox.rows[memory->outbox.count];

	if (memory->outbox.count == MOST)
		return false;
	memset(row, 0, sizeof(*row));
	row->kind = text(memory, &params[KIND], i);
	row->component = text(memory, &params[COMPONENT], i);
	row->target.domain = text(memory, &params[DOMAIN], i);
	row->target.edition = text(memory, &params[EDITION], i);
	memcpy(row->target.root, params[ROOT].column.bytes[i].data, AZ_UUID_SIZE);
	row->depth = (int32_t) params[DEPTH].column.ints[i];
	if (row->kind == NULL || row->component == NULL
		|| row->target.domain == NULL || row->target.edition == NULL
		|| !az_arena_copy(memory->arena, params[KEY].column.bytes[i],
						  &row->key)
		|| !az_arena_copy(memory->arena, params[ENVELOPE].column.bytes[i],
						  &row->envelope))
		return false;
	row->id = ++memory->outbox_id;
	memory->outbox.count++;
	return true;
}

static const char *
text(MemoryDb *memory, const AzDbParam *param, size_t i)
{
	return az_arena_string_of(memory->arena, param->column.bytes[i]);
}

/* In the order in which they are due, of equals the oldest. */
static bool
read_rows(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
		  AzRows *rows, AzError *error)
{
	const MemoryObligation *found[MOST];
	size_t		count = 0;
	size_t		most = (size_t) params[0].column.ints[0];

	for (size_t i = 0; i < memory->outbox.count; i++)
	{
		const MemoryObligation *row = &memory->outbox.rows[i];
		size_t		at = count;

		if (is_busy(&params[1], row->id))
			continue;
		while (at > 0
			   && found[at - 1]->next_attempt_us > row->next_attempt_us)
		{
			found[at] = found[at - 1];
			at--;
		}
		found[at] = row;
		count++;
	}
	count = count > most ? most : count;
	if (!az_rows_create(rows, AZ_STATEMENT_READ_OBLIGATIONS, count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < count; i++)
		write_row(found[i], rows, i);
	return true;
}

static bool
is_busy(const AzDbParam *busy, int64_t id)
{
	for (size_t i = 0; i < busy->column.count; i++)
		if (busy->column.ints[i] == id)
			return true;
	return false;
}

static void
write_row(const MemoryObligation *row, AzRows *rows, size_t i)
{
	AzBytes		root = {row->target.root, AZ_UUID_SIZE};

	rows->columns[0].ints[i] = row->id;
	rows->columns[1].bytes[i] = az_bytes_of(row->kind);
	rows->columns[2].bytes[i] = az_bytes_of(row->component);
	rows->columns[3].bytes[i] = root;
	rows->columns[4].bytes[i] = az_bytes_of(row->target.domain);
	rows->columns[5].bytes[i] = az_bytes_of(row->target.edition);
	rows->columns[6].bytes[i] = row->envelope;
	rows->columns[7].ints[i] = row->depth;
	rows->columns[8].ints[i] = row->attempts;
	rows->columns[9].ints[i] = row->next_attempt_us;
}

static bool
postpone(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
		 AzRows *rows, AzError *error)
{
	int64_t		count = 0;

	for (size_t i = 0; i < params[0].column.count; i++)
		for (size_t j = 0; j < memory->outbox.count; j++)
		{
			MemoryObligation *row = &memory->outbox.rows[j];

			if (row->id != params[0].column.ints[i])
				continue;
			row->attempts = (int) params[1].column.ints[i];
			row->next_attempt_us = params[2].column.ints[i];
			row->last_error = text(memory, &params[3], i);
			count++;
		}
	return answer(count, AZ_STATEMENT_POSTPONE_OBLIGATIONS, arena, rows,
				  error);
}

static bool
close_rows(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
		   AzRows *rows, AzError *error)
{
	MemoryOutbox *outbox = &memory->outbox;
	size_t		kept = 0;
	size_t		count = outbox->count;

	for (size_t i = 0; i < count; i++)
		if (!is_busy(&params[0], outbox->rows[i].id))
			outbox->rows[kept++] = outbox->rows[i];
	outbox->count = kept;
	return answer((int64_t) (count - kept), AZ_STATEMENT_CLOSE_OBLIGATIONS,
				  arena, rows, error);
}

static bool
answer(int64_t count, AzStatementId statement, AzArena *arena, AzRows *rows,
	   AzError *error)
{
	if (!az_rows_create(rows, statement, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].ints[0] = count;
	return true;
}
