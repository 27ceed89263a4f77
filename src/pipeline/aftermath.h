/*
 * What a request waits for once its events are stored: the projectors, and
 * under CASCADE the sagas and process managers that listen to them, each in
 * its turn (contract section 7).
 */
#ifndef AZ_PIPELINE_AFTERMATH_H
#define AZ_PIPELINE_AFTERMATH_H

#include "pipeline/delivery.h"
#include "pipeline/target.h"
#include "store/reserve.h"

/* How a request is answered for: all of it hands down to what it causes. */
typedef struct AzCascade
{
	int			sync_mode;		/* PB_SYNC_MODE_*, the effective one */
	int			error_mode;		/* PB_CASCADE_ERROR_* */
	const AzAncestor *above;	/* deliveries that wait for it, or NULL */
} AzCascade;

/* Embedded in a job; fill "cascade". */
typedef struct AzAftermath
{
	AzCascade	cascade;

	/* Who is waited for: of the reservations those that were made. */
	const AzComponent **components;
	AzReservation *reservations;
	AzReservation **pointers;
	size_t		count;
	size_t		next;			/* of them */
	size_t		page;			/* of the next one, sagas and PMs */
	bool		is_stopped;		/* what is left is the engine's */
	AzReservedEndWish end;

	/* Results, in the arena of the job. */
	PbProjection **projections;
	size_t		n_projections;
	PbCascadeReactionError **errors;
	size_t		n_errors;
	AzError		failure;		/* for which the request fails; OK = none */
} AzAftermath;

/*
 * Before the append: who is to be waited for.  FAILED_PRECONDITION naming the
 * chain when the cascade is too deep, UNIMPLEMENTED for an error mode that is
 * not served.
 */
extern bool az_aftermath_plan(AzAftermath *aftermath, AzJob *job,
							  const AzTarget *target);

/* The reservations of "book", to be made with its append; NULL for none. */
extern AzReservation **az_aftermath_reserve(AzAftermath *aftermath,
											AzJob *job,
											const AzEvent *events,
											size_t count);

/* A step, for as long as "take" says REPEAT. */
extern AzStepResult az_aftermath_start(AzAftermath *aftermath, AzJob *job,
									   const AzBook *book);
extern AzStepResult az_aftermath_take(AzAftermath *aftermath, AzJob *job);

/* The failure as a client is told it: what is stored all the same. */
extern void az_aftermath_tell(const AzAftermath *aftermath, AzJob *job,
							  const AzBook *book);

#endif
