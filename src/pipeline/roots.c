/* The pipeline of GetAggregateRoots: some, as fast as they are taken. */
#include "pipeline/roots.h"

#include "codec/book.h"
#include "codec/decode.h"
#include "store/find.h"

#define LIST_ROWS 1000			/* aggregates of one look */

typedef struct AzRootsJob
{
	AzJob		job;			/* must come first */
	AzOutlet	outlet;
	AzArena    *arenas[2];		/* of the list being sent, and the one before */
	int			n_lists;
	AzRootsWish list;
	AzAggregate last;			/* of the list before */
	size_t		n_sent;			/* of this one */
} AzRootsJob;

static AzStepResult prepare(AzJob *job);
static void release(AzJob *job);
static AzStepResult list_roots(AzJob *job);
static AzStepResult take_roots(AzJob *job);
static AzStepResult send_roots(AzJob *job);
static AzOutletState send_root(AzRootsJob *roots, const AzAggregate *root);
static AzStepResult was_taken(AzJob *job);

static const AzStep steps[] = {
	{"list roots", AZ_STEP_LOCAL, list_roots, take_roots},
	{"send roots", AZ_STEP_REMOTE, send_roots, was_taken},
	{NULL}
};

const AzPipeline az_roots_pipeline = {"roots", prepare, steps, release};

AzJob *
az_roots_create(AzJobs *jobs, AzOutlet outlet, AzError *error)
{
	AzRootsJob *roots = (AzRootsJob *) az_job_create(jobs, &az_roots_pipeline,
													 sizeof(AzRootsJob),
													 error);

	if (roots == NULL)
		return NULL;
	roots->outlet = outlet;
	return &roots->job;
}

static AzStepResult
prepare(AzJob *job)
{
	AzRootsJob *roots = (AzRootsJob *) job;

	roots->arenas[0] = az_arena_create();
	roots->arenas[1] = az_arena_create();
	if (roots->arenas[0] != NULL && roots->arenas[1] != NULL)
		return AZ_STEP_NEXT;
	az_error_out_of_memory(&job->error);
	return AZ_STEP_FAILED;
}

static void
release(AzJob *job)
{
	AzRootsJob *roots = (AzRootsJob *) job;

	az_arena_free(roots->arenas[0]);
	az_arena_free(roots->arenas[1]);
}

static AzStepResult
list_roots(AzJob *job)
{
	AzRootsJob *roots = (AzRootsJob *) job;
	AzRootsWish *list = &roots->list;
	AzStepResult result;

	if (roots->n_sent < list->count)
		return AZ_STEP_NEXT;
	list->after = NULL;
	if (list->count > 0)
	{
		roots->last = list->roots[list->count - 1];
		list->after = &roots->last;
	}
	list->max_rows = LIST_ROWS;
	result = az_job_wish(job, &list->wish, &az_roots_kind);
	/* The last root's domain is in the other one. */
	list->wish.arena = roots->arenas[roots->n_lists++ % 2];
	az_arena_reset(list->wish.arena);
	return result;
}

static AzStepResult
take_roots(AzJob *job)
{
	AzRootsJob *roots = (AzRootsJob *) job;

	roots->n_sent = 0;
	if (roots->list.wish.outcome == AZ_WISH_FULFILLED)
		return AZ_STEP_NEXT;
	job->error = roots->list.wish.error;
	return AZ_STEP_FAILED;
}

/* A list that is not full was the last one. */
static AzStepResult
send_roots(AzJob *job)
{
	AzRootsJob *roots = (AzRootsJob *) job;

	while (roots->n_sent < roots->list.count)
	{
		AzOutletState state = send_root(roots,
										&roots->list.roots[roots->n_sent++]);

		if (state == AZ_OUTLET_GONE)
			return AZ_STEP_FAILED;
		if (state == AZ_OUTLET_FULL)
			return AZ_STEP_WAIT;
	}
	return roots->list.count < LIST_ROWS ? AZ_STEP_END : AZ_STEP_RESTART;
}

static AzOutletState
send_root(AzRootsJob *roots, const AzAggregate *root)
{
	PbAggregateRoot message = PB_AGGREGATE_ROOT_INIT;
	PbUUID		uuid = PB_UUID_INIT;
	AzBytes		bytes;
	AzOutletState state;

	uuid.value.data = (uint8_t *) root->root;
	uuid.value.len = AZ_UUID_SIZE;
	message.root = &uuid;
	message.domain = (char *) root->domain;
	if (!az_encode(&message, roots->list.wish.arena, &bytes,
				   &roots->job.error))
		return AZ_OUTLET_GONE;
	state = roots->outlet(&roots->job, bytes);
	if (state == AZ_OUTLET_GONE)
		az_error_set(&roots->job.error, NULL, AZ_CANCELLED,
					 "nobody takes the answer any more");
	return state;
}

static AzStepResult
was_taken(AzJob *job)
{
	const AzRootsJob *roots = (const AzRootsJob *) job;

	/* Back to the first step, which knows whether the list has more. */
	return roots->n_sent == roots->list.count &&
		roots->list.count < LIST_ROWS ? AZ_STEP_END : AZ_STEP_RESTART;
}
