/* io.angzarr.status.v1.DlqAdminService: dead letters for operators. */
#include "service/dlq_admin.h"

#include "pipeline/letter_replay.h"
#include "pipeline/letters.h"

static void list_dead_letters(AzServiceCall *call, AzBytes message);
static void get_dead_letter(AzServiceCall *call, AzBytes message);
static void delete_dead_letter(AzServiceCall *call, AzBytes message);
static void replay_dead_letter(AzServiceCall *call, AzBytes message);
static void begin(AzServiceCall *call, AzJob *job, const AzError *error,
				  void (*done) (AzJob *job));
static void letters_done(AzJob *job);
static void replay_done(AzJob *job);
static void answer(AzJob *job, const void *response);

static const AzMethod methods[] = {
	{.name = "ListDeadLetters",.message = list_dead_letters},
	{.name = "GetDeadLetter",.message = get_dead_letter},
	{.name = "DeleteDeadLetter",.message = delete_dead_letter},
	{.name = "ReplayDeadLetter",.message = replay_dead_letter},
	{NULL}
};

const AzService az_dlq_admin_service = {
	"io.angzarr.status.v1.DlqAdminService", methods
};

static void
list_dead_letters(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	const PbListDeadLettersRequest *request =
	az_service_request(call, &pb_list_dead_letters_request_descriptor, message);

	if (request != NULL)
		begin(call, az_letters_list(az_services_jobs(call->services), request,
									&error), &error, letters_done);
}

static void
get_dead_letter(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	const PbGetDeadLetterRequest *request =
	az_service_request(call, &pb_get_dead_letter_request_descriptor, message);

	if (request != NULL)
		begin(call, az_letters_get(az_services_jobs(call->services), request,
								   &error), &error, letters_done);
}

static void
delete_dead_letter(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	const PbDeleteDeadLetterRequest *request =
	az_service_request(call, &pb_delete_dead_letter_request_descriptor, message);

	if (request != NULL)
		begin(call, az_letters_delete(az_services_jobs(call->services),
									  request, &error), &error, letters_done);
}

static void
replay_dead_letter(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	const PbReplayDeadLetterRequest *request =
	az_service_request(call, &pb_replay_dead_letter_request_descriptor, message);

	if (request != NULL)
		begin(call, az_letter_replay(az_services_jobs(call->services), request,
									 &error), &error, replay_done);
}

/* Or fails the call where there is no job. */
static void
begin(AzServiceCall *call, AzJob *job, const AzError *error,
	  void (*done) (AzJob *job))
{
	if (job == NULL)
		az_service_fail(call, error);
	else
		az_service_begin(call, job, done);
}

static void
letters_done(AzJob *job)
{
	answer(job, az_letters_response(job));
}

static void
replay_done(AzJob *job)
{
	answer(job, az_letter_replay_response(job));
}

static void
answer(AzJob *job, const void *response)
{
	az_service_end(job, response,
				   "make the limit higher, or read angzarr.dead_letters");
}
