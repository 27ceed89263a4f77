/*
 * io.angzarr.v1.EventStreamService: watching events as they are appended.
 *
 * Topic: a correlation id that somebody subscribes to.  It puts appends
 * together once for all its subscribers.  A subscriber that does not take what
 * it is sent is told so and let go; others do not notice.
 */
#include "service/event_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/map.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "pipeline/appends.h"

#define MAX_PIECE_BYTES ((size_t) 1024 * 1024)	/* a larger book is sent as
												 * several: contract 9 */
#define NOT_IN_FORCE INT64_MAX
#define LOST_ADVICE "it is sent everything up to %s; subscribe again, then " \
	"read what is missing with EventQueryService.GetEvents by correlation_id"

typedef struct Topic Topic;
typedef struct Subscriber Subscriber;

struct Subscriber
{
	AzServiceCall *call;
	Topic	   *topic;
	int64_t		start;			/* it gets appends that begin after it */
	bool		is_over;		/* its call is ending: it gets no more */
	Subscriber *previous;		/* of its topic */
	Subscriber *next;
	Subscriber *waiting_previous;	/* of those not in force */
	Subscriber *waiting_next;
};

struct Topic
{
	AzBytes		id;
	AzAppends	appends;
	Subscriber *subscribers;
	char		last_sent[256]; /* the last event, for people */
	bool		is_unfinished;	/* among those with appends to come */
	Topic	   *previous;		/* of these */
	Topic	   *next;
};

struct AzEventStreams
{
	AzJobs	   *jobs;
	AzReader	reader;
	AzArena    *scratch;		/* emptied after each book */
	AzMap	   *topics;			/* by correlation id */
	Topic	   *unfinished;
	Subscriber *waiting;
	size_t		count;			/* of subscribers */
};

static void subscribe(AzServiceCall *call, AzBytes message);
static Subscriber *accept(AzEventStreams *streams, AzServiceCall *call,
						  AzBytes message, AzError *error);
static bool has_room(const AzEventStreams *streams, AzArena *arena,
					 AzError *error);
static Topic *topic_of(AzEventStreams *streams, const char *id);
static void unsubscribe(AzServiceCall *call);
static void drop_topic(AzEventStreams *streams, Topic *topic);
static void take(AzReader *reader, const AzLogBatch *batch);
static void take_event(AzEventStreams *streams, const AzLogEvent *event);
static void settle(AzEventStreams *streams, int64_t up_to);
static void put_in_force(AzEventStreams *streams, int64_t horizon);
static void give_all(AzEventStreams *streams, Topic *topic);
static void note_unfinished(AzEventStreams *streams, Topic *topic);
static void give_piece(AzEventStreams *streams, Topic *topic,
					   const AzPiece *piece);
static bool encode(AzEventStreams *streams, const AzPiece *piece,
				   AzBytes *bytes, AzError *error);
static void send_to(AzEventStreams *streams, Subscriber *subscriber,
					AzBytes bytes);
static void note_sent(AzEventStreams *streams, Topic *topic,
					  const AzPiece *piece);
static void limit_waiting(AzEventStreams *streams, Topic *topic);
static void end_topic(Topic *topic, int64_t before, const AzError *error);
static void end_subscriber(Subscriber *subscriber, const AzError *error);

static const AzMethod methods[] = {
	{.name = "Subscribe",.message = subscribe,.closed = unsubscribe},
	{NULL}
};

const AzService az_event_stream_service = {
	"io.angzarr.v1.EventStreamService", methods
};

AzEventStreams *
az_event_streams_create(AzJobs *jobs)
{
	AzEventStreams *streams = calloc(1, sizeof(AzEventStreams));

	if (streams == NULL)
		return NULL;
	streams->jobs = jobs;
	streams->reader.only_correlated = true;
	streams->reader.take = take;
	streams->reader.owner = streams;
	streams->topics = az_map_create();
	streams->scratch = az_arena_create();
	if (streams->topics != NULL && streams->scratch != NULL)
		return streams;
	az_event_streams_free(streams);
	return NULL;
}

void
az_event_streams_free(AzEventStreams *streams)
{
	if (streams == NULL)
		return;
	az_readers_remove(&streams->jobs->readers, &streams->reader);
	az_map_free(streams->topics);
	az_arena_free(streams->scratch);
	free(streams);
}

/* ---- subscribing ---- */

static void
subscribe(AzServiceCall *call, AzBytes message)
{
	AzEventStreams *streams = az_services_streams(call->services);
	AzError		error = {0};
	Subscriber *subscriber = accept(streams, call, message, &error);

	if (subscriber == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	call->state = subscriber;
	az_readers_add(&streams->jobs->readers, &streams->reader);
	az_readers_ask(&streams->jobs->readers);
}

static Subscriber *
accept(AzEventStreams *streams, AzServiceCall *call, AzBytes message,
	   AzError *error)
{
	AzArena    *arena = az_server_call_arena(call->call);
	const PbEventStreamFilter *filter =
	az_decode(&pb_event_stream_filter_descriptor, message, arena, error);
	Subscriber *subscriber;

	if (filter == NULL ||
		!az_validate_stream_filter(filter, arena, error) ||
		!has_room(streams, arena, error))
		return NULL;
	subscriber = az_arena_alloc(arena, sizeof(Subscriber));
	if (subscriber != NULL)
		subscriber->topic = topic_of(streams, filter->correlation_id);
	if (subscriber == NULL || subscriber->topic == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	subscriber->call = call;
	subscriber->start = NOT_IN_FORCE;
	streams->count++;
	DL_APPEND2(subscriber->topic->subscribers, subscriber, previous, next);
	DL_APPEND2(streams->waiting, subscriber, waiting_previous, waiting_next);
	return subscriber;
}

static bool
has_room(const AzEventStreams *streams, AzArena *arena, AzError *error)
{
	size_t		allowed = streams->jobs->settings.max_jobs;

	if (streams->count < allowed)
		return true;
	return az_error_set(error, arena, AZ_RESOURCE_EXHAUSTED,
						"%zu clients subscribe, allowed are %zu (angzarr.max_jobs)",
						streams->count, allowed);
}

/* Made where there is none; NULL when memory is out. */
static Topic *
topic_of(AzEventStreams *streams, const char *id)
{
	size_t		len = strlen(id);
	AzBytes		key = {(const uint8_t *) id, len};
	Topic	   *topic = az_map_get(streams->topics, key);

	if (topic != NULL)
		return topic;
	topic = calloc(1, sizeof(Topic) + len);
	if (topic == NULL)
		return NULL;
	memcpy(topic + 1, id, len);
	topic->id.data = (const uint8_t *) (topic + 1);
	topic->id.len = len;
	if (az_map_put(streams->topics, topic->id, topic))
		return topic;
	free(topic);
	return NULL;
}

/* The call is over, whoever has ended it. */
static void
unsubscribe(AzServiceCall *call)
{
	AzEventStreams *streams = az_services_streams(call->services);
	Subscriber *subscriber = call->state;

	if (subscriber == NULL)
		return;
	call->state = NULL;
	streams->count--;
	if (subscriber->start == NOT_IN_FORCE)
		DL_DELETE2(streams->waiting, subscriber, waiting_previous,
				   waiting_next);
	DL_DELETE2(subscriber->topic->subscribers, subscriber, previous, next);
	if (subscriber->topic->subscribers == NULL)
		drop_topic(streams, subscriber->topic);
	if (streams->count == 0)
		az_readers_remove(&streams->jobs->readers, &streams->reader);
}

static void
drop_topic(AzEventStreams *streams, Topic *topic)
{
	az_appends_free(&topic->appends);
	note_unfinished(streams, topic);
	az_map_remove(streams->topics, topic->id);
	free(topic);
}

/* ---- what the log brings ---- */

static void
take(AzReader *reader, const AzLogBatch *batch)
{
	AzEventStreams *streams = reader->owner;

	for (size_t i = 0; i < batch->count; i++)
		take_event(streams, &batch->events[i]);
	settle(streams, batch->up_to);
	put_in_force(streams, batch->horizon);
}

static void
take_event(AzEventStreams *streams, const AzLogEvent *event)
{
	Topic	   *topic = az_map_get(streams->topics,
								   az_bytes_of(event->event.correlation_id));
	AzError		error = {0};

	if (topic == NULL)
		return;
	if (!az_appends_put(&topic->appends, event))
	{
		az_error_out_of_memory(&error);
		end_topic(topic, INT64_MAX, &error);
		az_appends_free(&topic->appends);
	}
	give_all(streams, topic);
	limit_waiting(streams, topic);
}

/* What was waited for and is gone is waited for no more. */
static void
settle(AzEventStreams *streams, int64_t up_to)
{
	Topic	   *topic;
	Topic	   *next;

	DL_FOREACH_SAFE2(streams->unfinished, topic, next, next)
	{
		az_appends_settle(&topic->appends, up_to);
		give_all(streams, topic);
	}
}

static void
put_in_force(AzEventStreams *streams, int64_t horizon)
{
	while (streams->waiting != NULL)
	{
		Subscriber *subscriber = streams->waiting;

		DL_DELETE2(streams->waiting, subscriber, waiting_previous,
				   waiting_next);
		subscriber->start = horizon;
		az_server_call_open(subscriber->call->call);
	}
}

static void
give_all(AzEventStreams *streams, Topic *topic)
{
	size_t		limit = streams->jobs->settings.max_message_bytes;
	AzPiece		piece;

	/* Some room for the cover. */
	limit -= limit / 8;
	if (limit > MAX_PIECE_BYTES)
		limit = MAX_PIECE_BYTES;
	while (az_appends_next(&topic->appends, limit, &piece))
		give_piece(streams, topic, &piece);
	note_unfinished(streams, topic);
}

/* Keeps the list of topics with appends to come. */
static void
note_unfinished(AzEventStreams *streams, Topic *topic)
{
	bool		is_unfinished = topic->appends.first != NULL;

	if (is_unfinished && !topic->is_unfinished)
		DL_APPEND2(streams->unfinished, topic, previous, next);
	else if (!is_unfinished && topic->is_unfinished)
		DL_DELETE2(streams->unfinished, topic, previous, next);
	topic->is_unfinished = is_unfinished;
}

/* Encoded once for all who get it. */
static void
give_piece(AzEventStreams *streams, Topic *topic, const AzPiece *piece)
{
	Subscriber *subscriber;
	AzError		error = {0};
	AzBytes		bytes;

	if (encode(streams, piece, &bytes, &error))
	{
		DL_FOREACH2(topic->subscribers, subscriber, next)
			if (subscriber->start < piece->first_position)
			send_to(streams, subscriber, bytes);
		note_sent(streams, topic, piece);
	}
	else
		end_topic(topic, piece->first_position, &error);
	az_arena_reset(streams->scratch);
}

static bool
encode(AzEventStreams *streams, const AzPiece *piece, AzBytes *bytes,
	   AzError *error)
{
	size_t		limit = streams->jobs->settings.max_message_bytes;
	PbEventBook *book = az_book_make(&piece->book, streams->scratch, error);

	if (book == NULL || !az_encode(book, streams->scratch, bytes, error))
		return false;
	if (bytes->len <= limit)
		return true;
	return az_error_set(error, streams->scratch, AZ_RESOURCE_EXHAUSTED,
						"the book of %s at sequence %" PRIu32 " has %zu bytes, allowed are %zu (angzarr.max_message_size); read it with SQL",
						az_aggregate_text(&piece->book.aggregate,
										  streams->scratch),
						(uint32_t) piece->book.events[0].sequence,
						bytes->len, limit);
}

static void
send_to(AzEventStreams *streams, Subscriber *subscriber, AzBytes bytes)
{
	AzServerCall *call = subscriber->call->call;
	size_t		limit = streams->jobs->settings.subscriber_bytes;
	size_t		unread = az_server_call_unsent(call);
	AzError		error = {0};

	if (subscriber->is_over)
		return;
	if (unread <= limit)
	{
		subscriber->is_over = !az_server_call_send(call, bytes);
		return;
	}
	az_error_set(&error, streams->scratch, AZ_RESOURCE_EXHAUSTED,
				 "the subscriber is too slow: %zu bytes wait to be read, allowed are %zu (angzarr.subscriber_buffer); "
				 LOST_ADVICE, unread, limit, subscriber->topic->last_sent);
	end_subscriber(subscriber, &error);
}

static void
note_sent(AzEventStreams *streams, Topic *topic, const AzPiece *piece)
{
	const AzBook *book = &piece->book;

	snprintf(topic->last_sent, sizeof(topic->last_sent),
			 "%s sequence %" PRId64 " (position %" PRId64 ")",
			 az_aggregate_text(&book->aggregate, streams->scratch),
			 book->events[book->count - 1].sequence, piece->last_position);
}

/*
 * Events that wait for others of their appends, since the append before
 * theirs is not whole yet, take memory too.
 */
static void
limit_waiting(AzEventStreams *streams, Topic *topic)
{
	size_t		limit = streams->jobs->settings.subscriber_bytes;
	const char *last = topic->last_sent;
	AzError		error = {0};

	if (topic->appends.bytes <= limit + MAX_PIECE_BYTES)
		return;
	az_error_set(&error, streams->scratch, AZ_RESOURCE_EXHAUSTED,
				 "%zu bytes of appends that overlap wait for their ends, allowed are %zu (angzarr.subscriber_buffer); "
				 LOST_ADVICE, topic->appends.bytes, limit,
				 last[0] != '\0' ? last : "when it began");
	end_topic(topic, INT64_MAX, &error);
	az_appends_free(&topic->appends);
	note_unfinished(streams, topic);
	az_arena_reset(streams->scratch);
}

/* All subscribers that would get what begins there. */
static void
end_topic(Topic *topic, int64_t first_position, const AzError *error)
{
	Subscriber *subscriber;

	DL_FOREACH2(topic->subscribers, subscriber, next)
		if (subscriber->start < first_position)
		end_subscriber(subscriber, error);
}

/* It stays until its call is closed. */
static void
end_subscriber(Subscriber *subscriber, const AzError *error)
{
	if (subscriber->is_over)
		return;
	subscriber->is_over = true;
	az_service_fail(subscriber->call, error);
}
