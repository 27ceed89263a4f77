/*
 * HTTP/2 as a client: one session of streams, bytes in and bytes out.
 *
 * It knows no socket: its owner (net/connection.h) carries the bytes.
 * nghttp2 is used nowhere else on this side.
 */
#ifndef AZ_NET_HTTP2_CLIENT_H
#define AZ_NET_HTTP2_CLIENT_H

#include "net/answer.h"
#include "net/list.h"
#include "wire/metadata.h"

typedef struct AzHttp2Client AzHttp2Client;

/* How a stream ended. */
typedef enum AzHttp2Outcome
{
	AZ_HTTP2_ANSWERED,			/* as far as the answer says */
	AZ_HTTP2_RESET,				/* by the peer: error code and name say why */
	AZ_HTTP2_UNPROCESSED,		/* the peer has done nothing: safe to repeat */
	AZ_HTTP2_LOST				/* with its connection: lost says why */
} AzHttp2Outcome;

typedef struct AzHttp2End
{
	AzHttp2Outcome outcome;
	uint32_t	error_code;
	const char *error_name;		/* "INTERNAL_ERROR" */
	const AzError *lost;		/* valid during the callback */
} AzHttp2End;

/* One request; embedded in its owner, all zeros at first. */
typedef struct AzHttp2Stream
{
	AzAnswer   *answer;			/* where the answer is gathered */
	/* Comes once, from the loop; the stream may be used again after it. */
	void		(*ended) (struct AzHttp2Stream *stream, const AzHttp2End *end);
	void	   *owner;

	/* Its own. */
	AzHttp2Client *client;		/* NULL = on none */
	AzLink		link;
	int32_t		id;
	AzBytes		message;
	size_t		offset;			/* of framed bytes taken by HTTP/2 */
	bool		begun;			/* the peer may have seen the request */
	AzHttp2End	end;
} AzHttp2Stream;

typedef struct AzHttp2Request
{
	const char *path;
	const char *authority;		/* stays as long as the session */
	const AzMetadata *metadata;
	AzBytes		message;		/* stays until the stream ended */
	int64_t		timeout_us;		/* INT64_MAX = none */
} AzHttp2Request;

/* A session whose greeting waits to be written; NULL when memory is out. */
extern AzHttp2Client *az_http2_client_create(size_t max_header_bytes,
											 void *owner);

/* Streams still on it are forgotten without being told. */
extern void az_http2_client_free(AzHttp2Client *client);
extern void *az_http2_client_owner(const AzHttp2Client *client);

/*
 * Bytes of the peer.  They only mark streams as ended: az_http2_client_tell
 * follows.  False with the reason when the session cannot go on.
 */
extern bool az_http2_client_receive(AzHttp2Client *client, AzBytes input,
									AzError *why);

/* Adds what is to be written, until there is "enough"; false likewise. */
extern bool az_http2_client_gather(AzHttp2Client *client, AzBuffer *output,
								   size_t enough, AzError *why);
extern bool az_http2_client_has_output(const AzHttp2Client *client);

/*
 * Calls "ended" of the streams that have; true when the owner should look
 * again: something ended, or the peer allows more, or takes no more.
 */
extern bool az_http2_client_tell(AzHttp2Client *client);

/* Ends all streams because the connection is lost. */
extern void az_http2_client_end(AzHttp2Client *client, const AzError *why);

/* The peer's SETTINGS have come. */
extern bool az_http2_client_is_greeted(const AzHttp2Client *client);

/* The peer said GOAWAY, or stream numbers are used up. */
extern bool az_http2_client_is_leaving(const AzHttp2Client *client);

/* The error the peer was blamed for in our own GOAWAY, or NULL. */
extern const char *az_http2_client_blame(const AzHttp2Client *client);

/* How many more streams the peer allows at once. */
extern size_t az_http2_client_room(const AzHttp2Client *client);
extern size_t az_http2_client_streams(const AzHttp2Client *client);

/* Queue a PING; our GOAWAY.  False: out of memory. */
extern bool az_http2_client_ping(AzHttp2Client *client);
extern bool az_http2_client_terminate(AzHttp2Client *client);

/* Queues a request; there is room for it.  False: out of memory. */
extern bool az_http2_client_send(AzHttp2Client *client, AzHttp2Stream *stream,
								 const AzHttp2Request *request);

/* Gives a stream up: queues RST_STREAM; "ended" does not come. */
extern void az_http2_client_reset(AzHttp2Stream *stream);

#endif
