/*
 * Idempotency keys: what was done under a key, so that a repeat is harmless
 * (contract sections 6 and 8).
 */
#ifndef AZ_STORE_KEYS_H
#define AZ_STORE_KEYS_H

#include "codec/event.h"
#include "store/wish.h"

/* Under which an aggregate is asked once. */
typedef struct AzKey
{
	const char *kind;			/* "command", "fact" … as in processed.kind */
	AzBytes		bytes;			/* hashed by the store, so of any length */
} AzKey;

/* What the first one got. */
typedef struct AzKept
{
	bool		found;
	bool		has_events;
	int64_t		first;			/* sequence of its first event */
	int64_t		last;			/* of its last one */
	AzBytes		answer;			/* encoded BusinessResponse when not events */
} AzKept;

/* One key of many. */
typedef struct AzKeyRow
{
	const AzAggregate *aggregate;
	const AzKey *key;
	AzKept	   *kept;
	AzArena    *arena;			/* of what is found */
} AzKeyRow;

/* Looks for a key: fill aggregate and key, "kept" is the result. */
typedef struct AzKeyWish
{
	AzWish		wish;			/* must come first */
	AzAggregate aggregate;
	AzKey		key;
	AzKept		kept;
} AzKeyWish;

extern const AzWishKind az_key_kind;

/* Fills what was kept of each, in the open transaction. */
extern bool az_keys_find(AzDb *db, const AzKeyRow *rows, size_t count,
						 AzArena *scratch, AzError *error);

/*
 * Writes what is to be kept of each, in the transaction of the events.  Fails
 * with 23505 when somebody else has kept one of them since: look again.
 */
extern bool az_keys_keep(AzDb *db, const AzKeyRow *rows, size_t count,
						 AzArena *scratch, AzError *error);

/* The same, where a key that is kept already stays as it is. */
extern bool az_keys_settle(AzDb *db, const AzKeyRow *rows, size_t count,
						   AzArena *scratch, AzError *error);

#endif
