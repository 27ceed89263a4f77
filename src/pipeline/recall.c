/* Deciding on a remembered book, and finding out whether it was so. */
#include "pipeline/recall.h"

#include <string.h>

#define PAGE_BYTES 16			/* as a load counts them */

static bool may_be_loaded(const AzLoadWish *load);

bool
az_recall_book(AzRecall *recall, AzJob *job, AzLoadWish *load)
{
	recall->is_unsure = az_cache_get(job->jobs->cache, &load->aggregate,
									 load->use_snapshot, job->arena,
									 &load->book);
	recall->has_failed = false;
	return recall->is_unsure && may_be_loaded(load);
}

/* A load refuses a book that is too large for a message. */
static bool
may_be_loaded(const AzLoadWish *load)
{
	const AzBook *book = &load->book;
	size_t		bytes = 0;

	if (book->snapshot != NULL)
		bytes += PAGE_BYTES + strlen(book->snapshot->type_url) +
			book->snapshot->state.len;
	for (size_t i = 0; i < book->count; i++)
		bytes += PAGE_BYTES + strlen(book->events[i].type_url) +
			book->events[i].payload.len + book->events[i].external.len;
	return load->max_bytes == 0 || bytes <= load->max_bytes;
}

void
az_recall_loaded(AzRecall *recall, AzJob *job, const AzLoadWish *load)
{
	recall->is_unsure = false;
	az_cache_put(job->jobs->cache, &load->book, load->use_snapshot);
}

AzStepResult
az_recall_answered(AzRecall *recall, AzJob *job, AzStepResult result)
{
	if (result != AZ_STEP_FAILED || !recall->is_unsure ||
		strcmp(job->status.sqlstate, AZ_SQLSTATE_UNREACHABLE) == 0)
		return result;
	recall->has_failed = true;
	recall->failure = job->error;
	memset(&job->error, 0, sizeof(job->error));
	return AZ_STEP_NEXT;
}

AzStepResult
az_recall_confirm(AzRecall *recall, AzJob *job, const AzLoadWish *load,
				  bool will_append)
{
	if (!recall->is_unsure || (will_append && !recall->has_failed))
		return AZ_STEP_NEXT;
	recall->head.book = &load->book;
	recall->head.use_snapshot = load->use_snapshot;
	return az_job_wish(job, &recall->head.wish, &az_head_kind);
}

AzStepResult
az_recall_confirmed(AzRecall *recall, AzJob *job)
{
	if (recall->head.wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = recall->head.wish.error;
		return AZ_STEP_FAILED;
	}
	if (!recall->head.holds)
	{
		az_cache_drop(job->jobs->cache, &recall->head.book->aggregate);
		az_recall_is_to_blame(recall);
		return AZ_STEP_RESTART;
	}
	recall->is_unsure = false;
	if (!recall->has_failed)
		return AZ_STEP_NEXT;
	job->error = recall->failure;
	return AZ_STEP_FAILED;
}

/* Events decide for themselves, by their place; a snapshot may have gone. */
const AzBook *
az_recall_seen(const AzRecall *recall, const AzLoadWish *load)
{
	return recall->is_unsure && load->book.snapshot != NULL ?
		&load->book : NULL;
}

bool
az_recall_is_to_blame(AzRecall *recall)
{
	if (!recall->is_unsure)
		return false;
	recall->is_unsure = false;
	recall->restarts++;
	return true;
}
