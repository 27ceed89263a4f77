/*
 * The gRPC client: channels to addresses, and unary calls on them.
 *
 * A channel belongs to one address as registered; it resolves the name,
 * keeps a few HTTP/2 connections over all addresses the name stands for
 * (round robin), reconnects with backoff, looks the name up again when a
 * connection is lost, queues calls while it connects or is at its limit,
 * and gives them up at their deadline.  Every call ends exactly once, with
 * "done" or with az_call_cancel; "done" never comes from inside
 * az_call_start.
 */
#ifndef AZ_NET_CHANNELS_H
#define AZ_NET_CHANNELS_H

#include "base/error.h"
#include "net/loop.h"
#include "wire/metadata.h"

typedef struct AzChannels AzChannels;
typedef struct AzChannel AzChannel;
typedef struct AzCall AzCall;

typedef struct AzClientLimits
{
	size_t		connections;	/* per channel; one per address when the name
								 * has more */
	size_t		max_inflight;	/* calls per channel; further ones wait */
	size_t		max_queued;		/* waiting calls per channel */
	size_t		max_header_bytes;	/* names and values of one answer */
	size_t		max_message_bytes;	/* of one answer */
	int64_t		connect_timeout_us;
	int64_t		backoff_min_us; /* first wait after a failed connect */
	int64_t		backoff_max_us;
	int64_t		keepalive_us;	/* PING after so long a silence while calls
								 * are open; 0 = never */
	int64_t		keepalive_timeout_us;	/* connection lost when unanswered */
	int64_t		idle_timeout_us;	/* closes connections without calls, and
									 * frees channels without connections */
} AzClientLimits;

/* All it points to must stay until the call ended. */
typedef struct AzCallRequest
{
	const char *path;			/* "/package.Service/Method" */
	AzMetadata	metadata;		/* custom metadata to send */
	AzBytes		message;
	int64_t		deadline_us;	/* monotonic; INT64_MAX = none */
	AzArena    *arena;			/* for the call itself and its answer */

	/*
	 * "status" has code AZ_OK and "answer" holds the message, or the error
	 * that happened: the peer's as it is (with its details), or ours, whose
	 * message names the address and the phase (resolve, connect, send,
	 * answer) and whose sqlstate is AZ_SQLSTATE_UNREACHABLE.  Both live in
	 * the request's arena, which may be freed in here.
	 */
	void		(*done) (void *owner, AzBytes answer, const AzError *status);
	void	   *owner;
} AzCallRequest;

extern AzChannels *az_channels_create(AzLoop *loop,
									  const AzClientLimits *limits);
extern void az_channels_set_limits(AzChannels *channels,
								   const AzClientLimits *limits);

/* Ends every call with UNAVAILABLE, then frees all; not from "done". */
extern void az_channels_free(AzChannels *channels);

/*
 * The channel of "grpc://host:port" or "unix:/path", made when it is asked
 * for first.  INVALID_ARGUMENT, naming what was found and what is allowed,
 * for anything else.  It frees itself when it was not asked for during an
 * idle timeout: get it for each call, and use it at once.
 */
extern AzChannel *az_channels_get(AzChannels *channels, const char *address,
								  AzArena *arena, AzError *error);

/* Checks the form only; nothing is looked up. */
extern bool az_address_check(const char *address, AzArena *arena,
							 AzError *error);

/*
 * Starts a call; NULL when memory is out or the queue is full (RESOURCE_
 * EXHAUSTED in "error"; "done" does not come then), or from "done" inside
 * az_channels_free (UNAVAILABLE).
 */
extern AzCall *az_call_start(AzChannel *channel, const AzCallRequest *request,
							 AzError *error);

/*
 * Gives the call up: RST_STREAM when it was sent; "done" does not come, and
 * the arena may be freed after.  Not for a call whose "done" has come.
 */
extern void az_call_cancel(AzCall *call);

/* ---- for watching ---- */
extern size_t az_channels_count(const AzChannels *channels);
extern size_t az_channel_inflight(const AzChannel *channel);
extern size_t az_channel_queued(const AzChannel *channel);
extern size_t az_channel_connected(const AzChannel *channel);

#endif
