/*
 * Deliveries: an event, or a few, handed to one component that reacts, and
 * everything that comes of it.
 *
 * A job of one is over with OK when the event is settled: handled, or kept as
 * a dead letter by the job itself.  Else it may go better later: whoever
 * created it tries again after a while, with attempt + 1 while the stage that
 * failed is the same, from 1 at another stage.
 */
#ifndef AZ_PIPELINE_DELIVERY_H
#define AZ_PIPELINE_DELIVERY_H

#include "pipeline/job.h"
#include "store/timers.h"

/* That a process manager is handed a notification, and no event of the log. */
typedef struct AzHandback
{
	PbAngzarrDeferredSequence *provenance;	/* of the command it is about */
	const char *kind;			/* of the key under which it is done once */
	uint32_t	first_index;	/* of what is answered: the place of the first
								 * command, and of the first fact */
} AzHandback;

/*
 * A delivery inside of a request, of events of a stream, and the one whose
 * command caused these, up to the request's own.  Each waits for those below.
 */
typedef struct AzAncestor
{
	const char *component;
	const AzAggregate *aggregate;
	const struct AzAncestor *above;
} AzAncestor;

/* What is delivered, to whom. */
typedef struct AzDelivery
{
	const AzComponent *component;

	/*
	 * Sagas and process managers: one event.  Projectors: one or more,
	 * consecutive, of the same correlation id and ext.  Its aggregate has the
	 * divergence where it is an edition's.
	 */
	AzBook		trigger;
	int			attempt;		/* 1 = first, of the stage that failed last */
	int			stage;			/* that the attempts are counted of */
	int			sync_mode;		/* PB_SYNC_MODE_*; background: ASYNC */
	int			error_mode;		/* PB_CASCADE_ERROR_*; background: UNSPECIFIED */
	const AzAncestor *above;	/* in a request: itself and those; or NULL */
	const AzTimerRow *firing;	/* what elapsed, if that is the trigger */

	/*
	 * Or NULL.  With it the trigger is of the process's own aggregate, the
	 * attempts are counted of all stages together, and a failure of the
	 * handler is for who delivers to keep.
	 */
	const AzHandback *handback;
	bool		is_replay;		/* of a dead letter: each stage has one
								 * attempt */
} AzDelivery;

/* What came of it; texts and messages live as long as the job. */
typedef struct AzDeliveryResult
{
	int			stage;			/* that failed: 0 = the handler and all before
								 * it, 1 + i = the command i, after all
								 * commands the facts */
	bool		was_lettered;	/* it, or a part of it, is a dead letter */
	AzError		failure;		/* why the handler was given up, or OK */
	bool		was_recorded;	/* handled before: the answer is the first one */
	const PbProjection *projection; /* of a projector, or NULL */
	const PbSagaResponse *saga; /* of a saga, stamped, or NULL */
	PbProcessManagerHandleResponse *process_manager;	/* likewise */
	const PbCascadeReactionError *const *errors;	/* what failed for good */
	size_t		n_errors;
	AzError		first_failure;	/* of the first of them */
	bool		is_unfinished;	/* a cascade has stopped: the rest is for the
								 * background */
} AzDeliveryResult;

/* What the jobs of all kinds of components begin with. */
typedef struct AzDeliveryJob
{
	AzJob		job;			/* must come first */
	AzDelivery	delivery;
	AzDeliveryResult result;
	AzTimerWish timer;			/* the look at what elapsed */
} AzDeliveryJob;

/*
 * A job that delivers; all of "delivery" is copied into it, but a handback.
 * NULL as az_job_create, and with INTERNAL for a component of a kind that
 * does not react.  Set "done" and start it.
 */
extern AzJob *az_delivery_create(AzJobs *jobs, const AzDelivery *delivery,
								 AzError *error);

/* Of a job made by it; complete when the job is done. */
extern const AzDeliveryResult *az_delivery_result(const AzJob *job);

/* A copy of a component, but for its inputs; NULL: no memory. */
extern const AzComponent *az_delivery_component(const AzComponent *component,
												AzArena *arena);

/* A copy of what a job is about to take with it; without saga and PM. */
extern bool az_delivery_copy_result(const AzDeliveryResult *from,
									AzDeliveryResult *to, AzArena *arena);

/* ---- for the pipelines of deliveries ---- */

/*
 * A job of "size" bytes that begins with an AzDeliveryJob, filled; NULL as
 * az_job_create.
 */
extern AzJob *az_delivery_job(AzJobs *jobs, const AzPipeline *pipeline,
							  size_t size, const AzDelivery *delivery,
							  AzError *error);

/* How many attempts this is of a stage; of another than was said the first. */
extern int	az_delivery_attempt(const AzDeliveryJob *job, int stage);

/* How often to try in all: the component's word, or else the setting. */
extern int	az_delivery_max_attempts(const AzDeliveryJob *job);


/*
 * In a request that waits (contract section 7): whether it fails with the
 * first failure, and whether failures become dead letters at once.
 */
extern bool az_delivery_stops_at_failure(const AzDeliveryJob *job);
extern bool az_delivery_files_at_once(const AzDeliveryJob *job);

/* The handler has failed, with job->error; false when memory is out. */
extern bool az_delivery_note_failure(AzDeliveryJob *job);

#endif
