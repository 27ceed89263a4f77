/* The history that business logic is given. */
#include "pipeline/history.h"

#include "codec/book.h"

static void look_back(AzLoadWish *load, const PbTemporalQuery *point);

void
az_history_fill(AzLoadWish *load, const AzTarget *target,
				const PbTemporalQuery *point, AzJob *job)
{
	load->aggregate = target->aggregate;
	load->use_snapshot = target->send_snapshots;
	load->lower = 0;
	load->upper = AZ_EVERY_SEQUENCE;
	load->max_bytes = job->jobs->settings.max_message_bytes;
	if (point != NULL)
		look_back(load, point);
}

AzStepResult
az_history_load(AzLoadWish *load, const AzTarget *target,
				const PbTemporalQuery *point, AzJob *job)
{
	az_history_fill(load, target, point, job);
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

static void
look_back(AzLoadWish *load, const PbTemporalQuery *point)
{
	if (point->point_in_time_case == PB_TEMPORAL_QUERY_AS_OF_SEQUENCE)
		load->upper = point->as_of_sequence;
	load->has_as_of =
		point->point_in_time_case == PB_TEMPORAL_QUERY_AS_OF_TIME;
	if (load->has_as_of)
		load->as_of_us = az_timestamp_us(point->as_of_time);
}
