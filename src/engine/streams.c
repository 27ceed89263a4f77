/*
 * The streams of a window and their items.
 *
 * A place is a list: where a stream is follows from what it holds, and
 * az_streams_put, the only place that moves it, is called after each change.
 */
#include "engine/streams.h"

#include <string.h>
#include <utlist.h>

#include "codec/book.h"

static bool copy_content(AzItem *item, const AzLogDelivery *event);
static AzStream *make_stream(AzStreams *streams, AzArena *arena, AzBytes key,
							 const AzAggregate *aggregate);
static AzPlace place_of(const AzStream *stream, int64_t now_us);
static size_t parcel_size(const AzStream *stream, size_t max_batch);
static bool goes_with(const AzItem *item, const AzItem *next);

bool
az_streams_init(AzStreams *streams)
{
	memset(streams, 0, sizeof(*streams));
	streams->by_key = az_map_create();
	return streams->by_key != NULL;
}

void
az_streams_free(AzStreams *streams)
{
	AzItem	   *item;
	AzStream   *stream;
	AzStream   *next;

	for (int place = AZ_PLACE_NONE; place < AZ_PLACES; place++)
		DL_FOREACH_SAFE2(streams->places[place], stream, next, next)
	{
		while (stream->queue != NULL && stream->queue->is_kept)
		{
			item = stream->queue;
			DL_DELETE2(stream->queue, item, queue_previous, queue_next);
			az_streams_free_item(item);
		}
		az_arena_free(stream->arena);
	}
	az_map_free(streams->by_key);
}

AzItem *
az_streams_take(AzStreams *streams, const AzLogDelivery *event)
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
		item->stream = az_streams_find(streams, &event->aggregate);
	if (item->stream != NULL)
		return item;
	az_streams_free_item(item);
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

void
az_streams_free_item(AzItem *item)
{
	az_arena_free(item->arena);
}

AzStream *
az_streams_find(AzStreams *streams, const AzAggregate *aggregate)
{
	AzArena    *arena = az_arena_create();
	AzStream   *stream = NULL;
	AzBytes		key;

	if (arena != NULL && az_aggregate_key(aggregate, arena, &key))
	{
		stream = az_map_get(streams->by_key, key);
		if (stream == NULL)
		{
			stream = make_stream(streams, arena, key, aggregate);
			if (stream != NULL)
				return stream;
		}
	}
	az_arena_free(arena);
	return stream;
}

static AzStream *
make_stream(AzStreams *streams, AzArena *arena, AzBytes key,
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
		!az_map_put(streams->by_key, key, stream))
		return NULL;
	DL_APPEND2(streams->places[AZ_PLACE_NONE], stream, previous, next);
	return stream;
}

void
az_streams_put(AzStreams *streams, AzStream *stream, int64_t now_us)
{
	AzPlace		place = place_of(stream, now_us);
	bool		is_over = place == AZ_PLACE_NONE && !stream->is_running &&
	stream->queue == NULL;

	if (place == stream->place && !is_over)
		return;
	DL_DELETE2(streams->places[stream->place], stream, previous, next);
	if (is_over)
	{
		az_map_remove(streams->by_key, stream->key);
		az_arena_free(stream->arena);
		return;
	}
	stream->place = place;
	DL_APPEND2(streams->places[place], stream, previous, next);
}

static AzPlace
place_of(const AzStream *stream, int64_t now_us)
{
	if (stream->is_running)
		return AZ_PLACE_NONE;
	if (stream->is_held && !az_streams_has_kept_head(stream))
		return AZ_PLACE_HELD;
	if (stream->queue == NULL)
		return AZ_PLACE_NONE;
	return stream->queue->due_us > now_us ? AZ_PLACE_WAITING : AZ_PLACE_READY;
}

bool
az_streams_has_kept_head(const AzStream *stream)
{
	return stream->queue != NULL && stream->queue->is_kept;
}

void
az_streams_wake(AzStreams *streams, int64_t now_us)
{
	AzStream   *stream;
	AzStream   *next;

	DL_FOREACH_SAFE2(streams->places[AZ_PLACE_WAITING], stream, next, next)
		az_streams_put(streams, stream, now_us);
}

bool
az_streams_fill_parcel(AzStream *stream, size_t max_batch, AzParcel *parcel)
{
	AzItem	   *item = stream->queue;
	size_t		count = parcel_size(stream, max_batch);

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
		item->state = AZ_ITEM_RUNNING;
		parcel->events[i] = item->event;
		parcel->trigger.next_sequence = item->event.sequence + 1;
	}
	return true;
}

/* Consecutive events that may travel in one book. */
static size_t
parcel_size(const AzStream *stream, size_t max_batch)
{
	const AzItem *item = stream->queue;
	size_t		count = 1;

	if (item->is_kept || item->attempts > 0 ||
		item->position <= stream->alone_to)
		return 1;
	while (count < max_batch && item->queue_next != NULL &&
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
