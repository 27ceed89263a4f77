/* The log of the database in memory, and the statements that read it. */
#include <string.h>

#include "memory_statements.h"

/* Parameters of AZ_STATEMENT_READ_LOG. */
enum
{
	AFTER, UP_TO, MAX_EVENTS, MAX_BYTES, ONLY_CORRELATED
};

static bool is_read(const MemoryLogEntry *entry, const AzDbParam *params);
static size_t count_read(const MemoryDb *memory, const AzDbParam *params);
static bool write_row(const MemoryDb *memory, size_t place, AzRows *rows,
					  size_t row, AzArena *arena);
static const MemoryLogEntry *neighbour(const MemoryDb *memory, size_t place,
									   int64_t distance);
static bool put_bytes(AzRows *rows, size_t row, int column, AzBytes bytes,
					  AzArena *arena);

bool
memory_log_push(MemoryDb *memory, const AzAggregate *aggregate,
				const AzEvent *event, bool is_open)
{
	MemoryLogEntry *entry;

	if (memory->log_count == memory->log_capacity)
	{
		size_t		capacity = memory->log_capacity * 2 + 16;
		MemoryLogEntry *log = az_arena_array(memory->arena, capacity,
											 sizeof(MemoryLogEntry));

		if (log == NULL)
			return false;
		if (memory->log_count > 0)
			memcpy(log, memory->log,
				   memory->log_count * sizeof(MemoryLogEntry));
		memory->log = log;
		memory->log_capacity = capacity;
	}
	entry = &memory->log[memory->log_count];
	memset(entry, 0, sizeof(*entry));
	entry->aggregate = *aggregate;
	entry->aggregate.domain = az_arena_string(memory->arena,
											  aggregate->domain);
	entry->aggregate.edition = az_arena_string(memory->arena,
											   aggregate->edition);
	entry->event = *event;
	entry->position = (int64_t) ++memory->log_count;
	entry->transaction = memory->transaction;
	entry->is_open = is_open;
	return entry->aggregate.domain != NULL && entry->aggregate.edition != NULL;
}

void
memory_log_end(MemoryDb *memory, bool committed)
{
	for (size_t i = 0; i < memory->log_count; i++)
	{
		MemoryLogEntry *entry = &memory->log[i];

		if (!entry->is_open)
			continue;
		entry->is_open = false;
		entry->is_gone = !committed;
		memory->moves++;
	}
	memory->transaction++;
}

void
memory_db_drop_event(MemoryDb *memory, int64_t position)
{
	memory->log[position - 1].is_gone = true;
}

int64_t
memory_db_last_position(const MemoryDb *memory)
{
	return (int64_t) memory->log_count;
}

bool
memory_horizon(MemoryDb *memory, AzArena *arena, AzRows *rows, AzError *error)
{
	if (!az_rows_create(rows, AZ_STATEMENT_HORIZON, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].ints[0] = memory->floor >= 0 ? memory->floor
		: (int64_t) memory->log_count;
	rows->columns[1].ints[0] = memory->holders;
	return true;
}

bool
memory_read_log(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				AzRows *rows, AzError *error)
{
	size_t		count = count_read(memory, params);
	size_t		row = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_READ_LOG, count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; row < count; i++)
		if (is_read(&memory->log[i], params) &&
			!write_row(memory, i, rows, row++, arena))
			return memory_fail(error, "53200");
	return true;
}

static bool
is_read(const MemoryLogEntry *entry, const AzDbParam *params)
{
	return entry->position > params[AFTER].column.ints[0] &&
		entry->position <= params[UP_TO].column.ints[0] &&
		!entry->is_open && !entry->is_gone && !entry->event.isolated &&
		(entry->event.correlation_id[0] != '\0' ||
		 params[ONLY_CORRELATED].column.ints[0] == 0);
}

/* As many as both limits allow. */
static size_t
count_read(const MemoryDb *memory, const AzDbParam *params)
{
	size_t		count = 0;
	int64_t		bytes = 0;

	for (size_t i = 0; i < memory->log_count; i++)
	{
		if (!is_read(&memory->log[i], params))
			continue;
		if (count == (size_t) params[MAX_EVENTS].column.ints[0] ||
			bytes >= params[MAX_BYTES].column.ints[0])
			break;
		count++;
		bytes += (int64_t) memory->log[i].event.payload.len;
	}
	return count;
}

static bool
write_row(const MemoryDb *memory, size_t place, AzRows *rows, size_t row,
		  AzArena *arena)
{
	const MemoryLogEntry *entry = &memory->log[place];
	const MemoryLogEntry *next = neighbour(memory, place, 1);
	const AzEvent *event = &entry->event;
	AzBytes		root = {entry->aggregate.root, AZ_UUID_SIZE};

	rows->columns[0].ints[row] = entry->position;
	rows->columns[1].ints[row] = neighbour(memory, place, -1) == NULL;
	rows->columns[2].nulls[row] = next == NULL;
	rows->columns[2].ints[row] = next == NULL ? 0 : next->position;
	rows->columns[6].nulls[row] = entry->aggregate.edition[0] == '\0';
	rows->columns[6].ints[row] = 1;
	rows->columns[7].ints[row] = event->sequence;
	rows->columns[8].ints[row] = event->created_at_us;
	return put_bytes(rows, row, 3, root, arena) &&
		put_bytes(rows, row, 4, az_bytes_of(entry->aggregate.domain), arena) &&
		put_bytes(rows, row, 5, az_bytes_of(entry->aggregate.edition), arena) &&
		put_bytes(rows, row, 9, az_bytes_of(event->correlation_id), arena) &&
		put_bytes(rows, row, 10, az_bytes_of(event->type_url), arena) &&
		put_bytes(rows, row, 11, event->payload, arena) &&
		put_bytes(rows, row, 12, event->external, arena) &&
		put_bytes(rows, row, 13, event->ext, arena);
}

/* The event before or after it in its append. */
static const MemoryLogEntry *
neighbour(const MemoryDb *memory, size_t place, int64_t distance)
{
	const MemoryLogEntry *entry = &memory->log[place];

	if (entry->event.correlation_id[0] == '\0')
		return NULL;
	for (size_t i = 0; i < memory->log_count; i++)
	{
		const MemoryLogEntry *other = &memory->log[i];

		if (other->transaction == entry->transaction && !other->is_gone &&
			!other->event.isolated &&
			other->event.sequence == entry->event.sequence + distance &&
			strcmp(other->event.correlation_id,
				   entry->event.correlation_id) == 0 &&
			strcmp(other->aggregate.domain, entry->aggregate.domain) == 0 &&
			strcmp(other->aggregate.edition, entry->aggregate.edition) == 0 &&
			memcmp(other->aggregate.root, entry->aggregate.root,
				   AZ_UUID_SIZE) == 0)
			return other;
	}
	return NULL;
}

static bool
put_bytes(AzRows *rows, size_t row, int column, AzBytes bytes, AzArena *arena)
{
	rows->columns[column].nulls[row] = bytes.data == NULL;
	return bytes.data == NULL ||
		az_arena_copy(arena, bytes, &rows->columns[column].bytes[row]);
}
