/*
 * The subscriptions of the database in memory: cursors, exceptions and
 * leases, and the statements that deliver the log to components.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory_statements.h"

/* Parameters of AZ_STATEMENT_READ_DELIVERIES. */
enum
{
	COMPONENT, AFTER, ROOM, UP_TO, MAX_BYTES
};

/* Parameters of AZ_STATEMENT_WRITE_CURSORS. */
enum
{
	EPOCH = 1, POSITION, STATUS, FAILURES, LAST_ERROR
};

/* Parameters of AZ_STATEMENT_WRITE_EXCEPTIONS, beside EPOCH and POSITION. */
enum
{
	STATE = 3, ROOT, DOMAIN, EDITION, ATTEMPTS, DUE, MESSAGE
};

/* One event for one component. */
typedef struct Found
{
	size_t		ordinal;
	const MemoryLogEntry *entry;
	const MemoryException *exception;	/* or NULL */
	bool		is_done;
} Found;

static MemorySubscription *find_subscription(MemoryDb *memory,
											 const char *component);
static MemoryException *find_exception(MemoryDb *memory,
									   const char *component,
									   int64_t position);
static void forget_exceptions(MemoryDb *memory, const char *component);
static void forget(MemoryDb *memory, MemoryException *exception);
static size_t read_for(MemoryDb *memory, const AzDbParam *params, size_t row,
					   Found *found, size_t count);
static bool listens(const char *inputs, const char *domain);
static const MemoryComponent *find_component(const MemoryDb *memory,
											 const char *name);
static bool write_found(const Found *found, AzRows *rows, size_t row,
						AzArena *arena);
static const MemoryException *first_held(MemoryDb *memory,
										 const char *component,
										 const AzAggregate *aggregate);
static bool same_stream(const AzAggregate *a, const AzAggregate *b);
static void write_exception(MemoryDb *memory, const AzDbParam *params,
							size_t row);
static void write_cursor(MemoryDb *memory, const AzDbParam *params,
						 size_t row, MemorySubscription *subscription);
static bool put_bytes(AzRows *rows, size_t row, int column, AzBytes bytes,
					  AzArena *arena);
static bool put_text(AzRows *rows, size_t row, int column, const char *text,
					 AzArena *arena);
static const char *text_of(const AzDbParam *param, size_t row);
static int64_t int_of(const AzDbParam *param, size_t row);
static bool is_null(const AzDbParam *param, size_t row);

/* ---- for tests ---- */

MemorySubscription *
memory_db_subscription(MemoryDb *memory, const char *component)
{
	return find_subscription(memory, component);
}

const MemoryException *
memory_db_exception(MemoryDb *memory, const char *component,
					int64_t position)
{
	return find_exception(memory, component, position);
}

MemoryException *
memory_db_put_exception(MemoryDb *memory, const char *component,
						int64_t position, const char *state, int64_t due_us)
{
	MemoryDeliveries *now = &memory->deliveries;
	MemoryException *exception = &now->exceptions[now->n_exceptions++];

	memset(exception, 0, sizeof(*exception));
	exception->component = component;
	exception->position = position;
	exception->aggregate = memory->log[position - 1].aggregate;
	exception->due_us = due_us;
	snprintf(exception->state, sizeof(exception->state), "%s", state);
	memory->committed_deliveries = *now;
	return exception;
}

void
memory_db_end_exception(MemoryDb *memory, const char *component,
						int64_t position, const char *state)
{
	MemoryException *exception = find_exception(memory, component, position);

	if (exception == NULL)
		abort();
	snprintf(exception->state, sizeof(exception->state), "%s", state);
	memory->committed_deliveries = memory->deliveries;
}

void
memory_db_reset(MemoryDb *memory, const char *component, int64_t position)
{
	MemorySubscription *subscription = find_subscription(memory, component);

	subscription->epoch++;
	subscription->position = position;
	forget_exceptions(memory, component);
	memory->committed_deliveries = memory->deliveries;
	memory->generation++;
}

void
memory_db_set_status(MemoryDb *memory, const char *component,
					 const char *status)
{
	MemorySubscription *subscription = find_subscription(memory, component);

	snprintf(subscription->status, sizeof(subscription->status), "%s", status);
	memory->committed_deliveries = memory->deliveries;
	memory->generation++;
}

/* ---- from memory_db.c ---- */

void
memory_subscribe(MemoryDb *memory, const MemoryComponent *component)
{
	MemoryDeliveries *now = &memory->deliveries;
	MemorySubscription *subscription;

	if (strcmp(component->kind, "projector") != 0 &&
		strcmp(component->kind, "saga") != 0 &&
		strcmp(component->kind, "process_manager") != 0)
		return;
	if (find_subscription(memory, component->name) != NULL)
		return;
	subscription = &now->subscriptions[now->n_subscriptions++];
	memset(subscription, 0, sizeof(*subscription));
	subscription->component = component->name;
	strcpy(subscription->status, "active");
	memory->committed_deliveries = *now;
}

void
memory_unsubscribe(MemoryDb *memory, const char *component)
{
	MemoryDeliveries *now = &memory->deliveries;
	MemorySubscription *gone = find_subscription(memory, component);

	if (gone == NULL)
		return;
	forget_exceptions(memory, component);
	*gone = now->subscriptions[--now->n_subscriptions];
	memory->committed_deliveries = *now;
}

void
memory_end_deliveries(MemoryDb *memory, bool keep)
{
	if (keep)
		memory->committed_deliveries = memory->deliveries;
	else
		memory->deliveries = memory->committed_deliveries;
}

/* ---- who delivers ---- */

bool
memory_take_leases(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				   AzRows *rows, AzError *error)
{
	size_t		count = 0;
	size_t		row = 0;

	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		count += strcmp(text_of(&params[COMPONENT], i),
						memory->leased_elsewhere) != 0;
	if (!az_rows_create(rows, AZ_STATEMENT_TAKE_LEASES, count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
	{
		const char *name = text_of(&params[COMPONENT], i);

		if (strcmp(name, memory->leased_elsewhere) == 0)
			continue;
		if (!put_text(rows, row++, 0, name, arena))
			return memory_fail(error, "53200");
	}
	return true;
}

bool
memory_drop_leases(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				   AzRows *rows, AzError *error)
{
	if (!az_rows_create(rows, AZ_STATEMENT_DROP_LEASES, 1, arena))
		return memory_fail(error, "53200");
	rows->columns[0].ints[0] = (int64_t) params[COMPONENT].column.count;
	return true;
}

bool
memory_subscriptions(MemoryDb *memory, const AzDbParam *params,
					 AzArena *arena, AzRows *rows, AzError *error)
{
	size_t		row = 0;
	size_t		count = 0;

	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		count += find_subscription(memory,
								   text_of(&params[COMPONENT], i)) != NULL;
	if (!az_rows_create(rows, AZ_STATEMENT_SUBSCRIPTIONS, count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
	{
		const MemorySubscription *subscription =
		find_subscription(memory, text_of(&params[COMPONENT], i));

		if (subscription == NULL)
			continue;
		rows->columns[0].ints[row] = (int64_t) i;
		rows->columns[1].ints[row] = subscription->epoch;
		rows->columns[2].ints[row] = subscription->position;
		if (!put_text(rows, row++, 3, subscription->status, arena))
			return memory_fail(error, "53200");
	}
	return true;
}

/* ---- what is next ---- */

bool
memory_held_streams(MemoryDb *memory, const AzDbParam *params,
					AzArena *arena, AzRows *rows, AzError *error)
{
	size_t		most = params[COMPONENT].column.count * MEMORY_DB_EXCEPTIONS;
	size_t		row = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_HELD_STREAMS, most, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		for (size_t j = 0; j < memory->deliveries.n_exceptions; j++)
		{
			const MemoryException *each = &memory->deliveries.exceptions[j];
			const char *name = text_of(&params[COMPONENT], i);
			AzBytes		root = {each->aggregate.root, AZ_UUID_SIZE};

			if (each != first_held(memory, name, &each->aggregate))
				continue;
			rows->columns[0].ints[row] = (int64_t) i;
			rows->columns[4].ints[row] = strcmp(each->state, "reserved") == 0;
			rows->columns[5].ints[row] = each->due_us;
			rows->columns[5].nulls[row] = each->due_us == 0;
			if (!put_bytes(rows, row, 1, root, arena) ||
				!put_text(rows, row, 2, each->aggregate.domain, arena) ||
				!put_text(rows, row, 3, each->aggregate.edition, arena))
				return memory_fail(error, "53200");
			row++;
		}
	rows->count = row;
	return true;
}

bool
memory_read_deliveries(MemoryDb *memory, const AzDbParam *params,
					   AzArena *arena, AzRows *rows, AzError *error)
{
	size_t		most = params[COMPONENT].column.count * memory->log_count;
	Found	   *found = az_arena_array(arena, most + 1, sizeof(Found));
	size_t		count = 0;

	if (found == NULL)
		return memory_fail(error, "53200");
	for (size_t i = 0; i < params[COMPONENT].column.count; i++)
		count = read_for(memory, params, i, found, count);
	if (!az_rows_create(rows, AZ_STATEMENT_READ_DELIVERIES, count, arena))
		return memory_fail(error, "53200");
	for (size_t row = 0; row < count; row++)
		if (!write_found(&found[row], rows, row, arena))
			return memory_fail(error, "53200");
	return true;
}

/* As many as both limits allow, but one. */
static size_t
read_for(MemoryDb *memory, const AzDbParam *params, size_t row, Found *found,
		 size_t count)
{
	const char *name = text_of(&params[COMPONENT], row);
	const MemoryComponent *component = find_component(memory, name);
	int64_t		room = int_of(&params[ROOM], row);
	int64_t		bytes = 0;

	for (size_t i = 0; component != NULL && i < memory->log_count; i++)
	{
		const MemoryLogEntry *entry = &memory->log[i];
		Found	   *each = &found[count];

		if (entry->position <= int_of(&params[AFTER], row) ||
			entry->position > int_of(&params[UP_TO], row) ||
			entry->is_open || entry->is_gone || entry->event.isolated ||
			!listens(component->inputs, entry->aggregate.domain))
			continue;
		if (room-- == 0 || bytes >= int_of(&params[MAX_BYTES], row))
			break;
		each->ordinal = row;
		each->entry = entry;
		each->exception = find_exception(memory, name, entry->position);
		each->is_done = (each->exception != NULL &&
						 strcmp(each->exception->state, "done") == 0) ||
			(strcmp(component->kind, "process_manager") == 0 &&
			 entry->event.correlation_id[0] == '\0');
		if (!each->is_done)
			bytes += (int64_t) (entry->event.payload.len +
								entry->event.external.len);
		count++;
	}
	return count;
}

static bool
listens(const char *inputs, const char *domain)
{
	size_t		len = strlen(domain);

	if (inputs == NULL || inputs[0] == '\0')
		return true;
	for (const char *at = inputs; at != NULL; at = strchr(at, ','))
	{
		at += *at == ',';
		if (strncmp(at, domain, len) == 0 && (at[len] == ',' || at[len] == 0))
			return true;
	}
	return false;
}

bool
memory_read_held(MemoryDb *memory, const AzDbParam *params, AzArena *arena,
				 AzRows *rows, AzError *error)
{
	size_t		count = params[COMPONENT].column.count;
	size_t		row = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_READ_HELD, count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < count; i++)
	{
		AzAggregate aggregate = memory_aggregate(params + 1, i);
		Found		found = {.ordinal = i};

		found.exception = first_held(memory, text_of(&params[COMPONENT], i),
									 &aggregate);
		if (found.exception == NULL)
			continue;
		found.entry = &memory->log[found.exception->position - 1];
		if (!write_found(&found, rows, row++, arena))
			return memory_fail(error, "53200");
	}
	rows->count = row;
	return true;
}

static bool
write_found(const Found *found, AzRows *rows, size_t row, AzArena *arena)
{
	const MemoryException *exception = found->exception;
	const AzAggregate *aggregate = &found->entry->aggregate;
	const AzEvent *event = &found->entry->event;
	AzBytes		root = {aggregate->root, AZ_UUID_SIZE};
	AzBytes		none = {0};
	const char *state = found->is_done ? "done" :
	exception != NULL ? exception->state : NULL;

	rows->columns[0].ints[row] = (int64_t) found->ordinal;
	rows->columns[1].ints[row] = found->entry->position;
	rows->columns[5].nulls[row] = aggregate->edition[0] == '\0';
	rows->columns[5].ints[row] = aggregate->edition[0] == '\0' ? 0 : 1;
	rows->columns[6].ints[row] = event->sequence;
	rows->columns[7].ints[row] = event->created_at_us;
	rows->columns[13].ints[row] = event->depth;
	rows->columns[15].ints[row] = exception != NULL ? exception->attempts : 0;
	rows->columns[16].ints[row] = exception != NULL ? exception->due_us : 0;
	rows->columns[16].nulls[row] = rows->columns[16].ints[row] == 0;
	return put_bytes(rows, row, 2, root, arena) &&
		put_text(rows, row, 3, aggregate->domain, arena) &&
		put_text(rows, row, 4, aggregate->edition, arena) &&
		put_text(rows, row, 8, event->correlation_id, arena) &&
		put_text(rows, row, 9, event->type_url, arena) &&
		put_bytes(rows, row, 10, found->is_done ? none : event->payload,
				  arena) &&
		put_bytes(rows, row, 11, found->is_done ? none : event->external,
				  arena) &&
		put_bytes(rows, row, 12, event->ext, arena) &&
		put_text(rows, row, 14, state, arena);
}

/* Of a stream, behind the cursor. */
static const MemoryException *
first_held(MemoryDb *memory, const char *component,
		   const AzAggregate *aggregate)
{
	const MemorySubscription *subscription = find_subscription(memory,
															   component);
	const MemoryException *first = NULL;

	for (size_t i = 0; i < memory->deliveries.n_exceptions; i++)
	{
		const MemoryException *each = &memory->deliveries.exceptions[i];

		if (subscription != NULL && strcmp(each->component, component) == 0 &&
			same_stream(&each->aggregate, aggregate) &&
			each->position <= subscription->position &&
			strcmp(each->state, "done") != 0 &&
			(first == NULL || each->position < first->position))
			first = each;
	}
	return first;
}

static bool
same_stream(const AzAggregate *a, const AzAggregate *b)
{
	return strcmp(a->domain, b->domain) == 0 &&
		strcmp(a->edition, b->edition) == 0 &&
		memcmp(a->root, b->root, AZ_UUID_SIZE) == 0;
}

/* ---- how far it has come ---- */

bool
memory_write_cursors(MemoryDb *memory, const AzDbParam *params,
					 AzArena *arena, AzRows *rows, AzError *error)
{
	size_t		count = params[COMPONENT].column.count;
	size_t		row = 0;

	if (!az_rows_create(rows, AZ_STATEMENT_WRITE_CURSORS, count, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < count; i++)
	{
		const char *name = text_of(&params[COMPONENT], i);
		MemorySubscription *subscription = find_subscription(memory, name);

		if (subscription == NULL ||
			subscription->epoch != int_of(&params[EPOCH], i) ||
			subscription->position > int_of(&params[POSITION], i))
			continue;
		write_cursor(memory, params, i, subscription);
		if (!put_text(rows, row++, 0, name, arena))
			return memory_fail(error, "53200");
	}
	rows->count = row;
	return true;
}

static void
write_cursor(MemoryDb *memory, const AzDbParam *params, size_t row,
			 MemorySubscription *subscription)
{
	size_t		i = 0;

	subscription->position = int_of(&params[POSITION], row);
	subscription->failures = (int) int_of(&params[FAILURES], row);
	subscription->writes++;
	if (!is_null(&params[STATUS], row) &&
		strcmp(subscription->status, "paused") != 0)
		snprintf(subscription->status, sizeof(subscription->status), "%s",
				 text_of(&params[STATUS], row));
	snprintf(subscription->last_error, sizeof(subscription->last_error), "%s",
			 is_null(&params[LAST_ERROR], row) ? "" :
			 text_of(&params[LAST_ERROR], row));
	while (i < memory->deliveries.n_exceptions)
	{
		MemoryException *each = &memory->deliveries.exceptions[i];

		if (strcmp(each->component, subscription->component) == 0 &&
			each->position <= subscription->position &&
			strcmp(each->state, "done") == 0)
			forget(memory, each);
		else
			i++;
	}
}

bool
memory_write_exceptions(MemoryDb *memory, const AzDbParam *params,
						AzArena *arena, AzRows *rows, AzError *error)
{
	size_t		count = params[COMPONENT].column.count;

	if (!az_rows_create(rows, AZ_STATEMENT_WRITE_EXCEPTIONS, 1, arena))
		return memory_fail(error, "53200");
	for (size_t i = 0; i < count; i++)
	{
		const MemorySubscription *subscription =
		find_subscription(memory, text_of(&params[COMPONENT], i));

		if (subscription == NULL ||
			subscription->epoch != int_of(&params[EPOCH], i))
			continue;
		write_exception(memory, params, i);
		rows->columns[0].ints[0]++;
	}
	return true;
}

static void
write_exception(MemoryDb *memory, const AzDbParam *params, size_t row)
{
	MemoryDeliveries *now = &memory->deliveries;
	const MemorySubscription *subscription =
	find_subscription(memory, text_of(&params[COMPONENT], row));
	int64_t		position = int_of(&params[POSITION], row);
	MemoryException *exception = find_exception(memory,
												subscription->component,
												position);

	if (is_null(&params[STATE], row))
	{
		if (exception != NULL)
			forget(memory, exception);
		return;
	}
	if (exception != NULL && strcmp(exception->state, "done") == 0)
		return;
	if (exception == NULL)
		exception = &now->exceptions[now->n_exceptions++];
	memset(exception, 0, sizeof(*exception));
	exception->component = subscription->component;
	exception->position = position;
	exception->aggregate = memory->log[position - 1].aggregate;
	exception->attempts = (int) int_of(&params[ATTEMPTS], row);
	exception->due_us = is_null(&params[DUE], row) ? 0 :
		int_of(&params[DUE], row);
	snprintf(exception->state, sizeof(exception->state), "%s",
			 text_of(&params[STATE], row));
	snprintf(exception->last_error, sizeof(exception->last_error), "%s",
			 is_null(&params[MESSAGE], row) ? "" :
			 text_of(&params[MESSAGE], row));
}

/* ---- rows ---- */

static MemorySubscription *
find_subscription(MemoryDb *memory, const char *component)
{
	for (size_t i = 0; i < memory->deliveries.n_subscriptions; i++)
		if (strcmp(memory->deliveries.subscriptions[i].component,
				   component) == 0)
			return &memory->deliveries.subscriptions[i];
	return NULL;
}

static MemoryException *
find_exception(MemoryDb *memory, const char *component, int64_t position)
{
	for (size_t i = 0; i < memory->deliveries.n_exceptions; i++)
	{
		MemoryException *each = &memory->deliveries.exceptions[i];

		if (each->position == position &&
			strcmp(each->component, component) == 0)
			return each;
	}
	return NULL;
}

static void
forget_exceptions(MemoryDb *memory, const char *component)
{
	size_t		i = 0;

	while (i < memory->deliveries.n_exceptions)
		if (strcmp(memory->deliveries.exceptions[i].component,
				   component) == 0)
			forget(memory, &memory->deliveries.exceptions[i]);
		else
			i++;
}

static void
forget(MemoryDb *memory, MemoryException *exception)
{
	MemoryDeliveries *now = &memory->deliveries;

	*exception = now->exceptions[--now->n_exceptions];
}

static const MemoryComponent *
find_component(const MemoryDb *memory, const char *name)
{
	for (size_t i = 0; i < memory->n_components; i++)
		if (strcmp(memory->components[i].name, name) == 0)
			return &memory->components[i];
	return NULL;
}

static bool
put_bytes(AzRows *rows, size_t row, int column, AzBytes bytes, AzArena *arena)
{
	rows->columns[column].nulls[row] = bytes.data == NULL;
	return bytes.data == NULL ||
		az_arena_copy(arena, bytes, &rows->columns[column].bytes[row]);
}

static bool
put_text(AzRows *rows, size_t row, int column, const char *text,
		 AzArena *arena)
{
	AzBytes		none = {0};

	return put_bytes(rows, row, column, text != NULL ? az_bytes_of(text) : none,
					 arena);
}

static const char *
text_of(const AzDbParam *param, size_t row)
{
	return (const char *) param->column.bytes[row].data;
}

static int64_t
int_of(const AzDbParam *param, size_t row)
{
	return param->column.ints[row];
}

static bool
is_null(const AzDbParam *param, size_t row)
{
	return param->column.nulls != NULL && param->column.nulls[row];
}
