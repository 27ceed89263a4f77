/*
 * Puts the events of the log together again as they were appended.
 *
 * Events of one append need not follow each other in the log, and a batch may
 * end between them.  Here they wait for each other: appends come out whole, in
 * the order of their first events.  One that is too big comes in pieces.
 */
#ifndef AZ_PIPELINE_APPENDS_H
#define AZ_PIPELINE_APPENDS_H

#include "store/follow.h"

typedef struct AzAppend AzAppend;

/* Appends that are not given yet; all zeros is none. */
typedef struct AzAppends
{
	AzAppend   *first;
	size_t		bytes;			/* of their events, about */
} AzAppends;

/* A whole append, or some of its pages; good until the next call. */
typedef struct AzPiece
{
	AzBook		book;			/* next_sequence follows from its last page */
	int64_t		first_position; /* of the append */
	int64_t		last_position;	/* of the piece */
} AzPiece;

/*
 * Takes a copy of the next event of the log.  One that goes on with an append
 * whose first event was never put is left out: that one is from before.
 * False when memory is out; then only az_appends_free is left.
 */
extern bool az_appends_put(AzAppends *appends, const AzLogEvent *event);

/*
 * The log has been put up to this position: an append whose next event should
 * have come by then (it was deleted meanwhile) is over.
 */
extern void az_appends_settle(AzAppends *appends, int64_t up_to);

/*
 * The next append that is whole, or what there is of one that has more than
 * "max_bytes": in pieces of at most that, but never less than one event.
 * False when there is none.
 */
extern bool az_appends_next(AzAppends *appends, size_t max_bytes,
							AzPiece *piece);

extern void az_appends_free(AzAppends *appends);

#endif
