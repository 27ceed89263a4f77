/*
 * A call as HTTP/2 sees it: a stream's headers, data and end go in, headers,
 * data and trailers come out.  Only for the server's own files; the owner's
 * face of a call is in server.h.
 */
#ifndef AZ_NET_SERVER_CALL_H
#define AZ_NET_SERVER_CALL_H

#include "net/server_connection.h"
#include "net/server_request.h"
#include "net/trailers.h"

typedef enum AzCallOutput
{
	AZ_CALL_OUTPUT_MORE,		/* there is more after this */
	AZ_CALL_OUTPUT_LATER,		/* none now; az_http2_server_resume follows */
	AZ_CALL_OUTPUT_LAST			/* the trailers come next */
} AzCallOutput;

typedef enum AzServerCallState
{
	AZ_SERVER_CALL_HEADERS,		/* its headers are arriving */
	AZ_SERVER_CALL_RECEIVING,	/* the owner knows it; messages arrive */
	AZ_SERVER_CALL_HALF_CLOSED, /* the client sends no more */
	AZ_SERVER_CALL_FINISHED,	/* its status is known and goes out */
	AZ_SERVER_CALL_CLOSED		/* its stream is gone; it is being freed */
} AzServerCallState;

struct AzServerCall
{
	AzServerConnection *connection;
	int32_t		stream_id;
	AzServerCallState state;
	bool		told;			/* the owner knows it */
	AzLink		link;			/* among the connection's calls */
	AzLink		sender;			/* waits for "drained" */
	AzLink		starved;		/* its client is held back */
	AzArena    *arena;
	void	   *owner_state;

	AzServerRequest request;
	int64_t		deadline_us;
	AzTimer		timer;			/* its deadline, then TAKE_TIMEOUT_US */
	bool		request_ended;	/* the client sends no more */
	AzBuffer	input;			/* an unfinished message */
	bool		delivering;		/* it is being shown to the owner */
	size_t		withheld;		/* bytes taken, but not yet granted again */
	bool		is_held;		/* the owner wants no more for now */

	bool		responded;		/* response headers were given to HTTP/2 */
	bool		is_waiting;		/* HTTP/2 asked for output and got none */
	bool		sent_end;		/* the end of the answer was made */
	AzBuffer	output;			/* framed messages */
	AzTrailers	trailers;
};

/* A stream began; NULL when memory is out. */
extern AzServerCall *az_server_call_create(AzServerConnection *connection,
										   int32_t stream_id);

/* The stream is gone: tells the owner and frees. */
extern void az_server_call_destroy(AzServerCall *call);

extern void az_server_call_take_header(AzServerCall *call, AzBytes name,
									   AzBytes value);
extern void az_server_call_take_headers_end(AzServerCall *call);
extern void az_server_call_take_end(AzServerCall *call);

/* Ends a call for a reason of ours: the owner is told at once. */
extern void az_server_call_fail(AzServerCall *call, const AzError *status);

extern AzCallOutput az_server_call_give(AzServerCall *call, uint8_t *room,
										size_t size, size_t *len);
extern const AzTrailers *az_server_call_trailers(const AzServerCall *call);

/* The end of the answer was made: true when the client still sends. */
extern bool az_server_call_sent_end(AzServerCall *call);

/* Tells calls whose output has all been written. */
extern void az_server_call_tell_drained(AzServerConnection *connection);

#endif
