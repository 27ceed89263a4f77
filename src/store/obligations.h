/*
 * What follows from something that is over, in one transaction: outbox rows,
 * dead letters, keys that say so, and the row of the outbox it came from.
 */
#ifndef AZ_STORE_OBLIGATIONS_H
#define AZ_STORE_OBLIGATIONS_H

#include "store/dead_letters.h"
#include "store/keys.h"
#include "store/outbox.h"

/* A key to be kept; one that is kept already stays as it is. */
typedef struct AzSettledKey
{
	AzAggregate aggregate;
	AzKey		key;			/* kind "settled", as a rule */
	AzKept		kept;
} AzSettledKey;

/* Any of the arrays may be empty; all of it is done or nothing. */
typedef struct AzObligationWish
{
	AzWish		wish;			/* must come first */
	const AzOutboxRow *rows;
	size_t		n_rows;
	const AzDeadLetter *letters;
	size_t		n_letters;
	AzSettledKey *keys;
	size_t		n_keys;
	int64_t		closed;			/* id of an outbox row that goes, 0 = none */
} AzObligationWish;

extern const AzWishKind az_obligation_kind;

#endif
