/* The dead letter of an event that a component could not handle. */
#include "pipeline/letter.h"

#include "codec/book.h"
#include "pipeline/replayed.h"

static bool write_letter(AzLetter *letter, const AzComponent *component,
						 const PbEventBook *events, AzJob *job);

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
	AzLetter	written = {.failure = *failure,.attempts = attempts};
	const PbEventBook *events = az_book_make(emission->trigger, job->arena,
											 &job->error);

	if (events == NULL ||
		!write_letter(&written, emission->component, events, job))
		return false;
	*letter = written.wish.letter;
	return true;
}

AzStepResult
az_letter_file(AzLetter *letter, const AzComponent *component,
			   const PbEventBook *events, AzJob *job)
{
	if (!letter->is_due)
		return AZ_STEP_NEXT;
	if (!write_letter(letter, component, events, job))
		return AZ_STEP_FAILED;
	letter->wish.wish.bytes = letter->wish.letter.payload.len;
	return az_job_wish(job, &letter->wish.wish, &az_dead_letter_kind);
}

static bool
write_letter(AzLetter *letter, const AzComponent *component,
			 const PbEventBook *events, AzJob *job)
{
	const char *metadata[AZ_REPLAYED_FIELDS][2];
	AzRejected	rejected = {
		.events = events,
		.component = component->name,
		.component_type = component->kind,
		.reason = letter->failure.message,
		.n_metadata = az_replayed_tell(job, metadata),
		.metadata = (const char *const(*)[2]) metadata
	};
	AzRetrievalFailure retrieval = {
		.rejected = rejected,.reference = letter->reference
	};
	AzProcessingFailure processing = {
		.rejected = rejected,
		.is_transient = letter->attempts > 0,.attempts = letter->attempts
	};

	return letter->reference != NULL ?
		az_dead_letter_of_retrieval(&letter->wish.letter, &retrieval,
									job->arena, &job->error) :
		az_dead_letter_of_processing(&letter->wish.letter, &processing,
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
