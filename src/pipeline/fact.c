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
#include "pipeline/handler.h"
#include "pipeline/reply.h"
#include "pipeline/writer.h"

#define DEFERRED_PATH "events.pages[0].header.angzarr_deferred"

struct AzFactJob
{
	AzWriter	writer;			/* must come first */
	PbEventRequest *request;
	PbFactInjectionResponse response;
};

static AzStepResult prepare(AzJob *job);
static bool read_key(AzFactJob *fact);
static AzStepResult take_first_answer(AzJob *job);
static AzStepResult upcast_history(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static bool has_no_handler(const AzJob *job);
static AzStepResult record_themselves(AzFactJob *fact);
static AzStepResult stamp(AzFactJob *fact, const PbEventBook *book);
static AzStepResult append_events(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult react(AzJob *job);
static AzStepResult answer_new_events(AzFactJob *fact);
static AzStepResult answer(AzFactJob *fact, const AzBook *book);

static const AzStep steps[] = {
	{"find key", AZ_STEP_LOCAL, az_writer_find_key, az_writer_take_key},
	{"read first answer", AZ_STEP_LOCAL, az_writer_read_first, take_first_answer},
	{"find branch", AZ_STEP_LOCAL, az_writer_find_branch, az_writer_take_branch},
	{"load history", AZ_STEP_LOCAL, az_writer_load, az_writer_take_load},
	{"upcast", AZ_STEP_REMOTE, upcast_history, az_writer_take_upcast},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{"append", AZ_STEP_LOCAL, append_events, take_append},
	{"react", AZ_STEP_LOCAL, react, az_writer_take_reaction},
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
	return &fact->writer.job;
}

void
az_fact_set_request(AzFactJob *fact, PbEventRequest *request)
{
	fact->request = request;
}

void
az_fact_set_origin(AzFactJob *fact, const AzOrigin *origin)
{
	fact->writer.origin = origin;
}

const AzAftermath *
az_fact_aftermath(const AzJob *job)
{
	return &((const AzFactJob *) job)->writer.aftermath;
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
		!az_target_find(&fact->writer.target, cover, job))
		return AZ_STEP_FAILED;
	az_terms_set_mode(&fact->writer.terms, fact->request->sync_mode, NULL);
	if (fact->writer.origin != NULL)
		fact->writer.terms.depth = fact->writer.origin->depth;
	if (!az_writer_plan(&fact->writer, PB_CASCADE_ERROR_UNSPECIFIED) ||
		!az_handler_correlate(job, cover))
		return AZ_STEP_FAILED;
	job->aggregate = &fact->writer.target.aggregate;
	return AZ_STEP_NEXT;
}

/* The first page says what the whole is called. */
static bool
read_key(AzFactJob *fact)
{
	AzTerms    *terms = &fact->writer.terms;
	const PbPageHeader *header = fact->request->events->pages[0]->header;

	if (header == NULL)
		return true;
	if (header->sequence_type_case == PB_PAGE_HEADER_ANGZARR_DEFERRED)
		return az_terms_defer(terms, header->angzarr_deferred, "fact",
							  DEFERRED_PATH, &fact->writer.job);
	if (header->sequence_type_case != PB_PAGE_HEADER_EXTERNAL_DEFERRED)
		return true;
	terms->key.kind = "fact";
	terms->key.bytes = az_bytes_of(header->external_deferred->external_id);
	terms->has_key = terms->key.bytes.len > 0;
	return true;
}

static AzStepResult
take_first_answer(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	if (!az_repeat_take(&fact->writer.repeat, job))
		return AZ_STEP_FAILED;
	return answer(fact, &fact->writer.repeat.book);
}

/* Without a handler nobody is given it. */
static AzStepResult
upcast_history(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	return fact->request->skip_handler ? AZ_STEP_NEXT : az_writer_upcast(job);
}

static AzStepResult
call_handler(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;
	PbFactRequest request = PB_FACT_REQUEST_INIT;

	if (fact->request->skip_handler)
		return record_themselves(fact);
	request.prior_events = fact->writer.history;
	request.facts = fact->request->events;
	/* Main is always sent as an unset edition: contract section 1. */
	if (fact->writer.target.aggregate.edition[0] == '\0')
		request.facts->cover->edition = NULL;
	return az_handler_call(job, &fact->writer.target, AZ_HANDLER_SERVICE "HandleFact",
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
		return az_handler_failed(job, &fact->writer.target);
	book = az_handler_answer(job, &fact->writer.target, &pb_event_book_descriptor);
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
	AzJob	   *job = &fact->writer.job;
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
	return az_writer_stamp(&fact->writer, fact->request->events->cover, book) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static AzStepResult
append_events(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;

	az_writer_fill_append(&fact->writer);
	return az_commit_is_empty(&fact->writer.commit) ?
		answer_new_events(fact) : az_writer_append(&fact->writer);
}

/*
 * UNAVAILABLE and not ABORTED in the end: nothing is wrong with the fact, and
 * who sent it, a saga as well, has to send it until it is recorded.
 */
static AzStepResult
take_append(AzJob *job)
{
	AzFactJob  *fact = (AzFactJob *) job;
	AzCommitOutcome outcome = az_commit_finish(&fact->writer.commit, job,
											   &fact->writer.target);

	return outcome == AZ_COMMIT_OVERTAKEN ?
		az_writer_overtaken(&fact->writer, "fact") : az_commit_result(outcome);
}

static AzStepResult
react(AzJob *job)
{
	AzStepResult result = az_writer_react(job);

	return result == AZ_STEP_NEXT ?
		answer_new_events((AzFactJob *) job) : result;
}

static AzStepResult
answer_new_events(AzFactJob *fact)
{
	return az_writer_end(&fact->writer) ?
		answer(fact, &fact->writer.book) : AZ_STEP_FAILED;
}

static AzStepResult
answer(AzFactJob *fact, const AzBook *book)
{
	PbFactInjectionResponse *response = &fact->response;

	pb_fact_injection_response_init(response);
	response->events = az_reply_events(book, fact->request->events->cover,
									   &fact->writer.job);
	response->already_processed = az_repeat_is_known(&fact->writer.repeat);
	response->projections = fact->writer.aftermath.projections;
	response->n_projections = fact->writer.aftermath.n_projections;
	return response->events != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}
