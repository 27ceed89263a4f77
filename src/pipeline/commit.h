/*
 * The end of a job that writes: its events, key and snapshot, together or not
 * at all.
 */
#ifndef AZ_PIPELINE_COMMIT_H
#define AZ_PIPELINE_COMMIT_H

#include "pipeline/target.h"
#include "store/append.h"

typedef struct AzCommit
{
	AzAppendWish append;		/* fill its aggregate, events, key, snapshot,
								 * outbox rows */
	int64_t		parked_until_us;	/* 0 = is not parked */
} AzCommit;

typedef enum AzCommitOutcome
{
	AZ_COMMIT_DONE,				/* appended */
	AZ_COMMIT_OVERTAKEN,		/* somebody else wrote first */
	AZ_COMMIT_REPEATED,			/* its key was kept by somebody else first */
	AZ_COMMIT_PARKED,			/* somebody else is writing: step AGAIN */
	AZ_COMMIT_FAILED			/* job->error says why */
} AzCommitOutcome;

/* Whether there is anything to write. */
extern bool az_commit_is_empty(const AzCommit *commit);

/* Wishes for it: WAIT. */
extern AzStepResult az_commit_start(AzCommit *commit, AzJob *job);

/*
 * What became of it; parks for at most the target's timeout.  The cache keeps
 * what was appended, and forgets the aggregate when it was not.
 */
extern AzCommitOutcome az_commit_finish(AzCommit *commit, AzJob *job,
										const AzTarget *target);


/* The result of the step that an outcome means, when nobody knows better. */
extern AzStepResult az_commit_result(AzCommitOutcome outcome);

#endif
