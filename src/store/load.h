/* Loading books: the newest snapshot and the pages after it, or a range. */
#ifndef AZ_STORE_LOAD_H
#define AZ_STORE_LOAD_H

#include "codec/event.h"
#include "store/wish.h"

/* Fill all but "book"; the result is in book, in the wish's arena. */
typedef struct AzLoadWish
{
	AzWish		wish;			/* must come first */
	AzAggregate aggregate;
	bool		use_snapshot;	/* false: pages from lower on */
	int64_t		lower;			/* first sequence, without a snapshot */
	int64_t		upper;			/* last one; AZ_EVERY_SEQUENCE = all */
	AzBook		book;
} AzLoadWish;

extern const AzWishKind az_load_kind;

#endif
