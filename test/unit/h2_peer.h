/*
 * A scripted HTTP/2 peer over a real socket, client or server, for tests.
 *
 * It never waits: h2_peer_pump writes and reads what is possible now.  What
 * came in is kept for looking at.  Its memory does not come from the
 * allocation that tests make fail.
 */
#ifndef H2_PEER_H
#define H2_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#define H2_PEER_STREAMS 256

typedef const char *H2Header[2];	/* name, value */

typedef struct H2Bytes
{
	char	   *data;			/* ends in a zero byte once not empty */
	size_t		skipped;		/* bytes of data that are gone already */
	size_t		len;			/* bytes after them */
	size_t		capacity;
} H2Bytes;

typedef struct H2Stream
{
	int32_t		id;
	H2Bytes		headers;		/* "name: value\n" of the first block */
	H2Bytes		trailers;		/* of a later one */
	H2Bytes		input;			/* DATA that came */
	H2Bytes		output;			/* DATA still to send */
	bool		output_ends;	/* with END_STREAM after it */
	const		H2Header *output_trailers;	/* or with these trailers */
	bool		deferred;
	bool		got_headers;
	bool		ended;			/* the peer sent END_STREAM */
	bool		closed;
	uint32_t	close_code;
} H2Stream;

typedef struct H2Peer
{
	int			fd;
	nghttp2_session *session;
	H2Stream	streams[H2_PEER_STREAMS];
	size_t		n_streams;
	H2Bytes		unsent;
	bool		stops_reading;	/* the test wants the socket to fill */
	bool		ended;			/* the other side closed */
	bool		failed;			/* it broke HTTP/2, or the socket failed */
	int			n_goaways;
	uint32_t	goaway_code;
	int32_t		goaway_last_id;
	int			n_pings;		/* PING frames that came, answers too */
	int			n_settings;
	int			n_settled;		/* our SETTINGS the other has taken */
	uint32_t	max_streams;	/* from the other's SETTINGS */
	uint32_t	max_header_bytes;
} H2Peer;

/* Owns "fd".  "role" is 'c' or 's'; a client greets at the next pump. */
extern H2Peer *h2_peer_create(int fd, char role);

/* A client connected to 127.0.0.1 or a Unix socket; NULL when refused. */
extern H2Peer *h2_peer_connect(int port);
extern H2Peer *h2_peer_connect_unix(const char *path);

/* A connected, non-blocking descriptor that speaks nothing yet, or -1. */
extern int	h2_peer_dial(int port);
extern void h2_peer_free(H2Peer *peer);
extern void h2_peer_pump(H2Peer *peer);

/* Begins a stream with these headers (name NULL ends the list). */
extern H2Stream *h2_peer_request(H2Peer *peer, const H2Header * headers);

/* A gRPC request to that path with nothing special; "extra" may be NULL. */
extern H2Stream *h2_peer_call(H2Peer *peer, const char *path,
							  const H2Header * extra);

/* A server's answer: headers now, DATA as given, trailers (must stay) last. */
extern void h2_peer_respond(H2Peer *peer, H2Stream *stream,
							const H2Header * headers, bool last);
extern void h2_peer_trailers(H2Peer *peer, H2Stream *stream,
							 const H2Header * trailers);

/* DATA as it is, or a message in gRPC's frame. */
extern void h2_peer_send(H2Peer *peer, H2Stream *stream, const void *data,
						 size_t len, bool last);
extern void h2_peer_send_message(H2Peer *peer, H2Stream *stream,
								 const void *message, size_t len, bool last);
extern void h2_peer_reset(H2Peer *peer, H2Stream *stream, uint32_t code);

/* Bytes past the session, such as frames it would never send. */
extern void h2_peer_send_raw(H2Peer *peer, const void *data, size_t len);
extern void h2_peer_send_frame(H2Peer *peer, uint8_t type, uint8_t flags,
							   int32_t stream_id, const void *payload,
							   size_t len);

/* The stream at that place among those seen, or NULL. */
extern H2Stream *h2_peer_stream(H2Peer *peer, size_t place);

/* The value in a header or trailer block, or NULL; valid until the next. */
extern const char *h2_peer_header(const H2Bytes *block, const char *name);

/* grpc-status, wherever it came; -1 when none did. */
extern int	h2_peer_status(const H2Stream *stream);
extern const char *h2_peer_message(const H2Stream *stream);

#endif
