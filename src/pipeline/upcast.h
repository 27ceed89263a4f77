/*
 * Upcasting: business logic is given old events in their form of today, which
 * the upcaster of their domain makes (contract section 10).
 *
 * One remote step of every pipeline that hands a book to business logic.
 */
#ifndef AZ_PIPELINE_UPCAST_H
#define AZ_PIPELINE_UPCAST_H

#include "pipeline/job.h"

/* Embedded in a job; needs no filling. */
typedef struct AzUpcast
{
	PbEventBook *book;
	const char *address;		/* of the upcaster */
} AzUpcast;

/*
 * A step's "start": asks the upcaster of the book's domain for its pages.
 * NEXT at once when the domain has no upcaster or the book no pages; else
 * WAIT, or FAILED: UNAVAILABLE when the upcaster is disabled,
 * RESOURCE_EXHAUSTED when the pages are over angzarr.max_message_size.
 * The book, made by az_book_make in the job's arena, must stay until the
 * step is over.
 */
extern AzStepResult az_upcast_start(AzUpcast *upcast, AzJob *job,
									PbEventBook *book);

/*
 * Its "finish": NEXT, and the book has the pages that the upcaster answered,
 * with the header and created_at that they were stored with; cover, snapshot
 * and next_sequence stay.  FAILED with INTERNAL naming domain and address
 * when the call failed, for whatever reason; when the answer does not
 * decode, has another number of pages, another sequence anywhere (it must be
 * there), or a page without payload.
 */
extern AzStepResult az_upcast_finish(AzUpcast *upcast, AzJob *job);

#endif
