/* Deleting an edition of a domain, part by part: contract section 9. */
#ifndef AZ_STORE_EDITIONS_H
#define AZ_STORE_EDITIONS_H

#include "store/wish.h"

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
