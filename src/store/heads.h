/*
 * Whether books are still what a load would give: compares where streams end
 * now, and their newest snapshots, without reading a page.
 */
#ifndef AZ_STORE_HEADS_H
#define AZ_STORE_HEADS_H

#include "codec/event.h"
#include "store/wish.h"

/* One book of many; its aggregate is one of the main timeline. */
typedef struct AzHeadRow
{
	const AzBook *book;
	bool		use_snapshot;	/* false: a load would have left it out */
	bool	   *holds;			/* the result */
} AzHeadRow;

/*
 * Compares each in the open transaction.  Since events never change, a book
 * holds when its stream's last event is the book's last one (number and
 * time), and the newest snapshot is the book's (number, time and size).
 */
extern bool az_heads_compare(AzDb *db, const AzHeadRow *rows, size_t count,
							 AzArena *scratch, AzError *error);

/* The same as a wish: fill book and use_snapshot. */
typedef struct AzHeadWish
{
	AzWish		wish;			/* must come first */
	const AzBook *book;
	bool		use_snapshot;
	bool		holds;
} AzHeadWish;

extern const AzWishKind az_head_kind;

#endif
