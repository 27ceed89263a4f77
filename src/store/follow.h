/*
 * Reading the log in order: how far it is settled, and the events up to there.
 *
 * First the horizon, then the events, in one transaction but in this order:
 * an event is read with a snapshot that is newer than the horizon.
 */
#ifndef AZ_STORE_FOLLOW_H
#define AZ_STORE_FOLLOW_H

#include "codec/event.h"
#include "db/db.h"

/* What one look found. */
typedef struct AzLogHorizon
{
	int64_t		position;		/* all up to here is settled */
	bool		has_holders;	/* some who have appended are still open: look
								 * again, not every end is told */
} AzLogHorizon;

/* What to read. */
typedef struct AzLogRange
{
	int64_t		after;			/* a position */
	int64_t		up_to;			/* at most the horizon */
	int32_t		max_events;		/* 1 or more */
	int64_t		max_bytes;		/* of payload; one event is always read */
	bool		only_correlated;	/* not what has no correlation id */
} AzLogRange;

/*
 * An event, and its place in its append: what one transaction has written to
 * one stream with one correlation id, which is known for events that have one.
 */
typedef struct AzLogEvent
{
	AzAggregate aggregate;		/* with the divergence of its edition */
	AzEvent		event;
	int64_t		position;
	bool		opens;			/* it is the first one of its append */
	int64_t		next_position;	/* of the append's next one; 0 = the last */
} AzLogEvent;

/* What was read, in log order; isolated events are never among them. */
typedef struct AzLogBatch
{
	AzLogEvent *events;
	size_t		count;
	int64_t		up_to;			/* all there is up to here has been read */
	int64_t		horizon;		/* when it was read */
} AzLogBatch;

/*
 * Both in the open transaction; false with the error when it is spoiled, or
 * memory is out.  What az_follow_read answers lives in "arena", and is durable.
 */
extern bool az_follow_horizon(AzDb *db, AzLogHorizon *horizon, AzArena *arena,
							  AzError *error);
extern bool az_follow_read(AzDb *db, const AzLogRange *range, AzLogBatch *batch,
						   AzArena *arena, AzError *error);

/* About what an event takes in a message, in bytes. */
extern size_t az_follow_event_size(const AzEvent *event);

#endif
