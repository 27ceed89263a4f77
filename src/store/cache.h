/*
 * The cache: books of aggregates that are asked for often, so that a command
 * need not load them again.
 *
 * A book here is what somebody of this process loaded or appended; anybody
 * else may have written since.  Whoever uses one has to find out before he
 * answers (pipeline/recall.h).  Main timeline only: an edition's book also
 * changes when main does, or with its divergence.
 */
#ifndef AZ_STORE_CACHE_H
#define AZ_STORE_CACHE_H

#include "codec/event.h"

typedef struct AzCache AzCache;

/* Counters only grow. */
typedef struct AzCacheStats
{
	size_t		books;			/* kept now */
	size_t		bytes;			/* that they take, with what keeps them */
	uint64_t	hits;
	uint64_t	misses;
	uint64_t	evicted;		/* for want of room */
} AzCacheStats;

/* At most so many bytes, 0 = keeps nothing; NULL when memory is out. */
extern AzCache *az_cache_create(size_t max_bytes);
extern void az_cache_free(AzCache *cache);

/* Makes room at once when it is less. */
extern void az_cache_set_limit(AzCache *cache, size_t max_bytes);

/*
 * A copy in the arena of what is kept of an aggregate; false when nothing is,
 * or nothing that was loaded with the same "use_snapshot", and when memory is
 * out (then the cache is emptied).
 */
extern bool az_cache_get(AzCache *cache, const AzAggregate *aggregate,
						 bool use_snapshot, AzArena *arena, AzBook *book);

/*
 * Keeps a copy of a book that was loaded whole, in place of an older one, and
 * drops those not used for the longest time.  One that alone is over the
 * limit is not kept; neither is one without events and snapshot.
 */
extern void az_cache_put(AzCache *cache, const AzBook *book,
						 bool use_snapshot);

/*
 * Events that were appended to an aggregate: its book grows, or begins with
 * event 0.  A book that they do not follow is dropped.
 */
extern void az_cache_add(AzCache *cache, const AzAggregate *aggregate,
						 bool use_snapshot, const AzEvent *events,
						 size_t count);

extern void az_cache_drop(AzCache *cache, const AzAggregate *aggregate);
extern void az_cache_clear(AzCache *cache);

extern void az_cache_stats(const AzCache *cache, AzCacheStats *stats);

#endif
