/* What the pipelines that write to one stream share. */
#include "pipeline/writer.h"

#include "codec/book.h"
#include "pipeline/history.h"
#include "pipeline/stamp.h"

static void fill_book(AzWriter *writer);

AzStepResult
az_writer_find_key(AzJob *job)
{
	AzWriter   *writer = (AzWriter *) job;

	writer->repeat.has_key = writer->terms.has_key;
	writer->repeat.look.key = writer->terms.key;
	writer->repeat.look.aggregate = writer->target.aggregate;
	return az_repeat_find(&writer->repeat, job);
}

AzStepResult
az_writer_take_key(AzJob *job)
{
	return az_repeat_found(&((AzWriter *) job)->repeat, job);
}

AzStepResult
az_writer_read_first(AzJob *job)
{
	return az_repeat_read(&((AzWriter *) job)->repeat, job);
}

AzStepResult
az_writer_find_branch(AzJob *job)
{
	AzWriter   *writer = (AzWriter *) job;

	return az_branch_find(&writer->branch, &writer->target, job);
}

AzStepResult
az_writer_take_branch(AzJob *job)
{
	AzWriter   *writer = (AzWriter *) job;

	return az_branch_found(&writer->branch, &writer->target, job);
}

AzStepResult
az_writer_load(AzJob *job)
{
	AzWriter   *writer = (AzWriter *) job;

	return az_history_load(&writer->load, &writer->target, NULL, job);
}

AzStepResult
az_writer_take_load(AzJob *job)
{
	return az_history_take(&((AzWriter *) job)->load, job) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

AzStepResult
az_writer_upcast(AzJob *job)
{
	AzWriter   *writer = (AzWriter *) job;

	writer->history = az_book_make(&writer->load.book, job->arena,
								   &job->error);
	return writer->history != NULL ?
		az_upcast_start(&writer->upcast, job, writer->history) :
		AZ_STEP_FAILED;
}

AzStepResult
az_writer_take_upcast(AzJob *job)
{
	return az_upcast_finish(&((AzWriter *) job)->upcast, job);
}

bool
az_writer_stamp(AzWriter *writer, const PbCover *cover,
				const PbEventBook *book)
{
	AzJob	   *job = &writer->job;
	AzStamp		stamp = {
		.aggregate = writer->target.aggregate,
		.next_sequence = writer->load.book.next_sequence,
		.correlation_id = cover->correlation_id,
		.ext = cover->ext,
		.cause = writer->terms.cause,
		.isolated = writer->terms.is_isolated,
		.depth = writer->terms.depth,
		.limits = &job->jobs->settings.validation
	};

	return az_stamp_events(&stamp, book, &writer->events, &writer->n_events,
						   job->arena, &job->error) &&
		az_stamp_snapshot(&stamp, book, &writer->load.book, writer->events,
						  writer->n_events, &writer->snapshot, job->arena,
						  &job->error);
}

void
az_writer_fill_append(AzWriter *writer)
{
	AzAppendWish *append = &writer->commit.append;

	append->aggregate = writer->target.aggregate;
	append->events = writer->events;
	append->count = writer->n_events;
	append->key = writer->terms.has_key ? &writer->terms.key : NULL;
	append->snapshot = writer->snapshot;
	append->begins = az_branch_is_new(&writer->branch);
}

/* What is decided anew may be nothing. */
AzStepResult
az_writer_overtaken(AzWriter *writer, const char *what)
{
	AzJob	   *job = &writer->job;

	writer->events = NULL;
	writer->n_events = 0;
	writer->snapshot = NULL;
	if (job->restarts < job->jobs->settings.max_append_retries)
		return AZ_STEP_RESTART;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "others wrote to %s first, %d times (angzarr.max_append_retries); send the %s again",
				 az_aggregate_text(&writer->target.aggregate, job->arena),
				 job->restarts + 1, what);
	return AZ_STEP_FAILED;
}

bool
az_writer_plan(AzWriter *writer, int error_mode)
{
	AzCascade  *cascade = &writer->aftermath.cascade;

	cascade->sync_mode = writer->terms.sync_mode;
	cascade->error_mode = error_mode;
	cascade->above = writer->origin != NULL ? writer->origin->above : NULL;
	return az_aftermath_plan(&writer->aftermath, &writer->job,
							 &writer->target);
}

AzStepResult
az_writer_append(AzWriter *writer)
{
	AzJob	   *job = &writer->job;
	AzAppendWish *append = &writer->commit.append;

	append->reservations = az_aftermath_reserve(&writer->aftermath, job,
												writer->events,
												writer->n_events);
	append->n_reservations = append->reservations != NULL ?
		writer->aftermath.count : 0;
	return az_commit_start(&writer->commit, job);
}

AzStepResult
az_writer_react(AzJob *job)
{
	AzWriter   *writer = (AzWriter *) job;

	fill_book(writer);
	return az_aftermath_start(&writer->aftermath, job, &writer->book);
}

AzStepResult
az_writer_take_reaction(AzJob *job)
{
	return az_aftermath_take(&((AzWriter *) job)->aftermath, job);
}

bool
az_writer_end(AzWriter *writer)
{
	fill_book(writer);
	if (writer->aftermath.failure.code == AZ_OK || writer->origin != NULL)
		return true;
	az_aftermath_tell(&writer->aftermath, &writer->job, &writer->book);
	return false;
}

static void
fill_book(AzWriter *writer)
{
	AzBook	   *book = &writer->book;

	book->aggregate = writer->target.aggregate;
	book->events = writer->events;
	book->count = writer->n_events;
	book->next_sequence = writer->load.book.next_sequence +
		(int64_t) writer->n_events;
}
