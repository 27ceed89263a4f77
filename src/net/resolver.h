/* Looking names up in the loop (c-ares): a host becomes socket addresses. */
#ifndef AZ_NET_RESOLVER_H
#define AZ_NET_RESOLVER_H

#include <ares.h>

#include "base/error.h"
#include "net/loop.h"
#include "net/socket.h"

/* Further addresses of a name are not used. */
#define AZ_MAX_ADDRESSES 16

/*
 * One lookup; embedded in its owner, all zeros at first.  Each reads the
 * system's configuration anew, so that a changed resolv.conf or hosts file
 * is followed.
 */
typedef struct AzLookup
{
	/* The result, valid inside "done" and until the next start. */
	AzSocketAddress addresses[AZ_MAX_ADDRESSES];
	size_t		n_addresses;	/* 0 = it failed */
	const char *why;			/* it failed; NULL when it did not */

	/* Its own. */
	AzLoop	   *loop;
	bool		running;
	ares_channel channel;		/* NULL = none is needed */
	AzWatch		watches[ARES_GETSOCK_MAXNUM];
	AzTimer		timer;
	bool		ended;			/* "done" is owed */
	int			port;
	void		(*done) (struct AzLookup *lookup);
	void	   *owner;
} AzLookup;

/*
 * Looks A and AAAA records up, the hosts file first; literal addresses stand
 * for themselves.  "done" comes from the loop, never from inside.  False
 * when memory or descriptors are out: "why" says so and "done" does not come.
 */
extern bool az_lookup_start(AzLookup *lookup, AzLoop *loop, const char *host,
							int port);

/* "done" will not come any more; fine for a lookup that does not run. */
extern void az_lookup_stop(AzLookup *lookup);

extern bool az_lookup_is_running(const AzLookup *lookup);

/* For tests: another resolv.conf and port of the servers; NULL = system's. */
extern void az_lookup_configure(const char *resolv_conf, int dns_port);

#endif
