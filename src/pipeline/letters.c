/*
 * The pipelines of an operator's look at dead letters: list, get, delete.
 *
 * A page of a list ends where its rows do, or where it would be larger than
 * one message; the token of the next one is the last id of this one.
 */
#include "pipeline/letters.h"

#include <inttypes.h>

#include "pipeline/letter_filter.h"
#include "pipeline/letter_view.h"

#define DEFAULT_PAGE 50
#define LARGEST_PAGE 500

/* What each of the jobs begins with. */
typedef struct AzLettersJob
{
	AzJob		job;			/* must come first */
	const void *response;
} AzLettersJob;

typedef struct AzListJob
{
	AzLettersJob letters;		/* must come first */
	const PbListDeadLettersRequest *request;
	AzLetterFilter filter;
	AzLetterListWish list;
	PbListDeadLettersOk ok;
	PbListDeadLettersResponse response;
} AzListJob;

typedef struct AzGetJob
{
	AzLettersJob letters;		/* must come first */
	AzLetterFindWish find;
	PbGetDeadLetterOk ok;
	PbGetDeadLetterResponse response;
} AzGetJob;

typedef struct AzDeleteJob
{
	AzLettersJob letters;		/* must come first */
	AzLetterWish wish;
	PbDeleteDeadLetterOk ok;
	PbDeleteDeadLetterResponse response;
} AzDeleteJob;

static AzStepResult prepare_list(AzJob *job);
static bool read_token(const char *token, int64_t *id, AzJob *job);
static AzStepResult list_letters(AzJob *job);
static AzStepResult take_letters(AzJob *job);
static bool show_letters(AzListJob *list);
static bool add_letter(AzListJob *list, const AzStoredLetter *stored,
					   const AzTypes *types, size_t *bytes);
static AzStepResult prepare_other(AzJob *job);
static AzStepResult find_letter(AzJob *job);
static AzStepResult take_letter(AzJob *job);
static AzStepResult delete_letter(AzJob *job);
static AzStepResult take_deleted(AzJob *job);

static const AzStep list_steps[] = {
	{"list letters", AZ_STEP_LOCAL, list_letters, take_letters},
	{NULL}
};
static const AzStep get_steps[] = {
	{"find letter", AZ_STEP_LOCAL, find_letter, take_letter},
	{NULL}
};
static const AzStep delete_steps[] = {
	{"delete letter", AZ_STEP_LOCAL, delete_letter, take_deleted},
	{NULL}
};

const AzPipeline az_letters_list_pipeline = {
	"list dead letters", prepare_list, list_steps
};
const AzPipeline az_letters_get_pipeline = {
	"get dead letter", prepare_other, get_steps
};
const AzPipeline az_letters_delete_pipeline = {
	"delete dead letter", prepare_other, delete_steps
};

AzJob *
az_letters_list(AzJobs *jobs, const PbListDeadLettersRequest *request,
				AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_letters_list_pipeline,
									sizeof(AzListJob), error);

	if (job != NULL)
		((AzListJob *) job)->request = request;
	return job;
}

AzJob *
az_letters_get(AzJobs *jobs, const PbGetDeadLetterRequest *request,
			   AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_letters_get_pipeline,
									sizeof(AzGetJob), error);

	if (job != NULL)
		((AzGetJob *) job)->find.id = request->id;
	return job;
}

AzJob *
az_letters_delete(AzJobs *jobs, const PbDeleteDeadLetterRequest *request,
				  AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_letters_delete_pipeline,
									sizeof(AzDeleteJob), error);

	if (job != NULL)
		((AzDeleteJob *) job)->wish.id = request->id;
	return job;
}

const void *
az_letters_response(const AzJob *job)
{
	return ((const AzLettersJob *) job)->response;
}

/* ---- list ---- */

static AzStepResult
prepare_list(AzJob *job)
{
	AzListJob  *list = (AzListJob *) job;
	const PbListDeadLettersRequest *request = list->request;
	int32_t		size = request->page_size;

	if (size < 0)
	{
		az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT,
					 "page_size: found %" PRId32 ", must be 0 (for %d) to %d",
					 size, DEFAULT_PAGE, LARGEST_PAGE);
		return AZ_STEP_FAILED;
	}
	if (!az_letter_filter_read(request->filter, &list->filter, job->arena,
							   &job->error) ||
		!read_token(request->page_token, &list->list.before_id, job))
		return AZ_STEP_FAILED;
	list->list.filter = &list->filter;
	list->list.max_rows = size == 0 ? DEFAULT_PAGE :
		size > LARGEST_PAGE ? LARGEST_PAGE : size;
	list->list.max_bytes = (int64_t) job->jobs->settings.max_message_bytes;
	return AZ_STEP_NEXT;
}

/* A number above 0, in the one way that we write it. */
static bool
read_token(const char *token, int64_t *id, AzJob *job)
{
	const char *digit = token;

	*id = INT64_MAX;
	if (*token == '\0')
		return true;
	for (*id = 0; *digit >= '0' && *digit <= '9'; digit++)
	{
		if (*id > (INT64_MAX - 9) / 10 || (digit == token && *digit == '0'))
			break;
		*id = *id * 10 + (*digit - '0');
	}
	return *digit == '\0' ||
		az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT,
					 "page_token: found \"%.40s\", which is wrong at position %td; must be empty or the next_page_token of another page",
					 token, digit - token + 1);
}

static AzStepResult
list_letters(AzJob *job)
{
	return az_job_wish(job, &((AzListJob *) job)->list.wish,
					   &az_letter_list_kind);
}

static AzStepResult
take_letters(AzJob *job)
{
	AzListJob  *list = (AzListJob *) job;
	PbListDeadLettersResponse *response = &list->response;

	pb_list_dead_letters_response_init(response);
	response->checked_at = az_letter_now(job);
	response->source = (char *) AZ_LETTER_SOURCE;
	list->letters.response = response;
	if (response->checked_at == NULL)
		return AZ_STEP_FAILED;
	if (list->list.wish.outcome == AZ_WISH_FULFILLED)
	{
		response->state_case = PB_LIST_DEAD_LETTERS_RESPONSE_OK;
		response->ok = &list->ok;
		return show_letters(list) ? AZ_STEP_END : AZ_STEP_FAILED;
	}
	response->state_case = PB_LIST_DEAD_LETTERS_RESPONSE_DEGRADED;
	response->degraded = az_letter_problem(&list->list.wish.error, job);
	return response->degraded != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}

static bool
show_letters(AzListJob *list)
{
	AzJob	   *job = &list->letters.job;
	size_t		bytes = AZ_LETTER_ENVELOPE;
	AzTypes    *own;
	const AzTypes *types = az_letter_types(job, &own);
	const AzStoredLetter *last = NULL;

	pb_list_dead_letters_ok_init(&list->ok);
	list->ok.entries = az_arena_array(job->arena, list->list.count + 1,
									  sizeof(void *));
	if (list->ok.entries == NULL)
		az_error_out_of_memory(&job->error);
	else
		for (size_t i = 0; i < list->list.count; i++)
		{
			if (!add_letter(list, &list->list.letters[i], types, &bytes))
				break;
			last = &list->list.letters[i];
		}
	az_types_free(own);
	if (last != NULL && (last->has_more || list->ok.n_entries < list->list.count))
	{
		list->ok.next_page_token = az_arena_format(job->arena, "%" PRId64,
												   last->id);
		if (list->ok.next_page_token == NULL)
			az_error_out_of_memory(&job->error);
	}
	return job->error.code == AZ_OK;
}

/* False when the page is full, or memory is out. */
static bool
add_letter(AzListJob *list, const AzStoredLetter *stored,
		   const AzTypes *types, size_t *bytes)
{
	AzJob	   *job = &list->letters.job;
	PbStoredDeadLetter *view = az_letter_view(stored, types, job);

	if (view == NULL)
		return false;
	*bytes += protobuf_c_message_get_packed_size(&view->base) + 8;
	if (list->ok.n_entries > 0 &&
		*bytes > job->jobs->settings.max_message_bytes)
		return false;
	list->ok.entries[list->ok.n_entries++] = view;
	return true;
}

/* ---- get ---- */

/* Any id can be asked for. */
static AzStepResult
prepare_other(AzJob *job)
{
	return AZ_STEP_NEXT;
}

static AzStepResult
find_letter(AzJob *job)
{
	return az_job_wish(job, &((AzGetJob *) job)->find.wish,
					   &az_letter_find_kind);
}

static AzStepResult
take_letter(AzJob *job)
{
	AzGetJob   *get = (AzGetJob *) job;
	PbGetDeadLetterResponse *response = &get->response;
	AzTypes    *own;
	const AzTypes *types;

	pb_get_dead_letter_response_init(response);
	response->checked_at = az_letter_now(job);
	response->source = (char *) AZ_LETTER_SOURCE;
	get->letters.response = response;
	if (response->checked_at == NULL)
		return AZ_STEP_FAILED;
	if (get->find.wish.outcome != AZ_WISH_FULFILLED)
	{
		response->state_case = PB_GET_DEAD_LETTER_RESPONSE_DEGRADED;
		response->degraded = az_letter_problem(&get->find.wish.error, job);
		return response->degraded != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
	}
	if (!get->find.found)
		return az_letter_unknown(get->find.id, job);
	types = az_letter_types(job, &own);
	pb_get_dead_letter_ok_init(&get->ok);
	get->ok.entry = az_letter_view(&get->find.letter, types, job);
	az_types_free(own);
	response->state_case = PB_GET_DEAD_LETTER_RESPONSE_OK;
	response->ok = &get->ok;
	return get->ok.entry != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}

/* ---- delete ---- */

static AzStepResult
delete_letter(AzJob *job)
{
	return az_job_wish(job, &((AzDeleteJob *) job)->wish.wish,
					   &az_letter_delete_kind);
}

static AzStepResult
take_deleted(AzJob *job)
{
	AzDeleteJob *delete = (AzDeleteJob *) job;
	PbDeleteDeadLetterResponse *response = &delete->response;

	pb_delete_dead_letter_response_init(response);
	response->checked_at = az_letter_now(job);
	response->source = (char *) AZ_LETTER_SOURCE;
	delete->letters.response = response;
	if (response->checked_at == NULL)
		return AZ_STEP_FAILED;
	if (delete->wish.wish.outcome == AZ_WISH_FULFILLED)
	{
		pb_delete_dead_letter_ok_init(&delete->ok);
		delete->ok.deleted = delete->wish.done;
		response->state_case = PB_DELETE_DEAD_LETTER_RESPONSE_OK;
		response->ok = &delete->ok;
		return AZ_STEP_END;
	}
	response->state_case = PB_DELETE_DEAD_LETTER_RESPONSE_DEGRADED;
	response->degraded = az_letter_problem(&delete->wish.wish.error, job);
	return response->degraded != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}
