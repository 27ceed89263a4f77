/*
 * Running components on events that a caller has at hand.
 *
 * For real, each event is a delivery like the engine's own: recorded, and done
 * once.  Speculatively the handlers are asked, and that is all.
 */
#include "pipeline/coordinate.h"

#include <string.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "pipeline/handler.h"
#include "pipeline/handover.h"
#include "pipeline/listeners.h"
#include "pipeline/upcast.h"

#define SPECULATE "/io.angzarr.v1.ProjectorService/HandleSpeculative"

typedef struct AzCoordinateJob
{
	AzJob		job;			/* must come first */
	AzCoordination asked;
	AzListeners listeners;
	size_t		next;			/* of the components */
	size_t		page;			/* of the book, for it */
	AzBook		book;
	AzTarget	target;			/* the component asked, for messages */
	AzUpcast	upcast;
	AzUpcast	upcast_state;
	AzCoordinated result;
} AzCoordinateJob;

static AzStepResult prepare(AzJob *job);
static bool check_book(AzCoordinateJob *coordinate);
static bool check_pages(AzCoordinateJob *coordinate);
static bool refuse(AzCoordinateJob *coordinate, const char *what);
static AzStepResult upcast_book(AzJob *job);
static AzStepResult take_upcast(AzJob *job);
static AzStepResult upcast_state(AzJob *job);
static AzStepResult take_upcast_state(AzJob *job);
static AzStepResult ask(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static AzStepResult deliver(AzJob *job);
static AzStepResult take_delivery(AzJob *job);
static bool is_kind(const AzCoordinateJob *coordinate, const char *kind);
static void fill_trigger(const AzCoordinateJob *coordinate, AzBook *trigger);
static PbEventBook *page_alone(AzCoordinateJob *coordinate);
static bool add_saga(AzCoordinateJob *coordinate,
					 const PbSagaResponse *answer);
static bool add_process(AzCoordinateJob *coordinate,
						const PbProcessManagerHandleResponse *answer);
static bool add_all(AzArena *arena, void ***all, size_t *count,
					void *const *more, size_t n_more);
static void move_on(AzCoordinateJob *coordinate);

static const AzStep steps[] = {
	{"upcast", AZ_STEP_REMOTE, upcast_book, take_upcast},
	{"upcast state", AZ_STEP_REMOTE, upcast_state, take_upcast_state},
	{"ask", AZ_STEP_REMOTE, ask, take_answer},
	{"deliver", AZ_STEP_LOCAL, deliver, take_delivery},
	{NULL}
};

const AzPipeline az_coordinate_pipeline = {"coordinate", prepare, steps};

AzJob *
az_coordinate_create(AzJobs *jobs, const AzCoordination *coordination,
					 AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_coordinate_pipeline,
									sizeof(AzCoordinateJob), error);

	if (job != NULL)
		((AzCoordinateJob *) job)->asked = *coordination;
	return job;
}

const AzCoordinated *
az_coordinate_result(const AzJob *job)
{
	return &((const AzCoordinateJob *) job)->result;
}

static AzStepResult
prepare(AzJob *job)
{
	AzCoordinateJob *coordinate = (AzCoordinateJob *) job;

	pb_saga_response_init(&coordinate->result.saga);
	pb_process_manager_handle_response_init(&coordinate->result.process_manager);
	if (!check_book(coordinate) ||
		!az_book_read(coordinate->asked.book, &coordinate->book, job->arena,
					  &job->error) ||
		!az_listeners_find(&coordinate->listeners, job,
						   coordinate->asked.kind,
						   coordinate->asked.component,
						   coordinate->book.aggregate.domain,
						   coordinate->asked.wants_one) ||
		!az_handler_correlate(job, coordinate->asked.book->cover))
		return AZ_STEP_FAILED;
	return coordinate->listeners.count > 0 ? AZ_STEP_NEXT : AZ_STEP_END;
}

/* ---- what is asked ---- */

static bool
check_book(AzCoordinateJob *coordinate)
{
	AzJob	   *job = &coordinate->job;
	const AzCoordination *asked = &coordinate->asked;
	const char *cover_path = az_arena_format(job->arena, "%s.cover",
											 asked->path);

	if (cover_path == NULL)
		return az_error_out_of_memory(&job->error);
	if (asked->book == NULL)
		return refuse(coordinate, "is missing");
	if (!az_validate_cover(asked->book->cover, cover_path, job->arena,
						   &job->error) ||
		!check_pages(coordinate))
		return false;
	if (is_kind(coordinate, "process_manager") &&
		asked->book->cover->correlation_id[0] == '\0')
		return refuse(coordinate,
					  "has no cover.correlation_id, by which a process is found");
	return true;
}

static bool
check_pages(AzCoordinateJob *coordinate)
{
	const PbEventBook *book = coordinate->asked.book;
	size_t		most = (size_t)
	coordinate->job.jobs->settings.validation.max_pages;

	if (book->n_pages == 0)
		return refuse(coordinate, "has no pages");
	if (book->n_pages > most)
		return refuse(coordinate,
					  "has more pages than are allowed (angzarr.max_pages_per_book)");
	for (size_t i = 0; i < book->n_pages; i++)
	{
		const PbEventPage *page = book->pages[i];

		if (page->header == NULL || page->header->sequence_type_case !=
			PB_PAGE_HEADER_SEQUENCE)
			return refuse(coordinate,
						  "has a page without header.sequence: give events as they are stored");
		if (page->payload_case != PB_EVENT_PAGE_EVENT &&
			page->payload_case != PB_EVENT_PAGE_EXTERNAL)
			return refuse(coordinate, "has a page without payload");
		if (i > 0 && page->header->sequence !=
			book->pages[i - 1]->header->sequence + 1)
			return refuse(coordinate,
						  "has pages whose sequences do not follow one another");
	}
	return true;
}

static bool
refuse(AzCoordinateJob *coordinate, const char *what)
{
	AzJob	   *job = &coordinate->job;

	return az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT, "%s %s",
						coordinate->asked.path, what);
}

/* ---- asking, and nothing more ---- */

static AzStepResult
upcast_book(AzJob *job)
{
	AzCoordinateJob *coordinate = (AzCoordinateJob *) job;

	return coordinate->asked.is_speculative ?
		az_upcast_start(&coordinate->upcast, job, coordinate->asked.book) :
		AZ_STEP_NEXT;
}

static AzStepResult
take_upcast(AzJob *job)
{
	return az_upcast_finish(&((AzCoordinateJob *) job)->upcast, job);
}

static AzStepResult
upcast_state(AzJob *job)
{
	AzCoordinateJob *coordinate = (AzCoordinateJob *) job;
	PbEventBook *state = coordinate->asked.state;

	return coordinate->asked.is_speculative && state != NULL &&
		state->cover != NULL ?
		az_upcast_start(&coordinate->upcast_state, job, state) : AZ_STEP_NEXT;
}

static AzStepResult
take_upcast_state(AzJob *job)
{
	return az_upcast_finish(&((AzCoordinateJob *) job)->upcast_state, job);
}

static AzStepResult
ask(AzJob *job)
{
	AzCoordinateJob *coordinate = (AzCoordinateJob *) job;
	const AzCoordination *asked = &coordinate->asked;
	AzTarget   *target = &coordinate->target;
	AzHandover	handover = {
		.target = target,
		.state = asked->state,
		.sync_mode = asked->sync_mode,
		.error_mode = asked->error_mode
	};

	if (!asked->is_speculative)
		return AZ_STEP_NEXT;
	if (coordinate->next == coordinate->listeners.count)
		return AZ_STEP_END;
	handover.component = coordinate->listeners.components[coordinate->next];
	target->aggregate = coordinate->book.aggregate;
	az_target_call(target, handover.component, job->jobs);
	if (is_kind(coordinate, "projector"))
		return az_handler_call(job, target, SPECULATE, asked->book);
	handover.trigger = page_alone(coordinate);
	return handover.trigger != NULL ? az_handover_call(job, &handover) :
		AZ_STEP_FAILED;
}

static AzStepResult
take_answer(AzJob *job)
{
	AzCoordinateJob *coordinate = (AzCoordinateJob *) job;
	const ProtobufCMessageDescriptor *type = &pb_projection_descriptor;
	void	   *answer;
	bool		is_kept = true;

	if (job->status.code != AZ_OK)
		return az_handler_failed(job, &coordinate->target);
	if (is_kind(coordinate, "saga"))
		type = &pb_saga_response_descriptor;
	else if (is_kind(coordinate, "process_manager"))
		type = &pb_process_manager_handle_response_descriptor;
	answer = az_handler_answer(job, &coordinate->target, type);
	if (answer == NULL)
		return AZ_STEP_FAILED;
	if (is_kind(coordinate, "saga"))
		is_kept = add_saga(coordinate, answer);
	else if (is_kind(coordinate, "process_manager"))
		is_kept = add_process(coordinate, answer);
	else
		coordinate->result.projection = answer;
	move_on(coordinate);
	return is_kept ? AZ_STEP_REPEAT : AZ_STEP_FAILED;
}

/* ---- for real ---- */

static AzStepResult
deliver(AzJob *job)
{
	AzCoordinateJob *coordinate = (AzCoordinateJob *) job;
	AzDelivery	delivery = {
		.attempt = 1,
		.sync_mode = coordinate->asked.sync_mode,
		.error_mode = coordinate->asked.error_mode
	};
	AzJob	   *child;

	if (coordinate->next == coordinate->listeners.count)
		return AZ_STEP_END;
	delivery.component = coordinate->listeners.components[coordinate->next];
	fill_trigger(coordinate, &delivery.trigger);
	child = az_delivery_create(job->jobs, &delivery, &job->error);
	return child != NULL ? az_job_run(job, child) : AZ_STEP_FAILED;
}

/* The job that knows is about to be freed. */
static AzStepResult
take_delivery(AzJob *job)
{
	AzCoordinateJob *coordinate = (AzCoordinateJob *) job;
	const AzDeliveryResult *result = az_delivery_result(job->ended);
	bool		is_kept = true;
	void	   *copy;

	if (job->ended->error.code != AZ_OK || result->first_failure.code != AZ_OK)
	{
		az_error_copy(&job->error, job->ended->error.code != AZ_OK ?
					  &job->ended->error : &result->first_failure,
					  job->arena);
		return AZ_STEP_FAILED;
	}
	if (result->saga != NULL)
	{
		copy = az_message_copy(result->saga, job->arena, &job->error);
		is_kept = copy != NULL && add_saga(coordinate, copy);
	}
	if (result->process_manager != NULL)
	{
		copy = az_message_copy(result->process_manager, job->arena, &job->error);
		is_kept = copy != NULL && add_process(coordinate, copy);
	}
	if (result->projection != NULL)
	{
		coordinate->result.projection = az_message_copy(result->projection, job->arena, &job->error);
		is_kept = coordinate->result.projection != NULL;
	}
	move_on(coordinate);
	return is_kept ? AZ_STEP_REPEAT : AZ_STEP_FAILED;
}

static bool
is_kind(const AzCoordinateJob *coordinate, const char *kind)
{
	return strcmp(coordinate->asked.kind, kind) == 0;
}

static void
fill_trigger(const AzCoordinateJob *coordinate, AzBook *trigger)
{
	*trigger = coordinate->book;
	if (is_kind(coordinate, "projector"))
		return;
	trigger->events = coordinate->book.events + coordinate->page;
	trigger->count = 1;
	trigger->next_sequence = trigger->events[0].sequence + 1;
}

/* One event, one call: contract section 8. */
static PbEventBook *
page_alone(AzCoordinateJob *coordinate)
{
	AzJob	   *job = &coordinate->job;
	const PbEventBook *book = coordinate->asked.book;
	PbEventBook *alone = az_arena_alloc(job->arena, sizeof(PbEventBook));

	if (alone == NULL)
	{
		az_error_out_of_memory(&job->error);
		return NULL;
	}
	pb_event_book_init(alone);
	alone->cover = book->cover;
	alone->pages = book->pages + coordinate->page;
	alone->n_pages = 1;
	alone->next_sequence = alone->pages[0]->header->sequence + 1;
	return alone;
}

/* ---- one answer of many ---- */

static bool
add_saga(AzCoordinateJob *coordinate, const PbSagaResponse *answer)
{
	AzJob	   *job = &coordinate->job;
	PbSagaResponse *all = &coordinate->result.saga;

	return (add_all(job->arena, (void ***) &all->commands, &all->n_commands,
					(void *const *) answer->commands, answer->n_commands) &&
			add_all(job->arena, (void ***) &all->events, &all->n_events,
					(void *const *) answer->events, answer->n_events)) ||
		az_error_out_of_memory(&job->error);
}

static bool
add_process(AzCoordinateJob *coordinate,
			const PbProcessManagerHandleResponse *answer)
{
	AzJob	   *job = &coordinate->job;
	PbProcessManagerHandleResponse *all = &coordinate->result.process_manager;

	if (answer->notification != NULL)
		all->notification = answer->notification;
	return (add_all(job->arena, (void ***) &all->process_events,
					&all->n_process_events,
					(void *const *) answer->process_events,
					answer->n_process_events) &&
			add_all(job->arena, (void ***) &all->commands, &all->n_commands,
					(void *const *) answer->commands, answer->n_commands) &&
			add_all(job->arena, (void ***) &all->facts, &all->n_facts,
					(void *const *) answer->facts, answer->n_facts)) ||
		az_error_out_of_memory(&job->error);
}

static bool
add_all(AzArena *arena, void ***all, size_t *count, void *const *more,
		size_t n_more)
{
	void	  **joined = az_arena_array(arena, *count + n_more + 1,
										sizeof(void *));

	if (joined == NULL)
		return false;
	if (*count > 0)
		memcpy(joined, *all, *count * sizeof(void *));
	if (n_more > 0)
		memcpy(joined + *count, more, n_more * sizeof(void *));
	*all = joined;
	*count += n_more;
	return true;
}

/* To the next event of this component, or to the next component. */
static void
move_on(AzCoordinateJob *coordinate)
{
	coordinate->page++;
	if (!is_kind(coordinate, "projector") &&
		coordinate->page < coordinate->book.count)
		return;
	coordinate->page = 0;
	coordinate->next++;
}
