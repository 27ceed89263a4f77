/* Finding aggregates: those with a correlation id, and all there are. */
#ifndef AZ_STORE_FIND_H
#define AZ_STORE_FIND_H

#include "store/read.h"

/* An aggregate and where its pages with the correlation id are. */
typedef struct AzFound
{
	AzAggregate aggregate;		/* with what a cover said of its domain */
	int64_t		first_position;
	int64_t		end_position;
} AzFound;

/*
 * The aggregates that have pages with the selection's correlation id, in the
 * order of their first one.  Those whose first page is after after_position
 * count, and no page after end_position.  Results are in the wish's arena.
 */
typedef struct AzFindWish
{
	AzWish		wish;			/* must come first */
	const AzSelection *selection;
	int64_t		after_position;
	int64_t		end_position;
	int			max_rows;
	AzFound    *found;
	size_t		count;
	int64_t		newest_position;	/* of the last page of any of them */
} AzFindWish;

/*
 * Aggregates with events on the main timeline, each once, from after one on
 * (NULL: from the first), max_rows at most; results in the wish's arena.
 */
typedef struct AzRootsWish
{
	AzWish		wish;			/* must come first */
	const AzAggregate *after;
	int			max_rows;
	AzAggregate *roots;
	size_t		count;
} AzRootsWish;

extern const AzWishKind az_find_kind;
extern const AzWishKind az_roots_kind;

#endif
