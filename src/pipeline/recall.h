/*
 * Deciding on a remembered book: a command on an aggregate that gets many
 * need not load it, and is answered as if it had.
 *
 * Somebody else may have written since.  An append finds that out by itself:
 * then the book is loaded and the command decided again, once, and nobody
 * sees that.  Any other answer (a rejection, no events, a refusal) is given
 * only when the book was found to be still so.
 */
#ifndef AZ_PIPELINE_RECALL_H
#define AZ_PIPELINE_RECALL_H

#include "pipeline/target.h"
#include "store/append.h"
#include "store/heads.h"
#include "store/load.h"

/* Embedded in a job; needs no filling. */
typedef struct AzRecall
{
	bool		is_unsure;		/* the book is remembered, and not confirmed */
	bool		has_failed;		/* "failure" is the answer if the book holds */
	AzError		failure;
	AzHeadWish	head;
	int			restarts;		/* of the job, for which memory was to blame */
} AzRecall;

/*
 * Whether load->book could be had from memory; fill what a load needs first.
 * If not, or if the command would be refused on it, load.  A book too large to
 * be loaded is left to the load, which says so.
 */
extern bool az_recall_book(AzRecall *recall, AzJob *job, AzLoadWish *load);

/* After a load that went well: it is sure, and remembered. */
extern void az_recall_loaded(AzRecall *recall, AzJob *job,
							 const AzLoadWish *load);

/*
 * What "finish" of a call to business logic is about to return.  A failure
 * that rests on an unsure book is put off: NEXT, and the step "confirm"
 * returns it or tries again.  That business logic could not be reached does
 * not rest on it.
 */
extern AzStepResult az_recall_answered(AzRecall *recall, AzJob *job,
									   AzStepResult result);

/*
 * Step "confirm" (local): NEXT at once on a sure book, or when events will be
 * appended.  Then the failure that was put off, or NEXT; RESTART when the
 * book did not hold, which is forgotten then.
 */
extern AzStepResult az_recall_confirm(AzRecall *recall, AzJob *job,
									  const AzLoadWish *load,
									  bool will_append);
extern AzStepResult az_recall_confirmed(AzRecall *recall, AzJob *job);

/* What an append has to compare itself: for AzAppendWish.seen. */
extern const AzBook *az_recall_seen(const AzRecall *recall,
									const AzLoadWish *load);

/*
 * Of an append that was overtaken: whether it was memory that was behind.
 * Then RESTART; this is no conflict that the caller sees, nor one of its
 * retries.
 */
extern bool az_recall_is_to_blame(AzRecall *recall);

#endif
