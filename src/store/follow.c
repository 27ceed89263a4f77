/* Reading the log in order. */
#include "store/follow.h"

#include <string.h>

#define PAGE_OVERHEAD 64		/* bytes of an encoded page besides its texts */

/* Parameters of AZ_STATEMENT_READ_LOG. */
enum
{
	AFTER, UP_TO, MAX_EVENTS, MAX_BYTES, ONLY_CORRELATED, N_PARAMS
};

/* Its results. */
enum
{
	POSITION, OPENS, NEXT_POSITION, ROOT, DOMAIN, EDITION, DIVERGENCE,
	SEQUENCE, CREATED_AT, CORRELATION_ID, TYPE_URL, PAYLOAD, EXTERNAL, EXT
};

static void set_param(AzDbParam *param, AzDbType type, int64_t *value);
static bool take_event(AzLogEvent *taken, const AzRows *rows, size_t row);
static size_t payload_size(const AzEvent *event);

bool
az_follow_horizon(AzDb *db, AzLogHorizon *horizon, AzArena *arena,
				  AzError *error)
{
	AzRows		rows;

	if (!az_db_execute(db, AZ_STATEMENT_HORIZON, NULL, arena, &rows, error))
		return false;
	if (rows.count != 1 || az_rows_is_null(&rows, 0, 0))
		return az_error_set(error, NULL, AZ_INTERNAL,
							"the log says no horizon");
	horizon->position = az_rows_int(&rows, 0, 0);
	horizon->has_holders = az_rows_int(&rows, 0, 1) > 0;
	return true;
}

bool
az_follow_read(AzDb *db, const AzLogRange *range, AzLogBatch *batch,
			   AzArena *arena, AzError *error)
{
	int64_t		values[N_PARAMS] = {
		range->after, range->up_to, range->max_events, range->max_bytes,
		range->only_correlated
	};
	AzDbParam	params[N_PARAMS];
	AzRows		rows;
	int64_t		bytes = 0;

	set_param(&params[AFTER], AZ_DB_INT8, &values[AFTER]);
	set_param(&params[UP_TO], AZ_DB_INT8, &values[UP_TO]);
	set_param(&params[MAX_EVENTS], AZ_DB_INT4, &values[MAX_EVENTS]);
	set_param(&params[MAX_BYTES], AZ_DB_INT8, &values[MAX_BYTES]);
	set_param(&params[ONLY_CORRELATED], AZ_DB_BOOL, &values[ONLY_CORRELATED]);
	if (!az_db_execute(db, AZ_STATEMENT_READ_LOG, params, arena, &rows, error))
		return false;
	batch->count = rows.count;
	batch->events = az_arena_array(arena, rows.count + 1, sizeof(AzLogEvent));
	if (batch->events == NULL)
		return az_error_out_of_memory(error);
	for (size_t row = 0; row < rows.count; row++)
	{
		if (!take_event(&batch->events[row], &rows, row))
			return az_error_set(error, NULL, AZ_INTERNAL,
								"read_log answered an event without a root");
		bytes += (int64_t) payload_size(&batch->events[row].event);
	}
	/* Where a limit has ended the reading, there may be more before up_to. */
	batch->up_to = range->up_to;
	if (rows.count > 0 && (rows.count >= (size_t) range->max_events ||
						   bytes >= range->max_bytes))
		batch->up_to = batch->events[rows.count - 1].position;
	return true;
}

size_t
az_follow_event_size(const AzEvent *event)
{
	return PAGE_OVERHEAD + strlen(event->type_url) + payload_size(event);
}

static void
set_param(AzDbParam *param, AzDbType type, int64_t *value)
{
	memset(param, 0, sizeof(*param));
	param->column.type = type;
	param->column.count = 1;
	param->column.ints = value;
}

/* Texts and bytes stay where the rows are. */
static bool
take_event(AzLogEvent *taken, const AzRows *rows, size_t row)
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
	taken->position = az_rows_int(rows, row, POSITION);
	taken->opens = az_rows_int(rows, row, OPENS) != 0;
	taken->next_position = az_rows_int(rows, row, NEXT_POSITION);
	return true;
}

/* As _read_log counts. */
static size_t
payload_size(const AzEvent *event)
{
	return event->payload.len + event->external.len + event->ext.len;
}
