/* Filing dead letters: what could not be done, kept for a human. */
#ifndef AZ_STORE_DEAD_LETTERS_H
#define AZ_STORE_DEAD_LETTERS_H

#include "codec/dead_letter.h"
#include "store/wish.h"

/* Fill the letter; it is durable when the wish is fulfilled. */
typedef struct AzDeadLetterWish
{
	AzWish		wish;			/* must come first */
	AzDeadLetter letter;
} AzDeadLetterWish;

extern const AzWishKind az_dead_letter_kind;

/* Files "count" letters, in the open transaction. */
extern bool az_dead_letters_file(AzDb *db, const AzDeadLetter *const *letters,
								 size_t count, AzArena *scratch,
								 AzError *error);

#endif
