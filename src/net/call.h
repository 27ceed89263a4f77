/*
 * One unary call: waits in its channel's queue, is sent on a connection,
 * ends.
 *
 *	QUEUED -> SENT -> ENDED -> GONE
 *	   ^________|  once, when the peer has surely done nothing
 *
 * Its memory is the request's arena.  It ends once, with a result that
 * az_call_deliver gives to the owner from a timer of the channels, or with
 * az_call_cancel.
 */
#ifndef AZ_NET_CALL_H
#define AZ_NET_CALL_H

#include "net/channels.h"
#include "net/http2_client.h"
#include "net/pool.h"

typedef enum AzCallState
{
	AZ_CALL_NEW,				/* in no list yet */
	AZ_CALL_QUEUED,				/* in the channel's queue */
	AZ_CALL_SENT,				/* on a connection, in the channel's list */
	AZ_CALL_ENDED,				/* the result is there, "done" is owed */
	AZ_CALL_GONE				/* told or given up; nobody knows it any more */
} AzCallState;

struct AzCall
{
	AzCallState state;
	AzChannel  *channel;
	AzCallRequest request;
	AzLink		link;			/* in the list that belongs to the state */
	AzTimer		deadline;
	AzHttp2Stream stream;
	AzAnswer	answer;
	AzSlot	   *slot;			/* it was sent on; dangles after the end */
	bool		repeated;		/* it was sent twice */
	AzBytes		message;		/* the result */
	AzError		status;
};

/* Puts a new call at the end of its channel's queue. */
extern void az_call_queue(AzCall *call);

/* Sends a queued call on a slot that has room; if it cannot it ends. */
extern void az_call_send(AzCall *call, AzSlot *slot);

/* Ends a queued or sent call with an error; "detail" may be NULL. */
extern void az_call_fail(AzCall *call, AzCode code, const char *message,
						 const char *detail);

/* Tells the owner of an ended call; the call may not be touched after. */
extern void az_call_deliver(AzCall *call);

#endif
