/*
 * What the pipelines that write to one stream share, those of commands, facts
 * and compensations: the first answer of a repeat, where an edition begins,
 * the history, what is stamped and appended, and what is waited for then.
 */
#ifndef AZ_PIPELINE_WRITER_H
#define AZ_PIPELINE_WRITER_H

#include "pipeline/aftermath.h"
#include "pipeline/branch.h"
#include "pipeline/commit.h"
#include "pipeline/repeat.h"
#include "pipeline/terms.h"
#include "pipeline/upcast.h"

/* The head of their jobs; "prepare" fills target and terms. */
typedef struct AzWriter
{
	AzJob		job;			/* must come first */
	const AzOrigin *origin;		/* NULL: a client's */
	AzTarget	target;
	AzTerms		terms;

	AzRepeat	repeat;
	AzBranch	branch;
	AzLoadWish	load;
	PbEventBook *history;		/* as business logic is given it */
	AzUpcast	upcast;
	AzEvent    *events;			/* what is to be written */
	size_t		n_events;
	const AzSnapshot *snapshot;
	AzCommit	commit;
	AzAftermath aftermath;
	AzBook		book;			/* of the new events, once they are stored */
} AzWriter;

/* Steps "find key": under that of the terms, where they have one. */
extern AzStepResult az_writer_find_key(AzJob *job);
extern AzStepResult az_writer_take_key(AzJob *job);

/* Begins step "read first answer": NEXT at once when it is the first. */
extern AzStepResult az_writer_read_first(AzJob *job);

/* Step "find branch". */
extern AzStepResult az_writer_find_branch(AzJob *job);
extern AzStepResult az_writer_take_branch(AzJob *job);

/* Step "load history": the target's, as it is. */
extern AzStepResult az_writer_load(AzJob *job);
extern AzStepResult az_writer_take_load(AzJob *job);

/* Step "upcast" of what was loaded. */
extern AzStepResult az_writer_upcast(AzJob *job);
extern AzStepResult az_writer_take_upcast(AzJob *job);

/*
 * Events and snapshot of a book that business logic answered, or NULL, to a
 * request with this cover; as az_stamp_events.
 */
extern bool az_writer_stamp(AzWriter *writer, const PbCover *cover,
							const PbEventBook *book);

/* Fills the append, but for "seen", an answer, and reservations. */
extern void az_writer_fill_append(AzWriter *writer);

/*
 * Somebody wrote first: RESTART, or FAILED with UNAVAILABLE once that has
 * happened too often; "what" is to be sent again then.
 */
extern AzStepResult az_writer_overtaken(AzWriter *writer, const char *what);

/* What is to be waited for: az_aftermath_plan, by the terms. */
extern bool az_writer_plan(AzWriter *writer, int error_mode);

/* Wishes for the append, with what is reserved of it: WAIT. */
extern AzStepResult az_writer_append(AzWriter *writer);

/* Step "react", behind the append: NEXT at its end. */
extern AzStepResult az_writer_react(AzJob *job);
extern AzStepResult az_writer_take_reaction(AzJob *job);

/*
 * Makes the book of the new events.  False with job->error when what was
 * waited for failed and a client is to be told so; who caused it asks for it.
 */
extern bool az_writer_end(AzWriter *writer);

#endif
