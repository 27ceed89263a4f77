/*
 * What the headers of a stream ask for, and whether it is gRPC that we
 * speak.  Only for the server's own files.
 */
#ifndef AZ_NET_SERVER_REQUEST_H
#define AZ_NET_SERVER_REQUEST_H

#include "base/error.h"
#include "wire/metadata.h"

typedef struct AzServerRequest
{
	AzArena    *arena;			/* where all of it lives */
	size_t		max_header_bytes;

	/* Its own. */
	size_t		header_bytes;	/* each entry with 32 more, as HTTP/2 counts */
	const char *path;
	AzMetadata	metadata;		/* custom entries */
	int64_t		timeout_us;		/* INT64_MAX = none */
	bool		is_post;
	bool		is_grpc;
	bool		is_coded;		/* grpc-encoding is not identity */
	AzError		refusal;		/* what is wrong with it, if anything */
} AzServerRequest;

extern void az_server_request_init(AzServerRequest *request, AzArena *arena,
								   size_t max_header_bytes);

/* Takes one header; "name" and "value" end in a zero byte. */
extern void az_server_request_take(AzServerRequest *request, AzBytes name,
								   AzBytes value);

/* What HTTP says to it once it is whole: 200, or why it is not gRPC. */
extern const char *az_server_request_http_status(const AzServerRequest *request);

#endif
