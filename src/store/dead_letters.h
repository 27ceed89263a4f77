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

#endif
