/*
 * A window on the log for one component.
 *
 * A stream is in one place at a time: ready, running, waiting for another
 * attempt, or held, when what is next of it is in the table of exceptions
 * alone.  An item is in the order of the log until it is settled or set
 * aside; one that was read from the table is in the queue of its stream only.
 */
#include "engine/window.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "codec/book.h"
#include "engine/streams.h"

#define RESERVED_LOOK_US 20000	/* at what a request is at */

struct AzWindow
{
	AzWindowLimits limits;
	AzStreams	streams;
	AzItem	   *log;			/* in order */
	AzItem	   *settled;		/* rows of the table to be forgotten */
	size_t		n_items;
	size_t		n_running;
	int64_t		read_to;
	int64_t		cursor;			/* written */
	int64_t		next_cursor;	/* being written */
};

static void set_aside(AzWindow *window, AzItem *item);
static void settle_items(AzWindow *window, AzStream *stream, size_t count);
static void take_back(AzStream *stream, bool is_split);
static bool has_changed(const AzStream *stream);
static void fail_item(AzItem *item, int stage, int64_t due_us,
					  const char *message);
static bool is_blocked(const AzItem *item);
static void fill_row(AzExceptionRow *row, const AzItem *item,
					 const char *state);

AzWindow *
az_window_create(const AzWindowLimits *limits, int64_t cursor)
{
	AzWindow   *window = calloc(1, sizeof(AzWindow));

	if (window == NULL)
		return NULL;
	window->limits = *limits;
	window->cursor = cursor;
	window->read_to = cursor;
	if (az_streams_init(&window->streams))
		return window;
	free(window);
	return NULL;
}

void
az_window_free(AzWindow *window)
{
	AzItem	   *item;
	AzItem	   *next;

	if (window == NULL)
		return;
	az_streams_free(&window->streams);
	DL_FOREACH_SAFE2(window->log, item, next, next)
		az_streams_free_item(item);
	DL_FOREACH_SAFE2(window->settled, item, next, next)
		az_streams_free_item(item);
	free(window);
}

void
az_window_set_limits(AzWindow *window, const AzWindowLimits *limits)
{
	window->limits = *limits;
}

size_t
az_window_room(const AzWindow *window)
{
	return window->n_items < window->limits.max_items ?
		window->limits.max_items - window->n_items : 0;
}

int64_t
az_window_read_to(const AzWindow *window)
{
	return window->read_to;
}

int64_t
az_window_cursor(const AzWindow *window)
{
	return window->cursor;
}

bool
az_window_add(AzWindow *window, const AzLogDelivery *events, size_t count,
			  int64_t read_to, int64_t now_us)
{
	for (size_t i = 0; i < count; i++)
	{
		AzItem	   *item = az_streams_take(&window->streams, &events[i]);
		AzStream   *stream;

		if (item == NULL)
			return false;
		stream = item->stream;
		DL_APPEND2(window->log, item, previous, next);
		window->n_items++;
		window->read_to = item->position;
		if (events[i].state == AZ_DELIVERY_DONE)
			item->state = AZ_ITEM_DONE;
		else
			DL_APPEND2(stream->queue, item, queue_previous, queue_next);
		/* Its row is there: it is set aside, and then looked at. */
		if (events[i].state == AZ_DELIVERY_RESERVED)
		{
			item->is_reserved = true;
			item->due_us = INT64_MAX;
		}
		az_streams_put(&window->streams, stream, now_us);
	}
	window->read_to = read_to;
	return true;
}

bool
az_window_hold(AzWindow *window, const AzAggregate *aggregate,
			   bool is_reserved, int64_t due_us)
{
	AzStream   *stream = az_streams_find(&window->streams, aggregate);

	if (stream == NULL)
		return false;
	stream->is_held = true;
	stream->held_due_us = is_reserved ? 0 : due_us;
	az_streams_put(&window->streams, stream, 0);
	return true;
}

size_t
az_window_wants(const AzWindow *window, int64_t now_us, AzStream **streams,
				size_t max)
{
	AzStream   *stream;
	size_t		count = 0;

	DL_FOREACH2(window->streams.places[AZ_PLACE_HELD], stream, next)
		if (count < max && stream->held_due_us <= now_us)
		streams[count++] = stream;
	return count;
}

const AzAggregate *
az_window_aggregate(const AzStream *stream)
{
	return &stream->aggregate;
}

bool
az_window_found(AzWindow *window, AzStream *stream, const AzLogDelivery *found,
				int64_t now_us)
{
	AzItem	   *item;

	if (found == NULL)
		stream->is_held = false;
	else if (found->state == AZ_DELIVERY_RESERVED && found->due_us > now_us)
		stream->held_due_us = now_us + RESERVED_LOOK_US;
	else
	{
		item = az_streams_take(&window->streams, found);
		if (item == NULL)
			return false;
		item->is_kept = true;
		DL_PREPEND2(stream->queue, item, queue_previous, queue_next);
	}
	az_streams_put(&window->streams, stream, now_us);
	return true;
}

bool
az_window_next(AzWindow *window, int64_t now_us, AzParcel *parcel)
{
	AzStream   *stream;

	az_streams_wake(&window->streams, now_us);
	stream = window->streams.places[AZ_PLACE_READY];
	if (stream == NULL || window->n_running >= window->limits.max_running)
		return false;
	memset(parcel, 0, sizeof(*parcel));
	if (!az_streams_fill_parcel(stream, window->limits.max_batch, parcel))
		return false;
	stream->is_running = true;
	window->n_running++;
	az_streams_put(&window->streams, stream, now_us);
	return true;
}

void
az_window_finish(AzWindow *window, AzParcel *parcel, AzParcelEnd end,
				 int stage, int64_t due_us, const char *message)
{
	AzStream   *stream = parcel->stream;

	stream->is_running = false;
	window->n_running--;
	if (end == AZ_PARCEL_SETTLED)
		settle_items(window, stream, parcel->trigger.count);
	else
		take_back(stream, end == AZ_PARCEL_SPLIT);
	if (end == AZ_PARCEL_FAILED)
		fail_item(stream->queue, stage, due_us, message);
	az_arena_free(parcel->arena);
	az_streams_put(&window->streams, stream, 0);
}

bool
az_window_settle(AzWindow *window, int64_t *cursor, AzExceptionRow **rows,
				 size_t *n_rows, AzArena *arena)
{
	AzItem	   *item;
	AzStream   *stream;
	size_t		n = 0;

	DL_COUNT2(window->settled, item, *n_rows, next);
	*rows = az_arena_array(arena, *n_rows + window->n_items +
						   az_map_count(window->streams.by_key) + 1,
						   sizeof(AzExceptionRow));
	if (*rows == NULL)
		return false;
	for (item = window->settled; item != NULL; item = item->next)
		fill_row(&(*rows)[n++], item, NULL);
	DL_FOREACH2(window->streams.places[AZ_PLACE_WAITING], stream, next)
		if (has_changed(stream))
		fill_row(&(*rows)[n++], stream->queue, "waiting");
	window->next_cursor = window->read_to;
	DL_FOREACH2(window->log, item, next)
	{
		item->is_leaving = item->state != AZ_ITEM_DONE && is_blocked(item);
		if (item->state != AZ_ITEM_DONE && !item->is_leaving)
		{
			window->next_cursor = item->position - 1;
			break;
		}
		if (item->is_leaving && !item->is_reserved)
			fill_row(&(*rows)[n++], item,
					 item->attempts > 0 ? "waiting" : "parked");
	}
	*n_rows = n;
	*cursor = window->next_cursor;
	return true;
}

void
az_window_written(AzWindow *window)
{
	AzItem	   *item;
	AzItem	   *next;
	AzStream   *stream;

	DL_FOREACH_SAFE2(window->settled, item, next, next)
		az_streams_free_item(item);
	window->settled = NULL;
	DL_FOREACH2(window->streams.places[AZ_PLACE_WAITING], stream, next)
		if (stream->queue != NULL)
		stream->queue->is_changed = false;
	while (window->log != NULL && window->log->position <= window->next_cursor)
	{
		item = window->log;
		DL_DELETE2(window->log, item, previous, next);
		window->n_items--;
		if (item->is_leaving)
			set_aside(window, item);
		az_streams_free_item(item);
	}
	window->cursor = window->next_cursor;
}

bool
az_window_has_news(const AzWindow *window)
{
	const AzItem *first = window->log;
	const AzStream *stream;

	if (window->settled != NULL)
		return true;
	DL_FOREACH2(window->streams.places[AZ_PLACE_WAITING], stream, next)
		if (has_changed(stream))
		return true;
	if (first == NULL)
		return window->cursor < window->read_to;
	return first->state == AZ_ITEM_DONE || is_blocked(first);
}

bool
az_window_is_urgent(const AzWindow *window)
{
	return window->settled != NULL ||
		(window->log != NULL && window->log->is_reserved);
}

int64_t
az_window_due_us(const AzWindow *window)
{
	const AzStream *stream;
	int64_t		due_us = INT64_MAX;

	DL_FOREACH2(window->streams.places[AZ_PLACE_WAITING], stream, next)
		if (stream->queue->due_us < due_us)
		due_us = stream->queue->due_us;
	DL_FOREACH2(window->streams.places[AZ_PLACE_HELD], stream, next)
		if (stream->held_due_us < due_us)
		due_us = stream->held_due_us;
	return due_us;
}

size_t
az_window_running(const AzWindow *window)
{
	return window->n_running;
}

bool
az_window_is_settled(const AzWindow *window, const AzAggregate *aggregate,
					 int64_t position, AzArena *scratch)
{
	const AzStream *stream;
	AzBytes		key;

	if (window->read_to < position ||
		!az_aggregate_key(aggregate, scratch, &key))
		return false;
	stream = az_map_get(window->streams.by_key, key);
	return stream == NULL ||
		(!stream->is_held &&
		 (stream->queue == NULL || stream->queue->position > position));
}

bool
az_window_is_idle(const AzWindow *window)
{
	return az_map_count(window->streams.by_key) == 0 && window->log == NULL &&
		window->settled == NULL;
}

/* From now on it is in the table alone. */
static void
set_aside(AzWindow *window, AzItem *item)
{
	AzStream   *stream = item->stream;

	if (!stream->is_held)
		stream->held_due_us = item->is_reserved ? 0 : item->due_us;
	stream->is_held = true;
	DL_DELETE2(stream->queue, item, queue_previous, queue_next);
	az_streams_put(&window->streams, stream, 0);
}

/* What was read from the table is forgotten there, too. */
static void
settle_items(AzWindow *window, AzStream *stream, size_t count)
{
	for (size_t i = 0; i < count && stream->queue != NULL; i++)
	{
		AzItem	   *item = stream->queue;

		item->state = AZ_ITEM_DONE;
		DL_DELETE2(stream->queue, item, queue_previous, queue_next);
		if (!item->is_kept)
			continue;
		DL_APPEND2(window->settled, item, previous, next);
		/* The next one of it can be read once this one is forgotten. */
		stream->held_due_us = 0;
	}
}

/* None of it is settled. */
static void
take_back(AzStream *stream, bool is_split)
{
	for (AzItem *item = stream->queue; item != NULL; item = item->queue_next)
	{
		if (is_split && item->state == AZ_ITEM_RUNNING)
			stream->alone_to = item->position;
		item->state = AZ_ITEM_OPEN;
	}
}

static void
fail_item(AzItem *item, int stage, int64_t due_us, const char *message)
{
	if (stage != item->stage)
		item->attempts = 0;
	item->stage = stage;
	item->attempts++;
	item->due_us = due_us;
	item->is_changed = true;
	item->message = az_arena_string(item->arena, message);
}

/* Its row is to say that it failed again. */
static bool
has_changed(const AzStream *stream)
{
	return az_streams_has_kept_head(stream) && stream->queue->is_changed;
}

/* It waits, or stands behind what waits: the cursor may pass it. */
static bool
is_blocked(const AzItem *item)
{
	const AzStream *stream = item->stream;

	return item->state == AZ_ITEM_OPEN &&
		(stream->place == AZ_PLACE_WAITING || stream->place == AZ_PLACE_HELD ||
		 az_streams_has_kept_head(stream));
}

static void
fill_row(AzExceptionRow *row, const AzItem *item, const char *state)
{
	row->position = item->position;
	row->aggregate = item->aggregate;
	row->state = state;
	row->attempts = item->attempts;
	row->due_us = item->due_us;
	row->last_error = item->message;
}
