/*
 * The pipeline of commands to angzarr itself: DeleteEditionEvents, and nothing
 * else (contract section 9).
 *
 * An edition may have any number of events, and goes in parts, one a tick,
 * stream by stream from its end: whoever reads meanwhile sees the beginning
 * of a stream, or none.  A crash, or a client that goes away, leaves what is
 * left; sent again, the command goes on from there.
 */
#include "pipeline/meta.h"

#include <string.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "codec/details.h"
#include "pipeline/check.h"
#include "pipeline/reply.h"
#include "store/editions.h"

#define DELETE_EDITION "io.angzarr.v1.DeleteEditionEvents"
#define PAGE_PATH "command.pages[0].command"

struct AzMetaJob
{
	AzJob		job;			/* must come first */
	const PbCommandRequest *request;
	int64_t		parked_until_us;	/* 0 = somebody is not waited for */
	AzEditionWish wish;
	PbCommandResponse response;
};

static AzStepResult prepare(AzJob *job);
static bool is_delete_edition(const PbCommandBook *book);
static bool check(const PbDeleteEditionEvents *command, AzJob *job);
static bool refuse_main(const PbDeleteEditionEvents *command, AzJob *job);
static AzStepResult delete_part(AzJob *job);
static AzStepResult take_part(AzJob *job);
static AzStepResult park(AzMetaJob *meta);
static AzStepResult answer(AzMetaJob *meta);

static const AzStep steps[] = {
	{"delete edition", AZ_STEP_LOCAL, delete_part, take_part},
	{NULL}
};

const AzPipeline az_meta_pipeline = {"meta", prepare, steps};

bool
az_meta_is_asked(const PbCommandRequest *request)
{
	return request->command != NULL && request->command->cover != NULL &&
		strcmp(request->command->cover->domain, AZ_META_DOMAIN) == 0;
}

AzMetaJob *
az_meta_create(AzJobs *jobs, AzError *error)
{
	return (AzMetaJob *) az_job_create(jobs, &az_meta_pipeline,
									   sizeof(AzMetaJob), error);
}

AzJob *
az_meta_job(AzMetaJob *meta)
{
	return &meta->job;
}

void
az_meta_set_request(AzMetaJob *meta, const PbCommandRequest *request)
{
	meta->request = request;
}

const PbCommandResponse *
az_meta_response(const AzJob *job)
{
	return &((const AzMetaJob *) job)->response;
}

static AzStepResult
prepare(AzJob *job)
{
	AzMetaJob  *meta = (AzMetaJob *) job;
	const PbCommandBook *book = meta->request->command;
	const PbDeleteEditionEvents *command;
	AzBytes		bytes;

	if (!az_validate_command(meta->request, &job->jobs->settings.validation,
							 job->arena, &job->error))
		return AZ_STEP_FAILED;
	if (!is_delete_edition(book))
	{
		az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
					 "domain \"%s\" takes one command, in one page: %s",
					 AZ_META_DOMAIN, DELETE_EDITION);
		return AZ_STEP_FAILED;
	}
	bytes.data = book->pages[0]->command->value.data;
	bytes.len = book->pages[0]->command->value.len;
	command = az_decode(&pb_delete_edition_events_descriptor, bytes,
						job->arena, &job->error);
	if (command == NULL || !check(command, job))
		return AZ_STEP_FAILED;
	meta->wish.edition = command->edition;
	meta->wish.domain = command->domain;
	return AZ_STEP_NEXT;
}

static bool
is_delete_edition(const PbCommandBook *book)
{
	return book->n_pages == 1 &&
		book->pages[0]->payload_case == PB_COMMAND_PAGE_COMMAND &&
		strcmp(az_type_name(book->pages[0]->command->type_url),
			   DELETE_EDITION) == 0;
}

static bool
check(const PbDeleteEditionEvents *command, AzJob *job)
{
	const AzCheck check = {PAGE_PATH, "command", job->arena, &job->error};
	PbCover		cover = PB_COVER_INIT;

	cover.domain = command->domain;
	return az_check_domain(&check, &cover) &&
		az_check_edition(&check, command->edition) &&
		refuse_main(command, job);
}

static bool
refuse_main(const PbDeleteEditionEvents *command, AzJob *job)
{
	const char *const pairs[][2] = {
		{"domain", command->domain},
		{"edition", command->edition},
	};
	const AzErrorInfo info = {
		.reason = "PROTECTED_TIMELINE",.n_pairs = 2,.pairs = pairs
	};

	if (command->edition[0] != '\0' && strcmp(command->edition, "angzarr") != 0)
		return true;
	az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
				 "the main timeline is protected: " PAGE_PATH ".edition is \"%s\"",
				 command->edition);
	memcpy(job->error.sqlstate, AZ_SQLSTATE_PROTECTED, 6);
	az_details_add(&job->error, &info, job->arena);
	return false;
}

static AzStepResult
delete_part(AzJob *job)
{
	AzMetaJob  *meta = (AzMetaJob *) job;

	return az_job_wish(job, &meta->wish.wish, &az_edition_kind);
}

static AzStepResult
take_part(AzJob *job)
{
	AzMetaJob  *meta = (AzMetaJob *) job;

	switch (meta->wish.wish.outcome)
	{
		case AZ_WISH_BUSY:
			return park(meta);
		case AZ_WISH_FAILED:
			job->error = meta->wish.wish.error;
			return AZ_STEP_FAILED;
		default:
			meta->parked_until_us = 0;
			return meta->wish.is_gone ? answer(meta) : AZ_STEP_RESTART;
	}
}

/* Others write to what is left: look again, but not for ever. */
static AzStepResult
park(AzMetaJob *meta)
{
	AzJob	   *job = &meta->job;
	int64_t		patience_us = job->jobs->settings.call_timeout_us;
	int64_t		now = az_clock_monotonic_us();

	if (meta->parked_until_us == 0)
		meta->parked_until_us = now + patience_us;
	if (now < meta->parked_until_us)
		return AZ_STEP_AGAIN;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "other transactions have been writing to edition \"%s\" of domain \"%s\" for %lld ms and have not ended; send the command again",
				 meta->wish.edition, meta->wish.domain,
				 (long long) (patience_us / 1000));
	return AZ_STEP_FAILED;
}

/* An empty book. */
static AzStepResult
answer(AzMetaJob *meta)
{
	const PbCover *cover = meta->request->command->cover;
	AzBook		book = {0};

	az_cover_read(cover, &book.aggregate);
	pb_command_response_init(&meta->response);
	meta->response.events = az_reply_events(&book, cover, &meta->job);
	return meta->response.events != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}
