/*
 * Doing a thing once under a key: the look whether it was done before, and
 * the first answer when it was (contract sections 5, 6 and 8).
 */
#ifndef AZ_PIPELINE_REPEAT_H
#define AZ_PIPELINE_REPEAT_H

#include "pipeline/job.h"
#include "store/keys.h"
#include "store/load.h"

typedef struct AzRepeat
{
	bool		has_key;		/* else nothing below is looked at */
	AzKeyWish	look;			/* fill its aggregate and key */
	AzLoadWish	load;
	/* The first answer, once it was read: the events, or none. */
	AzBook		book;
} AzRepeat;

/* Step "find key": NEXT at once without a key. */
extern AzStepResult az_repeat_find(AzRepeat *repeat, AzJob *job);
extern AzStepResult az_repeat_found(AzRepeat *repeat, AzJob *job);

/* Whether it was done before. */
extern bool az_repeat_is_known(const AzRepeat *repeat);

/* Step "read first answer": NEXT at once when it was not. */
extern AzStepResult az_repeat_read(AzRepeat *repeat, AzJob *job);
extern bool az_repeat_take(AzRepeat *repeat, AzJob *job);

#endif
