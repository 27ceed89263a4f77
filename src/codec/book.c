/* Covers, pages and books: between messages and the engine's own words. */
#include "codec/book.h"

#include <string.h>

#include "codec/decode.h"

#define MICROSECONDS INT64_C(1000000)	/* per second */

/* The structs of one page, so that they cost one allocation. */
typedef struct Page
{
	PbEventPage page;
	PbPageHeader header;
	PbTimestamp created_at;
	PbAny		event;
} Page;

/* Likewise of a cover, and of a snapshot. */
typedef struct Cover
{
	PbCover		cover;
	PbUUID		root;
	uint8_t		root_bytes[AZ_UUID_SIZE];
	PbEdition	edition;
	PbDomainDivergence divergence;
	PbDomainDivergence *divergences[1];
} Cover;

typedef struct Snapshot
{
	PbSnapshot	snapshot;
	PbTimestamp created_at;
	PbAny		state;
} Snapshot;

static void fill_edition(Cover *made, const AzAggregate *aggregate);
static bool fill_pages(PbEventBook *message, const AzBook *book,
					   AzArena *arena, AzError *error);
static bool fill_page(Page *made, const AzEvent *event, AzArena *arena,
					  AzError *error);
static void fill_any(PbAny *any, const char *type_url, AzBytes value);
static void fill_timestamp(PbTimestamp *timestamp, int64_t time_us);
static void *decode_stored(const ProtobufCMessageDescriptor *type,
						   AzBytes bytes, AzArena *arena, AzError *error);
static char *borrow(const char *text);
static ProtobufCBinaryData binary(AzBytes bytes);
static bool read_page(const PbEventPage *page, AzEvent *event, AzArena *arena,
					  AzError *error);

PbCover *
az_cover_make(const AzAggregate *aggregate, const char *correlation_id,
			  AzBytes ext, AzArena *arena, AzError *error)
{
	Cover	   *made = az_arena_alloc(arena, sizeof(Cover));

	if (made == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	pb_cover_init(&made->cover);
	pb_uuid_init(&made->root);
	memcpy(made->root_bytes, aggregate->root, AZ_UUID_SIZE);
	made->root.value.data = made->root_bytes;
	made->root.value.len = AZ_UUID_SIZE;
	made->cover.root = &made->root;
	made->cover.domain = borrow(aggregate->domain);
	made->cover.correlation_id = borrow(correlation_id);
	if (aggregate->edition[0] != '\0')
		fill_edition(made, aggregate);
	if (ext.len == 0)
		return &made->cover;
	made->cover.ext = decode_stored(&pb_any_descriptor, ext, arena, error);
	return made->cover.ext != NULL ? &made->cover : NULL;
}

PbEventPage *
az_page_make(const AzEvent *event, AzArena *arena, AzError *error)
{
	Page	   *made = az_arena_alloc(arena, sizeof(Page));

	if (made == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	return fill_page(made, event, arena, error) ? &made->page : NULL;
}

PbSnapshot *
az_snapshot_make(const AzSnapshot *snapshot, AzArena *arena, AzError *error)
{
	Snapshot   *made = az_arena_alloc(arena, sizeof(Snapshot));

	if (made == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	pb_snapshot_init(&made->snapshot);
	made->snapshot.sequence = (uint32_t) snapshot->sequence;
	made->snapshot.retention = (PbSnapshotRetention) snapshot->retention;
	fill_timestamp(&made->created_at, snapshot->created_at_us);
	made->snapshot.created_at = &made->created_at;
	fill_any(&made->state, snapshot->type_url, snapshot->state);
	made->snapshot.state = &made->state;
	return &made->snapshot;
}

PbEventBook *
az_book_make(const AzBook *book, AzArena *arena, AzError *error)
{
	PbEventBook *message = az_arena_alloc(arena, sizeof(PbEventBook));
	const AzEvent none = {.correlation_id = ""};
	const AzEvent *last = book->count > 0 ?
	&book->events[book->count - 1] : &none;

	if (message == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	pb_event_book_init(message);
	message->next_sequence = (uint32_t) book->next_sequence;
	message->cover = az_cover_make(&book->aggregate, last->correlation_id,
								   last->ext, arena, error);
	if (message->cover == NULL || !fill_pages(message, book, arena, error))
		return NULL;
	if (book->snapshot == NULL)
		return message;
	message->snapshot = az_snapshot_make(book->snapshot, arena, error);
	return message->snapshot != NULL ? message : NULL;
}

static void
fill_edition(Cover *made, const AzAggregate *aggregate)
{
	pb_edition_init(&made->edition);
	made->edition.name = borrow(aggregate->edition);
	made->cover.edition = &made->edition;
	if (!aggregate->has_divergence)
		return;
	pb_domain_divergence_init(&made->divergence);
	made->divergence.domain = borrow(aggregate->domain);
	made->divergence.sequence = (uint32_t) aggregate->divergence;
	made->divergences[0] = &made->divergence;
	made->edition.divergences = made->divergences;
	made->edition.n_divergences = 1;
}

static bool
fill_pages(PbEventBook *message, const AzBook *book, AzArena *arena,
		   AzError *error)
{
	Page	   *made;

	if (book->count == 0)
		return true;
	made = az_arena_array(arena, book->count, sizeof(Page));
	message->pages = az_arena_array(arena, book->count, sizeof(PbEventPage *));
	if (made == NULL || message->pages == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < book->count; i++)
	{
		if (!fill_page(&made[i], &book->events[i], arena, error))
			return false;
		message->pages[i] = &made[i].page;
	}
	message->n_pages = book->count;
	return true;
}

static bool
fill_page(Page *made, const AzEvent *event, AzArena *arena, AzError *error)
{
	pb_event_page_init(&made->page);
	pb_page_header_init(&made->header);
	made->header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	made->header.sequence = (uint32_t) event->sequence;
	made->page.header = &made->header;
	fill_timestamp(&made->created_at, event->created_at_us);
	made->page.created_at = &made->created_at;
	if (event->external.len == 0)
	{
		fill_any(&made->event, event->type_url, event->payload);
		made->page.payload_case = PB_EVENT_PAGE_EVENT;
		made->page.event = &made->event;
		return true;
	}
	made->page.payload_case = PB_EVENT_PAGE_EXTERNAL;
	made->page.external = decode_stored(&pb_payload_reference_descriptor,
										event->external, arena, error);
	return made->page.external != NULL;
}

bool
az_book_read(const PbEventBook *message, AzBook *book, AzArena *arena,
			 AzError *error)
{
	AzBytes		ext = {NULL, 0};

	memset(book, 0, sizeof(*book));
	az_cover_read(message->cover, &book->aggregate);
	book->events = az_arena_array(arena, message->n_pages, sizeof(AzEvent));
	if (book->events == NULL)
		return az_error_out_of_memory(error);
	if (message->cover->ext != NULL &&
		!az_encode(message->cover->ext, arena, &ext, error))
		return false;
	for (size_t i = 0; i < message->n_pages; i++)
	{
		AzEvent    *event = &book->events[i];

		event->correlation_id = message->cover->correlation_id;
		event->ext = ext;
		if (!read_page(message->pages[i], event, arena, error))
			return false;
		book->next_sequence = event->sequence + 1;
	}
	book->count = message->n_pages;
	return true;
}

static bool
read_page(const PbEventPage *page, AzEvent *event, AzArena *arena,
		  AzError *error)
{
	event->sequence = page->header->sequence;
	if (page->created_at != NULL)
		event->created_at_us = az_timestamp_us(page->created_at);
	event->type_url = "";
	if (page->payload_case == PB_EVENT_PAGE_EXTERNAL)
		return az_encode(page->external, arena, &event->external, error);
	event->type_url = page->event->type_url;
	event->payload.data = page->event->value.data;
	event->payload.len = page->event->value.len;
	return true;
}

void
az_cover_read(const PbCover *cover, AzAggregate *aggregate)
{
	const char *edition = cover->edition == NULL ? "" : cover->edition->name;

	aggregate->domain = cover->domain;
	aggregate->edition = strcmp(edition, "angzarr") == 0 ? "" : edition;
	memset(aggregate->root, 0, AZ_UUID_SIZE);
	if (cover->root != NULL)
		memcpy(aggregate->root, cover->root->value.data, AZ_UUID_SIZE);
	aggregate->has_divergence = false;
	aggregate->divergence = 0;
	if (aggregate->edition[0] == '\0')
		return;
	for (size_t i = 0; i < cover->edition->n_divergences; i++)
		if (strcmp(cover->edition->divergences[i]->domain, cover->domain) == 0)
		{
			aggregate->has_divergence = true;
			aggregate->divergence = cover->edition->divergences[i]->sequence;
			return;
		}
}

const char *
az_aggregate_text(const AzAggregate *aggregate, AzArena *arena)
{
	char		root[AZ_UUID_TEXT_SIZE];
	const char *text;

	az_uuid_text(aggregate->root, root);
	if (aggregate->edition[0] == '\0')
		text = az_arena_format(arena, "%s/%s", aggregate->domain, root);

	else
		text = az_arena_format(arena, "%s/%s (edition %s)",
							   aggregate->domain, root, aggregate->edition);
	return text != NULL ? text : aggregate->domain;
}

bool
az_aggregate_is_same(const AzAggregate *one, const AzAggregate *other)
{
	return memcmp(one->root, other->root, AZ_UUID_SIZE) == 0 &&
		strcmp(one->domain, other->domain) == 0 &&
		strcmp(one->edition, other->edition) == 0;
}

/* The zero byte between domain and edition is in neither. */
bool
az_aggregate_key(const AzAggregate *aggregate, AzArena *arena, AzBytes *key)
{
	size_t		domain_len = strlen(aggregate->domain) + 1;
	size_t		edition_len = strlen(aggregate->edition);
	uint8_t    *bytes = az_arena_alloc(arena,
									   AZ_UUID_SIZE + domain_len + edition_len);

	if (bytes == NULL)
		return false;
	memcpy(bytes, aggregate->root, AZ_UUID_SIZE);
	memcpy(bytes + AZ_UUID_SIZE, aggregate->domain, domain_len);
	memcpy(bytes + AZ_UUID_SIZE + domain_len, aggregate->edition, edition_len);
	key->data = bytes;
	key->len = AZ_UUID_SIZE + domain_len + edition_len;
	return true;
}

void
az_uuid_text(const uint8_t uuid[AZ_UUID_SIZE], char text[AZ_UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < AZ_UUID_SIZE; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 15];
	}
	*text = '\0';
}

const char *
az_type_name(const char *type_url)
{
	const char *slash = type_url == NULL ? NULL : strrchr(type_url, '/');

	if (slash != NULL)
		return slash + 1;
	return type_url == NULL ? "" : type_url;
}

bool
az_timestamp_is_valid(const PbTimestamp *timestamp)
{
	return timestamp->seconds >= AZ_FIRST_SECOND &&
		timestamp->seconds <= AZ_LAST_SECOND &&
		timestamp->nanos >= 0 && timestamp->nanos <= 999999999;
}

int64_t
az_timestamp_us(const PbTimestamp *timestamp)
{
	int64_t		time_us;

	if (__builtin_mul_overflow(timestamp->seconds, MICROSECONDS, &time_us) ||
		__builtin_add_overflow(time_us, timestamp->nanos / 1000, &time_us))
		return timestamp->seconds < 0 ? INT64_MIN : INT64_MAX;
	return time_us;
}

PbTimestamp *
az_timestamp_make(int64_t time_us, AzArena *arena)
{
	PbTimestamp *timestamp = az_arena_alloc(arena, sizeof(PbTimestamp));

	if (timestamp != NULL)
		fill_timestamp(timestamp, time_us);
	return timestamp;
}

/* Nanoseconds count forward, also before 1970. */
static void
fill_timestamp(PbTimestamp *timestamp, int64_t time_us)
{
	int64_t		seconds = time_us / MICROSECONDS;
	int64_t		rest = time_us % MICROSECONDS;

	if (rest < 0)
	{
		seconds--;
		rest += MICROSECONDS;
	}
	pb_timestamp_init(timestamp);
	timestamp->seconds = seconds;
	timestamp->nanos = (int32_t) (rest * 1000);
}

static void
fill_any(PbAny *any, const char *type_url, AzBytes value)
{
	pb_any_init(any);
	any->type_url = borrow(type_url);
	any->value = binary(value);
}

/* What we stored ourselves must decode; if not, it is the store's fault. */
static void *
decode_stored(const ProtobufCMessageDescriptor *type, AzBytes bytes,
			  AzArena *arena, AzError *error)
{
	AzError		why = {0};
	void	   *message = az_decode(type, bytes, arena, &why);

	if (message != NULL)
		return message;
	if (why.code == AZ_RESOURCE_EXHAUSTED)
		az_error_out_of_memory(error);
	else
		az_error_set(error, arena, AZ_DATA_LOSS, "stored bytes are damaged: %s",
					 why.message);
	return NULL;
}

/* protobuf-c's structs have no const; nobody writes through these. */
static char *
borrow(const char *text)
{
	return (char *) text;
}

static ProtobufCBinaryData
binary(AzBytes bytes)
{
	ProtobufCBinaryData data = {bytes.len, (uint8_t *) bytes.data};

	return data;
}
