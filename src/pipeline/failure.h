/*
 * What a failed delivery, or a failed command of a reaction, means: whether it
 * may go better later, and when (contract section 8, Failures).
 */
#ifndef AZ_PIPELINE_FAILURE_H
#define AZ_PIPELINE_FAILURE_H

#include "pipeline/job.h"

/*
 * Whether trying again is of no use: a permanent code, unless its status
 * carries RetryInfo and it is not a stale explicit sequence; nor is it what
 * the database says (a deadlock), which knows nothing of the event.
 */
extern bool az_failure_is_permanent(const AzError *error, AzArena *arena);

/*
 * The pause after so many attempts (1 or more), in microseconds: about
 * settings->retry_delay_us, doubled with each up to max_retry_delay_us, then
 * a hundredth of that longer with each; with a random part of up to a half.
 * Each is longer than the one before.
 */
extern int64_t az_failure_delay_us(const AzJobSettings *settings,
								   int attempts);

#endif
