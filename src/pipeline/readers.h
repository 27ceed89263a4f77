/*
 * Who follows the log: readers enter themselves here, and the follower
 * (engine/follower.h) tells them.  It runs only while there are some.
 */
#ifndef AZ_PIPELINE_READERS_H
#define AZ_PIPELINE_READERS_H

#include "store/follow.h"

typedef struct AzReader AzReader;

struct AzReader
{
	bool		only_correlated;	/* events without a correlation id may be
									 * left out */
	bool		only_horizon;	/* it is told how far the log is settled, and
								 * of no event in particular */

	/*
	 * Told after each look at the log, with no events too.  From the horizon
	 * of the first one on a reader is told of every event, once, in order;
	 * perhaps of some before.  The batch is good during the call only.  It
	 * may remove itself.
	 */
	void		(*take) (AzReader *reader, const AzLogBatch *batch);
	void	   *owner;
	bool		follows;		/* is among the readers */
	AzReader   *previous;
	AzReader   *next;
};

/* All zeros is a list of nobody. */
typedef struct AzReaders
{
	AzReader   *first;
	bool		asked;			/* somebody waits for the next look */
} AzReaders;

/* Both do nothing when it is done already; "add" asks for a look. */
extern void az_readers_add(AzReaders *readers, AzReader *reader);
extern void az_readers_remove(AzReaders *readers, AzReader *reader);

/* There shall be a look soon, even if nothing has happened. */
extern void az_readers_ask(AzReaders *readers);

/* Whether all of them leave out what has no correlation id. */
extern bool az_readers_only_correlated(const AzReaders *readers);

/* Whether none of them wants to be told of events. */
extern bool az_readers_only_horizon(const AzReaders *readers);

extern void az_readers_tell(AzReaders *readers, const AzLogBatch *batch);

#endif
