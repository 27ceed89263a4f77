/* Delivering the log to components, for many of them at a time. */
#include "store/deliveries.h"

#include <string.h>

#include "store/columns.h"

/* Results of AZ_STATEMENT_SUBSCRIPTIONS. */
enum
{
	STATE_ORDINAL, EPOCH, POSITION, STATUS
};

/* Results of AZ_STATEMENT_HELD_STREAMS. */
enum
{
	HELD_ORDINAL, HELD_ROOT, HELD_DOMAIN, HELD_EDITION, HELD_RESERVED, HELD_AT
};

/* Results of both statements that read events. */
enum
{
	ORDINAL, AT, ROOT, DOMAIN, EDITION, DIVERGENCE, SEQUENCE, CREATED_AT,
	CORRELATION_ID, TYPE_URL, PAYLOAD, EXTERNAL, EXT, DEPTH, STATE, ATTEMPTS,
	NEXT_ATTEMPT_AT
};

static AzDbParam *names(AzStatementId statement,
						const char *const *components, size_t count,
						AzArena *scratch);
static bool mark_named(const AzRows *rows, const char *const *components,
					   size_t count, bool *marks);
static bool take_deliveries(const AzRows *rows, size_t count,
							AzLogDelivery **deliveries, AzArena *scratch,
							AzError *error);
static bool take_delivery(AzLogDelivery *taken, const AzRows *rows,
						  size_t row);
static AzDeliveryState state_of(const char *text);
static void note_read_to(AzDeliveryRange *ranges, size_t count,
						 const AzLogDelivery *deliveries,
						 size_t n_deliveries);
static bool write_cursors(AzDb *db, AzCursorRow *cursors, size_t count,
						  AzArena *scratch, AzError *error);
static bool write_rows(AzDb *db, const AzExceptionRow *rows, size_t count,
					   AzArena *scratch, AzError *error);

bool
az_deliveries_take(AzDb *db, const char *const *components, size_t count,
				   bool *taken, AzArena *scratch, AzError *error)
{
	AzDbParam  *params = names(AZ_STATEMENT_TAKE_LEASES, components, count,
							   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	return az_db_execute(db, AZ_STATEMENT_TAKE_LEASES, params, scratch, &rows,
						 error) &&
		mark_named(&rows, components, count, taken);
}

bool
az_deliveries_drop(AzDb *db, const char *const *components, size_t count,
				   AzArena *scratch, AzError *error)
{
	AzDbParam  *params = names(AZ_STATEMENT_DROP_LEASES, components, count,
							   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	return az_db_execute(db, AZ_STATEMENT_DROP_LEASES, params, scratch, &rows,
						 error);
}

bool
az_deliveries_states(AzDb *db, const char *const *components, size_t count,
					 AzSubscriptionState *states, AzArena *scratch,
					 AzError *error)
{
	AzDbParam  *params = names(AZ_STATEMENT_SUBSCRIPTIONS, components, count,
							   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	if (!az_db_execute(db, AZ_STATEMENT_SUBSCRIPTIONS, params, scratch, &rows,
					   error))
		return false;
	memset(states, 0, count * sizeof(*states));
	for (size_t row = 0; row < rows.count; row++)
	{
		size_t		i = (size_t) az_rows_int(&rows, row, STATE_ORDINAL);

		if (i >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"subscriptions answered for an unknown component");
		states[i].exists = true;
		states[i].epoch = (int32_t) az_rows_int(&rows, row, EPOCH);
		states[i].position = az_rows_int(&rows, row, POSITION);
		states[i].is_paused =
			strcmp(az_rows_text(&rows, row, STATUS), "paused") == 0;
	}
	return true;
}

bool
az_deliveries_held(AzDb *db, const char *const *components, size_t count,
				   AzHeldStream **streams, size_t *n_streams,
				   AzArena *scratch, AzError *error)
{
	AzDbParam  *params = names(AZ_STATEMENT_HELD_STREAMS, components, count,
							   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	if (!az_db_execute(db, AZ_STATEMENT_HELD_STREAMS, params, scratch, &rows,
					   error))
		return false;
	*n_streams = rows.count;
	*streams = az_arena_array(scratch, rows.count + 1, sizeof(AzHeldStream));
	if (*streams == NULL)
		return az_error_out_of_memory(error);
	for (size_t row = 0; row < rows.count; row++)
	{
		AzHeldStream *stream = &(*streams)[row];
		AzBytes		root = az_rows_bytes(&rows, row, HELD_ROOT);

		stream->component = (size_t) az_rows_int(&rows, row, HELD_ORDINAL);
		if (root.len != AZ_UUID_SIZE || stream->component >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"held_streams answered what is no stream");
		memcpy(stream->aggregate.root, root.data, AZ_UUID_SIZE);
		stream->aggregate.domain = az_rows_text(&rows, row, HELD_DOMAIN);
		stream->aggregate.edition = az_rows_text(&rows, row, HELD_EDITION);
		stream->is_reserved = az_rows_int(&rows, row, HELD_RESERVED) != 0;
		stream->due_us = az_rows_int(&rows, row, HELD_AT);
	}
	return true;
}

bool
az_deliveries_read(AzDb *db, AzDeliveryRange *ranges, size_t count,
				   AzLogDelivery **deliveries, size_t *n_deliveries,
				   AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_READ_DELIVERIES,
										   count, scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		az_columns_set_text(&params[0], i, ranges[i].component);
		az_columns_set_int(&params[1], i, ranges[i].after);
		az_columns_set_int(&params[2], i, ranges[i].max_events);
		az_columns_set_int(&params[3], i, ranges[i].up_to);
		az_columns_set_int(&params[4], i, ranges[i].max_bytes);
	}
	if (!az_db_execute(db, AZ_STATEMENT_READ_DELIVERIES, params, scratch,
					   &rows, error) ||
		!take_deliveries(&rows, count, deliveries, scratch, error))
		return false;
	*n_deliveries = rows.count;
	note_read_to(ranges, count, *deliveries, rows.count);
	return true;
}

bool
az_deliveries_read_held(AzDb *db, const char *const *components,
						const AzAggregate *streams, size_t count,
						AzLogDelivery **deliveries, size_t *n_deliveries,
						AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_READ_HELD, count,
										   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzBytes		root = {streams[i].root, AZ_UUID_SIZE};

		az_columns_set_text(&params[0], i, components[i]);
		az_columns_set_bytes(&params[1], i, root);
		az_columns_set_text(&params[2], i, streams[i].domain);
		az_columns_set_text(&params[3], i, streams[i].edition);
	}
	if (!az_db_execute(db, AZ_STATEMENT_READ_HELD, params, scratch, &rows,
					   error))
		return false;
	*n_deliveries = rows.count;
	return take_deliveries(&rows, count, deliveries, scratch, error);
}

bool
az_deliveries_write(AzDb *db, AzCursorRow *cursors, size_t n_cursors,
					const AzExceptionRow *rows, size_t n_rows,
					AzArena *scratch, AzError *error)
{
	return (n_cursors == 0 ||
			write_cursors(db, cursors, n_cursors, scratch, error)) &&
		(n_rows == 0 || write_rows(db, rows, n_rows, scratch, error));
}

static AzDbParam *
names(AzStatementId statement, const char *const *components, size_t count,
	  AzArena *scratch)
{
	AzDbParam  *params = az_columns_create(statement, count, scratch);

	for (size_t i = 0; params != NULL && i < count; i++)
		az_columns_set_text(&params[0], i, components[i]);
	return params;
}

static bool
mark_named(const AzRows *rows, const char *const *components, size_t count,
		   bool *marks)
{
	memset(marks, 0, count * sizeof(bool));
	for (size_t row = 0; row < rows->count; row++)
		for (size_t i = 0; i < count; i++)
			if (strcmp(az_rows_text(rows, row, 0), components[i]) == 0)
				marks[i] = true;
	return true;
}

static bool
take_deliveries(const AzRows *rows, size_t count, AzLogDelivery **deliveries,
				AzArena *scratch, AzError *error)
{
	*deliveries = az_arena_array(scratch, rows->count + 1,
								 sizeof(AzLogDelivery));
	if (*deliveries == NULL)
		return az_error_out_of_memory(error);
	for (size_t row = 0; row < rows->count; row++)
		if (!take_delivery(&(*deliveries)[row], rows, row) ||
			(*deliveries)[row].component >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"the log answered an event that nobody asked for");
	return true;
}

/* Texts and bytes stay where the rows are. */
static bool
take_delivery(AzLogDelivery *taken, const AzRows *rows, size_t row)
{
	AzAggregate *aggregate = &taken->aggregate;
	AzEvent    *event = &taken->event;
	AzBytes		root = az_rows_bytes(rows, row, ROOT);

	if (root.len != AZ_UUID_SIZE)
		return false;
	memcpy(aggregate->root, root.data, AZ_UUID_SIZE);
	aggregate->domain = az_rows_text(rows, row, DOMAIN);
	aggregate->edition = az_rows_text(rows, row, EDITION);
	aggregate->has_divergence = !az_rows_is_null(rows, row, DIVERGENCE);
	aggregate->divergence = az_rows_int(rows, row, DIVERGENCE);
	event->sequence = az_rows_int(rows, row, SEQUENCE);
	event->created_at_us = az_rows_int(rows, row, CREATED_AT);
	event->correlation_id = az_rows_text(rows, row, CORRELATION_ID);
	event->type_url = az_rows_text(rows, row, TYPE_URL);
	event->payload = az_rows_bytes(rows, row, PAYLOAD);
	event->external = az_rows_bytes(rows, row, EXTERNAL);
	event->ext = az_rows_bytes(rows, row, EXT);
	event->depth = (int32_t) az_rows_int(rows, row, DEPTH);
	taken->component = (size_t) az_rows_int(rows, row, ORDINAL);
	taken->position = az_rows_int(rows, row, AT);
	taken->state = state_of(az_rows_text(rows, row, STATE));
	taken->attempts = (int) az_rows_int(rows, row, ATTEMPTS);
	taken->due_us = az_rows_int(rows, row, NEXT_ATTEMPT_AT);
	return true;
}

static AzDeliveryState
state_of(const char *text)
{
	static const char *const states[] = {
		[AZ_DELIVERY_NEW] = "",[AZ_DELIVERY_DONE] = "done",
		[AZ_DELIVERY_RESERVED] = "reserved",[AZ_DELIVERY_WAITING] = "waiting",
		[AZ_DELIVERY_PARKED] = "parked"
	};

	for (int i = 0; i <= AZ_DELIVERY_PARKED; i++)
		if (strcmp(states[i], text) == 0)
			return (AzDeliveryState) i;
	return AZ_DELIVERY_WAITING;
}

/* Where a limit has ended the reading, there may be more before up_to. */
static void
note_read_to(AzDeliveryRange *ranges, size_t count,
			 const AzLogDelivery *deliveries, size_t n_deliveries)
{
	size_t		row = 0;

	for (size_t i = 0; i < count; i++)
	{
		AzDeliveryRange *range = &ranges[i];
		int32_t		n_events = 0;
		int64_t		last = range->after;
		int64_t		bytes = 0;

		for (; row < n_deliveries && deliveries[row].component == i; row++)
		{
			n_events++;
			last = deliveries[row].position;
			bytes += (int64_t) (deliveries[row].event.payload.len +
								deliveries[row].event.external.len);
		}
		range->read_to = n_events >= range->max_events ||
			bytes >= range->max_bytes ? last : range->up_to;
	}
}

static bool
write_cursors(AzDb *db, AzCursorRow *cursors, size_t count, AzArena *scratch,
			  AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_WRITE_CURSORS, count,
										   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		az_columns_set_text(&params[0], i, cursors[i].component);
		az_columns_set_int(&params[1], i, cursors[i].epoch);
		az_columns_set_int(&params[2], i, cursors[i].position);
		az_columns_set_text(&params[3], i, cursors[i].status);
		az_columns_set_int(&params[4], i, cursors[i].failures);
		az_columns_set_text(&params[5], i, cursors[i].last_error);
		cursors[i].was_written = false;
	}
	if (!az_db_execute(db, AZ_STATEMENT_WRITE_CURSORS, params, scratch, &rows,
					   error))
		return false;
	for (size_t row = 0; row < rows.count; row++)
		for (size_t i = 0; i < count; i++)
			if (strcmp(az_rows_text(&rows, row, 0), cursors[i].component) == 0)
				cursors[i].was_written = true;
	return true;
}

static bool
write_rows(AzDb *db, const AzExceptionRow *rows, size_t count,
		   AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_WRITE_EXCEPTIONS,
										   count, scratch);
	AzRows		written;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzBytes		root = {rows[i].aggregate.root, AZ_UUID_SIZE};

		az_columns_set_text(&params[0], i, rows[i].component);
		az_columns_set_int(&params[1], i, rows[i].epoch);
		az_columns_set_int(&params[2], i, rows[i].position);
		az_columns_set_text(&params[3], i, rows[i].state);
		az_columns_set_bytes(&params[4], i, root);
		az_columns_set_text(&params[5], i, rows[i].aggregate.domain);
		az_columns_set_text(&params[6], i, rows[i].aggregate.edition);
		az_columns_set_int(&params[7], i, rows[i].attempts);
		az_columns_set_int(&params[8], i, rows[i].due_us);
		if (rows[i].due_us == 0)
			az_columns_set_null(&params[8], i);
		az_columns_set_text(&params[9], i, rows[i].last_error);
	}
	return az_db_execute(db, AZ_STATEMENT_WRITE_EXCEPTIONS, params, scratch,
						 &written, error);
}
