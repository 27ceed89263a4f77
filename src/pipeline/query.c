/* The pipeline of a plain GetEventBook: one load (contract section 9). */
#include "pipeline/query.h"

#include "codec/book.h"
#include "pipeline/selection.h"

struct AzQueryJob
{
	AzJob		job;			/* must come first */
	const PbQuery *request;
	AzLoadWish	load;
	PbEventBook *response;
};

static AzStepResult prepare(AzJob *job);
static AzStepResult load_book(AzJob *job);
static AzStepResult take_book(AzJob *job);

static const AzStep steps[] = {
	{"load book", AZ_STEP_LOCAL, load_book, take_book},
	{NULL}
};

const AzPipeline az_query_pipeline = {"query", prepare, steps};

AzQueryJob *
az_query_create(AzJobs *jobs, AzError *error)
{
	return (AzQueryJob *) az_job_create(jobs, &az_query_pipeline,
										sizeof(AzQueryJob), error);
}

AzJob *
az_query_job(AzQueryJob *query)
{
	return &query->job;
}

void
az_query_set_request(AzQueryJob *query, const PbQuery *request)
{
	query->request = request;
}

const PbEventBook *
az_query_response(const AzJob *job)
{
	return ((const AzQueryJob *) job)->response;
}

static AzStepResult
prepare(AzJob *job)
{
	AzQueryJob *query = (AzQueryJob *) job;
	AzSelection selection = {0};

	if (!az_validate_query(query->request, &job->jobs->settings.validation,
						   job->arena, &job->error) ||
		!az_selection_read(query->request, &selection, job->arena,
						   &job->error))
		return AZ_STEP_FAILED;
	az_selection_load(&selection, &query->load);
	query->load.max_bytes = job->jobs->settings.max_message_bytes;
	return AZ_STEP_NEXT;
}

static AzStepResult
load_book(AzJob *job)
{
	return az_job_wish(job, &((AzQueryJob *) job)->load.wish, &az_load_kind);
}

static AzStepResult
take_book(AzJob *job)
{
	AzQueryJob *query = (AzQueryJob *) job;

	if (query->load.wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = query->load.wish.error;
		return AZ_STEP_FAILED;
	}
	query->response = az_book_make(&query->load.book, job->arena, &job->error);
	return query->response != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}
