/* Addresses of business logic as they are registered. */
#ifndef AZ_NET_ADDRESS_H
#define AZ_NET_ADDRESS_H

#include "base/error.h"

/* Either host and port, or a path; texts live in the arena it was made in. */
typedef struct AzAddress
{
	const char *text;			/* as registered, for messages */
	const char *host;			/* name or literal IP; NULL = Unix socket */
	int			port;			/* 1 to 65535 */
	const char *path;			/* of the Unix socket, absolute; or NULL */
	const char *authority;		/* what goes into :authority */
} AzAddress;

/*
 * Understands "grpc://host:port", "grpc://[::1]:port" and "unix:/path".
 * INVALID_ARGUMENT, naming what was found and what is allowed, for anything
 * else; nothing is looked up.  az_address_check (net/channels.h) is this
 * without the result.
 */
extern bool az_address_parse(AzAddress *address, const char *text,
							 AzArena *arena, AzError *error);

#endif
