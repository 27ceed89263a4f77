/*
 * A channel: one address as registered, its queue of calls, its lookups, and
 * its pool of connections.
 *
 * It connects while it is wanted: while calls wait or are out, and for an
 * idle timeout after the last one began.  As long as a connection is being
 * opened or the name is looked up, calls wait; when nothing is left to try
 * before some backoff is over they fail at once with the last failure.
 *
 * One that has no calls, no connection and was not asked for during an idle
 * timeout frees itself, from a timer of its own only: never under whoever
 * has just got it.
 */
#ifndef AZ_NET_CHANNEL_H
#define AZ_NET_CHANNEL_H

#include "base/map.h"
#include "net/address.h"
#include "net/call.h"
#include "net/pool.h"
#include "net/resolver.h"

struct AzChannels
{
	AzLoop	   *loop;
	AzClientLimits limits;
	AzMap	   *by_address;
	AzList		channels;
	AzList		ended;			/* calls whose "done" is owed */
	AzTimer		deliver;		/* runs always, so that it starts surely */
	bool		closing;		/* no calls any more */
};

struct AzChannel
{
	AzLink		link;
	AzChannels *channels;
	AzArena    *arena;			/* the channel itself and its texts */
	AzAddress	address;
	AzList		queue;
	AzList		sent;
	AzPool		pool;
	AzTimer		timer;			/* runs always; the next thing to try */
	AzLookup	lookup;
	bool		stale;			/* something failed since the last lookup */
	unsigned	lookups;		/* in a row, for the wait between them */
	int64_t		lookup_us;		/* no lookup before */
	int64_t		wanted_us;		/* when the last call began; 0 = never */
	int64_t		used_us;		/* when it was asked for the last time */
	AzTimer		unused;			/* runs always; frees it when nobody asks */
};

/* NULL with the error when memory is out or the address is of no form. */
extern AzChannel *az_channel_create(AzChannels *channels, const char *address,
									AzArena *arena, AzError *error);

/* Its calls have ended before. */
extern void az_channel_free(AzChannel *channel);

/* Queues a new call; false with the error when the queue is full. */
extern bool az_channel_submit(AzChannel *channel, AzCall *call,
							  AzError *error);

/* Looks what can be done: look up, connect, send, or fail what waits. */
extern void az_channel_advance(AzChannel *channel);

/* Frees a channel that may be asked for again: it is made anew then. */
extern void az_channels_forget(AzChannels *channels, AzChannel *channel);

/* Has the ended calls delivered in this turn of the loop, or the next. */
extern void az_channels_deliver_soon(AzChannels *channels);

#endif
