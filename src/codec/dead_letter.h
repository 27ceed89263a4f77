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

/* What every letter says: what is put aside, by whom, and why. */
typedef struct AzRejected
{
	/* One of the two, with its cover; that says the domain to file under. */
	const PbCommandBook *command;
	const PbEventBook *events;	/* what triggered the component */

	const char *component;		/* registered name: failed, or sent it */
	const char *component_type; /* aggregate, saga, projector,
								 * process_manager; "" where nobody knows */
	const char *reason;			/* in words: the message of a status */
	size_t		n_metadata;		/* beside "topic", which each letter has */
	const char *const(*metadata)[2];	/* name, value */
} AzRejected;

/* A command that met another sequence than it expects, under MANUAL. */
typedef struct AzMismatch
{
	AzRejected	rejected;
	int64_t		expected;
	int64_t		actual;
	int			merge;			/* MERGE_* of the contract */
} AzMismatch;

/* Business logic failed on it, refused it, or it must not be run. */
typedef struct AzProcessingFailure
{
	AzRejected	rejected;
	const char *error;			/* NULL: as the reason */
	bool		is_transient;
	int			attempts;		/* calls made; told of transient ones only */
} AzProcessingFailure;

/* An event whose payload is kept elsewhere and cannot be had. */
typedef struct AzRetrievalFailure
{
	AzRejected	rejected;
	const PbPayloadReference *reference;
	const char *error;			/* NULL: as the reason */
} AzRetrievalFailure;

/* The envelope of a notification that nobody takes: the command. */
typedef struct AzDeliveryFailure
{
	AzRejected	rejected;
	int			attempts;		/* 1 for UNIMPLEMENTED */
	const char *last_error;		/* NULL: as the reason */
} AzDeliveryFailure;

/*
 * The letter of each, with the time of now.  Texts are copied into the arena
 * as UTF-8, cut to AZ_DEAD_LETTER_TEXT bytes each; domain, correlation id and
 * names of components are borrowed.  False when memory is out.
 */
#define AZ_DEAD_LETTER_TEXT 8192

extern bool az_dead_letter_of_mismatch(AzDeadLetter *letter,
									   const AzMismatch *mismatch,
									   AzArena *arena, AzError *error);
extern bool az_dead_letter_of_processing(AzDeadLetter *letter,
										 const AzProcessingFailure *failure,
										 AzArena *arena, AzError *error);
extern bool az_dead_letter_of_retrieval(AzDeadLetter *letter,
										const AzRetrievalFailure *failure,
										AzArena *arena, AzError *error);
extern bool az_dead_letter_of_delivery(AzDeadLetter *letter,
									   const AzDeliveryFailure *failure,
									   AzArena *arena, AzError *error);

#endif
