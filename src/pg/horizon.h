/*
 * How far the log is settled: up to the horizon every transaction that drew a
 * position has ended.
 *
 * Whoever draws a position takes a lock on the sequence first and keeps it to
 * the end of the transaction, also over PREPARE.  So: read the sequence, then
 * see who holds the lock.  A holder that was not there at the turn before
 * draws above what the sequence was at then: that is its floor.  The horizon
 * is the least of the sequence and all floors.
 *
 * Nothing above the horizon may be read, and what is below it only with a
 * snapshot taken after the turn.
 */
#ifndef AZ_PG_HORIZON_H
#define AZ_PG_HORIZON_H

#include "storage/lock.h"

/* A transaction that has drawn a position, or is about to. */
typedef struct AzHolder
{
	VirtualTransactionId vxid;
	int64		floor;			/* all it draws is above */
} AzHolder;

/* What one turn found. */
typedef struct AzHorizon
{
	int64		position;		/* all up to here is settled */
	int			count;			/* of holders */
	AzHolder   *holders;
} AzHorizon;

/*
 * One turn over the sequence of positions, in a transaction.  Each process
 * remembers its last turn; the result is good until the next one.  Not on a
 * standby, where nobody holds locks: 55000.
 */
extern const AzHorizon *az_horizon_turn(Oid sequence);

/*
 * Flushes WAL up to where it is now: what was read may be told outside, even
 * if its writer did not wait for that.
 */
extern void az_horizon_flush(void);

#endif
