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

#define RESERVED_LOOK_US 20000	/* at what a request is at */

typedef enum ItemState
{
	ITEM_OPEN,
	ITEM_RUNNING,
	ITEM_DONE
} ItemState;

struct AzItem
{
	AzArena    *arena;			/* holds the item */
	AzAggregate aggregate;
	AzEvent		event;
	int64_t		position;
	AzStream   *stream;			/* may be gone once the item is settled */
	ItemState	state;
	int			attempts;		/* failed ones, of this stage */
	int			stage;
	int64_t		due_us;			/* not before; by the wall clock */
	const char *message;		/* of the last failure, or NULL */
	bool		is_kept;		/* it has a row, behind the cursor */
	bool		is_changed;		/* its row shall say more */
	bool		is_leaving;		/* it is being set aside */
	bool		is_reserved;	/* a request is at it, says its row */
	AzItem	   *previous;		/* in the order of the log, or to be forgotten */
	AzItem	   *next;
	AzItem	   *queue_previous; /* of its stream */
	AzItem	   *queue_next;
};

typedef enum Place
{
	NOWHERE,
	READY,
	WAITING,
	HELD,
	N_PLACES
} Place;

struct AzStream
{
	AzArena    *arena;			/* holds the stream */
	AzBytes		key;
	AzAggregate aggregate;
	AzItem	   *queue;
	bool		is_running;
	bool		is_held;		/* the table may have more of it */
	bool		is_alone;		/* a parcel failed: one by one for now */
	int64_t		held_due_us;
	Place		place;
	AzStream   *previous;		/* in its place */
	AzStream   *next;
};

struct AzWindow
{
	AzWindowLimits limits;
	AzMap	   *streams;
	AzStream   *places[N_PLACES];
	AzItem	   *log;			/* in order */
	AzItem	   *settled;		/* rows of the table to be forgotten */
	size_t		n_items;
	size_t		n_running;
	int64_t		read_to;
	int64_t		cursor;			/* written */
	int64_t		next_cursor;	/* being written */
};

static AzItem *make_item(AzWindow *window, const AzLogDelivery *event);
static bool copy_content(AzItem *item, const AzLogDelivery *event);
static void free_item(AzItem *item);
static AzStream *find_stream(AzWindow *window, const AzAggregate *aggregate);
static AzStream *make_stream(AzWindow *window, AzArena *arena, AzBytes key,
							 const AzAggregate *aggregate);
static void put(AzWindow *window, AzStream *stream, int64_t now_us);
static Place place_of(const AzStream *stream, int64_t now_us);
static bool has_kept_head(const AzStream *stream);
static void wake_waiting(AzWindow *window, int64_t now_us);
static size_t parcel_size(const AzWindow *window, const AzStream *stream);
static bool goes_with(const AzItem *item, const AzItem *next);
static bool fill_parcel(AzParcel *parcel, AzStream *stream, size_t count);
static void set_aside(AzWindow *window, AzItem *item);
static void settle_item(AzWindow *window, AzItem *item);
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
	window->streams = az_map_create();
	if (window->streams != NULL)
		return window;
	free(window);
	return NULL;
}

void
az_window_free(AzWindow *window)
{
	AzItem	   *item;
	AzItem	   *next_item;
	AzStream   *stream;
	AzStream   *next;

	if (window == NULL)
		return;
	for (int place = NOWHERE; place < N_PLACES; place++)
		DL_FOREACH_SAFE2(window->places[place], stream, next, next)
	{
		while (stream->queue != NULL && stream->queue->is_kept)
		{
			item = stream->queue;
			DL_DELETE2(stream->queue, item, queue_previous, queue_next);
			free_item(item);
		}
		az_arena_free(stream->arena);
	}
	DL_FOREACH_SAFE2(window->log, item, next_item, next)
		free_item(item);
	DL_FOREACH_SAFE2(window->settled, item, next_item, next)
		free_item(item);
	az_map_free(window->streams);
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
		AzItem	   *item = make_item(window, &events[i]);
		AzStream   *stream;

		if (item == NULL)
			return false;
		stream = item->stream;
		DL_APPEND2(window->log, item, previous, next);
		window->n_items++;
		window->read_to = item->position;
		if (events[i].state == AZ_DELIVERY_DONE)
			item->state = ITEM_DONE;
		else
			DL_APPEND2(stream->queue, item, queue_previous, queue_next);
		/* Its row is there: it is set aside, and then looked at. */
		if (events[i].state == AZ_DELIVERY_RESERVED)
		{
			item->is_reserved = true;
			item->due_us = INT64_MAX;
		}
		put(window, stream, now_us);
	}
	window->read_to = read_to;
	return true;
}

bool
az_window_hold(AzWindow *window, const AzAggregate *aggregate,
			   bool is_reserved, int64_t due_us)
{
	AzStream   *stream = find_stream(window, aggregate);

	if (stream == NULL)
		return false;
	stream->is_held = true;
	stream->held_due_us = is_reserved ? 0 : due_us;
	put(window, stream, 0);
	return true;
}

size_t
az_window_wants(const AzWindow *window, int64_t now_us, AzStream **streams,
				size_t max)
{
	AzStream   *stream;
	size_t		count = 0;

	DL_FOREACH2(window->places[HELD], stream, next)
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
		item = make_item(window, found);
		if (item == NULL)
			return false;
		item->is_kept = true;
		DL_PREPEND2(stream->queue, item, queue_previous, queue_next);
	}
	put(window, stream, now_us);
	return true;
}

bool
az_window_next(AzWindow *window, int64_t now_us, AzParcel *parcel)
{
	AzStream   *stream;

	wake_waiting(window, now_us);
	stream = window->places[READY];
	if (stream == NULL || window->n_running >= window->limits.max_running)
		return false;
	memset(parcel, 0, sizeof(*parcel));
	if (!fill_parcel(parcel, stream, parcel_size(window, stream)))
		return false;
	stream->is_running = true;
	window->n_running++;
	put(window, stream, now_us);
	return true;
}

void
az_window_finish(AzWindow *window, AzParcel *parcel, AzParcelEnd end,
				 int stage, int64_t due_us, const char *message)
{
	AzStream   *stream = parcel->stream;

	stream->is_running = false;
	window->n_running--;
	for (size_t i = 0; i < parcel->trigger.count; i++)
	{
		AzItem	   *item = stream->queue;

		item->state = ITEM_OPEN;
		if (end == AZ_PARCEL_SETTLED)
			settle_item(window, item);
		else if (end == AZ_PARCEL_FAILED)
			fail_item(item, stage, due_us, message);
		if (end != AZ_PARCEL_SETTLED)
			break;
	}
	/* Whoever was behind the first one is still there, and not begun. */
	for (AzItem *item = stream->queue; item != NULL; item = item->queue_next)
		item->state = ITEM_OPEN;
	stream->is_alone = end == AZ_PARCEL_SPLIT || end == AZ_PARCEL_FAILED;
	az_arena_free(parcel->arena);
	put(window, stream, 0);
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
						   az_map_count(window->streams) + 1,
						   sizeof(AzExceptionRow));
	if (*rows == NULL)
		return false;
	DL_FOREACH2(window->settled, item, next)
		fill_row(&(*rows)[n++], item, NULL);
	DL_FOREACH2(window->places[WAITING], stream, next)
		if (has_kept_head(stream) && stream->queue->is_changed)
		fill_row(&(*rows)[n++], stream->queue, "waiting");
	window->next_cursor = window->read_to;
	DL_FOREACH2(window->log, item, next)
	{
		item->is_leaving = item->state != ITEM_DONE && is_blocked(item);
		if (item->state != ITEM_DONE && !item->is_leaving)
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
		free_item(item);
	window->settled = NULL;
	DL_FOREACH2(window->places[WAITING], stream, next)
		if (stream->queue != NULL)
		stream->queue->is_changed = false;
	while (window->log != NULL && window->log->position <= window->next_cursor)
	{
		item = window->log;
		DL_DELETE2(window->log, item, previous, next);
		window->n_items--;
		if (item->is_leaving)
			set_aside(window, item);
		free_item(item);
	}
	window->cursor = window->next_cursor;
}

bool
az_window_has_news(const AzWindow *window)
{
	const AzItem *first = window->log;

	if (window->settled != NULL)
		return true;
	if (first == NULL)
		return window->cursor < window->read_to;
	return first->state == ITEM_DONE || is_blocked(first);
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

	DL_FOREACH2(window->places[WAITING], stream, next)
		if (stream->queue->due_us < due_us)
		due_us = stream->queue->due_us;
	DL_FOREACH2(window->places[HELD], stream, next)
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
	stream = az_map_get(window->streams, key);
	return stream == NULL ||
		(!stream->is_held &&
		 (stream->queue == NULL || stream->queue->position > position));
}

bool
az_window_is_idle(const AzWindow *window)
{
	return az_map_count(window->streams) == 0 && window->log == NULL &&
		window->settled == NULL;
}

/* With its stream; NULL when memory is out. */
static AzItem *
make_item(AzWindow *window, const AzLogDelivery *event)
{
	AzArena    *arena = az_arena_create();
	AzItem	   *item = arena ? az_arena_alloc(arena, sizeof(AzItem)) : NULL;

	if (item == NULL)
	{
		az_arena_free(arena);
		return NULL;
	}
	item->arena = arena;
	item->position = event->position;
	item->attempts = event->attempts;
	item->due_us = event->due_us;
	if (copy_content(item, event))
		item->stream = find_stream(window, &event->aggregate);
	if (item->stream != NULL)
		return item;
	free_item(item);
	return NULL;
}

static bool
copy_content(AzItem *item, const AzLogDelivery *event)
{
	AzArena    *arena = item->arena;
	AzEvent    *copy = &item->event;

	item->aggregate = event->aggregate;
	item->aggregate.domain = az_arena_string(arena, event->aggregate.domain);
	item->aggregate.edition = az_arena_string(arena, event->aggregate.edition);
	*copy = event->event;
	copy->correlation_id = az_arena_string(arena, event->event.correlation_id);
	copy->type_url = az_arena_string(arena, event->event.type_url);
	return item->aggregate.domain != NULL && item->aggregate.edition != NULL &&
		copy->correlation_id != NULL && copy->type_url != NULL &&
		az_arena_copy(arena, event->event.payload, &copy->payload) &&
		az_arena_copy(arena, event->event.external, &copy->external) &&
		az_arena_copy(arena, event->event.ext, &copy->ext);
}

static void
free_item(AzItem *item)
{
	az_arena_free(item->arena);
}

/* Or makes it; NULL when memory is out. */
static AzStream *
find_stream(AzWindow *window, const AzAggregate *aggregate)
{
	AzArena    *arena = az_arena_create();
	AzStream   *stream = NULL;
	AzBytes		key;

	if (arena != NULL && az_aggregate_key(aggregate, arena, &key))
	{
		stream = az_map_get(window->streams, key);
		if (stream == NULL)
		{
			stream = make_stream(window, arena, key, aggregate);
			if (stream != NULL)
				return stream;
		}
	}
	az_arena_free(arena);
	return stream;
}

static AzStream *
make_stream(AzWindow *window, AzArena *arena, AzBytes key,
			const AzAggregate *aggregate)
{
	AzStream   *stream = az_arena_alloc(arena, sizeof(AzStream));

	if (stream == NULL)
		return NULL;
	stream->arena = arena;
	stream->key = key;
	stream->aggregate = *aggregate;
	stream->aggregate.domain = az_arena_string(arena, aggregate->domain);
	stream->aggregate.edition = az_arena_string(arena, aggregate->edition);
	if (stream->aggregate.domain == NULL || stream->aggregate.edition == NULL ||
		!az_map_put(window->streams, key, stream))
		return NULL;
	DL_APPEND2(window->places[NOWHERE], stream, previous, next);
	return stream;
}

/* Where it belongs now; a stream of which nothing is left is dropped. */
static void
put(AzWindow *window, AzStream *stream, int64_t now_us)
{
	Place		place = place_of(stream, now_us);
	bool		is_over = place == NOWHERE && !stream->is_running &&
	stream->queue == NULL;

	if (place == stream->place && !is_over)
		return;
	DL_DELETE2(window->places[stream->place], stream, previous, next);
	if (is_over)
	{
		az_map_remove(window->streams, stream->key);
		az_arena_free(stream->arena);
		return;
	}
	stream->place = place;
	DL_APPEND2(window->places[place], stream, previous, next);
}

static Place
place_of(const AzStream *stream, int64_t now_us)
{
	if (stream->is_running)
		return NOWHERE;
	if (stream->is_held && !has_kept_head(stream))
		return HELD;
	if (stream->queue == NULL)
		return NOWHERE;
	return stream->queue->due_us > now_us ? WAITING : READY;
}

static bool
has_kept_head(const AzStream *stream)
{
	return stream->queue != NULL && stream->queue->is_kept;
}

static void
wake_waiting(AzWindow *window, int64_t now_us)
{
	AzStream   *stream;
	AzStream   *next;

	DL_FOREACH_SAFE2(window->places[WAITING], stream, next, next)
		put(window, stream, now_us);
}

/* Consecutive events that may travel in one book. */
static size_t
parcel_size(const AzWindow *window, const AzStream *stream)
{
	const AzItem *item = stream->queue;
	size_t		count = 1;

	if (stream->is_alone || item->is_kept)
		return 1;
	while (count < window->limits.max_batch && item->queue_next != NULL &&
		   goes_with(item, item->queue_next))
	{
		item = item->queue_next;
		count++;
	}
	return count;
}

static bool
goes_with(const AzItem *item, const AzItem *next)
{
	return next->event.sequence == item->event.sequence + 1 &&
		next->due_us == 0 && next->event.depth == item->event.depth &&
		strcmp(next->event.correlation_id, item->event.correlation_id) == 0 &&
		az_bytes_equal(next->event.ext, item->event.ext) &&
		next->aggregate.has_divergence == item->aggregate.has_divergence &&
		next->aggregate.divergence == item->aggregate.divergence;
}

static bool
fill_parcel(AzParcel *parcel, AzStream *stream, size_t count)
{
	AzItem	   *item = stream->queue;

	parcel->arena = az_arena_create();
	if (parcel->arena != NULL)
		parcel->events = az_arena_array(parcel->arena, count, sizeof(AzEvent));
	if (parcel->events == NULL)
	{
		az_arena_free(parcel->arena);
		return false;
	}
	parcel->stream = stream;
	parcel->attempt = item->attempts + 1;
	parcel->stage = item->stage;
	parcel->trigger.aggregate = item->aggregate;
	parcel->trigger.events = parcel->events;
	parcel->trigger.count = count;
	for (size_t i = 0; i < count; i++, item = item->queue_next)
	{
		item->state = ITEM_RUNNING;
		parcel->events[i] = item->event;
		parcel->trigger.next_sequence = item->event.sequence + 1;
	}
	return true;
}

/* From now on it is in the table alone. */
static void
set_aside(AzWindow *window, AzItem *item)
{
	AzStream   *stream = item->stream;

	if (stream->queue == item)
		stream->held_due_us = item->is_reserved ? 0 : item->due_us;
	stream->is_held = true;
	DL_DELETE2(stream->queue, item, queue_previous, queue_next);
	put(window, stream, 0);
}

/* What was read from the table is forgotten there, too. */
static void
settle_item(AzWindow *window, AzItem *item)
{
	item->state = ITEM_DONE;
	DL_DELETE2(item->stream->queue, item, queue_previous, queue_next);
	if (!item->is_kept)
		return;
	DL_APPEND2(window->settled, item, previous, next);
	/* The next one of it can be read once this one is forgotten. */
	item->stream->held_due_us = 0;
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

/* It waits, or stands behind what waits: the cursor may pass it. */
static bool
is_blocked(const AzItem *item)
{
	const AzStream *stream = item->stream;

	return item->state == ITEM_OPEN &&
		(stream->place == WAITING || stream->place == HELD ||
		 has_kept_head(stream));
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
