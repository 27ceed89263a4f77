/* The pipeline of GetEventBook: one load (contract section 9). */
#include "pipeline/query.h"

#include "codec/book.h"
#include "store/load.h"

struct AzQueryJob
{
	AzJob		job;			/* must come first */
	const PbQuery *request;
	AzLoadWish	load;
	PbEventBook *response;
};

static AzStepResult prepare(AzJob *job);
static bool check_served(AzQueryJob *query);
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

	if (!az_validate_query(query->request, job->arena, &job->error) ||
		!check_served(query))
		return AZ_STEP_FAILED;
	az_cover_read(query->request->cover, &query->load.aggregate);
	if (query->load.aggregate.edition[0] == '\0')
		return AZ_STEP_NEXT;
	az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
				 "editions are not served in this version: query.cover.edition is \"%s\"",
				 query->load.aggregate.edition);
	return AZ_STEP_FAILED;
}

/* What the contract has and this version does not serve is said plainly. */
static bool
check_served(AzQueryJob *query)
{
	AzJob	   *job = &query->job;
	const char *what = NULL;

	if (query->request->cover->root == NULL)
		what = "a query by correlation id";
	else if (query->request->cover->correlation_id[0] != '\0')
		what = "a query by root and correlation id";
	else if (query->request->selection_case == PB_QUERY_SEQUENCES)
		what = "a query of a set of sequences";
	else if (query->request->selection_case == PB_QUERY_TEMPORAL)
		what = "a temporal query";
	return what == NULL ||
		az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
					 "%s is not served in this version; ask by root, with or without a range",
					 what);
}

static AzStepResult
load_book(AzJob *job)
{
	AzQueryJob *query = (AzQueryJob *) job;
	AzLoadWish *load = &query->load;

	load->use_snapshot = true;
	load->lower = 0;
	load->upper = AZ_EVERY_SEQUENCE;
	if (query->request->selection_case == PB_QUERY_RANGE)
	{
		load->use_snapshot = false;
		load->lower = query->request->range->lower;
		if (query->request->range->_upper_case != 0)
			load->upper = query->request->range->upper;
	}
	return az_job_wish(job, &load->wish, &az_load_kind);
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
