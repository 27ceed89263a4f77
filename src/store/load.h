/* Loading books: the newest snapshot and the pages after it, or a range. */
#ifndef AZ_STORE_LOAD_H
#define AZ_STORE_LOAD_H

#include "codec/event.h"
#include "store/wish.h"

/*
 * Fill all but "book"; the result is in book, in the wish's arena.
 *
 * aggregate.divergence, where a cover said one: FAILED_PRECONDITION when the
 * edition has events of its own that begin elsewhere.  A point to look back
 * to: "upper" for a sequence, "as_of_us" for a time; with use_snapshot the
 * newest snapshot of that point is taken.  A book of more than max_bytes is
 * RESOURCE_EXHAUSTED, and never takes more memory than a few times that.
 */
typedef struct AzLoadWish
{
	AzWish		wish;			/* must come first */
	AzAggregate aggregate;
	bool		use_snapshot;	/* false: pages from lower on */
	int64_t		lower;			/* first sequence, without a snapshot */
	int64_t		upper;			/* last one; AZ_EVERY_SEQUENCE = all */
	bool		has_as_of;
	int64_t		as_of_us;		/* what was there at that time */
	size_t		max_bytes;		/* of the pages; 0 = any number */
	AzBook		book;
} AzLoadWish;

extern const AzWishKind az_load_kind;

#endif
