/* Recording what follows from something that is over. */
#include "pipeline/settle.h"

#define BYTES_A_ROW 64			/* beside what is of any length */

AzStepResult
az_settle_start(AzObligationWish *wish, AzJob *job)
{
	wish->wish.bytes = BYTES_A_ROW * (1 + wish->n_keys);
	for (size_t i = 0; i < wish->n_rows; i++)
		wish->wish.bytes += wish->rows[i].envelope.len + BYTES_A_ROW;
	for (size_t i = 0; i < wish->n_letters; i++)
		wish->wish.bytes += wish->letters[i].payload.len + BYTES_A_ROW;
	for (size_t i = 0; i < wish->n_keys; i++)
		wish->wish.bytes += wish->keys[i].kept.answer.len;
	return az_job_wish(job, &wish->wish, &az_obligation_kind);
}

AzStepResult
az_settle_finish(AzObligationWish *wish, AzJob *job)
{
	if (wish->wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = wish->wish.error;
		return AZ_STEP_FAILED;
	}
	if (wish->n_rows > 0)
		job->jobs->outbox_news = true;
	return AZ_STEP_NEXT;
}
