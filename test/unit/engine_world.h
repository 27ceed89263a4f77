/*
 * A whole engine for tests: a database in memory, a scripted service as
 * business logic, and a client, all in the test's own thread.
 */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include "codec/messages.h"
#include "engine/engine.h"

#include "h2_service.h"
#include "memory_db.h"

/* What the client got. */
typedef struct Reply
{
	bool		came;
	AzCode		code;
	char		message[512];
	AzBytes		details;		/* these three in world->arena */
	AzBytes		bytes;
	AzCall	   *call;			/* while it is open */
} Reply;

typedef struct World
{
	MemoryDb   *memory;
	AzEngine   *engine;
	AzEngineSettings settings;
	AzLoop	   *outside;		/* the service's and the client's */
	H2Service  *service;
	AzChannels *clients;
	AzArena    *arena;
	char		address[64];	/* of the service */
	char		directory[64];	/* of the engine's socket */
	char		target[128];	/* "unix:" and the socket's path */
	AzAggregate order;			/* domain "order", some root */

	/* How business logic answers: these events, or "handle" decides. */
	int			n_events;
	void		(*handle) (struct World *world, H2Request *request,
						   PbContextualCommand *command);
	PbContextualCommand *last;	/* what it was given last */
	/* How it answers Replay; NULL: UNIMPLEMENTED. */
	void		(*replay) (struct World *world, H2Request *request,
						   PbReplayRequest *replay);
	/* How it answers facts, and what it was given last; NULL: it cannot. */
	void		(*handle_fact) (struct World *world, H2Request *request,
								PbFactRequest *facts);
	PbFactRequest *last_fact;
	/* How projectors are served; NULL: an empty projection. */
	void		(*project) (struct World *world, H2Request *request,
							PbEventBook *events);
	H2Request  *held;			/* by hold_request */
} World;

/* A world whose domain "order" is registered; settings may be changed first. */
extern World *world_create(void);
extern bool world_start(World *world);
extern void world_free(World *world);

/* Turns everything once; or until *flag, failing the test after 10 s. */
extern void world_go_on(World *world);
extern void world_until(World *world, const bool *flag);

/* Sends a request to a method, without waiting; with metadata or NULL. */
extern void world_send(World *world, const char *path, AzBytes request,
					   const AzMetadata *metadata, Reply *reply);

/* A command request to change as a test likes: one page, AGGREGATE_HANDLES. */
extern PbCommandRequest *world_command(World *world);
extern void world_send_command(World *world, PbCommandRequest *request,
							   Reply *reply);

/* A fact to change as a test likes: one page, external_id "payment-1". */
extern PbEventRequest *world_fact(World *world);
extern void world_send_fact(World *world, PbEventRequest *request,
							Reply *reply);

/* Sends and waits. */
extern Reply world_handle(World *world, PbCommandRequest *request);
extern Reply world_record(World *world, PbEventRequest *request);
extern Reply world_speculate(World *world,
							 PbSpeculateCommandHandlerRequest *request);
extern Reply world_query(World *world, PbQuery *query);

extern PbEventBook *world_answer_book(World *world, const Reply *reply);
extern size_t world_stored(World *world);

/* ---- ways for business logic to answer ---- */
extern void answer_events(World *world, H2Request *request,
						  PbContextualCommand *command);
extern void answer_message(World *world, H2Request *request,
						   const void *message);
extern void hold_request(World *world, H2Request *request,
						 PbContextualCommand *command);

#endif
