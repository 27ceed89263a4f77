/*
 * What nghttp2 tells and asks the server of one connection.  Only for
 * http2_server.c.
 */
#ifndef AZ_NET_HTTP2_SERVER_CALLBACKS_H
#define AZ_NET_HTTP2_SERVER_CALLBACKS_H

#include <nghttp2/nghttp2.h>

#include "net/server_connection.h"
#include "net/trailers.h"

/* How often something happened in the running second. */
typedef struct AzRate
{
	int64_t		since_us;
	size_t		count;
} AzRate;

struct AzHttp2Server
{
	AzServerConnection *connection;
	nghttp2_session *session;
	AzRate		resets;
	AzRate		controls;
	size_t		block_bytes;	/* of the header block that is arriving */
	int32_t		last_stream_id; /* the newest the client opened */
	bool		is_calmed;		/* ended for making work; takes no calls */
	bool		is_leaving;		/* goodbye waits for an answer to PING */
};

/* New callbacks; false when memory is out. */
extern bool az_http2_server_callbacks_new(nghttp2_session_callbacks **callbacks);

/* Gives nghttp2 what a call has to send; after the last, its trailers. */
extern ssize_t az_http2_server_give_data(nghttp2_session *session,
										 int32_t stream_id, uint8_t *room,
										 size_t size, uint32_t *flags,
										 nghttp2_data_source *source,
										 void *owner);

/* The headers as nghttp2 takes them. */
extern void az_http2_server_set_headers(nghttp2_nv *to, const AzHeader *from,
										size_t count);

#endif
