/* What the database in memory does with dead letters once they are filed. */
#include <string.h>

#include "memory_statements.h"

/* Parameters of AZ_STATEMENT_FILE_DEAD_LETTERS. */
enum
{
	DOMAIN, CORRELATION_ID, COMPONENT, COMPONENT_TYPE, REJECTION_TYPE, REASON,
	DETAILS, PAYLOAD, OCCURRED_AT
};

/* Parameters of AZ_STATEMENT_LIST_DEAD_LETTERS. */
enum
{
	BEFORE_ID, FOR_DOMAIN, FOR_CORRELATION_ID, FOR_TYPE, FOR_COMPONENT,
	OCCURRED_AFTER, OCCURRED_BEFORE, MAX_ROWS, MAX_BYTES
};

static bool matches(const AzDbParam *params, const MemoryDb *memory, size_t i);
static bool passes(const AzDbParam *param, const char *text);
static void write_letter(AzRows *rows, size_t row,
						 const AzStoredLetter *stored);
static AzStoredLetter *find_letter(MemoryDb *memory, const AzDbParam *params);

bool
memory_keep_letter(MemoryDb *memory, const AzDbParam *params, size_t row)
{
	size_t		n = memory->kept.n_letters;
	AzStoredLetter *stored = &memory->kept.stored[n];
	AzDeadLetter *letter = &stored->letter;
	const char **texts[] = {
		&letter->domain, &letter->correlation_id, &letter->component,
		&letter->component_type, &letter->rejection_type, &letter->reason,
		&letter->details
	};

	for (int i = DOMAIN; i <= DETAILS; i++)
	{
		*texts[i] = az_arena_string_of(memory->arena,
									   params[i].column.bytes[row]);
		if (*texts[i] == NULL)
			return false;
	}
	stored->id = (int64_t) n + 1;
	stored->created_at_us = 7000000;
	letter->payload = memory->kept.letters[n];
	letter->occurred_at_us = params[OCCURRED_AT].column.ints[row];
	memory->kept.is_deleted[n] = false;
	memory->kept.was_replayed[n] = false;
	return true;
}

bool
memory_list_letters(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
					AzRows *rows, AzError *error)
{
	size_t		found[64];
	size_t		count = 0;
	size_t		shown = 0;
	int64_t		bytes = 0;

	for (size_t i = memory->kept.n_letters; i > 0; i--)
		if (matches(params, memory, i - 1))
			found[count++] = i - 1;
	while (shown < count && bytes < params[MAX_BYTES].column.ints[0]
		   && (int64_t) shown < params[MAX_ROWS].column.ints[0])
		bytes += (int64_t) memory->kept.letters[found[shown++]].len;
	if (!az_rows_create(rows, AZ_STATEMENT_LIST_DEAD_LETTERS, shown, arena))
		return memory_fail(error, "53200");
	for (size_t row = 0; row < shown; row++)
	{
		write_letter(rows, row, &memory->kept.stored[found[row]]);
		rows->columns[11].ints[row] = row + 1 < count;
	}
	return true;
}

bool
memory_find_letter(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				   AzRows *rows, AzError *error)
{
	const AzStoredLetter *stored = find_letter(memory, params);

	if (!az_rows_create(rows, AZ_STATEMENT_FIND_DEAD_LETTER,
						stored != NULL ? 1 : 0, arena))
		return memory_fail(error, "53200");
	if (stored == NULL)
		return true;
	write_letter(rows, 0, stored);
	rows->columns[11].bytes[0] = az_bytes_of("fresh-1");
	return true;
}

bool
memory_delete_letter(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
					 AzRows *rows, AzError *error)
{
	const AzStoredLetter *stored = find_letter(memory, params);

	if (!az_rows_create(rows, AZ_STATEMENT_DELETE_DEAD_LETTER, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].ints[0] = stored != NULL;
	if (stored != NULL)
		memory->kept.is_deleted[stored->id - 1] = true;
	return true;
}

bool
memory_mark_replayed(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
					 AzRows *rows, AzError *error)
{
	const AzStoredLetter *stored = find_letter(memory, params);

	if (!az_rows_create(rows, AZ_STATEMENT_MARK_REPLAYED, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].ints[0] = 9000000;
	rows->columns[0].nulls[0] = stored == NULL;
	if (stored != NULL)
		memory->kept.was_replayed[stored->id - 1] = true;
	return true;
}

bool
memory_next_sequence(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
					 AzRows *rows, AzError *error)
{
	AzAggregate aggregate = {0};
	MemoryStream *stream;

	aggregate.domain = (const char *) params[0].column.bytes[0].data;
	memcpy(aggregate.root, params[1].column.bytes[0].data, AZ_UUID_SIZE);
	aggregate.edition = (const char *) params[2].column.bytes[0].data;
	stream = memory_stream(memory, &aggregate);
	if (stream == NULL
		|| !az_rows_create(rows, AZ_STATEMENT_NEXT_SEQUENCE, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].ints[0] = memory_stream_next(stream);
	return true;
}

static bool
matches(const AzDbParam *params, const MemoryDb *memory, size_t i)
{
	const AzStoredLetter *stored = &memory->kept.stored[i];
	const AzDeadLetter *letter = &stored->letter;

	return !memory->kept.is_deleted[i]
		&& stored->id < params[BEFORE_ID].column.ints[0]
		&& passes(&params[FOR_DOMAIN], letter->domain)
		&& passes(&params[FOR_CORRELATION_ID], letter->correlation_id)
		&& passes(&params[FOR_TYPE], letter->rejection_type)
		&& passes(&params[FOR_COMPONENT], letter->component)
		&& (params[OCCURRED_AFTER].column.nulls[0]
			|| letter->occurred_at_us > params[OCCURRED_AFTER].column.ints[0])
		&& (params[OCCURRED_BEFORE].column.nulls[0]
			|| letter->occurred_at_us < params[OCCURRED_BEFORE].column.ints[0]);
}

static bool
passes(const AzDbParam *param, const char *text)
{
	return param->column.nulls[0]
		|| az_bytes_equal(param->column.bytes[0], az_bytes_of(text));
}

static void
write_letter(AzRows *rows, size_t row, const AzStoredLetter *stored)
{
	const AzDeadLetter *letter = &stored->letter;
	const char *texts[] = {
		letter->domain, letter->correlation_id, letter->component,
		letter->component_type, letter->rejection_type, letter->reason,
		letter->details
	};

	rows->columns[0].ints[row] = stored->id;
	for (int i = 0; i < 7; i++)
		rows->columns[1 + i].bytes[row] = az_bytes_of(texts[i]);
	rows->columns[8].bytes[row] = letter->payload;
	rows->columns[9].ints[row] = letter->occurred_at_us;
	rows->columns[10].ints[row] = stored->created_at_us;
}

static AzStoredLetter *
find_letter(MemoryDb *memory, const AzDbParam *params)
{
	int64_t		id = params[0].column.ints[0];

	if (id < 1 || id > (int64_t) memory->kept.n_letters
		|| memory->kept.is_deleted[id - 1])
		return NULL;
	return &memory->kept.stored[id - 1];
}
