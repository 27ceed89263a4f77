/*
 * The engine: everything between a host's loop and its database.
 *
 * A host creates it with a database port, waits on its one descriptor for at
 * most az_engine_timeout_ms, and calls az_engine_turn.  A turn never blocks
 * but in the database: it reads what came, runs one tick (one transaction),
 * and writes what is to be said.
 */
#ifndef AZ_ENGINE_ENGINE_H
#define AZ_ENGINE_ENGINE_H

#include "net/server.h"
#include "pipeline/job.h"

typedef struct AzEngine AzEngine;

typedef struct AzEngineSettings
{
	const char *listen_addresses;	/* comma-separated names, "" = no TCP */
	int			listen_port;
	int			worker;			/* which of the engines of this database */
	bool		shares_port;	/* they all listen at it */
	bool		joins_port;		/* one of them does already */
	const char *socket_directory;	/* "" = no Unix socket */
	int			socket_mode;	/* of the socket file, 0600 and so on */
	AzServerLimits server;
	AzClientLimits client;
	AzJobSettings jobs;
	size_t		max_batch_jobs; /* wishes in one transaction */
	size_t		max_batch_bytes;
	int64_t		catalog_poll_us;	/* reads the components at least so often */
	int64_t		log_poll_us;	/* and the log, for those who follow it */
} AzEngineSettings;

typedef struct AzEngineStats
{
	uint64_t	commands;		/* answered with OK */
	uint64_t	rejected;		/* answered otherwise */
	uint64_t	events;			/* appended */
	uint64_t	batches;		/* calls of append_batch */
	uint64_t	transactions;	/* committed */
	uint64_t	connections;	/* of clients, open now */
	uint64_t	jobs;			/* under way now */
} AzEngineStats;

/*
 * Starts listening too.  NULL with the reason when an address cannot be had
 * or memory is out.  The port stays the host's.
 */
extern AzEngine *az_engine_create(AzDb *db, const AzEngineSettings *settings,
								  AzArena *arena, AzError *error);
extern void az_engine_free(AzEngine *engine);

/*
 * Takes over what can change while running; addresses need a new engine, and
 * so does a port that shall be shared no more.
 */
extern void az_engine_apply(AzEngine *engine, const AzEngineSettings *settings);

/* The descriptor to wait on for reading. */
extern int	az_engine_fd(const AzEngine *engine);

/* How long the host may wait: 0 = not at all, -1 = until woken. */
extern int	az_engine_timeout_ms(const AzEngine *engine);

extern void az_engine_turn(AzEngine *engine);

extern void az_engine_stats(const AzEngine *engine, AzEngineStats *stats);

/* "localhost:1310, /run/x/.s.angzarr.1310", or "nothing". */
extern const char *az_engine_listening(const AzEngine *engine);

/* Takes no new calls; those open go on.  Drained: none is left. */
extern void az_engine_drain(AzEngine *engine);
extern bool az_engine_is_drained(const AzEngine *engine);

#endif
