/* Doing a thing once under a key: the look, and the first answer. */
#include "pipeline/repeat.h"

AzStepResult
az_repeat_find(AzRepeat *repeat, AzJob *job)
{
	if (!repeat->has_key)
		return AZ_STEP_NEXT;
	return az_job_wish(job, &repeat->look.wish, &az_key_kind);
}

AzStepResult
az_repeat_found(AzRepeat *repeat, AzJob *job)
{
	if (repeat->look.wish.outcome == AZ_WISH_FULFILLED)
		return AZ_STEP_NEXT;
	job->error = repeat->look.wish.error;
	return AZ_STEP_FAILED;
}

bool
az_repeat_is_known(const AzRepeat *repeat)
{
	return repeat->has_key && repeat->look.kept.found;
}

/* Without events the stream is only asked where it is. */
AzStepResult
az_repeat_read(AzRepeat *repeat, AzJob *job)
{
	const AzKept *kept = &repeat->look.kept;
	AzLoadWish *load = &repeat->load;

	if (!az_repeat_is_known(repeat))
		return AZ_STEP_NEXT;
	load->aggregate = repeat->look.aggregate;
	load->use_snapshot = !kept->has_events;
	load->lower = kept->has_events ? kept->first : 0;
	load->upper = kept->has_events ? kept->last : AZ_EVERY_SEQUENCE;
	load->max_bytes = job->jobs->settings.max_message_bytes;
	return az_job_wish(job, &load->wish, &az_load_kind);
}

bool
az_repeat_take(AzRepeat *repeat, AzJob *job)
{
	if (repeat->load.wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = repeat->load.wish.error;
		return false;
	}
	repeat->book = repeat->load.book;
	repeat->book.snapshot = NULL;
	if (!repeat->look.kept.has_events)
		repeat->book.count = 0;
	return true;
}
