/*
 * The outbox: what must still be delivered, recorded in the transaction of
 * what caused it, and kept until that is done or given up (contract section
 * 8).
 */
#ifndef AZ_STORE_OUTBOX_H
#define AZ_STORE_OUTBOX_H

#include "codec/event.h"
#include "store/wish.h"

#define AZ_OUTBOX_REJECTION		"rejection" /* of a reaction's command */
#define AZ_OUTBOX_COMPENSATE	"compensate"	/* what a command did */
#define AZ_OUTBOX_NOTIFICATION	"notification"	/* forwarded to its cover */

/*
 * Something to be recorded; of one kind and key it is recorded once.  The
 * envelope is an encoded CommandBook (codec/notification.h).
 */
typedef struct AzOutboxRow
{
	const char *kind;			/* AZ_OUTBOX_* */
	const char *component;		/* that issued the command it is about */
	AzAggregate target;			/* to whom it goes */
	AzBytes		digest_key;		/* hashed by the store, so of any length */
	AzBytes		envelope;
	int32_t		depth;			/* of causation of what it will write */
} AzOutboxRow;

/* Something that was recorded. */
typedef struct AzOutboxEntry
{
	int64_t		id;
	AzOutboxRow row;			/* without "digest_key" */
	int			attempts;		/* made so far */
	int64_t		next_attempt_us;	/* since 1970 UTC */
} AzOutboxEntry;

/* Puts one off that could not be delivered; one that is gone stays so. */
typedef struct AzPostponeWish
{
	AzWish		wish;			/* must come first */
	int64_t		id;
	int			attempts;		/* made so far, this one too */
	int64_t		next_attempt_us;
	const char *last_error;
} AzPostponeWish;

extern const AzWishKind az_postpone_kind;

/* Records "count" rows, in the open transaction. */
extern bool az_outbox_record(AzDb *db, const AzOutboxRow *const *rows,
							 size_t count, AzArena *scratch, AzError *error);

/*
 * Which are read: those that are due first, also what is not due yet.  The
 * entries are the result, in the arena that az_outbox_read is given.
 */
typedef struct AzOutboxPage
{
	int64_t    *busy;			/* ids that are left out */
	size_t		n_busy;
	int			most;			/* entries to be read */
	AzOutboxEntry *entries;
	size_t		count;
} AzOutboxPage;

/* Reads in the open transaction. */
extern bool az_outbox_read(AzDb *db, AzOutboxPage *page, AzArena *arena,
						   AzError *error);

/* Forgets those with these ids, in the open transaction. */
extern bool az_outbox_close(AzDb *db, int64_t *ids, size_t count,
							AzArena *scratch, AzError *error);

#endif
