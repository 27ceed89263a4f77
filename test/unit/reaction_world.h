/*
 * What reacts, for tests: a world with the engine's jobs but no server, a
 * saga "fulfil" and a process manager "checkout" over domain "order", an
 * aggregate "stock" that they send to.
 */
#ifndef REACTION_WORLD_H
#define REACTION_WORLD_H

#include "engine/tick.h"
#include "pipeline/delivery.h"

#include "engine_world.h"

/* How a delivery ended. */
typedef struct Outcome
{
	bool		came;
	AzCode		code;
	char		message[512];
	int			stage;
	bool		was_lettered;
	bool		was_recorded;
	size_t		n_errors;
} Outcome;

typedef struct Reactions
{
	World	   *world;
	AzLoop	   *loop;
	AzChannels *channels;
	AzCatalog  *catalog;
	AzJobs	   *jobs;
	AzTick		tick;
	AzAggregate stock;			/* some root */
	AzEvent		event;			/* that triggers, of world->order */
	int			sync_mode;

	/* What is answered: a message, or a status. */
	PbSagaResponse saga;
	PbProcessManagerHandleResponse process;
	const char *saga_status;	/* NULL: the message */
	const char *process_status; /* likewise */
	const char *stock_status;	/* NULL: world->n_events events */
	int			stock_refusals; /* so often, then it answers; -1 = always */
	const char *stock_details;	/* of the status, base64; or NULL */
	const char *fact_status;	/* NULL: it has no such method */
	bool		upcasts;		/* every event to "/shop.New" */

	/* What was asked, how often, and the last of it. */
	int			saga_calls;
	int			process_calls;
	int			stock_calls;
	PbSagaHandleRequest *last_saga;
	PbProcessManagerHandleRequest *last_process;
	PbContextualCommand *last_command;
} Reactions;

extern Reactions *reactions_create(void);
extern void reactions_free(Reactions *reactions);

/* All that is under way is lost; what is committed stays. */
extern void reactions_crash(Reactions *reactions);

/* Delivers to a component, or begins to; turns until it is over. */
extern Outcome reactions_deliver(Reactions *reactions, const char *component,
								 int stage, int attempt);
extern void reactions_begin(Reactions *reactions, const char *component,
							Outcome *outcome);
extern void reactions_turn(Reactions *reactions);
extern void reactions_until(Reactions *reactions, const bool *flag);

/* A command for "stock" without header; a fact; in the world's arena. */
extern PbCommandBook *reactions_command(Reactions *reactions);
extern PbEventBook *reactions_fact(Reactions *reactions);

/* The saga answers these; ends with NULL. */
extern void reactions_answer(Reactions *reactions, PbCommandBook *first,
							 PbCommandBook *second);
extern void reactions_answer_fact(Reactions *reactions, PbEventBook *fact);

extern size_t reactions_stored(Reactions *reactions,
							   const AzAggregate *aggregate);
extern size_t reactions_keys(Reactions *reactions, const char *kind);
extern PbAngzarrDeadLetter *reactions_letter(Reactions *reactions, size_t i);

#endif
