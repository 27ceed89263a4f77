/* Puts the events of the log together again as they were appended. */
#include "pipeline/appends.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct AzAppend
{
	AzArena    *arena;			/* holds all below */
	AzAggregate aggregate;
	AzEvent    *events;
	int64_t    *positions;
	size_t		count;
	size_t		capacity;
	size_t		given;			/* of the events */
	size_t		bytes;			/* of those not given */
	int64_t		first_position;
	int64_t		next_position;	/* where it goes on; 0 = it is whole */
	AzAppend   *previous;
	AzAppend   *next;
};

static AzAppend *open_append(AzAppends *appends, const AzLogEvent *event);
static AzAppend *append_at(const AzAppends *appends, int64_t position);
static bool add_event(AzAppend *append, const AzLogEvent *event);
static bool make_room(AzAppend *append, AzArena *arena, size_t first,
					  size_t capacity);
static bool copy_event(AzEvent *copy, const AzEvent *event, AzArena *arena);
static bool copy_aggregate(AzAggregate *copy, const AzAggregate *aggregate,
						   AzArena *arena);
static AzAppend *first_open(AzAppends *appends);
static void forget_given(AzAppend *append);
static size_t take_fitting(AzAppend *append, size_t max_bytes);
static void drop(AzAppends *appends, AzAppend *append);

bool
az_appends_put(AzAppends *appends, const AzLogEvent *event)
{
	AzAppend   *append;

	if (event->opens)
		append = open_append(appends, event);
	else
	{
		append = append_at(appends, event->position);
		if (append == NULL)
			return true;
	}
	if (append == NULL || !add_event(append, event))
		return false;
	appends->bytes += az_follow_event_size(&event->event);
	return true;
}

void
az_appends_settle(AzAppends *appends, int64_t up_to)
{
	AzAppend   *append;

	DL_FOREACH2(appends->first, append, next)
		if (append->next_position <= up_to)
		append->next_position = 0;
}

bool
az_appends_next(AzAppends *appends, size_t max_bytes, AzPiece *piece)
{
	AzAppend   *append = first_open(appends);
	size_t		count;

	if (append == NULL)
		return false;
	if (append->next_position != 0 && append->bytes <= max_bytes)
	{
		if (append->given > 0)
			forget_given(append);
		return false;
	}
	appends->bytes -= append->bytes;
	count = take_fitting(append, max_bytes);
	appends->bytes += append->bytes;
	memset(piece, 0, sizeof(*piece));
	piece->book.aggregate = append->aggregate;
	piece->book.events = append->events + append->given;
	piece->book.count = count;
	append->given += count;
	piece->book.next_sequence = append->events[append->given - 1].sequence + 1;
	piece->first_position = append->first_position;
	piece->last_position = append->positions[append->given - 1];
	return true;
}

void
az_appends_free(AzAppends *appends)
{
	while (appends->first != NULL)
		drop(appends, appends->first);
	appends->bytes = 0;
}

static AzAppend *
open_append(AzAppends *appends, const AzLogEvent *event)
{
	AzArena    *arena = az_arena_create();
	AzAppend   *append = arena != NULL ? calloc(1, sizeof(AzAppend)) : NULL;

	if (append == NULL || !copy_aggregate(&append->aggregate,
										  &event->aggregate, arena))
	{
		free(append);
		az_arena_free(arena);
		return NULL;
	}
	append->arena = arena;
	append->first_position = event->position;
	DL_APPEND2(appends->first, append, previous, next);
	return append;
}

/* The one that goes on at this position. */
static AzAppend *
append_at(const AzAppends *appends, int64_t position)
{
	AzAppend   *append;

	DL_FOREACH2(appends->first, append, next)
		if (append->next_position == position)
		return append;
	return NULL;
}

static bool
add_event(AzAppend *append, const AzLogEvent *event)
{
	if (append->count == append->capacity &&
		!make_room(append, append->arena, 0, append->capacity * 2 + 4))
		return false;
	if (!copy_event(&append->events[append->count], &event->event,
					append->arena))
		return false;
	append->positions[append->count++] = event->position;
	append->bytes += az_follow_event_size(&event->event);
	append->next_position = event->next_position;
	return true;
}

/* Room for so many events in "arena", with those from "first" on. */
static bool
make_room(AzAppend *append, AzArena *arena, size_t first, size_t capacity)
{
	AzEvent    *events = az_arena_array(arena, capacity, sizeof(AzEvent));
	int64_t    *positions = az_arena_array(arena, capacity, sizeof(int64_t));

	if (events == NULL || positions == NULL)
		return false;
	for (size_t i = first; i < append->count; i++)
	{
		events[i - first] = append->events[i];
		positions[i - first] = append->positions[i];
		if (arena != append->arena &&
			!copy_event(&events[i - first], &append->events[i], arena))
			return false;
	}
	append->events = events;
	append->positions = positions;
	append->capacity = capacity;
	return true;
}

static bool
copy_event(AzEvent *copy, const AzEvent *event, AzArena *arena)
{
	*copy = *event;
	copy->correlation_id = az_arena_string(arena, event->correlation_id);
	copy->type_url = az_arena_string(arena, event->type_url);
	return copy->correlation_id != NULL && copy->type_url != NULL &&
		az_arena_copy(arena, event->payload, &copy->payload) &&
		az_arena_copy(arena, event->external, &copy->external) &&
		az_arena_copy(arena, event->ext, &copy->ext);
}

static bool
copy_aggregate(AzAggregate *copy, const AzAggregate *aggregate, AzArena *arena)
{
	*copy = *aggregate;
	copy->domain = az_arena_string(arena, aggregate->domain);
	copy->edition = az_arena_string(arena, aggregate->edition);
	return copy->domain != NULL && copy->edition != NULL;
}

/* The first one that is not over; the others go. */
static AzAppend *
first_open(AzAppends *appends)
{
	while (appends->first != NULL && appends->first->next_position == 0 &&
		   appends->first->given == appends->first->count)
		drop(appends, appends->first);
	return appends->first;
}

/*
 * What is given makes room for what comes.  Without memory for that it stays
 * where it is.
 */
static void
forget_given(AzAppend *append)
{
	AzArena    *arena = az_arena_create();
	AzAggregate aggregate;
	size_t		rest = append->count - append->given;

	if (arena == NULL ||
		!copy_aggregate(&aggregate, &append->aggregate, arena) ||
		!make_room(append, arena, append->given, rest + 4))
	{
		az_arena_free(arena);
		return;
	}
	az_arena_free(append->arena);
	append->arena = arena;
	append->aggregate = aggregate;
	append->count = rest;
	append->given = 0;
}

/* How many of the events not given yet; at least one. */
static size_t
take_fitting(AzAppend *append, size_t max_bytes)
{
	size_t		count = 0;
	size_t		bytes = 0;

	while (append->given + count < append->count)
	{
		const AzEvent *event = &append->events[append->given + count];
		size_t		size = az_follow_event_size(event);

		if (count > 0 && bytes + size > max_bytes)
			break;
		bytes += size;
		count++;
	}
	append->bytes -= bytes;
	return count;
}

static void
drop(AzAppends *appends, AzAppend *append)
{
	DL_DELETE2(appends->first, append, previous, next);
	az_arena_free(append->arena);
	free(append);
}
