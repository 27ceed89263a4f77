/*
 * The end of something owed or done: what follows from it is recorded, and
 * the outbox of this engine told that there is news.
 */
#ifndef AZ_PIPELINE_SETTLE_H
#define AZ_PIPELINE_SETTLE_H

#include "pipeline/job.h"
#include "store/obligations.h"

/* Wishes for it: WAIT.  Fill rows, letters, keys and closed first. */
extern AzStepResult az_settle_start(AzObligationWish *wish, AzJob *job);

/* NEXT, or FAILED with job->error: nothing of it is recorded. */
extern AzStepResult az_settle_finish(AzObligationWish *wish, AzJob *job);

#endif
