/* The trailers that tell a client how its call ended. */
#ifndef AZ_NET_TRAILERS_H
#define AZ_NET_TRAILERS_H

#include "base/error.h"

typedef struct AzHeader
{
	const char *name;			/* a constant */
	const char *value;
} AzHeader;

#define AZ_TRAILERS_MAX 3

typedef struct AzTrailers
{
	AzHeader	headers[AZ_TRAILERS_MAX];
	size_t		count;
} AzTrailers;

/*
 * grpc-status; grpc-message: the error's message, detail and hint as one
 * text of at most 1,024 bytes, percent-encoded; grpc-status-details-bin
 * unless the details are over 12,288 bytes, which clients' header limits
 * would not take.  What finds no memory is left out, never grpc-status.
 */
extern void az_trailers_build(AzTrailers *trailers, const AzError *status,
							  AzArena *arena);

#endif
