/*
 * The pipeline of facts: load the history, let business logic say what to
 * record of them, append that (contract section 6).
 *
 * A fact has happened and cannot be refused for where the aggregate is: it
 * goes to the head, wherever that is.  Whoever is overtaken at the append
 * begins again; somebody who sent the same fact may have done the overtaking,
 * and then it is there already.
 */
#include "pipeline/fact.h"

#include <string.h>

#include "codec/book.h"
#include "pipeline/aftermath.h"
#include "pipeline/branch.h"
#include "pipeline/commit.h"
#include "pipeline/handler.h"
#include "pipeline/history.h"
#include "pipeline/provenance.h"
#include "pipeline/repeat.h"
#include "pipeline/reply.h"
#include "pipeline/stamp.h"
#include "pipeline/upcast.h"

#define DEFERRED_PATH "events.pages[0].header.angzarr_deferred"

struct AzFactJob
{
	AzJob		job;			/* must come first */
	PbEventRequest *request;
	const AzOrigin *origin;		/* NULL: a client's */
	AzTarget	target;
	AzKey		key;			/* where repeat.has_key */
	const AzCause *cause;		/* of what a component emitted, or NULL */
	bool		is_isolated;
	int			sync_mode;		/* PB_SYNC_MODE_* */

	AzRepeat	repeat;
	AzBranch	branch;
	AzLoadWish	load;
	PbEventBook *history;		/* as business logic is given it */
	AzUpcast	upcast;
	AzEvent    *events;
	size_t		n_events;
	const AzSnapshot *snapshot;
	AzCommit	commit;
	AzAftermath aftermath;
	AzBook		book;			/* of the new events */
	PbFactInjectionResponse response;
};

static AzStepResult prepare(AzJob *job);
static bool read_key(AzFactJob *fact);
static bool read_deferred(AzFactJob *fact,
						  const PbAngzarrDeferredSequence *deferred);
static AzStepResult find_key(AzJob *job);
static AzStepResult take_key(AzJob *job);
static AzStepResult read_first_answer(AzJob *job);
static AzStepResult take_first_answer(AzJob *job);
static AzStepResult find_branch(AzJob *job);
static AzStepResult take_branch(AzJob *job);
static AzStepResult load_history(AzJob *job);
static AzStepResult take_history(AzJob *job);
static AzStepResult upcast_history(AzJob *job);
static AzStepResult take_upcast(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static bool has_no_handler(const AzJob *job);
static AzStepResult record_themselves(AzFactJob *fact);
static AzStepResult stamp(AzFactJob *fact, const PbEventBook *book);
static AzStepResult append_events(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult overtaken(AzFactJob *fact);
static bool plan_aftermath(AzFactJob *fact);
static AzStepResult react(AzJob *job);
static AzStepResult take_reaction(AzJob *job);
static AzStepResult answer_new_events(AzFactJob *fact);
static void fill_book(AzFactJob *fact);
static AzStepResult answer(AzFactJob *fact, const AzBook *book);

static const AzStep steps[] = {
	{"find key", AZ_STEP_LOCAL, find_key, take_key},
	{"read first answer", AZ_STEP_LOCAL, read_first_answer, take_first_answer},
	{"find branch", AZ_STEP_LOCAL, find_branch, take_branch},
	{"load history", AZ_STEP_LOCAL, load_history, take_history},
	{"upcast", AZ_STEP_REMOTE, upcast_history, take_upcast},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{"append", AZ_STEP_LOCAL, append_events, take_append},
	{"react", AZ_STEP_LOCAL, react, take_reaction},
	{NULL}
};

const AzPipeline az_fact_pipeline = {"fact", prepare, steps};

AzFactJob *
az_fact_create(AzJobs *jobs, AzError *error)
{
	return (AzFactJob *) az_job_create(jobs, &az_fact_pipeline,
									   sizeof(AzFactJob), error);
}

AzJob *
az_fact_job(AzFactJob *fact)
{
	return &fact->job;
}

void
az_fact_set_request(AzFactJob *fact, PbEventRequest *request)
{
	fact->request = request;
}

void
az_fact_set_origin(AzFactJob *fact, const AzOrigin *origin)
{
	fact->origin = origin;
}

const AzAftermath *
az_fact_aftermath(const AzJob *job)
{
	return &((const AzFactJob *) job)->aftermath;
}

const PbFactInjectionResponse *
az_fact_response(const AzJob *job)
{
	return &((const AzFactJob *) job)->response;
}

/* A fact's pages have no mode of their own: only the request's counts. */
static AzStepResult
prepare(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;
	const PbCover *cover;

	if (!az_validate_fact(fact->request, &job->jobs->settings.validation,
						  job->arena, &job->error))
		return AZ_STEP_FAILED;
	cover = fact->request->events->cover;
	if (!read_key(fact) ||
		!az_target_find(&fact->target, cover, job))
		return AZ_STEP_FAILED;
	fact->sync_mode = az_terms_mode(fact->request->sync_mode, NULL);
	fact->is_isolated = fact->sync_mode == PB_SYNC_MODE_ISOLATED;
	if (!plan_aftermath(fact) ||
		!az_handler_correlate(job, cover))
		return AZ_STEP_FAILED;
	job->aggregate = &fact->target.aggregate;
	return AZ_STEP_NEXT;
}

/* The first page says what the whole is called. */
static bool
read_key(AzFactJob *fact)
{
	const PbPageHeader *header = fact->request->events->pages[0]->header;
	const char *external_id;

	if (header == NULL)
		return true;
	switch (header->sequence_type_case)
	{
		case PB_PAGE_HEADER_ANGZARR_DEFERRED:
			return read_deferred(fact, header->angzarr_deferred);
		case PB_PAGE_HEADER_EXTERNAL_DEFERRED:
			external_id = header->external_deferred->external_id;
			fact->key.kind = "fact";
			fact->key.bytes = az_bytes_of(external_id);
			fact->repeat.has_key = external_id[0] != '\0';
			return true;
		default:
			return true;
	}
}

static bool
read_deferred(AzFactJob *fact, const PbAngzarrDeferredSequence *deferred)
{
	AzJob	   *job = &fact->job;

	if (!az_provenance_key(deferred, "fact", DEFERRED_PATH, &fact->key,
						   job->arena, &job->error))
		return false;
	fact->repeat.has_key = true;
	fact->cause = az_provenance_cause(deferred, job->arena);
	return fact->cause != NULL || az_error_out_of_memory(&job->error);
}

static AzStepResult
find_key(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	fact->repeat.look.key = fact->key;
	fact->repeat.look.aggregate = fact->target.aggregate;
	return az_repeat_find(&fact->repeat, job);
}

static AzStepResult
take_key(AzJob *job)
{
	return az_repeat_found(&((AzFactJob *) job)->repeat, job);
}

static AzStepResult
read_first_answer(AzJob *job)
{
	return az_repeat_read(&((AzFactJob *) job)->repeat, job);
}

static AzStepResult
take_first_answer(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	if (!az_repeat_take(&fact->repeat, job))
		return AZ_STEP_FAILED;
	return answer(fact, &fact->repeat.book);
}

static AzStepResult
find_branch(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	return az_branch_find(&fact->branch, &fact->target, job);
}

static AzStepResult
take_branch(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	return az_branch_found(&fact->branch, &fact->target, job);
}

static AzStepResult
load_history(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	return az_history_load(&fact->load, &fact->target, NULL, job);
}

static AzStepResult
take_history(AzJob *job)
{
	return az_history_take(&((AzFactJob *) job)->load, job) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

/* Without a handler nobody is given it. */
static AzStepResult
upcast_history(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	if (fact->request->skip_handler)
		return AZ_STEP_NEXT;
	fact->history = az_book_make(&fact->load.book, job->arena, &job->error);
	return fact->history != NULL ?
		az_upcast_start(&fact->upcast, job, fact->history) : AZ_STEP_FAILED;
}

static AzStepResult
take_upcast(AzJob *job)
{
	return az_upcast_finish(&((AzFactJob *) job)->upcast, job);
}

static AzStepResult
call_handler(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;
	PbFactRequest request = PB_FACT_REQUEST_INIT;

	if (fact->request->skip_handler)
		return record_themselves(fact);
	request.prior_events = fact->history;
	request.facts = fact->request->events;
	/* Main is always sent as an unset edition: contract section 1. */
	if (fact->target.aggregate.edition[0] == '\0')
		request.facts->cover->edition = NULL;
	return az_handler_call(job, &fact->target, AZ_HANDLER_SERVICE "HandleFact",
						   &request);
}

static AzStepResult
take_answer(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;
	const PbEventBook *book;

	if (has_no_handler(job))
		return record_themselves(fact);
	if (job->status.code != AZ_OK)
		return az_handler_failed(job, &fact->target);
	book = az_handler_answer(job, &fact->target, &pb_event_book_descriptor);
	return book != NULL ? stamp(fact, book) : AZ_STEP_FAILED;
}

/* Business logic itself says so, and not somebody on the way to it. */
static bool
has_no_handler(const AzJob *job)
{
	return job->status.code == AZ_UNIMPLEMENTED &&
		strcmp(job->status.sqlstate, AZ_SQLSTATE_UNREACHABLE) != 0;
}

/* As they are, but for their headers: those get the aggregate's numbers. */
static AzStepResult
record_themselves(AzFactJob *fact)
{
	AzJob	   *job = &fact->job;
	const PbEventBook *facts = fact->request->events;
	PbEventPage *pages = az_arena_array(job->arena, facts->n_pages,
										sizeof(PbEventPage));
	PbEventBook book = PB_EVENT_BOOK_INIT;

	book.pages = az_arena_array(job->arena, facts->n_pages,
								sizeof(PbEventPage *));
	if (pages == NULL || book.pages == NULL)
	{
		az_error_out_of_memory(&job->error);
		return AZ_STEP_FAILED;
	}
	for (size_t i = 0; i < facts->n_pages; i++)
	{
		pages[i] = *facts->pages[i];
		pages[i].header = NULL;
		book.pages[i] = &pages[i];
	}
	book.n_pages = facts->n_pages;
	return stamp(fact, &book);
}

static AzStepResult
stamp(AzFactJob *fact, const PbEventBook *book)
{
	AzJob	   *job = &fact->job;
	const PbCover *cover = fact->request->events->cover;
	AzStamp		stamp = {
		.aggregate = fact->target.aggregate,
		.next_sequence = fact->load.book.next_sequence,
		.correlation_id = cover->correlation_id,
		.ext = cover->ext,
		.cause = fact->cause,
		.isolated = fact->is_isolated,
		.depth = fact->origin != NULL ? fact->origin->depth : 0,
		.limits = &job->jobs->settings.validation
	};

	if (!az_stamp_events(&stamp, book, &fact->events, &fact->n_events,
						 job->arena, &job->error) ||
		!az_stamp_snapshot(&stamp, book, &fact->load.book, fact->events,
						   fact->n_events, &fact->snapshot, job->arena,
						   &job->error))
		return AZ_STEP_FAILED;
	return AZ_STEP_NEXT;
}

static AzStepResult
append_events(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;
	AzAppendWish *append = &fact->commit.append;

	append->aggregate = fact->target.aggregate;
	append->events = fact->events;
	append->count = fact->n_events;
	append->key = fact->repeat.has_key ? &fact->key : NULL;
	append->snapshot = fact->snapshot;
	append->begins = az_branch_is_new(&fact->branch);
	if (az_commit_is_empty(&fact->commit))
		return answer_new_events(fact);
	append->reservations = az_aftermath_reserve(&fact->aftermath, job,
												fact->events,
												fact->n_events);
	append->n_reservations = append->reservations != NULL ?
		fact->aftermath.count : 0;
	return az_commit_start(&fact->commit, job);
}

static AzStepResult
take_append(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	switch (az_commit_finish(&fact->commit, job, &fact->target))
	{
		case AZ_COMMIT_DONE:
			return AZ_STEP_NEXT;
		case AZ_COMMIT_OVERTAKEN:
			return overtaken(fact);
		case AZ_COMMIT_REPEATED:
			return AZ_STEP_RESTART;
		case AZ_COMMIT_PARKED:
			return AZ_STEP_AGAIN;
		default:
			return AZ_STEP_FAILED;
	}
}

/*
 * UNAVAILABLE and not ABORTED in the end: nothing is wrong with the fact, and
 * who sent it, a saga as well, has to send it until it is recorded.
 */
static AzStepResult
overtaken(AzFactJob *fact)
{
	AzJob	   *job = &fact->job;

	if (job->restarts < job->jobs->settings.max_append_retries)
		return AZ_STEP_RESTART;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "others wrote to %s first, %d times (angzarr.max_append_retries); send the fact again",
				 az_aggregate_text(&fact->target.aggregate, job->arena),
				 job->restarts + 1);
	return AZ_STEP_FAILED;
}

/* Who is to be waited for; what it causes in turn is told of it. */
static bool
plan_aftermath(AzFactJob *fact)
{
	AzCascade  *cascade = &fact->aftermath.cascade;

	cascade->sync_mode = fact->sync_mode;
	cascade->error_mode = PB_CASCADE_ERROR_UNSPECIFIED;
	cascade->above = fact->origin != NULL ? fact->origin->above : NULL;
	return az_aftermath_plan(&fact->aftermath, &fact->job, &fact->target);
}

static AzStepResult
react(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;
	AzStepResult result;

	fill_book(fact);
	result = az_aftermath_start(&fact->aftermath, job, &fact->book);

	return result == AZ_STEP_NEXT ? answer_new_events(fact) : result;
}

static AzStepResult
take_reaction(AzJob *job)
{
	return az_aftermath_take(&((AzFactJob *) job)->aftermath, job);
}

/* A client is told of the failure; who caused it asks for it. */
static AzStepResult
answer_new_events(AzFactJob *fact)
{
	fill_book(fact);
	if (fact->aftermath.failure.code == AZ_OK || fact->origin != NULL)
		return answer(fact, &fact->book);
	az_aftermath_tell(&fact->aftermath, &fact->job, &fact->book);
	return AZ_STEP_FAILED;
}

static void
fill_book(AzFactJob *fact)
{
	AzBook	   *book = &fact->book;

	book->aggregate = fact->target.aggregate;
	book->events = fact->events;
	book->count = fact->n_events;
	book->next_sequence = fact->load.book.next_sequence +
		(int64_t) fact->n_events;
}

static AzStepResult
answer(AzFactJob *fact, const AzBook *book)
{
	PbFactInjectionResponse *response = &fact->response;

	pb_fact_injection_response_init(response);
	response->events = az_reply_events(book, fact->request->events->cover,
									   &fact->job);
	response->already_processed = az_repeat_is_known(&fact->repeat);
	response->projections = fact->aftermath.projections;
	response->n_projections = fact->aftermath.n_projections;
	return response->events != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}
