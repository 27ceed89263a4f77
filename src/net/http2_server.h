/*
 * The HTTP/2 session of one connection, server side.  Only for the server's
 * own files.
 *
 * It hands what comes in to the calls (server_call.h) from inside
 * az_http2_server_take and _make, and what calls answer to nghttp2.  Every
 * other function may be called from inside those two.  False always means
 * that memory is out and the connection cannot go on.
 */
#ifndef AZ_NET_HTTP2_SERVER_H
#define AZ_NET_HTTP2_SERVER_H

#include "net/server_connection.h"
#include "net/trailers.h"

typedef enum AzHttp2Reset
{
	AZ_HTTP2_RESET_DONE,		/* NO_ERROR: send no more, the answer is there */
	AZ_HTTP2_RESET_CANCEL,		/* given up */
	AZ_HTTP2_RESET_INTERNAL		/* we failed */
} AzHttp2Reset;

extern AzHttp2Server *az_http2_server_create(AzServerConnection *connection);
extern void az_http2_server_free(AzHttp2Server *http2);

/* Takes what was read.  False: nothing more may be read or written. */
extern bool az_http2_server_take(AzHttp2Server *http2, AzBytes input);

/* Appends output until there is none or "output" holds "enough" bytes. */
extern bool az_http2_server_make(AzHttp2Server *http2, AzBuffer *output,
								 size_t enough);

/* Whether there is output to make; whether the session is over but for it. */
extern bool az_http2_server_has_output(const AzHttp2Server *http2);
extern bool az_http2_server_is_over(const AzHttp2Server *http2);

/* Frames waiting to be made; answers held back by the client not counted. */
extern size_t az_http2_server_waiting(const AzHttp2Server *http2);

/* Response headers; with "last" nothing follows them. */
extern bool az_http2_server_respond(AzHttp2Server *http2, int32_t stream_id,
									const AzHeader *headers, size_t count,
									bool last);

/* The call has output again after it gave AZ_CALL_OUTPUT_LATER. */
extern bool az_http2_server_resume(AzHttp2Server *http2, int32_t stream_id);
extern bool az_http2_server_reset(AzHttp2Server *http2, int32_t stream_id,
								  AzHttp2Reset reset);

/* The client may send so many bytes more on that stream. */
extern bool az_http2_server_grant(AzHttp2Server *http2, int32_t stream_id,
								  size_t bytes);
extern bool az_http2_server_ping(AzHttp2Server *http2);

/*
 * Announces the end; when the client has answered, or at once with "now",
 * takes no further streams.
 */
extern bool az_http2_server_goodbye(AzHttp2Server *http2, bool now);

#endif
