/*
 * The follower: reads the log behind its horizon for all who follow it
 * (pipeline/readers.h), once for all of them.
 *
 * It looks when the host says that the log may have moved, and while
 * transactions that have appended are open again after 1, 2, 4 ... 250 ms,
 * for not every end is told.  A look is one transaction with one statement,
 * and a second one where there is something to read.  Without readers it
 * does nothing at all.
 */
#ifndef AZ_ENGINE_FOLLOWER_H
#define AZ_ENGINE_FOLLOWER_H

#include "engine/schedule.h"
#include "pipeline/readers.h"

typedef struct AzFollower
{
	AzDb	   *db;
	AzReaders  *readers;
	AzArena    *scratch;		/* emptied after each look */
	AzSchedule	schedule;
	int64_t		poll_us;		/* a look at least so often */
	int64_t		cursor;			/* all up to here is told; -1 = at rest */
	int64_t		horizon;		/* of the last look */
	uint64_t	seen;			/* generation of the log before that */
	int			pause_ms;		/* before the next look; 0 = nobody is open */
} AzFollower;

/* False when memory is out. */
extern bool az_follower_init(AzFollower *follower, AzDb *db, AzLoop *loop,
							 AzReaders *readers, int64_t poll_us);
extern void az_follower_free(AzFollower *follower);

/* Whether there is something to do now. */
extern bool az_follower_wants_turn(const AzFollower *follower);

/* Looks if it is time to, reads one batch, and tells the readers. */
extern void az_follower_turn(AzFollower *follower);

#endif
