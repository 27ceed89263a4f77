/*
 * The pipeline of ReplayDeadLetter: what failed is tried again.
 *
 * Events are handed to their component once more, an envelope is put back
 * into the outbox.
 *
 * A command runs as a client's would, with a correlation id of its own and
 * metadata that says what it is a replay of.  A crash after it has run and
 * before the letter says so leaves a letter that seems not replayed; replayed
 * again, its sequence or its key decides, as of any repeat.
 */
#include "pipeline/letter_replay.h"

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "pipeline/command.h"
#include "pipeline/letter_view.h"
#include "pipeline/redelivery.h"
#include "pipeline/replayed.h"
#include "pipeline/settle.h"

typedef struct AzLetterReplayJob
{
	AzJob		job;			/* must come first */
	const PbReplayDeadLetterRequest *request;
	int			mode;			/* REPLAY_MODE_AS_IS or _FRESH_SEQUENCE */
	AzLetterFindWish find;
	PbAngzarrDeadLetter *letter;
	AzLetterSequenceWish sequence;
	PbPageHeader header;		/* with the fresh sequence */
	PbCommandRequest command;
	const char *correlation_id; /* it is replayed with */
	AzOutboxRow row;
	AzObligationWish recorded;
	AzLetterWish mark;
	PbReplayDeadLetterOk ok;
	PbReplayDeadLetterResponse response;
} AzLetterReplayJob;

static AzStepResult prepare(AzJob *job);
static AzStepResult find_letter(AzJob *job);
static AzStepResult take_letter(AzJob *job);
static bool check_letter(AzLetterReplayJob *replay);
static bool refuse(AzJob *job, const char *what);
static AzStepResult find_sequence(AzJob *job);
static AzStepResult take_sequence(AzJob *job);
static PbPageHeader *header_of(PbCommandPage *page, PbPageHeader *none);
static bool is_envelope(const AzLetterReplayJob *replay);
static bool is_events(const AzLetterReplayJob *replay);
static AzStepResult put_back(AzJob *job);
static AzStepResult take_back(AzJob *job);
static AzStepResult run_again(AzJob *job);
static AzStepResult run_events(AzLetterReplayJob *replay);
static AzStepResult run_command(AzLetterReplayJob *replay);
static AzStepResult take_end(AzJob *job);
static AzStepResult mark_replayed(AzJob *job);
static AzStepResult take_mark(AzJob *job);

static const AzStep steps[] = {
	{"find letter", AZ_STEP_LOCAL, find_letter, take_letter},
	{"find sequence", AZ_STEP_LOCAL, find_sequence, take_sequence},
	{"put back envelope", AZ_STEP_LOCAL, put_back, take_back},
	{"run again", AZ_STEP_REMOTE, run_again, take_end},
	{"mark replayed", AZ_STEP_LOCAL, mark_replayed, take_mark},
	{NULL}
};

const AzPipeline az_letter_replay_pipeline = {
	"replay dead letter", prepare, steps
};

AzJob *
az_letter_replay(AzJobs *jobs, const PbReplayDeadLetterRequest *request,
				 AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_letter_replay_pipeline,
									sizeof(AzLetterReplayJob), error);

	if (job != NULL)
		((AzLetterReplayJob *) job)->request = request;
	return job;
}

const PbReplayDeadLetterResponse *
az_letter_replay_response(const AzJob *job)
{
	return &((const AzLetterReplayJob *) job)->response;
}

static AzStepResult
prepare(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;

	replay->mode = replay->request->replay_mode;
	if (replay->mode == PB_REPLAY_MODE_UNSPECIFIED)
		replay->mode = PB_REPLAY_MODE_AS_IS;
	if (replay->mode == PB_REPLAY_MODE_AS_IS ||
		replay->mode == PB_REPLAY_MODE_FRESH_SEQUENCE)
		return AZ_STEP_NEXT;
	az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT,
				 "replay_mode: found %d, must be REPLAY_MODE_AS_IS (1) or REPLAY_MODE_FRESH_SEQUENCE (2)",
				 replay->mode);
	return AZ_STEP_FAILED;
}

static AzStepResult
find_letter(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;

	replay->find.id = replay->request->id;
	return az_job_wish(job, &replay->find.wish, &az_letter_find_kind);
}

static AzStepResult
take_letter(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;
	AzLetterFindWish *find = &replay->find;
	AzError		broken = {0};

	if (find->wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = find->wish.error;
		return AZ_STEP_FAILED;
	}
	if (!find->found)
		return az_letter_unknown(find->id, job);
	replay->letter = az_decode(&pb_angzarr_dead_letter_descriptor,
							   find->letter.letter.payload, job->arena,
							   &broken);
	if (replay->letter == NULL && broken.code == AZ_RESOURCE_EXHAUSTED)
		job->error = broken;
	else if (replay->letter == NULL)
		az_error_set(&job->error, job->arena, AZ_DATA_LOSS,
					 "dead letter: its payload does not decode: %s",
					 broken.message);
	else if (check_letter(replay) &&
			 az_replayed_add(job, find->id, find->letter.letter.correlation_id))
		return AZ_STEP_NEXT;
	return AZ_STEP_FAILED;
}

/* What can be run now; its cover gets the new correlation id. */
static bool
check_letter(AzLetterReplayJob *replay)
{
	AzJob	   *job = &replay->job;
	PbCommandBook *command;

	replay->correlation_id = replay->find.fresh_correlation_id;
	if (is_events(replay))
		return true;
	if (replay->letter->payload_case !=
		PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND)
		return refuse(job, "neither a command nor events");
	command = replay->letter->rejected_command;
	if (command->cover == NULL || command->cover->root == NULL ||
		command->cover->root->value.len != AZ_UUID_SIZE ||
		command->n_pages == 0)
		return refuse(job, "a command without a cover, a root or pages");
	/* By that of an envelope its process may be known. */
	if (is_envelope(replay))
		replay->correlation_id = command->cover->correlation_id;
	command->cover->correlation_id = (char *) replay->correlation_id;
	return true;
}

static bool
refuse(AzJob *job, const char *what)
{
	return az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
						"this dead letter cannot be replayed: it is of %s",
						what);
}

static bool
is_envelope(const AzLetterReplayJob *replay)
{
	return replay->letter->rejection_details_case ==
		PB_ANGZARR_DEAD_LETTER_COMPENSATION_DELIVERY_FAILED;
}

static bool
is_events(const AzLetterReplayJob *replay)
{
	return replay->letter->payload_case ==
		PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS;
}

/*
 * A deferred command expects no sequence, and would lose its key; it goes as
 * it is in both modes.
 */
static AzStepResult
find_sequence(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;
	PbCommandBook *command = replay->letter->rejected_command;
	PbPageHeader none = PB_PAGE_HEADER_INIT;
	const PbPageHeader *header;

	if (is_events(replay) || is_envelope(replay))
		return AZ_STEP_NEXT;
	header = header_of(command->pages[0], &none);
	if (replay->mode != PB_REPLAY_MODE_FRESH_SEQUENCE ||
		header->sequence_type_case == PB_PAGE_HEADER_EXTERNAL_DEFERRED ||
		header->sequence_type_case == PB_PAGE_HEADER_ANGZARR_DEFERRED)
		return AZ_STEP_NEXT;
	az_cover_read(command->cover, &replay->sequence.aggregate);
	return az_job_wish(job, &replay->sequence.wish, &az_letter_sequence_kind);
}

static AzStepResult
take_sequence(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;
	PbCommandPage *page = replay->letter->rejected_command->pages[0];

	if (replay->sequence.wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = replay->sequence.wish.error;
		return AZ_STEP_FAILED;
	}
	pb_page_header_init(&replay->header);
	page->header = header_of(page, &replay->header);
	page->header->sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	page->header->sequence = (uint32_t) replay->sequence.next_sequence;
	return AZ_STEP_NEXT;
}

static PbPageHeader *
header_of(PbCommandPage *page, PbPageHeader *none)
{
	return page->header != NULL ? page->header : none;
}

static AzStepResult
put_back(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;
	AzObligationWish *wish = &replay->recorded;

	if (!is_envelope(replay))
		return AZ_STEP_NEXT;
	if (!az_redelivery_row(&replay->row, replay->letter->rejected_command,
						   replay->request->id, job))
		return AZ_STEP_FAILED;
	wish->rows = &replay->row;
	wish->n_rows = 1;
	return az_settle_start(wish, job);
}

static AzStepResult
take_back(AzJob *job)
{
	return az_settle_finish(&((AzLetterReplayJob *) job)->recorded, job);
}

static AzStepResult
run_again(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;

	if (is_envelope(replay))
		return AZ_STEP_NEXT;
	return is_events(replay) ? run_events(replay) : run_command(replay);
}

static AzStepResult
run_events(AzLetterReplayJob *replay)
{
	AzJob	   *job = &replay->job;
	AzJob	   *delivery = az_redelivery_create(replay->letter,
												&replay->correlation_id, job);

	return delivery != NULL ? az_job_run(job, delivery) : AZ_STEP_FAILED;
}

static AzStepResult
run_command(AzLetterReplayJob *replay)
{
	AzJob	   *job = &replay->job;
	AzCommandJob *command = az_command_create(job->jobs, &job->error);

	if (command == NULL)
		return AZ_STEP_FAILED;
	pb_command_request_init(&replay->command);
	replay->command.command = replay->letter->rejected_command;
	az_command_set_request(command, &replay->command);
	return az_job_run(job, az_command_job(command));
}

static AzStepResult
take_end(AzJob *job)
{
	bool		is_command = !is_events((AzLetterReplayJob *) job);

	if (job->ended->error.code != AZ_OK)
	{
		az_error_copy(&job->error, &job->ended->error, job->arena);
		return AZ_STEP_FAILED;
	}
	if (!is_command && !az_redelivery_went_well(job->ended, job))
		return AZ_STEP_FAILED;
	if (is_command)
		job->jobs->commands++;
	return AZ_STEP_NEXT;
}

static AzStepResult
mark_replayed(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;

	replay->mark.id = replay->request->id;
	return az_job_wish(job, &replay->mark.wish, &az_letter_mark_kind);
}

/* It has run, whether the letter could be told or not, or is gone. */
static AzStepResult
take_mark(AzJob *job)
{
	AzLetterReplayJob *replay = (AzLetterReplayJob *) job;
	PbReplayDeadLetterResponse *response = &replay->response;
	bool		is_marked = replay->mark.done &&
	replay->mark.wish.outcome == AZ_WISH_FULFILLED;

	pb_replay_dead_letter_response_init(response);
	pb_replay_dead_letter_ok_init(&replay->ok);
	response->checked_at = az_letter_now(job);
	response->source = (char *) AZ_LETTER_SOURCE;
	response->state_case = PB_REPLAY_DEAD_LETTER_RESPONSE_OK;
	response->ok = &replay->ok;
	replay->ok.new_correlation_id = (char *) replay->correlation_id;
	replay->ok.applied_mode = replay->mode;
	replay->ok.replayed_at =
		az_timestamp_make(is_marked ? replay->mark.replayed_at_us :
						  az_clock_wall_us(), job->arena);
	if (replay->ok.replayed_at == NULL)
		az_error_out_of_memory(&job->error);
	return response->checked_at != NULL && replay->ok.replayed_at != NULL ?
		AZ_STEP_END : AZ_STEP_FAILED;
}
