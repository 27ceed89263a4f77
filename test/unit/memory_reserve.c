/*
 * Reservations of the database in memory: deliveries that requests keep for
 * themselves.
 */
#include <stdio.h>
#include <string.h>

#include "memory_statements.h"

/* Parameters of all three, as far as they have them. */
enum
{
	COMPONENT, ROOT, DOMAIN, EDITION, FIRST, LAST, UNTIL, IS_DONE = UNTIL
};

static bool turns(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				  AzRows *rows);
static bool is_pending(MemoryDb *memory, const char *component,
					   const AzAggregate *aggregate, int64_t previous);
static bool reserve(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
					AzRows *rows);
static bool may_reserve(const MemoryDb *memory,
						const MemorySubscription *subscription);
static bool is_for(const MemoryDb *memory, const char *component,
				   const MemoryLogEntry *entry);
static const char *kind_of(const MemoryDb *memory, const char *component);
static bool end_reserved(MemoryDb *memory, const AzDbParam *params,
						 AzArena *arena, AzRows *rows);
static bool is_of(const MemoryLogEntry *entry, const AzAggregate *aggregate);
static bool same_stream(const AzAggregate *a, const AzAggregate *b);
static AzAggregate stream_of(const AzDbParam *params, size_t row);
static const char *text_of(const AzDbParam *param, size_t row);

bool
memory_reserve(MemoryDb *memory, AzStatementId statement,
			   const AzDbParam *params, AzArena *arena, AzRows *rows,
			   AzError *error)
{
	bool		fits;

	if (statement == AZ_STATEMENT_TURNS)
		fits = turns(memory, params, arena, rows);
	else if (statement == AZ_STATEMENT_RESERVE)
		fits = reserve(memory, params, arena, rows);
	else
		fits = end_reserved(memory, params, arena, rows);
	return fits || memory_fail(error, "53200");
}

static bool
turns(MemoryDb *memory, const AzDbParam *params, AzArena *arena, AzRows *rows)
{
	size_t		count = params[COMPONENT].column.count;
	size_t		row = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_TURNS, count, arena))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		const char *component = text_of(&params[COMPONENT], i);
		AzAggregate aggregate = stream_of(params, i);
		int64_t		previous = 0;

		if (memory_db_subscription(memory, component) == NULL)
			continue;
		for (size_t at = 0; at < memory->log_count; at++)
			if (is_of(&memory->log[at], &aggregate) &&
				memory->log[at].event.sequence < params[FIRST].column.ints[i])
				previous = memory->log[at].position;
		rows->columns[0].ints[row] = (int64_t) i;
		rows->columns[1].ints[row] = previous;
		rows->columns[1].nulls[row] = previous == 0;
		rows->columns[2].ints[row++] = is_pending(memory, component,
												  &aggregate, previous);
	}
	rows->count = row;
	return true;
}

static bool
is_pending(MemoryDb *memory, const char *component,
		   const AzAggregate *aggregate, int64_t previous)
{
	const MemoryDeliveries *now = &memory->deliveries;
	const MemoryException *its = memory_db_exception(memory, component,
													 previous);

	if (previous > memory_db_subscription(memory, component)->position &&
		(its == NULL || strcmp(its->state, "done") != 0))
		return true;
	for (size_t i = 0; i < now->n_exceptions; i++)
	{
		const MemoryException *each = &now->exceptions[i];

		if (strcmp(each->component, component) == 0 &&
			same_stream(&each->aggregate, aggregate) &&
			each->position <= previous && strcmp(each->state, "done") != 0)
			return true;
	}
	return false;
}

static bool
reserve(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
		AzRows *rows)
{
	size_t		count = params[COMPONENT].column.count;
	size_t		row = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_RESERVE, count, arena))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		const char *component = text_of(&params[COMPONENT], i);
		const MemorySubscription *subscription =
		memory_db_subscription(memory, component);
		MemoryDeliveries *now = &memory->deliveries;
		AzAggregate aggregate = stream_of(params, i);
		size_t		before = now->n_exceptions;

		if (!may_reserve(memory, subscription))
			continue;
		for (size_t at = 0; at < memory->log_count; at++)
		{
			const MemoryLogEntry *entry = &memory->log[at];
			MemoryException *made;

			if (!is_of(entry, &aggregate) ||
				entry->event.sequence < params[FIRST].column.ints[i] ||
				entry->event.sequence > params[LAST].column.ints[i] ||
				entry->position <= subscription->position ||
				!is_for(memory, component, entry))
				continue;
			if (now->n_exceptions == MEMORY_DB_EXCEPTIONS)
				return false;
			made = &now->exceptions[now->n_exceptions++];
			memset(made, 0, sizeof(*made));
			made->component = subscription->component;
			made->position = entry->position;
			made->aggregate = entry->aggregate;
			made->due_us = params[UNTIL].column.ints[i];
			strcpy(made->state, "reserved");
		}
		if (now->n_exceptions > before)
			rows->columns[0].ints[row++] = (int64_t) i;
	}
	rows->count = row;
	return true;
}

static bool
may_reserve(const MemoryDb *memory, const MemorySubscription *subscription)
{
	return subscription != NULL &&
		strcmp(subscription->status, "paused") != 0 &&
		kind_of(memory, subscription->component) != NULL;
}

static bool
is_for(const MemoryDb *memory, const char *component,
	   const MemoryLogEntry *entry)
{
	return strcmp(kind_of(memory, component), "process_manager") != 0 ||
		(entry->event.correlation_id != NULL &&
		 entry->event.correlation_id[0] != '\0');
}

/* NULL: it is not there, or disabled. */
static const char *
kind_of(const MemoryDb *memory, const char *component)
{
	for (size_t i = 0; i < memory->n_components; i++)
		if (strcmp(memory->components[i].name, component) == 0 &&
			!memory->components[i].disabled)
			return memory->components[i].kind;
	return NULL;
}

static bool
end_reserved(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
			 AzRows *rows)
{
	MemoryDeliveries *now = &memory->deliveries;

	if (!az_rows_create(rows, AZ_STATEMENT_END_RESERVED, 1, arena))
		return false;
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
	{
		AzAggregate aggregate = stream_of(params, i);
		bool		is_done = params[IS_DONE].column.ints[i] != 0;

		for (size_t at = 0; at < now->n_exceptions; at++)
		{
			MemoryException *each = &now->exceptions[at];
			int64_t		sequence =
			memory->log[each->position - 1].event.sequence;

			if (strcmp(each->component,
					   text_of(&params[COMPONENT], i)) != 0 ||
				!same_stream(&each->aggregate, &aggregate) ||
				sequence < params[FIRST].column.ints[i] ||
				sequence > params[LAST].column.ints[i] ||
				strcmp(each->state, "reserved") != 0)
				continue;
			strcpy(each->state, is_done ? "done" : "waiting");
			each->due_us = is_done ? 0 : 1;
			rows->columns[0].ints[0]++;
		}
	}
	return true;
}

static bool
is_of(const MemoryLogEntry *entry, const AzAggregate *aggregate)
{
	return !entry->is_gone && !entry->event.isolated &&
		same_stream(&entry->aggregate, aggregate);
}

static bool
same_stream(const AzAggregate *a, const AzAggregate *b)
{
	return strcmp(a->domain, b->domain) == 0 &&
		strcmp(a->edition, b->edition) == 0 &&
		memcmp(a->root, b->root, AZ_UUID_SIZE) == 0;
}

static AzAggregate
stream_of(const AzDbParam *params, size_t row)
{
	return memory_aggregate(params + ROOT, row);
}

static const char *
text_of(const AzDbParam *param, size_t row)
{
	return (const char *) param->column.bytes[row].data;
}
