/*
 * Giving up a command or fact of a reaction: whoever is to know of it does,
 * in one transaction with the key that it is settled.
 */
#ifndef AZ_PIPELINE_SURRENDER_H
#define AZ_PIPELINE_SURRENDER_H

#include "pipeline/emit.h"
#include "store/obligations.h"

/* Embedded in a job. */
typedef struct AzSurrender
{
	/* What is given up, and why. */
	const AzEmission *emission;
	size_t		index;			/* commands first, then facts */
	const PbCommandBook *command;	/* NULL: a fact */
	AzError		failure;
	int			attempts;		/* made for a transient one; 0: permanent */
	bool		is_routable;	/* a rejection, which its source may be told */
	bool		is_filed;		/* it has its dead letter */
	bool		is_lettered_too;	/* a letter, though its source is told */

	AzKey		key;			/* by az_surrender_key */
	bool		is_lettered;	/* how it ended: with a dead letter */

	AzOutboxRow row;
	AzDeadLetter letter;
	AzSettledKey settled;
	AzObligationWish wish;
} AzSurrender;

/*
 * The key of kind "settled" that the trigger's aggregate keeps: where it
 * comes from, and its place in the answer.  False when memory is out.
 */
extern bool az_surrender_key(AzSurrender *surrender, AzArena *arena,
							 AzError *error);

/*
 * A step: a rejected command that has a provenance goes back to its source by
 * the outbox; everything else is a dead letter.  WAIT, then END.
 */
extern AzStepResult az_surrender_start(AzSurrender *surrender, AzJob *job);
extern AzStepResult az_surrender_finish(AzSurrender *surrender,
										AzJob *job);

#endif
