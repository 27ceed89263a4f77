/*
 * One connection to a peer: socket, HTTP/2 session, keepalive, idleness.
 *
 * It tells its owner two things: that something changed (it opened, a stream
 * ended, the peer allows more or takes no more), and that it is lost, after
 * every stream on it has been told.  Neither comes from inside the functions
 * below; what they queue is written at the end of the loop's turn.
 */
#ifndef AZ_NET_CONNECTION_H
#define AZ_NET_CONNECTION_H

#include "net/http2_client.h"
#include "net/loop.h"
#include "net/socket.h"

typedef struct AzConnection AzConnection;

typedef struct AzConnectionLimits
{
	size_t		max_header_bytes;	/* told to the peer */
	int64_t		connect_timeout_us; /* until the peer's SETTINGS are there */
	int64_t		keepalive_us;	/* 0 = never */
	int64_t		keepalive_timeout_us;
	int64_t		idle_timeout_us;	/* 0 = never */
} AzConnectionLimits;

typedef struct AzConnectionEvents
{
	void		(*changed) (void *owner);

	/*
	 * The reason alone, without address: UNAVAILABLE, INTERNAL when the peer
	 * does not speak HTTP/2, RESOURCE_EXHAUSTED, or OK when we closed it
	 * because it was idle.  The owner frees the connection.
	 */
	void		(*lost) (void *owner, const AzError *why);
} AzConnectionEvents;

/*
 * Starts to connect; NULL with the reason in "error" (texts are constants)
 * when it cannot be tried.
 */
extern AzConnection *az_connection_open(AzLoop *loop,
										const AzSocketAddress *address,
										const AzConnectionLimits *limits,
										const AzConnectionEvents *events,
										void *owner, AzError *error);

/* Closes; streams still on it are forgotten without being told. */
extern void az_connection_free(AzConnection *connection);

/* Connected, greeted, and not on the way out. */
extern bool az_connection_is_open(const AzConnection *connection);

/* Still on the way to being open. */
extern bool az_connection_is_opening(const AzConnection *connection);

/* How many more streams the peer allows; 0 when not open. */
extern size_t az_connection_room(const AzConnection *connection);
extern size_t az_connection_streams(const AzConnection *connection);

/* Puts a request on it; there is room.  False: out of memory. */
extern bool az_connection_send(AzConnection *connection, AzHttp2Stream *stream,
							   const AzHttp2Request *request);

/* Gives a stream up: RST_STREAM; "ended" does not come. */
extern void az_connection_reset(AzHttp2Stream *stream);

#endif
