/*
 * Appending: all events of one command or none, many commands at once; with
 * them, in the same transaction, its key, its snapshot, what it owes others,
 * and the timers it sets.
 */
#ifndef AZ_STORE_APPEND_H
#define AZ_STORE_APPEND_H

#include "store/keys.h"
#include "store/reserve.h"
#include "store/outbox.h"
#include "store/timers.h"

/*
 * Fill all but the results.  events[0].sequence is the expected sequence;
 * the others follow without gap.  Without events only the key and the
 * snapshot are kept.  BUSY: another open transaction is writing there; ask
 * again.
 */
typedef struct AzAppendWish
{
	AzWish		wish;			/* must come first */
	AzAggregate aggregate;
	const AzEvent *events;
	size_t		count;			/* 0: there must be a key, a snapshot or
								 * something for the outbox */
	bool		begins;			/* its edition, as nobody had when it was
								 * loaded */
	const AzKey *key;			/* under which this is done once, or NULL */
	const AzSnapshot *snapshot; /* the state after these events, or NULL */
	AzReservation **reservations;	/* of their deliveries, or NULL */
	size_t		n_reservations;
	const AzOutboxRow *outbox;	/* to be recorded with them, or NULL */
	size_t		n_outbox;
	const AzTimerRow *timers;	/* likewise, of the process that it is */
	size_t		n_timers;

	/*
	 * What it was decided on, where that was remembered and not loaded: when
	 * the stream no longer is so, nothing is appended.  NULL: not looked at;
	 * that the events follow the last one is looked at anyway.
	 */
	const AzBook *seen;
	AzKept		kept;			/* set "answer"; rest is a result with a key */
	bool		appended;		/* else overtaken, or repeated */
	bool		moved;			/* overtaken, and "seen" is no longer so */
	bool		repeated;		/* done before: "kept" says what came of it */
	bool		lost;			/* overtaken: somebody else began the edition */
	int64_t		next_sequence;	/* of the stream now, unless one of these */
} AzAppendWish;

extern const AzWishKind az_append_kind;

#endif
