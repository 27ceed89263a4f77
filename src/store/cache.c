/*
 * The cache: books by aggregate, in the order of their last use.
 *
 * An entry owns all its memory: an array of events, which grows, and pieces
 * of bytes that the events point into, one piece for each time that events
 * came.  What it takes is counted exactly, but for the allocator's own.
 */
#include "store/cache.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/map.h"
#include "net/list.h"

#define MAX_DOMAIN 64
#define MAX_KEY (AZ_UUID_SIZE + MAX_DOMAIN)
#define FIRST_EVENTS 1
#define MAP_BYTES 160			/* about, of one key in the map */

/* Bytes that some events point into. */
typedef struct Piece
{
	struct Piece *next;
	uint8_t		bytes[];
} Piece;

typedef struct Entry
{
	uint8_t		key[MAX_KEY];
	size_t		key_len;
	bool		use_snapshot;
	AzBook		book;			/* its aggregate is the key's */
	AzSnapshot	snapshot;
	size_t		capacity;		/* of book.events */
	size_t		bytes;			/* in all */
	Piece	   *pieces;
	AzLink		link;			/* in the order of use */
} Entry;

struct AzCache
{
	AzMap	   *entries;
	AzList		used;			/* the last one used is last */
	size_t		max_bytes;
	AzCacheStats stats;
};

static bool make_key(const AzAggregate *aggregate, uint8_t key[MAX_KEY],
					 AzBytes *bytes);
static Entry *find(AzCache *cache, const AzAggregate *aggregate);
static Entry *create_entry(AzCache *cache, const AzAggregate *aggregate,
						   bool use_snapshot);
static bool add_events(AzCache *cache, Entry *entry, const AzEvent *events,
					   size_t count);
static bool add_snapshot(AzCache *cache, Entry *entry,
						 const AzSnapshot *snapshot);
static bool make_room(AzCache *cache, Entry *entry, size_t count);
static uint8_t *add_piece(AzCache *cache, Entry *entry, size_t size);
static void charge(AzCache *cache, Entry *entry, size_t size);
static void use(AzCache *cache, Entry *entry);
static void evict(AzCache *cache);
static void drop(AzCache *cache, Entry *entry);
static size_t events_size(const AzEvent *events, size_t count);
static void copy_events(AzEvent *copies, const AzEvent *events, size_t count,
						uint8_t *place);
static const char *copy_text(const char *text, uint8_t **place);
static AzBytes copy_bytes(AzBytes bytes, uint8_t **place);
static bool copy_snapshot(const AzSnapshot *snapshot, AzArena *arena,
						  AzBook *book);

AzCache *
az_cache_create(size_t max_bytes)
{
	AzCache    *cache = calloc(1, sizeof(AzCache));

	if (cache == NULL)
		return NULL;
	cache->max_bytes = max_bytes;
	cache->entries = az_map_create();
	if (cache->entries != NULL)
		return cache;
	free(cache);
	return NULL;
}

void
az_cache_free(AzCache *cache)
{
	if (cache == NULL)
		return;
	az_cache_clear(cache);
	az_map_free(cache->entries);
	free(cache);
}

void
az_cache_set_limit(AzCache *cache, size_t max_bytes)
{
	cache->max_bytes = max_bytes;
	evict(cache);
}

bool
az_cache_get(AzCache *cache, const AzAggregate *aggregate, bool use_snapshot,
			 AzArena *arena, AzBook *book)
{
	Entry	   *entry = find(cache, aggregate);
	uint8_t    *place;

	if (entry == NULL || entry->use_snapshot != use_snapshot)
	{
		cache->stats.misses++;
		return false;
	}
	*book = entry->book;
	book->aggregate = *aggregate;
	book->events = az_arena_array(arena, book->count + 1, sizeof(AzEvent));
	place = az_arena_alloc(arena, events_size(entry->book.events,
											  book->count) + 1);
	if (book->events == NULL || place == NULL ||
		!copy_snapshot(entry->book.snapshot, arena, book))
	{
		az_cache_clear(cache);
		return false;
	}
	copy_events(book->events, entry->book.events, book->count, place);
	use(cache, entry);
	cache->stats.hits++;
	return true;
}

void
az_cache_put(AzCache *cache, const AzBook *book, bool use_snapshot)
{
	Entry	   *entry;

	az_cache_drop(cache, &book->aggregate);
	if (book->count == 0 && book->snapshot == NULL)
		return;
	entry = create_entry(cache, &book->aggregate, use_snapshot);
	if (entry == NULL)
		return;
	if (!add_events(cache, entry, book->events, book->count) ||
		!add_snapshot(cache, entry, book->snapshot))
	{
		az_cache_clear(cache);
		return;
	}
	entry->book.next_sequence = book->next_sequence;
	evict(cache);
}

void
az_cache_add(AzCache *cache, const AzAggregate *aggregate, bool use_snapshot,
			 const AzEvent *events, size_t count)
{
	Entry	   *entry = find(cache, aggregate);

	if (count == 0)
		return;
	if (entry == NULL && events[0].sequence == 0)
		entry = create_entry(cache, aggregate, use_snapshot);
	if (entry == NULL)
		return;
	if (entry->use_snapshot != use_snapshot ||
		entry->book.next_sequence != events[0].sequence)
		drop(cache, entry);
	else if (!add_events(cache, entry, events, count))
		az_cache_clear(cache);
	else
		use(cache, entry);
	evict(cache);
}

void
az_cache_drop(AzCache *cache, const AzAggregate *aggregate)
{
	Entry	   *entry = find(cache, aggregate);

	if (entry != NULL)
		drop(cache, entry);
}

void
az_cache_clear(AzCache *cache)
{
	Entry	   *entry;

	while ((entry = az_list_first(&cache->used)) != NULL)
		drop(cache, entry);
}

void
az_cache_stats(const AzCache *cache, AzCacheStats *stats)
{
	*stats = cache->stats;
}

/* Root and domain; false for what is not kept here. */
static bool
make_key(const AzAggregate *aggregate, uint8_t key[MAX_KEY], AzBytes *bytes)
{
	size_t		len = strlen(aggregate->domain);

	if (aggregate->edition[0] != '\0' || len > MAX_DOMAIN)
		return false;
	memcpy(key, aggregate->root, AZ_UUID_SIZE);
	memcpy(key + AZ_UUID_SIZE, aggregate->domain, len);
	bytes->data = key;
	bytes->len = AZ_UUID_SIZE + len;
	return true;
}

static Entry *
find(AzCache *cache, const AzAggregate *aggregate)
{
	uint8_t		key[MAX_KEY];
	AzBytes		bytes;

	return make_key(aggregate, key, &bytes) ?
		az_map_get(cache->entries, bytes) : NULL;
}

/* Where there is none yet; NULL when nothing is kept, or memory is out. */
static Entry *
create_entry(AzCache *cache, const AzAggregate *aggregate, bool use_snapshot)
{
	Entry	   *entry;
	AzBytes		key;

	if (cache->max_bytes == 0)
		return NULL;
	entry = calloc(1, sizeof(Entry));
	if (entry == NULL || !make_key(aggregate, entry->key, &key) ||
		!az_map_put(cache->entries, key, entry))
	{
		free(entry);
		return NULL;
	}
	entry->key_len = key.len;
	entry->use_snapshot = use_snapshot;
	charge(cache, entry, sizeof(Entry) + MAP_BYTES);
	az_list_append(&cache->used, &entry->link, entry);
	cache->stats.books++;
	return entry;
}

static bool
add_events(AzCache *cache, Entry *entry, const AzEvent *events, size_t count)
{
	uint8_t    *place;

	if (count == 0)
		return true;
	if (!make_room(cache, entry, count))
		return false;
	place = add_piece(cache, entry, events_size(events, count));
	if (place == NULL)
		return false;
	copy_events(entry->book.events + entry->book.count, events, count, place);
	entry->book.count += count;
	entry->book.next_sequence = events[count - 1].sequence + 1;
	return true;
}

static bool
add_snapshot(AzCache *cache, Entry *entry, const AzSnapshot *snapshot)
{
	uint8_t    *place;

	if (snapshot == NULL)
		return true;
	place = add_piece(cache, entry,
					  strlen(snapshot->type_url) + snapshot->state.len + 2);
	if (place == NULL)
		return false;
	entry->snapshot = *snapshot;
	entry->snapshot.type_url = copy_text(snapshot->type_url, &place);
	entry->snapshot.state = copy_bytes(snapshot->state, &place);
	entry->book.snapshot = &entry->snapshot;
	return true;
}

static bool
make_room(AzCache *cache, Entry *entry, size_t count)
{
	size_t		needed = entry->book.count + count;
	size_t		capacity = entry->capacity > 0 ? entry->capacity : FIRST_EVENTS;
	AzEvent    *events;

	if (needed <= entry->capacity)
		return true;
	while (capacity < needed)
		capacity *= 2;
	events = realloc(entry->book.events, capacity * sizeof(AzEvent));
	if (events == NULL)
		return false;
	charge(cache, entry, (capacity - entry->capacity) * sizeof(AzEvent));
	entry->book.events = events;
	entry->capacity = capacity;
	return true;
}

static uint8_t *
add_piece(AzCache *cache, Entry *entry, size_t size)
{
	Piece	   *piece = malloc(sizeof(Piece) + size);

	if (piece == NULL)
		return NULL;
	charge(cache, entry, sizeof(Piece) + size);
	LL_PREPEND(entry->pieces, piece);
	return piece->bytes;
}

static void
charge(AzCache *cache, Entry *entry, size_t size)
{
	entry->bytes += size;
	cache->stats.bytes += size;
}

static void
use(AzCache *cache, Entry *entry)
{
	az_list_remove(&entry->link);
	az_list_append(&cache->used, &entry->link, entry);
}

/* Those not used for the longest time go first. */
static void
evict(AzCache *cache)
{
	Entry	   *entry;

	while (cache->stats.bytes > cache->max_bytes &&
		   (entry = az_list_first(&cache->used)) != NULL)
	{
		cache->stats.evicted++;
		drop(cache, entry);
	}
}

static void
drop(AzCache *cache, Entry *entry)
{
	AzBytes		key = {entry->key, entry->key_len};

	az_map_remove(cache->entries, key);
	az_list_remove(&entry->link);
	cache->stats.books--;
	cache->stats.bytes -= entry->bytes;
	while (entry->pieces != NULL)
	{
		Piece	   *piece = entry->pieces;

		LL_DELETE(entry->pieces, piece);
		free(piece);
	}
	free(entry->book.events);
	free(entry);
}

/* Of all that they point to; each slice ends in a zero byte. */
static size_t
events_size(const AzEvent *events, size_t count)
{
	size_t		size = 0;

	for (size_t i = 0; i < count; i++)
		size += strlen(events[i].correlation_id) + strlen(events[i].type_url) +
			events[i].payload.len + events[i].external.len +
			events[i].ext.len + 5;
	return size;
}

/* As a load gives them: who caused an event, for one, is not part of a book. */
static void
copy_events(AzEvent *copies, const AzEvent *events, size_t count,
			uint8_t *place)
{
	for (size_t i = 0; i < count; i++)
	{
		const AzEvent *event = &events[i];

		copies[i] = (AzEvent)
		{
			.sequence = event->sequence,.created_at_us = event->created_at_us
		};
		copies[i].correlation_id = copy_text(event->correlation_id, &place);
		copies[i].type_url = copy_text(event->type_url, &place);
		copies[i].payload = copy_bytes(event->payload, &place);
		copies[i].external = copy_bytes(event->external, &place);
		copies[i].ext = copy_bytes(event->ext, &place);
	}
}

static const char *
copy_text(const char *text, uint8_t **place)
{
	return (const char *) copy_bytes(az_bytes_of(text), place).data;
}

static AzBytes
copy_bytes(AzBytes bytes, uint8_t **place)
{
	AzBytes		copy = {*place, bytes.len};

	if (bytes.len > 0)
		memcpy(*place, bytes.data, bytes.len);
	(*place)[bytes.len] = 0;
	*place += bytes.len + 1;
	return copy;
}

static bool
copy_snapshot(const AzSnapshot *snapshot, AzArena *arena, AzBook *book)
{
	AzSnapshot *copy;

	if (snapshot == NULL)
		return true;
	copy = az_arena_alloc(arena, sizeof(AzSnapshot));
	if (copy == NULL)
		return false;
	*copy = *snapshot;
	copy->type_url = az_arena_string(arena, snapshot->type_url);
	book->snapshot = copy;
	return copy->type_url != NULL &&
		az_arena_copy(arena, snapshot->state, &copy->state);
}
