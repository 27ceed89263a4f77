/*
 * The pipeline of books sent in pieces: find an aggregate, plan its book, read
 * some pages, send a message when it is full; and again, until all is sent.
 *
 * Memory does not grow with the book: a message being made, the pages last
 * read, one plan and one list of aggregates, each in an arena of its own that
 * is emptied before it is filled again.
 */
#include "pipeline/book_stream.h"

#include <string.h>

#include "codec/book.h"
#include "codec/chunk.h"
#include "pipeline/selection.h"
#include "store/find.h"

#define READ_ROWS 2000			/* pages of one read */
#define READ_BYTES (256 * 1024)
#define FIND_ROWS 1000			/* aggregates of one list */

struct AzBookStream
{
	AzJob		job;			/* must come first */
	AzOutlet	outlet;
	bool		single;
	const PbQuery *request;
	AzSelection selection;

	AzArena    *list_arena;		/* of find */
	AzArena    *plan_arena;		/* of plan */
	AzArena    *page_arena;		/* of read */
	AzFindWish	find;
	bool		was_searched;	/* find holds a list */
	size_t		n_begun;		/* aggregates of it */
	size_t		n_books;		/* aggregates sent, in all */

	bool		has_aggregate;	/* plan.plan says which is being sent */
	bool		is_planned;
	AzPlanWish	plan;
	const PbCover *cover;
	AzReadWish	read;
	size_t		n_added;		/* of the pages last read */
	bool		is_complete;	/* the last page is in the message */
	AzChunk		chunk;
};

static AzStepResult prepare(AzJob *job);
static void release(AzJob *job);
static AzStepResult find_aggregate(AzJob *job);
static AzStepResult take_aggregates(AzJob *job);
static bool choose_aggregate(AzBookStream *stream);
static AzStepResult end_search(AzBookStream *stream);
static AzStepResult plan_book(AzJob *job);
static AzStepResult take_plan(AzJob *job);
static bool begin_book(AzBookStream *stream);
static bool begin_message(AzBookStream *stream, const AzSnapshot *snapshot);
static AzStepResult read_pages(AzJob *job);
static AzStepResult take_pages(AzJob *job);
static AzStepResult send_pages(AzJob *job);
static bool add_pages(AzBookStream *stream, bool *is_full);
static AzStepResult send_message(AzBookStream *stream);
static AzStepResult after_message(AzBookStream *stream);
static AzStepResult was_taken(AzJob *job);
static bool fulfilled(AzBookStream *stream, const AzWish *wish);
static AzStepResult wish_in(AzBookStream *stream, AzWish *wish,
							const AzWishKind *kind, AzArena *arena);
static bool is_correlated(const AzBookStream *stream);

static const AzStep steps[] = {
	{"find aggregate", AZ_STEP_LOCAL, find_aggregate, take_aggregates},
	{"plan book", AZ_STEP_LOCAL, plan_book, take_plan},
	{"read pages", AZ_STEP_LOCAL, read_pages, take_pages},
	{"send pages", AZ_STEP_REMOTE, send_pages, was_taken},
	{NULL}
};

const AzPipeline az_book_stream_pipeline = {
	"books", prepare, steps, release
};

AzBookStream *
az_book_stream_create(AzJobs *jobs, AzOutlet outlet, bool single,
					  AzError *error)
{
	AzBookStream *stream =
	(AzBookStream *) az_job_create(jobs, &az_book_stream_pipeline,
								   sizeof(AzBookStream), error);

	if (stream == NULL)
		return NULL;
	stream->outlet = outlet;
	stream->single = single;
	return stream;
}

AzJob *
az_book_stream_job(AzBookStream *stream)
{
	return &stream->job;
}

void
az_book_stream_set_request(AzBookStream *stream, const PbQuery *request)
{
	stream->request = request;
}

static AzStepResult
prepare(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;

	if (!az_validate_query(stream->request, &job->jobs->settings.validation,
						   job->arena, &job->error) ||
		!az_selection_read(stream->request, &stream->selection, job->arena,
						   &job->error))
		return AZ_STEP_FAILED;
	stream->list_arena = az_arena_create();
	stream->plan_arena = az_arena_create();
	stream->page_arena = az_arena_create();
	if (stream->list_arena != NULL && stream->plan_arena != NULL &&
		stream->page_arena != NULL)
		return AZ_STEP_NEXT;
	az_error_out_of_memory(&job->error);
	return AZ_STEP_FAILED;
}

static void
release(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;

	az_arena_free(stream->list_arena);
	az_arena_free(stream->plan_arena);
	az_arena_free(stream->page_arena);
	az_chunk_free(&stream->chunk);
}

/* ---- which aggregate is next ---- */

static AzStepResult
find_aggregate(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;
	AzFindWish *find = &stream->find;

	if (stream->has_aggregate || choose_aggregate(stream))
		return AZ_STEP_NEXT;
	if (!is_correlated(stream) ||
		(stream->was_searched && find->count < (size_t) find->max_rows))
		return end_search(stream);
	if (stream->was_searched)
		find->after_position = find->found[find->count - 1].first_position;
	else
		find->end_position = INT64_MAX;
	find->selection = &stream->selection;
	find->max_rows = stream->single ? 1 : FIND_ROWS;
	return wish_in(stream, &find->wish, &az_find_kind, stream->list_arena);
}

/* What is found later than now is not looked at. */
static AzStepResult
take_aggregates(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;

	if (!fulfilled(stream, &stream->find.wish))
		return AZ_STEP_FAILED;
	if (!stream->was_searched)
		stream->find.end_position = stream->find.newest_position;
	stream->was_searched = true;
	stream->n_begun = 0;
	return AZ_STEP_RESTART;
}

/* The next one that is known; false when there is none. */
static bool
choose_aggregate(AzBookStream *stream)
{
	AzPlan	   *plan = &stream->plan.plan;
	const AzFound *found;

	if (!is_correlated(stream))
	{
		if (stream->n_books > 0)
			return false;
		plan->aggregate = stream->selection.aggregate;
		plan->after_position = 0;
		plan->end_position = INT64_MAX;
	}
	else
	{
		if (stream->n_begun >= stream->find.count)
			return false;
		found = &stream->find.found[stream->n_begun++];
		plan->aggregate = found->aggregate;
		plan->after_position = found->first_position - 1;
		plan->end_position = found->end_position;
	}
	stream->has_aggregate = true;
	stream->is_planned = false;
	return true;
}

/* A query that nothing answers is answered with an empty book. */
static AzStepResult
end_search(AzBookStream *stream)
{
	AzJob	   *job = &stream->job;
	PbCover    *cover;
	AzBytes		no_ext = {0};

	if (stream->n_books > 0)
		return AZ_STEP_END;
	cover = az_cover_make(&stream->selection.aggregate,
						  stream->selection.correlation_id, no_ext, job->arena,
						  &job->error);
	if (cover == NULL)
		return AZ_STEP_FAILED;
	if (!stream->selection.has_root)
		cover->root = NULL;
	stream->cover = cover;
	stream->n_books++;
	stream->is_complete = true;
	if (!begin_message(stream, NULL) ||
		send_message(stream) == AZ_STEP_FAILED)
		return AZ_STEP_FAILED;
	return AZ_STEP_END;
}

/* ---- of what its book consists ---- */

static AzStepResult
plan_book(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;

	if (stream->is_planned)
		return AZ_STEP_NEXT;
	stream->plan.selection = &stream->selection;
	return wish_in(stream, &stream->plan.wish, &az_plan_kind,
				   stream->plan_arena);
}

static AzStepResult
take_plan(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;
	const AzPlan *plan = &stream->plan.plan;

	if (!fulfilled(stream, &stream->plan.wish))
		return AZ_STEP_FAILED;
	if (is_correlated(stream) && plan->last < 0)
	{
		az_error_set(&job->error, job->arena, AZ_ABORTED,
					 "the events of %s were deleted while they were being read; ask again",
					 az_aggregate_text(&plan->aggregate, job->arena));
		return AZ_STEP_FAILED;
	}
	return begin_book(stream) ? AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static bool
begin_book(AzBookStream *stream)
{
	AzJob	   *job = &stream->job;
	const AzPlan *plan = &stream->plan.plan;
	AzAggregate shown = plan->aggregate;
	const AzDivergence *said;
	AzReadWish *read = &stream->read;

	/* The cover shows what the client's does, not where the edition begins. */
	shown.has_divergence = stream->selection.aggregate.has_divergence;
	shown.divergence = stream->selection.aggregate.divergence;
	said = az_selection_divergence(&stream->selection, shown.domain);
	if (said != NULL)
	{
		shown.has_divergence = true;
		shown.divergence = said->sequence;
	}
	stream->cover = az_cover_make(&shown, is_correlated(stream) ?
								  stream->selection.correlation_id :
								  plan->correlation_id,
								  plan->ext, stream->plan_arena, &job->error);
	if (stream->cover == NULL)
		return false;
	read->selection = &stream->selection;
	read->plan = plan;
	read->lower = plan->first;
	read->after_position = plan->after_position;
	read->max_rows = READ_ROWS;
	read->max_bytes = READ_BYTES;
	read->count = 0;
	stream->n_added = 0;
	stream->is_complete = plan->last < 0;
	stream->is_planned = true;
	stream->n_books++;
	return begin_message(stream, plan->snapshot);
}

static bool
begin_message(AzBookStream *stream, const AzSnapshot *snapshot)
{
	AzJob	   *job = &stream->job;
	const AzJobSettings *settings = &job->jobs->settings;

	return az_chunk_begin(&stream->chunk, stream->single ?
						  settings->max_message_bytes :
						  settings->stream_chunk_bytes,
						  stream->cover, snapshot, stream->page_arena,
						  &job->error);
}

/* ---- its pages ---- */

static AzStepResult
read_pages(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;

	if (stream->is_complete || stream->n_added < stream->read.count)
		return AZ_STEP_NEXT;
	stream->read.wish.bytes = READ_BYTES;
	return wish_in(stream, &stream->read.wish, &az_read_kind,
				   stream->page_arena);
}

static AzStepResult
take_pages(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;
	AzReadWish *read = &stream->read;

	if (!fulfilled(stream, &read->wish))
		return AZ_STEP_FAILED;
	stream->n_added = 0;
	if (read->count > 0)
	{
		read->lower = read->events[read->count - 1].sequence + 1;
		read->after_position = read->position;
		return AZ_STEP_NEXT;
	}
	az_error_set(&job->error, job->arena, AZ_ABORTED,
				 "the events of %s were deleted while they were being read; ask again",
				 az_aggregate_text(&stream->plan.plan.aggregate, job->arena));
	return AZ_STEP_FAILED;
}

static AzStepResult
send_pages(AzJob *job)
{
	AzBookStream *stream = (AzBookStream *) job;
	bool		is_full = false;

	if (!add_pages(stream, &is_full))
		return AZ_STEP_FAILED;
	if (!is_full && !stream->is_complete)
		return AZ_STEP_RESTART;
	if (!is_full || !stream->single)
		return send_message(stream);
	az_error_set(&job->error, job->arena, AZ_RESOURCE_EXHAUSTED,
				 "the book of %s has more than %zu bytes (angzarr.max_message_size); GetEvents gives it in pieces",
				 az_aggregate_text(&stream->plan.plan.aggregate, job->arena),
				 job->jobs->settings.max_message_bytes);
	return AZ_STEP_FAILED;
}

/* Those read last, as far as they fit into the message. */
static bool
add_pages(AzBookStream *stream, bool *is_full)
{
	const AzReadWish *read = &stream->read;
	int64_t		last = stream->plan.plan.last;

	while (stream->n_added < read->count)
	{
		const AzEvent *event = &read->events[stream->n_added];
		bool		fits;

		if (!az_chunk_add(&stream->chunk, event, &fits, stream->page_arena,
						  &stream->job.error))
			return false;
		*is_full = !fits;
		if (*is_full)
			return true;
		stream->n_added++;
		if (event->sequence >= last)
			stream->is_complete = true;
	}
	return true;
}

static AzStepResult
send_message(AzBookStream *stream)
{
	AzJob	   *job = &stream->job;
	AzBytes		message;

	if (!az_chunk_end(&stream->chunk, &message, &job->error))
		return AZ_STEP_FAILED;
	switch (stream->outlet(job, message))
	{
		case AZ_OUTLET_OPEN:
			return after_message(stream);
		case AZ_OUTLET_FULL:
			if (stream->is_complete &&
				(stream->single || !is_correlated(stream)))
				return AZ_STEP_END;
			return AZ_STEP_WAIT;
		default:
			az_error_set(&job->error, NULL, AZ_CANCELLED,
						 "nobody takes the answer any more");
			return AZ_STEP_FAILED;
	}
}

/* On to the next message of the book, or to the next book. */
static AzStepResult
after_message(AzBookStream *stream)
{
	if (stream->is_complete)
	{
		stream->has_aggregate = false;
		if (stream->single || !is_correlated(stream))
			return AZ_STEP_END;
		return AZ_STEP_RESTART;
	}
	return begin_message(stream, NULL) ? AZ_STEP_RESTART : AZ_STEP_FAILED;
}

static AzStepResult
was_taken(AzJob *job)
{
	return after_message((AzBookStream *) job);
}

/* ---- for all steps ---- */

/* False, with the job's error, unless the wish came true. */
static bool
fulfilled(AzBookStream *stream, const AzWish *wish)
{
	if (wish->outcome == AZ_WISH_FULFILLED)
		return true;
	stream->job.error = wish->error;
	return false;
}

/* Queues a wish whose results take the place of all that the arena holds. */
static AzStepResult
wish_in(AzBookStream *stream, AzWish *wish, const AzWishKind *kind,
		AzArena *arena)
{
	AzStepResult result = az_job_wish(&stream->job, wish, kind);

	az_arena_reset(arena);
	wish->arena = arena;
	return result;
}

static bool
is_correlated(const AzBookStream *stream)
{
	return stream->selection.correlation_id[0] != '\0';
}
