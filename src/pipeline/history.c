/* The history that business logic is given. */
#include "pipeline/history.h"

AzStepResult
az_history_load(AzLoadWish *load, const AzTarget *target, AzJob *job)
{
	load->aggregate = target->aggregate;
	load->use_snapshot = target->send_snapshots;
	load->lower = 0;
	load->upper = AZ_EVERY_SEQUENCE;
	load->max_bytes = job->jobs->settings.max_message_bytes;
	return az_job_wish(job, &load->wish, &az_load_kind);
}

bool
az_history_take(const AzLoadWish *load, AzJob *job)
{
	if (load->wish.outcome == AZ_WISH_FULFILLED)
		return true;
	job->error = load->wish.error;
	return false;
}
