/* What a request waits for once its events are stored. */
#include "pipeline/aftermath.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "codec/details.h"
#include "pipeline/turn.h"

#define PERSISTED "persisted"	/* in the metadata of an ErrorInfo */

static bool is_served(const AzAftermath *aftermath, AzJob *job,
					  const AzTarget *target);
static bool is_waited_for(const AzAftermath *aftermath,
						  const AzComponent *component, const char *domain,
						  bool is_projector);
static const char *chain_of(const AzCascade *cascade, const AzAggregate *last,
							AzArena *arena);
static bool add_listeners(AzAftermath *aftermath, AzJob *job,
						  const AzTarget *target, bool projectors);
static bool is_held(const AzAftermath *aftermath,
					const AzComponent *component,
					const AzAggregate *aggregate);
static const AzAncestor *hold(const AzAftermath *aftermath, AzJob *job,
							  const AzComponent *component);
static int64_t until_us(const AzJob *job);
static AzStepResult leave(AzAftermath *aftermath, AzJob *job);
static AzStepResult run(AzAftermath *aftermath, AzJob *job,
						const AzBook *book);
static void fill_trigger(const AzAftermath *aftermath, const AzBook *book,
						 AzBook *trigger);
static bool take_turn(AzAftermath *aftermath, AzJob *job);
static bool keep_projection(AzAftermath *aftermath, AzJob *job,
							const PbProjection *projection);
static bool keep_errors(AzAftermath *aftermath, AzJob *job,
						const AzDeliveryResult *result);
static bool keep_failure(AzAftermath *aftermath, AzJob *job,
						 const AzComponent *component,
						 const AzError *failure);
static bool add_error(AzAftermath *aftermath, AzJob *job,
					  const PbCascadeReactionError *error);
static void move_on(AzAftermath *aftermath, bool is_whole, size_t pages);

bool
az_aftermath_plan(AzAftermath *aftermath, AzJob *job, const AzTarget *target)
{
	const AzCatalog *catalog = job->jobs->catalog;
	size_t		most = az_catalog_count(catalog);
	int			mode = aftermath->cascade.sync_mode;

	aftermath->count = 0;
	if (mode != PB_SYNC_MODE_SIMPLE && mode != PB_SYNC_MODE_CASCADE)
		return true;
	if (!is_served(aftermath, job, target))
		return false;
	aftermath->components = az_arena_array(job->arena, most + 1,
										   sizeof(AzComponent *));
	if (aftermath->components == NULL ||
		!add_listeners(aftermath, job, target, true) ||
		!add_listeners(aftermath, job, target, false))
		return az_error_out_of_memory(&job->error);
	return true;
}

static bool
is_served(const AzAftermath *aftermath, AzJob *job, const AzTarget *target)
{
	const AzCascade *cascade = &aftermath->cascade;
	int			deepest = job->jobs->settings.max_cascade_depth;
	int			depth = 0;

	if (cascade->sync_mode != PB_SYNC_MODE_CASCADE)
		return true;
	if (cascade->error_mode == PB_CASCADE_ERROR_COMPENSATE)
		return az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
							"cascade error mode COMPENSATE is not served in this version");
	for (const AzAncestor *one = cascade->above; one != NULL; one = one->above)
		depth++;
	if (depth < deepest)
		return true;
	return az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
						"a cascade has at most %d commands behind one another (angzarr.max_cascade_depth): %s",
						deepest,
						chain_of(cascade, &target->aggregate, job->arena));
}

/* From the aggregate of the request's command down to the last one. */
static const char *
chain_of(const AzCascade *cascade, const AzAggregate *last, AzArena *arena)
{
	const char *chain = az_aggregate_text(last, arena);

	for (const AzAncestor *one = cascade->above; one != NULL && chain != NULL;
		 one = one->above)
		chain = az_arena_format(arena, "%s, %s",
								az_aggregate_text(one->aggregate, arena),
								chain);
	return chain != NULL ? chain : "";
}

/* Copied: the catalog may be read anew while the request waits. */
static bool
add_listeners(AzAftermath *aftermath, AzJob *job, const AzTarget *target,
			  bool projectors)
{
	const AzCatalog *catalog = job->jobs->catalog;

	for (size_t i = 0; i < az_catalog_count(catalog); i++)
	{
		const AzComponent *component = az_catalog_at(catalog, i);

		if (!is_waited_for(aftermath, component, target->aggregate.domain,
						   projectors) ||
			is_held(aftermath, component, &target->aggregate))
			continue;
		component = az_delivery_component(component, job->arena);
		if (component == NULL)
			return false;
		aftermath->components[aftermath->count++] = component;
	}
	return true;
}

static bool
is_waited_for(const AzAftermath *aftermath, const AzComponent *component,
			  const char *domain, bool projectors)
{
	return component->enabled && az_component_reacts(component) &&
		az_component_is_projector(component) == projectors &&
		(projectors ||
		 aftermath->cascade.sync_mode == PB_SYNC_MODE_CASCADE) &&
		az_component_listens(component, domain);
}

/*
 * A delivery of the same stream to the same component waits for this: its
 * turn can only come after that, so the engine delivers it.
 */
static bool
is_held(const AzAftermath *aftermath, const AzComponent *component,
		const AzAggregate *aggregate)
{
	for (const AzAncestor *ancestor = aftermath->cascade.above; ancestor != NULL;
		 ancestor = ancestor->above)
		if (strcmp(ancestor->component, component->name) == 0 &&
			az_aggregate_is_same(ancestor->aggregate, aggregate))
			return true;
	return false;
}

AzReservation **
az_aftermath_reserve(AzAftermath *aftermath, AzJob *job,
					 const AzEvent *events, size_t count)
{
	if (aftermath->count == 0 || count == 0 || events[0].isolated)
		return NULL;
	aftermath->reservations = az_arena_array(job->arena, aftermath->count,
											 sizeof(AzReservation));
	aftermath->pointers = az_arena_array(job->arena, aftermath->count,
										 sizeof(AzReservation *));
	if (aftermath->reservations == NULL || aftermath->pointers == NULL)
		return NULL;
	for (size_t i = 0; i < aftermath->count; i++)
	{
		AzReservation *reservation = &aftermath->reservations[i];

		reservation->component = aftermath->components[i]->name;
		reservation->aggregate = *job->aggregate;
		reservation->first = events[0].sequence;
		reservation->last = events[count - 1].sequence;
		reservation->until_us = until_us(job);
		aftermath->pointers[i] = reservation;
	}
	return aftermath->pointers;
}

/* Whoever dies in between leaves it to the engine after that. */
static int64_t
until_us(const AzJob *job)
{
	int64_t		patience_us = 2 * job->jobs->settings.call_timeout_us;
	int64_t		now = az_clock_monotonic_us();

	if (job->deadline_us != INT64_MAX && job->deadline_us > now)
		patience_us = job->deadline_us - now;
	return az_clock_wall_us() + patience_us;
}

AzStepResult
az_aftermath_start(AzAftermath *aftermath, AzJob *job, const AzBook *book)
{
	while (aftermath->reservations != NULL &&
		   aftermath->next < aftermath->count &&
		   !aftermath->reservations[aftermath->next].is_reserved)
		aftermath->next++;
	if (aftermath->reservations == NULL ||
		aftermath->next == aftermath->count)
		return AZ_STEP_NEXT;
	/* What is run now may come back to the same aggregate. */
	az_job_leave_lane(job);
	return aftermath->is_stopped ? leave(aftermath, job) :
		run(aftermath, job, book);
}

/* What was not begun is delivered in the background. */
static AzStepResult
leave(AzAftermath *aftermath, AzJob *job)
{
	AzReservedEndWish *end = &aftermath->end;

	end->reservation = &aftermath->reservations[aftermath->next];
	end->first = end->reservation->first;
	end->last = end->reservation->last;
	end->is_done = false;
	return az_job_wish(job, &end->wish, &az_reserved_end_kind);
}

static AzStepResult
run(AzAftermath *aftermath, AzJob *job, const AzBook *book)
{
	const AzCascade *cascade = &aftermath->cascade;
	AzTurn		turn = {
		.reservation = &aftermath->reservations[aftermath->next],
		.delivery = {
			.component = aftermath->components[aftermath->next],
			.attempt = 1,
			.sync_mode = cascade->sync_mode,
			.error_mode = cascade->error_mode
		}
	};
	AzJob	   *child;

	turn.delivery.above = hold(aftermath, job, turn.delivery.component);
	if (turn.delivery.above == NULL)
	{
		az_error_out_of_memory(&job->error);
		return AZ_STEP_FAILED;
	}
	fill_trigger(aftermath, book, &turn.delivery.trigger);
	child = az_turn_create(job->jobs, &turn, &job->error);
	return child != NULL ? az_job_run(job, child) : AZ_STEP_FAILED;
}

/* The job that waits outlives what it waits for. */
static const AzAncestor *
hold(const AzAftermath *aftermath, AzJob *job, const AzComponent *component)
{
	AzAncestor *ancestor = az_arena_alloc(job->arena, sizeof(AzAncestor));

	if (ancestor == NULL)
		return NULL;
	ancestor->component = component->name;
	ancestor->aggregate = job->aggregate;
	ancestor->above = aftermath->cascade.above;
	return ancestor;
}

/* All of it for a projector, one event for the others. */
static void
fill_trigger(const AzAftermath *aftermath, const AzBook *book,
			 AzBook *trigger)
{
	*trigger = *book;
	trigger->snapshot = NULL;
	if (az_component_is_projector(aftermath->components[aftermath->next]))
		return;
	trigger->events = book->events + aftermath->page;
	trigger->count = 1;
	trigger->next_sequence = trigger->events[0].sequence + 1;
}

AzStepResult
az_aftermath_take(AzAftermath *aftermath, AzJob *job)
{
	if (aftermath->is_stopped)
	{
		aftermath->next++;
		return AZ_STEP_REPEAT;
	}
	return take_turn(aftermath, job) ? AZ_STEP_REPEAT : AZ_STEP_FAILED;
}

static bool
take_turn(AzAftermath *aftermath, AzJob *job)
{
	const AzComponent *component = aftermath->components[aftermath->next];
	const AzReservation *reservation =
	&aftermath->reservations[aftermath->next];
	size_t		pages = (size_t) (reservation->last - reservation->first + 1);
	const AzTurn *turn = az_turn_result(job->ended);
	const AzError *failure = job->ended->error.code != AZ_OK ?
	&job->ended->error : &turn->failure;
	bool		is_fine = true;

	if (job->ended->error.code == AZ_OK && turn->result.projection != NULL)
		is_fine = keep_projection(aftermath, job, turn->result.projection);
	if (job->ended->error.code == AZ_OK)
		is_fine = is_fine && keep_errors(aftermath, job, &turn->result);
	if (failure->code != AZ_OK)
		is_fine = is_fine && keep_failure(aftermath, job, component, failure);
	if (is_fine)
		move_on(aftermath, az_component_is_projector(component), pages);
	return is_fine;
}

/* The job that got it is about to be freed. */
static bool
keep_projection(AzAftermath *aftermath, AzJob *job,
				const PbProjection *projection)
{
	PbProjection **all = az_arena_array(job->arena,
										aftermath->n_projections + 1,
										sizeof(PbProjection *));
	PbProjection *copy = az_message_copy(projection, job->arena, &job->error);

	if (all == NULL)
		return az_error_out_of_memory(&job->error);
	if (copy == NULL)
		return false;
	for (size_t i = 0; i < aftermath->n_projections; i++)
		all[i] = aftermath->projections[i];
	all[aftermath->n_projections++] = copy;
	aftermath->projections = all;
	return true;
}

/* Of reactions below: they may have stopped there already. */
static bool
keep_errors(AzAftermath *aftermath, AzJob *job,
			const AzDeliveryResult *result)
{
	const AzCascade *cascade = &aftermath->cascade;

	if (cascade->error_mode == PB_CASCADE_ERROR_DEAD_LETTER)
		return true;
	for (size_t i = 0; i < result->n_errors; i++)
		if (!add_error(aftermath, job, result->errors[i]))
			return false;
	if (result->n_errors == 0 ||
		cascade->error_mode == PB_CASCADE_ERROR_CONTINUE)
		return true;
	aftermath->is_stopped = true;
	return aftermath->failure.code != AZ_OK ||
		az_error_copy(&aftermath->failure, &result->first_failure,
					  job->arena) ||
		az_error_out_of_memory(&job->error);
}

/* A projector's failure fails the request; a handler's is told of. */
static bool
keep_failure(AzAftermath *aftermath, AzJob *job,
			 const AzComponent *component, const AzError *failure)
{
	PbCascadeReactionError error = PB_CASCADE_REACTION_ERROR_INIT;

	error.component = (char *) component->name;
	error.code = (int32_t) failure->code;
	error.message = (char *) failure->message;
	if (aftermath->cascade.error_mode != PB_CASCADE_ERROR_DEAD_LETTER &&
		!add_error(aftermath, job, &error))
		return false;
	if (!az_component_is_projector(component) &&
		(aftermath->cascade.error_mode == PB_CASCADE_ERROR_CONTINUE ||
		 aftermath->cascade.error_mode == PB_CASCADE_ERROR_DEAD_LETTER))
		return true;
	aftermath->is_stopped = true;
	return aftermath->failure.code != AZ_OK ||
		az_error_copy(&aftermath->failure, failure, job->arena) ||
		az_error_out_of_memory(&job->error);
}

static bool
add_error(AzAftermath *aftermath, AzJob *job,
		  const PbCascadeReactionError *error)
{
	PbCascadeReactionError **all = az_arena_array(job->arena,
												  aftermath->n_errors + 1,
												  sizeof(*all));
	PbCascadeReactionError *copy = az_message_copy(error, job->arena,
												   &job->error);

	if (all == NULL)
		return az_error_out_of_memory(&job->error);
	if (copy == NULL)
		return false;
	for (size_t i = 0; i < aftermath->n_errors; i++)
		all[i] = aftermath->errors[i];
	all[aftermath->n_errors++] = copy;
	aftermath->errors = all;
	return true;
}

/* To the next event of this component, or to the next component. */
static void
move_on(AzAftermath *aftermath, bool is_whole, size_t pages)
{
	if (aftermath->is_stopped)
		return;
	aftermath->page++;
	if (!is_whole && aftermath->page < pages)
		return;
	aftermath->page = 0;
	aftermath->next++;
}

void
az_aftermath_tell(const AzAftermath *aftermath, AzJob *job,
				  const AzBook *book)
{
	const AzError *failure = &aftermath->failure;
	int64_t		first = book->events[0].sequence;
	int64_t		last = book->events[book->count - 1].sequence;
	const char *stored = az_arena_format(job->arena,
										 "%" PRId64 "..%" PRId64, first, last);

	job->error = *failure;
	az_error_set(&job->error, job->arena, failure->code,
				 "%s (events %s of %s are stored)", failure->message,
				 stored != NULL ? stored : "",
				 az_aggregate_text(&book->aggregate, job->arena));
	job->error.details = failure->details;
	az_details_add_pair(&job->error, PERSISTED, stored != NULL ? stored : "",
						"REACTION_FAILED", job->arena);
	az_details_rename(&job->error, job->arena);
}
