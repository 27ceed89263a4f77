/* The dead letter of an event that a component could not handle. */
#include "pipeline/letter.h"

#include "codec/book.h"
#include "pipeline/replayed.h"

static bool describe(AzRejected *rejected, const AzEmission *emission,
					 const AzError *failure, AzJob *job);
static bool write_letter(AzLetter *letter, const AzEmission *emission,
						 AzJob *job);

bool
az_letter_needs_payload(AzLetter *letter, const PbEventBook *trigger,
						AzJob *job)
{
	const PbEventPage *page = trigger->pages[0];

	letter->reference = NULL;
	if (page->payload_case != PB_EVENT_PAGE_EXTERNAL)
		return false;
	az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
				 "payload not retrievable: it is kept elsewhere, at \"%s\", and there is no payload store",
				 page->external->uri);
	letter->reference = page->external;
	return true;
}

bool
az_letter_of_trigger(AzDeadLetter *letter, const AzEmission *emission,
					 const AzError *failure, int attempts, AzJob *job)
{
	const char *metadata[AZ_REPLAYED_FIELDS][2];
	AzProcessingFailure processing = {
		.rejected = {
			.n_metadata = az_replayed_tell(job, metadata),
			.metadata = (const char *const(*)[2]) metadata
		},
		.is_transient = attempts > 0,.attempts = attempts
	};

	return describe(&processing.rejected, emission, failure, job) &&
		az_dead_letter_of_processing(letter, &processing, job->arena,
									 &job->error);
}

static bool
describe(AzRejected *rejected, const AzEmission *emission,
		 const AzError *failure, AzJob *job)
{
	rejected->events = az_book_make(emission->trigger, job->arena,
									&job->error);
	rejected->component = emission->component->name;
	rejected->component_type = emission->component->kind;
	rejected->reason = failure->message;
	return rejected->events != NULL;
}

AzStepResult
az_letter_file(AzLetter *letter, const AzEmission *emission, AzJob *job)
{
	if (!letter->is_due)
		return AZ_STEP_NEXT;
	if (!write_letter(letter, emission, job))
		return AZ_STEP_FAILED;
	letter->wish.wish.bytes = letter->wish.letter.payload.len;
	return az_job_wish(job, &letter->wish.wish, &az_dead_letter_kind);
}

static bool
write_letter(AzLetter *letter, const AzEmission *emission, AzJob *job)
{
	const char *metadata[AZ_REPLAYED_FIELDS][2];
	AzRetrievalFailure retrieval = {
		.rejected = {
			.n_metadata = az_replayed_tell(job, metadata),
			.metadata = (const char *const(*)[2]) metadata
		},
		.reference = letter->reference
	};

	if (letter->reference == NULL)
		return az_letter_of_trigger(&letter->wish.letter, emission,
									&letter->failure, letter->attempts, job);
	return describe(&retrieval.rejected, emission, &letter->failure, job) &&
		az_dead_letter_of_retrieval(&letter->wish.letter, &retrieval,
									job->arena, &job->error);
}

AzStepResult
az_letter_filed(AzLetter *letter, AzJob *job)
{
	if (letter->wish.wish.outcome == AZ_WISH_FULFILLED)
		return AZ_STEP_END;
	job->error = letter->wish.wish.error;
	return AZ_STEP_FAILED;
}
