/*
 * Editions: where a stream leaves the main timeline, and deleting all of
 * them, part by part (contract section 9).
 */
#ifndef AZ_STORE_EDITIONS_H
#define AZ_STORE_EDITIONS_H

#include "codec/event.h"
#include "store/wish.h"

/* Fill "aggregate", of an edition; the rest is the result. */
typedef struct AzBranchWish
{
	AzWish		wish;			/* must come first */
	AzAggregate aggregate;
	bool		is_own;			/* it has left the main timeline */
	bool		has_fixed;		/* its edition says where it leaves */
	int64_t		fixed;
	int64_t		next_sequence;
} AzBranchWish;

extern const AzWishKind az_branch_kind;

/*
 * Fill edition and domain.  Each time about as much is deleted as a tick may
 * take.  BUSY: what is left others are writing to; ask again.
 */
typedef struct AzEditionWish
{
	AzWish		wish;			/* must come first */
	const char *edition;
	const char *domain;
	bool		is_gone;		/* else there is more: ask again */
} AzEditionWish;

extern const AzWishKind az_edition_kind;

#endif
