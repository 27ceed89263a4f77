/*
 * The connections of one channel, spread over the addresses of its name.
 *
 * An endpoint is one address, with its own backoff.  A slot is one
 * connection, being opened or open, to one endpoint.  Each endpoint has at
 * least one slot, all together at least as many as the limits say; an
 * endpoint that fails leaves its share to the others until its backoff is
 * over.
 */
#ifndef AZ_NET_POOL_H
#define AZ_NET_POOL_H

#include "net/channels.h"
#include "net/connection.h"

typedef struct AzPool AzPool;

typedef struct AzEndpoint
{
	AzLink		link;
	AzSocketAddress address;
	bool		listed;			/* the name still stands for it */
	unsigned	failures;		/* since it was last of use */
	int64_t		retry_us;		/* not to be tried before */
	int64_t		praised_us;		/* when it last answered a call; 0 = never */
	size_t		load;			/* calls on it, counted while picking */
} AzEndpoint;

typedef struct AzSlot
{
	AzLink		link;
	AzPool	   *pool;
	AzEndpoint *endpoint;
	AzConnection *connection;
	bool		opened;
	int64_t		opened_us;
} AzSlot;

/* Embedded in a channel, all zeros at first but for the upper part. */
struct AzPool
{
	AzLoop	   *loop;
	const AzClientLimits *limits;
	const char *address;		/* of the channel, for messages */
	void		(*changed) (AzPool *pool);	/* a slot opened, ended calls, or
											 * has more room or none */
	void		(*lost) (AzPool *pool); /* a slot failed or is gone */
	void	   *owner;

	AzList		endpoints;
	AzList		slots;			/* the least recently used is first */
	AzCode		failure;		/* the last one; AZ_OK = none */
	char		failure_text[512];
	char		failure_detail[192];	/* "" = none */
};

/* Closes all; calls still on connections are forgotten without being told. */
extern void az_pool_free(AzPool *pool);

/*
 * The addresses the name stands for now.  Connections to others stay as long
 * as they last, but are not opened again.
 */
extern void az_pool_set_addresses(AzPool *pool,
								  const AzSocketAddress *addresses,
								  size_t count);

/* Opens the connections that are missing and may be tried now. */
extern void az_pool_connect(AzPool *pool);

/*
 * The slot for the next call: room on it, fewest calls on its endpoint, then
 * on itself, longest not used; "avoid" only when there is no other.  NULL:
 * none has room.
 */
extern AzSlot *az_pool_pick(AzPool *pool, const AzSlot *avoid);

/* Notes that a call was answered: its endpoint works. */
extern void az_pool_praise(AzSlot *slot);

/* Notes a failure as the last one, for the calls that it will fail. */
extern void az_pool_blame(AzPool *pool, AzCode code, const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* Connections that are open. */
extern size_t az_pool_open_slots(const AzPool *pool);

/* One is open or being opened: waiting makes sense. */
extern bool az_pool_has_hope(const AzPool *pool);
extern bool az_pool_has_endpoints(const AzPool *pool);

/* When the next endpoint's backoff is over; INT64_MAX = none waits. */
extern int64_t az_pool_retry_us(const AzPool *pool);

/* The wait after so many failures: exponential, with jitter. */
extern int64_t az_pool_backoff_us(const AzClientLimits *limits,
								  unsigned failures);

#endif
