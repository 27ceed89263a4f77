/* Stored dead letters as an operator is shown them. */
#ifndef AZ_PIPELINE_LETTER_VIEW_H
#define AZ_PIPELINE_LETTER_VIEW_H

#include "codec/messages.h"
#include "pipeline/job.h"
#include "store/letters.h"

#define AZ_LETTER_SOURCE "postgres"

/*
 * What payloads look like: the registered types, or our own where none are;
 * those are "own" and have to be freed, which is NULL otherwise.  NULL when
 * memory is out, which empties payload_view.
 */
extern const AzTypes *az_letter_types(AzJob *job, AzTypes **own);

/*
 * The message of a letter, payload_view included: its payload as JSON, "" when
 * that does not decode, or would make a message of more than max_message_bytes.
 * Borrows the letter; NULL with job->error when memory is out.
 */
extern PbStoredDeadLetter *az_letter_view(const AzStoredLetter *stored,
										  const AzTypes *types, AzJob *job);

/* About what an answer has beside letters, in bytes. */
#define AZ_LETTER_ENVELOPE 256

/*
 * What tells that the store cannot answer now, in place of an answer (RFC
 * 7807); NULL with job->error when memory is out.
 */
extern PbProblemDetails *az_letter_problem(const AzError *error, AzJob *job);

/* There is no letter with that id: FAILED with NOT_FOUND. */
extern AzStepResult az_letter_unknown(int64_t id, AzJob *job);

/* The time of an answer; NULL with job->error when memory is out. */
extern PbTimestamp *az_letter_now(AzJob *job);

#endif
