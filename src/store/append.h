/* Appending: all events of one command or none, many commands at once. */
#ifndef AZ_STORE_APPEND_H
#define AZ_STORE_APPEND_H

#include "codec/event.h"
#include "store/wish.h"

/*
 * Fill all but the results.  events[0].sequence is the expected sequence;
 * the others follow without gap.  BUSY: another open transaction is writing
 * there; ask again.
 */
typedef struct AzAppendWish
{
	AzWish		wish;			/* must come first */
	AzAggregate aggregate;
	const AzEvent *events;
	size_t		count;			/* at least 1 */
	bool		appended;		/* else overtaken: the stream is elsewhere */
	int64_t		next_sequence;	/* of the stream now */
} AzAppendWish;

extern const AzWishKind az_append_kind;

#endif
