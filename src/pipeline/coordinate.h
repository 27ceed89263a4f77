/*
 * Running components on events that a caller has at hand: what the
 * coordinator services of sagas, process managers and projectors do (contract
 * section 3).
 */
#ifndef AZ_PIPELINE_COORDINATE_H
#define AZ_PIPELINE_COORDINATE_H

#include "pipeline/delivery.h"

/* What is asked for; all of it must stay until the job is over. */
typedef struct AzCoordination
{
	const char *kind;			/* of component: "saga" … */
	const char *component;		/* its name; NULL: all that listen */
	const char *path;			/* of the book in the request, for messages */
	PbEventBook *book;			/* or NULL, when the request has none */
	PbEventBook *state;			/* of a process, when speculative; or NULL */
	int			sync_mode;		/* PB_SYNC_MODE_* */
	int			error_mode;		/* PB_CASCADE_ERROR_* */
	bool		is_speculative; /* handlers are asked, nothing is carried out */
	bool		wants_one;		/* an answer cannot be made of several */
} AzCoordination;

/*
 * What the components answered, one after the other, in order of name; of
 * events that were handled before, what the record says.
 */
typedef struct AzCoordinated
{
	PbSagaResponse saga;
	PbProcessManagerHandleResponse process_manager;
	PbProjection *projection;	/* the last one, or NULL */
} AzCoordinated;

/*
 * NULL as az_job_create.  The job fails with INVALID_ARGUMENT naming the
 * field (no book, cover, page, sequence or payload; a process manager's
 * without correlation_id; several components where one answer is wanted),
 * NOT_FOUND for a component that is not there or none at all where one is
 * wanted, UNAVAILABLE for a disabled one, else as the first handler that
 * fails.
 */
extern AzJob *az_coordinate_create(AzJobs *jobs,
								   const AzCoordination *coordination,
								   AzError *error);
extern const AzCoordinated *az_coordinate_result(const AzJob *job);

extern const AzPipeline az_coordinate_pipeline;

#endif
