/* Refusing a command for its sequence, and the letter that a person reads. */
#include "pipeline/refusal.h"

#include "codec/book.h"
#include "pipeline/replayed.h"

AzStepResult
az_refusal_make(AzRefusal *refusal, AzJob *job, const AzConflict *conflict,
				const AzBook *book)
{
	refusal->conflict = *conflict;
	refusal->conflict.book = az_book_make(book, job->arena, &job->error);
	if (refusal->conflict.book == NULL)
		return AZ_STEP_FAILED;
	az_merge_refuse(&refusal->conflict, job->arena, &refusal->error);
	refusal->is_due = true;
	if (conflict->merge == AZ_MERGE_MANUAL)
		return AZ_STEP_NEXT;
	job->error = refusal->error;
	return AZ_STEP_FAILED;
}

/* MANUAL: a person decides, from the dead letter. */
AzStepResult
az_refusal_file(AzRefusal *refusal, AzJob *job, const AzTarget *target,
				const PbCommandBook *command)
{
	AzDeadLetterWish *letter = &refusal->letter;
	const char *metadata[AZ_REPLAYED_FIELDS][2];
	AzMismatch	mismatch = {
		.rejected = {
			.command = command,
			.component = target->component,
			.component_type = "aggregate",
			.reason = refusal->error.message,
			.n_metadata = az_replayed_tell(job, metadata),
			.metadata = (const char *const(*)[2]) metadata
		},
		.expected = refusal->conflict.expected,
		.actual = refusal->conflict.actual,
		.merge = refusal->conflict.merge
	};

	if (!refusal->is_due)
		return AZ_STEP_NEXT;
	if (!az_dead_letter_of_mismatch(&letter->letter, &mismatch, job->arena,
									&job->error))
		return AZ_STEP_FAILED;
	letter->wish.bytes = letter->letter.payload.len;
	return az_job_wish(job, &letter->wish, &az_dead_letter_kind);
}

AzStepResult
az_refusal_filed(AzRefusal *refusal, AzJob *job)
{
	job->error = refusal->letter.wish.outcome == AZ_WISH_FULFILLED ?
		refusal->error : refusal->letter.wish.error;
	return AZ_STEP_FAILED;
}
