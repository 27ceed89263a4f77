/* Turns what business logic answered into events ready to be stored. */
#include "pipeline/stamp.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"

#define LAST_SEQUENCE ((int64_t) UINT32_MAX)

static bool check_cover(const AzStamp *stamp, const PbCover *cover,
						AzArena *arena, AzError *error);
static bool check_size(const AzStamp *stamp, const PbEventBook *book,
					   AzArena *arena, AzError *error);
static bool check_ext_size(const AzStamp *stamp, const PbAny *ext,
						   AzArena *arena, AzError *error);
static bool choose_ext(const AzStamp *stamp, const PbCover *cover,
					   AzBytes *ext, AzArena *arena, AzError *error);
static bool encode_external(const PbPayloadReference *external,
							AzBytes *bytes, AzArena *arena, AzError *error);
static bool stamp_page(const AzStamp *stamp, const PbEventPage *page,
					   AzEvent *event, AzArena *arena, AzError *error);
static bool check_number(const PbEventPage *page, int64_t sequence,
						 AzArena *arena, AzError *error);
static bool stamp_time(const PbEventPage *page, AzEvent *event,
					   AzArena *arena, AzError *error);
static bool check_state(const AzStamp *stamp, const PbSnapshot *given,
						AzArena *arena, AzError *error);
static int64_t latest_time(const AzBook *loaded, const AzEvent *events,
						   size_t count);
static bool take_payload(const AzStamp *stamp, const PbEventPage *page,
						 AzEvent *event, AzArena *arena, AzError *error);

bool
az_stamp_events(const AzStamp *stamp, const PbEventBook *book,
				AzEvent **events, size_t *count, AzArena *arena,
				AzError *error)
{
	AzBytes		ext;

	*events = NULL;
	*count = 0;
	if (book == NULL || book->n_pages == 0)
		return book == NULL || check_cover(stamp, book->cover, arena, error);
	if (!check_cover(stamp, book->cover, arena, error) ||
		!check_size(stamp, book, arena, error) ||
		!choose_ext(stamp, book->cover, &ext, arena, error))
		return false;
	*events = az_arena_array(arena, book->n_pages, sizeof(AzEvent));
	if (*events == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < book->n_pages; i++)
	{
		AzEvent    *event = &(*events)[i];

		event->sequence = stamp->next_sequence + (int64_t) i;
		event->correlation_id = stamp->correlation_id;
		event->ext = ext;
		event->cause = stamp->cause;
		event->isolated = stamp->isolated;
		event->depth = stamp->depth;
		if (!stamp_page(stamp, book->pages[i], event, arena, error))
			return false;
	}
	*count = book->n_pages;
	return true;
}

bool
az_stamp_snapshot(const AzStamp *stamp, const PbEventBook *answer,
				  const AzBook *loaded, const AzEvent *events, size_t count,
				  const AzSnapshot **snapshot, AzArena *arena, AzError *error)
{
	const PbSnapshot *given = answer != NULL ? answer->snapshot : NULL;
	int64_t		next = stamp->next_sequence + (int64_t) count;
	bool		is_branch = stamp->aggregate.edition[0] != '\0';
	AzSnapshot *made;

	*snapshot = NULL;
	if (given == NULL || given->state == NULL || next == 0 ||
		(is_branch && count == 0))
		return true;
	if (!check_state(stamp, given, arena, error))
		return false;
	made = az_arena_alloc(arena, sizeof(AzSnapshot));
	if (made == NULL)
		return az_error_out_of_memory(error);
	made->sequence = next - 1;
	made->created_at_us = latest_time(loaded, events, count);
	made->retention = (AzRetention) given->retention;
	made->type_url = given->state->type_url;
	made->state.data = given->state->value.data;
	made->state.len = given->state->value.len;
	*snapshot = made;
	return true;
}

static bool
check_state(const AzStamp *stamp, const PbSnapshot *given, AzArena *arena,
			AzError *error)
{
	size_t		max = stamp->limits->max_payload_bytes;

	if (given->state->value.len > max)
		return az_error_set(error, arena, AZ_RESOURCE_EXHAUSTED,
							"handler answered a snapshot of %zu bytes, allowed are %zu (angzarr.max_payload_size)",
							given->state->value.len, max);
	if (az_type_name(given->state->type_url)[0] == '\0')
		return az_error_set(error, arena, AZ_INTERNAL,
							"handler answered a snapshot without a type");
	if ((int) given->retention < AZ_RETENTION_DEFAULT ||
		(int) given->retention > AZ_RETENTION_TRANSIENT)
		return az_error_set(error, arena, AZ_INTERNAL,
							"handler answered a snapshot with retention %d, which is unknown",
							(int) given->retention);
	return true;
}

/*
 * The clock, but never less than an event it includes has: else a book as of
 * a time between the two would show too much.
 */
static int64_t
latest_time(const AzBook *loaded, const AzEvent *events, size_t count)
{
	int64_t		latest = az_clock_wall_us();

	if (loaded->snapshot != NULL && loaded->snapshot->created_at_us > latest)
		latest = loaded->snapshot->created_at_us;
	for (size_t i = 0; i < loaded->count; i++)
		if (loaded->events[i].created_at_us > latest)
			latest = loaded->events[i].created_at_us;
	for (size_t i = 0; i < count; i++)
		if (events[i].created_at_us > latest)
			latest = events[i].created_at_us;
	return latest;
}

/* A handler may leave the cover out, or parts of it; not name another one. */
static bool
check_cover(const AzStamp *stamp, const PbCover *cover, AzArena *arena,
			AzError *error)
{
	const char *ours = stamp->aggregate.domain;
	AzAggregate theirs = stamp->aggregate;
	char		our_root[37];
	char		their_root[37];

	if (cover == NULL)
		return true;
	if (cover->domain[0] != '\0' && strcmp(cover->domain, ours) != 0)
		return az_error_set(error, arena, AZ_INTERNAL,
							"handler answered for domain \"%.64s\", it was asked about \"%s\"",
							cover->domain, ours);
	if (cover->root == NULL || cover->root->value.len == 0)
		return true;
	if (cover->root->value.len != AZ_UUID_SIZE)
		return az_error_set(error, arena, AZ_INTERNAL,
							"handler answered with a root of %zu bytes, a root has %d",
							cover->root->value.len, AZ_UUID_SIZE);
	memcpy(theirs.root, cover->root->value.data, AZ_UUID_SIZE);
	if (memcmp(theirs.root, stamp->aggregate.root, AZ_UUID_SIZE) == 0)
		return true;
	az_uuid_text(theirs.root, their_root);
	az_uuid_text(stamp->aggregate.root, our_root);
	return az_error_set(error, arena, AZ_INTERNAL,
						"handler answered for root %s, it was asked about %s",
						their_root, our_root);
}

static bool
check_size(const AzStamp *stamp, const PbEventBook *book, AzArena *arena,
		   AzError *error)
{
	size_t		max_pages = stamp->limits->max_pages;

	if (book->n_pages > max_pages)
		return az_error_set(error, arena, AZ_RESOURCE_EXHAUSTED,
							"handler answered %zu events, allowed are %zu (angzarr.max_pages_per_book)",
							book->n_pages, max_pages);
	if (stamp->next_sequence + (int64_t) book->n_pages - 1 > LAST_SEQUENCE)
		return az_error_set(error, arena, AZ_OUT_OF_RANGE,
							"%s is full: its next sequence is %" PRId64 ", the last one there can be is %" PRId64,
							az_aggregate_text(&stamp->aggregate, arena),
							stamp->next_sequence, LAST_SEQUENCE);
	return true;
}

/*
 * The handler's where its book has one, else the command's: contract 1.
 * Unknown fields are not stored: a few bytes of them could take more memory
 * to read again than a stored message may.
 */
static bool
choose_ext(const AzStamp *stamp, const PbCover *cover, AzBytes *ext,
		   AzArena *arena, AzError *error)
{
	bool		is_theirs = cover != NULL && cover->ext != NULL;
	const PbAny *chosen = is_theirs ? cover->ext : stamp->ext;
	PbAny		known;

	*ext = (AzBytes)
	{
		NULL, 0
	};
	if (chosen == NULL)
		return true;
	known = *chosen;
	known.base.n_unknown_fields = 0;
	return (!is_theirs || check_ext_size(stamp, &known, arena, error)) &&
		az_encode(&known, arena, ext, error);
}

/* Each event gets it; the command's was checked when it came. */
static bool
check_ext_size(const AzStamp *stamp, const PbAny *ext, AzArena *arena,
			   AzError *error)
{
	size_t		size = protobuf_c_message_get_packed_size(&ext->base);
	size_t		max = stamp->limits->max_payload_bytes;

	if (size <= max)
		return true;
	return az_error_set(error, arena, AZ_RESOURCE_EXHAUSTED,
						"handler answered an ext of %zu bytes, allowed are %zu (angzarr.max_payload_size)",
						size, max);
}

/* Without unknown fields, as above. */
static bool
encode_external(const PbPayloadReference *external, AzBytes *bytes,
				AzArena *arena, AzError *error)
{
	PbPayloadReference known = *external;
	PbTimestamp stored_at;

	known.base.n_unknown_fields = 0;
	if (known.stored_at != NULL)
	{
		stored_at = *known.stored_at;
		stored_at.base.n_unknown_fields = 0;
		known.stored_at = &stored_at;
	}
	return az_encode(&known, arena, bytes, error);
}

static bool
stamp_page(const AzStamp *stamp, const PbEventPage *page, AzEvent *event,
		   AzArena *arena, AzError *error)
{
	return check_number(page, event->sequence, arena, error) &&
		stamp_time(page, event, arena, error) &&
		take_payload(stamp, page, event, arena, error);
}

/* No number, or the right one. */
static bool
check_number(const PbEventPage *page, int64_t sequence, AzArena *arena,
			 AzError *error)
{
	const PbPageHeader *header = page->header;

	if (header == NULL ||
		header->sequence_type_case != PB_PAGE_HEADER_SEQUENCE ||
		header->sequence == sequence)
		return true;
	return az_error_set(error, arena, AZ_INTERNAL,
						"handler numbered an event %" PRIu32 ", its place is %" PRId64,
						header->sequence, sequence);
}

static bool
stamp_time(const PbEventPage *page, AzEvent *event, AzArena *arena,
		   AzError *error)
{
	const PbTimestamp *time = page->created_at;

	if (time == NULL)
	{
		event->created_at_us = az_clock_wall_us();
		return true;
	}
	if (!az_timestamp_is_valid(time))
		return az_error_set(error, arena, AZ_INTERNAL,
							"handler answered an impossible created_at: %" PRId64 " s and %" PRId32 " ns",
							time->seconds, time->nanos);
	event->created_at_us = az_timestamp_us(time);
	return true;
}

static bool
take_payload(const AzStamp *stamp, const PbEventPage *page, AzEvent *event,
			 AzArena *arena, AzError *error)
{
	size_t		max = stamp->limits->max_payload_bytes;

	event->type_url = "";
	if (page->payload_case == PB_EVENT_PAGE_EXTERNAL)
		return encode_external(page->external, &event->external, arena, error) &&
			(event->external.len > 0 ||
			 az_error_set(error, arena, AZ_INTERNAL,
						  "handler answered an empty payload reference at sequence %" PRId64,
						  event->sequence));
	if (page->payload_case != PB_EVENT_PAGE_EVENT)
		return az_error_set(error, arena, AZ_INTERNAL,
							"handler answered an event without payload at sequence %" PRId64,
							event->sequence);
	if (page->event->value.len > max)
		return az_error_set(error, arena, AZ_RESOURCE_EXHAUSTED,
							"handler answered an event of %zu bytes, allowed are %zu (angzarr.max_payload_size)",
							page->event->value.len, max);
	if (az_type_name(page->event->type_url)[0] == '\0')
		return az_error_set(error, arena, AZ_INTERNAL,
							"handler answered an event without a type at sequence %" PRId64,
							event->sequence);
	event->type_url = page->event->type_url;
	event->payload.data = page->event->value.data;
	event->payload.len = page->event->value.len;
	return true;
}
