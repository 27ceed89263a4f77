/*
 * One connection of a client: its socket, its timeouts, what it has unsent.
 * Only for the server's own files.
 */
#ifndef AZ_NET_SERVER_CONNECTION_H
#define AZ_NET_SERVER_CONNECTION_H

#include "net/list.h"
#include "net/server.h"

typedef struct AzServerConnection AzServerConnection;
typedef struct AzHttp2Server AzHttp2Server;

/* What all connections of a server share. */
typedef struct AzServerContext
{
	AzLoop	   *loop;
	AzServerLimits limits;		/* for new connections */
	const AzServerEvents *events;
	void	   *owner;
	AzList		connections;
	size_t		n_calls;
	uint8_t    *input;			/* what was just read; for one callback */
} AzServerContext;

#define AZ_SERVER_INPUT_SIZE (64 * 1024)

typedef enum AzServerConnectionState
{
	AZ_SERVER_CONNECTION_HANDSHAKE, /* the client preface is not there yet */
	AZ_SERVER_CONNECTION_OPEN,	/* takes calls */
	AZ_SERVER_CONNECTION_DRAINING,	/* GOAWAY was said; open calls go on */
	AZ_SERVER_CONNECTION_ENDING,	/* the last output, an error's GOAWAY */
	AZ_SERVER_CONNECTION_LINGERING, /* all is sent; reads until the client
									 * ends */
	AZ_SERVER_CONNECTION_CLOSED /* being freed */
} AzServerConnectionState;

struct AzServerConnection
{
	AzServerContext *context;
	AzServerLimits limits;
	AzServerConnectionState state;
	AzLink		link;			/* in the context's list */

	AzHttp2Server *http2;
	AzList		calls;
	AzList		senders;		/* the calls that wait for "drained" */
	size_t		buffered;		/* bytes of unfinished request messages */
	size_t		queued;			/* bytes of answers not yet given to HTTP/2 */
	AzList		starved;		/* the calls whose client is held back */
	AzServerCall *fed;			/* the one that may go on nevertheless */

	AzWatch		watch;
	AzDeferred	flush;
	AzTimer		tend;			/* when the next of its timeouts is due */
	AzTimer		tell_drained;
	AzBuffer	output;			/* what HTTP/2 made, not yet written */
	bool		broken;			/* to be closed as soon as that is safe */
	bool		pinged;			/* and nothing came since */
	bool		said_goodbye;	/* takes no further streams */
	int64_t		state_since_us;
	int64_t		heard_us;		/* when something came last */
	int64_t		pinged_us;
	int64_t		idle_since_us;	/* when the last call ended */
	size_t		discarded;		/* bytes read while lingering */
};

/* Takes "fd"; false (and it is closed) when memory is out. */
extern bool az_server_connection_open(AzServerContext *context, int fd);

/*
 * Closes at once: open calls get "closed" early.  Not from inside an event
 * of a call, there az_server_connection_break.
 */
extern void az_server_connection_close(AzServerConnection *connection);

/* Says GOAWAY; closes when the last call is over. */
extern void az_server_connection_drain(AzServerConnection *connection);

/* There may be something to write: at the end of the turn. */
extern void az_server_connection_touch(AzServerConnection *connection);

/* It cannot go on (memory is out): closes at the end of the turn. */
extern void az_server_connection_break(AzServerConnection *connection);

/* The client preface and its SETTINGS are there. */
extern void az_server_connection_greet(AzServerConnection *connection);

/* Its last call is over. */
extern void az_server_connection_rest(AzServerConnection *connection);

#endif
