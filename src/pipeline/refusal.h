/* Refusing a command for its sequence: at once, or once a letter is filed. */
#ifndef AZ_PIPELINE_REFUSAL_H
#define AZ_PIPELINE_REFUSAL_H

#include "pipeline/merge.h"
#include "pipeline/target.h"
#include "store/dead_letters.h"

/* Embedded in a job; needs no filling. */
typedef struct AzRefusal
{
	bool		is_due;			/* what follows is set */
	AzConflict	conflict;
	AzError		error;			/* what the caller is told */
	AzDeadLetterWish letter;
} AzRefusal;

/*
 * Refuses with the book as it is now: FAILED, or NEXT under MANUAL, where the
 * step "file refusal" fails after the letter is durable.
 */
extern AzStepResult az_refusal_make(AzRefusal *refusal, AzJob *job,
									const AzConflict *conflict,
									const AzBook *book);

/* Step "file refusal": NEXT at once when there is none. */
extern AzStepResult az_refusal_file(AzRefusal *refusal, AzJob *job,
									const AzTarget *target,
									const PbCommandBook *command);
extern AzStepResult az_refusal_filed(AzRefusal *refusal, AzJob *job);

#endif
