/* The dead letter of an event that a component could not handle. */
#ifndef AZ_PIPELINE_LETTER_H
#define AZ_PIPELINE_LETTER_H

#include "pipeline/emit.h"
#include "store/dead_letters.h"

/* Embedded in a job; needs no filling. */
typedef struct AzLetter
{
	bool		is_due;			/* these are set then */
	AzError		failure;
	int			attempts;		/* made for a transient one; 0: it is
								 * permanent */
	const PbPayloadReference *reference;	/* that could not be had, or NULL */
	AzDeadLetterWish wish;
} AzLetter;

/*
 * Whether a trigger's payload is kept elsewhere: there is nowhere yet that one
 * could be fetched from.  Then job->error says so.
 */
extern bool az_letter_needs_payload(AzLetter *letter,
									const PbEventBook *trigger, AzJob *job);

/* The letter of what triggered an emission, as it is stored. */
extern bool az_letter_of_trigger(AzDeadLetter *letter,
								 const AzEmission *emission,
								 const AzError *failure, int attempts,
								 AzJob *job);

/*
 * Step "file dead letter" of events for a component: NEXT at once when there
 * is none to be filed; then END.
 */
extern AzStepResult az_letter_file(AzLetter *letter,
								   const AzComponent *component,
								   const PbEventBook *events, AzJob *job);
extern AzStepResult az_letter_filed(AzLetter *letter, AzJob *job);

#endif
