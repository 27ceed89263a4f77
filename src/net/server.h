/*
 * The gRPC server: listeners, connections, and the calls of clients.
 *
 * It knows streams, messages and statuses, not what they mean: the owner
 * gets events and answers when it likes.  A call is alive from "opened"
 * until "closed"; after "closed" returns the pointer is dead.  Output is
 * written at the end of the loop's turn, so many answers share one write.
 */
#ifndef AZ_NET_SERVER_H
#define AZ_NET_SERVER_H

#include "base/error.h"
#include "net/loop.h"
#include "wire/metadata.h"

typedef struct AzServer AzServer;
typedef struct AzServerCall AzServerCall;

typedef struct AzServerLimits
{
	size_t		max_connections;	/* further ones are closed at once */
	size_t		max_streams;	/* open calls per connection */
	size_t		max_header_bytes;	/* of one request, counted as HTTP/2 does:
									 * names, values, and 32 for each */
	size_t		max_message_bytes;	/* of one request message */
	size_t		max_output_bytes;	/* not yet written, per connection, before
									 * it stops reading */
	size_t		max_resets;		/* by the client, per second and connection */
	size_t		max_control_frames; /* PING, SETTINGS, PRIORITY and empty DATA
									 * with no answer of ours between them,
									 * likewise */
	int64_t		handshake_timeout_us;	/* until the client preface is there */
	int64_t		idle_timeout_us;	/* a connection without calls; 0 = never */
	int64_t		keepalive_us;	/* PING after so long a silence; 0 = never */
	int64_t		keepalive_timeout_us;	/* closed when it stays unanswered */
} AzServerLimits;

/*
 * What the owner is told; each gets the call, and all must be set.  Inside an
 * event any function of any call that is still alive may be called, and
 * az_server_drain, but not az_server_free.
 */
typedef struct AzServerEvents
{
	/* Path and metadata are there.  May already finish the call. */
	void		(*opened) (void *owner, AzServerCall *call);
	/* One whole message, valid during the callback only. */
	void		(*message) (void *owner, AzServerCall *call, AzBytes message);
	/* The client sends no more. */
	void		(*half_closed) (void *owner, AzServerCall *call);

	/*
	 * What was sent has left the process; only after az_server_call_send. May
	 * be NULL.
	 */
	void		(*drained) (void *owner, AzServerCall *call);

	/*
	 * The call is over: answered, or (early = true) ended by something else:
	 * the client gave it up, its deadline passed or its bytes were not gRPC's
	 * (a status was sent for that), memory or the connection was lost.
	 */
	void		(*closed) (void *owner, AzServerCall *call, bool early);
} AzServerEvents;

/* NULL when memory is out.  "limits" are copied, "events" must stay. */
extern AzServer *az_server_create(AzLoop *loop, const AzServerLimits *limits,
								  const AzServerEvents *events, void *owner);

/* Limits for what comes later; what is open keeps its own. */
extern void az_server_set_limits(AzServer *server, const AzServerLimits *limits);

/*
 * Lets other processes of this user listen at our TCP ports too, each of
 * which then gets a part of the connections; those that are open and those to
 * come.  With "joins" another process listens at those to come already;
 * without, each must be nobody's, else it is an error as if nothing were
 * shared.
 */
extern void az_server_share_ports(AzServer *server, bool joins);

/*
 * Listens on every address that "host" stands for ("" and "*": all), but for
 * those this machine lacks, such as ::1 without IPv6, if it has another one.
 * UNAVAILABLE naming address and cause when one cannot be had; a message
 * lists what is served in the log.  Port 0 takes any free port.  May wait for
 * name resolution.
 */
extern bool az_server_listen_tcp(AzServer *server, const char *host, int port,
								 AzArena *arena, AzError *error);

/*
 * A Unix socket of that mode.  A socket file nobody listens on is replaced;
 * one in use is an error.  "PATH.lock" lies beside it meanwhile.
 */
extern bool az_server_listen_unix(AzServer *server, const char *path, int mode,
								  AzArena *arena, AzError *error);

/* The port of the first TCP listener, or 0. */
extern int	az_server_port(const AzServer *server);

/* Stops listening and says GOAWAY; open calls go on. */
extern void az_server_drain(AzServer *server);

extern size_t az_server_connections(const AzServer *server);
extern size_t az_server_calls(const AzServer *server);

/* Closes everything; every open call gets "closed" early. */
extern void az_server_free(AzServer *server);

/* ---- a call ---- */

extern const char *az_server_call_path(const AzServerCall *call);
extern const AzMetadata *az_server_call_metadata(const AzServerCall *call);

/* From grpc-timeout, on the monotonic clock; INT64_MAX when there is none. */
extern int64_t az_server_call_deadline_us(const AzServerCall *call);

/* Freed with the call. */
extern AzArena *az_server_call_arena(AzServerCall *call);

extern void az_server_call_set_state(AzServerCall *call, void *state);
extern void *az_server_call_state(const AzServerCall *call);

/* Sends response headers now rather than with the first message. */
extern bool az_server_call_open(AzServerCall *call);

/*
 * Queues a copy of one message; false when memory is out (the call ends, and
 * "closed" comes from the loop) or the call is over already.
 */
extern bool az_server_call_send(AzServerCall *call, AzBytes message);

/* While it is held no more input is granted; what was granted still comes. */
extern void az_server_call_hold(AzServerCall *call, bool hold);

/* Bytes queued and not yet handed to HTTP/2. */
extern size_t az_server_call_unsent(const AzServerCall *call);

/*
 * Ends the call with this status (code AZ_OK or an error with its message
 * and details), trailers only when nothing was sent.  "closed" follows from
 * the loop, never from inside this function.
 */
extern void az_server_call_finish(AzServerCall *call, const AzError *status);

#endif
