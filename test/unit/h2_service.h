/*
 * A scripted gRPC service for the client's tests: it does what a test tells
 * it to, well-behaved or not, in the test's own loop.
 */
#ifndef H2_SERVICE_H
#define H2_SERVICE_H

#include "base/arena.h"
#include "net/loop.h"
#include "wire/metadata.h"

typedef struct H2Service H2Service;
typedef struct H2Connection H2Connection;

/* One request, whole; valid until it is answered or its connection is gone. */
typedef struct H2Request
{
	H2Connection *connection;
	int32_t		id;
	AzArena    *arena;
	AzMetadata	headers;		/* also ":path" and so on */
	AzBuffer	body;			/* framed, as it came */
	struct H2Request *next;		/* of the connection */
	const char *const *trailers;	/* still to be sent */
	AzBuffer	answer;			/* still to be sent */
	bool		whole;
	bool		reset;			/* by the client */
} H2Request;

/* What a test can set before and while it runs. */
typedef struct H2Script
{
	/* A request is whole; NULL echoes it. */
	void		(*requested) (H2Request *request, void *owner);
	void	   *owner;
	uint32_t	max_streams;	/* in SETTINGS; 0 = none said */
	const char *greeting;		/* raw bytes instead of HTTP/2 */
	bool		mute;			/* accepts, then says nothing at all */
	bool		hang_up;		/* closes what it accepted */
} H2Script;

/* Listens on "host" (an IP address, port 0 = any) or a Unix socket's path. */
extern H2Service *h2_service_start(AzLoop *loop, const char *host, int port);

/* Stops listening and closes all; the port is free then. */
extern void h2_service_stop(H2Service *service);

extern H2Script *h2_service_script(H2Service *service);
extern int	h2_service_port(const H2Service *service);

/* Since the start: connections accepted, requests whole, reads done. */
extern size_t h2_service_accepted(const H2Service *service);
extern size_t h2_service_requests(const H2Service *service);
extern size_t h2_service_resets(const H2Service *service);
extern size_t h2_service_pings(const H2Service *service);
extern size_t h2_service_reads(const H2Service *service);

/* Connections open now; most requests unanswered at one time on one. */
extern size_t h2_service_connections(const H2Service *service);
extern size_t h2_service_most_streams(const H2Service *service);

/* Closes the connections, or goes silent: reads nothing, writes nothing. */
extern void h2_service_drop(H2Service *service);
extern void h2_service_silence(H2Service *service);

/* Raw bytes on every connection. */
extern void h2_service_write(H2Service *service, const void *bytes,
							 size_t len);

/* ---- answers ---- */

/* Headers and trailers are name, value, … NULL; either may be NULL. */
extern void h2_answer(H2Request *request, const char *const *headers,
					  const void *body, size_t len,
					  const char *const *trailers);

/* The request's own message, status 0. */
extern void h2_echo(H2Request *request);

/* Trailers only. */
extern void h2_refuse(H2Request *request, const char *status,
					  const char *message);
extern void h2_reset(H2Request *request, uint32_t error_code);

/* GOAWAY; "last" is the last request it will have handled. */
extern void h2_goaway(H2Connection *connection, int32_t last);
extern void h2_close(H2Connection *connection);
extern void h2_write_raw(H2Connection *connection, const void *bytes,
						 size_t len);

/* The message inside the request's frame. */
extern AzBytes h2_message(const H2Request *request);
extern const char *h2_header(const H2Request *request, const char *name);

/* A message in its frame, in the arena. */
extern AzBytes h2_frame(AzArena *arena, const char *text);

#endif
