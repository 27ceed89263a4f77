/* Dead letters: what could not be done, as it is filed (contract 11). */
#ifndef AZ_CODEC_DEAD_LETTER_H
#define AZ_CODEC_DEAD_LETTER_H

#include "base/error.h"
#include "codec/event.h"
#include "codec/messages.h"

/* A row of angzarr.dead_letters. */
typedef struct AzDeadLetter
{
	const char *domain;			/* filed under */
	const char *correlation_id;
	const char *component;		/* that failed, or sent it */
	const char *component_type; /* "aggregate", "saga" … */
	const char *rejection_type; /* "sequence_mismatch" … */
	const char *reason;
	const char *details;		/* JSON, for people */
	AzBytes		payload;		/* encoded AngzarrDeadLetter */
	int64_t		occurred_at_us;
} AzDeadLetter;

/* A command that met another sequence than it expects. */
typedef struct AzMismatch
{
	const PbCommandBook *command;
	const char *component;		/* its aggregate's registered name */
	const char *reason;			/* the message of its status */
	int64_t		expected;
	int64_t		actual;
	int			merge;			/* MERGE_* of the contract */
} AzMismatch;

/* Borrows the texts of "mismatch"; false when memory is out. */
extern bool az_dead_letter_of_mismatch(AzDeadLetter *letter,
									   const AzMismatch *mismatch,
									   AzArena *arena, AzError *error);

#endif
