/* The own stream of a process manager. */
#include "pipeline/process.h"

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "codec/uuid.h"
#include "pipeline/provenance.h"

static bool stamp_events(AzProcess *process, const AzStamp *stamp,
						 const PbProcessManagerHandleResponse *answer,
						 AzJob *job);
static bool check_size(const AzStamp *stamp,
					   const PbProcessManagerHandleResponse *answer,
					   size_t *count, AzJob *job);
static bool check_payload(const AzStamp *stamp, const PbEventPage *page,
						  AzJob *job);
static bool stamp_book(AzProcess *process, AzStamp *stamp,
					   const PbEventBook *book, AzJob *job);
static bool without_headers(const PbEventBook *book, PbEventBook *copy,
							PbCover *cover, AzJob *job);
static bool wrap_notification(AzProcess *process, const AzEmission *emission,
							  const PbNotification *notification, AzJob *job);
static bool encode_envelope(const AzAddress *address,
							const PbNotification *notification,
							AzBytes *envelope, AzJob *job);

void
az_process_target(AzTarget *target, const AzComponent *component,
				  const AzBook *trigger, AzJob *job)
{
	az_target_call(target, component, job->jobs);
	target->aggregate.domain = component->domain;
	target->aggregate.edition = trigger->aggregate.edition;
	az_uuid_of_process(trigger->events[0].correlation_id,
					   target->aggregate.root);
}

/* Without events it still shows whose it will be. */
bool
az_process_state(AzProcess *process, const AzTarget *target,
				 const char *correlation_id, AzJob *job)
{
	process->load.book.aggregate = target->aggregate;
	process->state = az_book_make(&process->load.book, job->arena,
								  &job->error);
	if (process->state == NULL)
		return false;
	if (process->state->cover->correlation_id[0] == '\0')
		process->state->cover->correlation_id = (char *) correlation_id;
	return true;
}

bool
az_process_take(AzProcess *process, const AzTarget *target,
				const AzEmission *emission, const AzOrigin *origin,
				const PbProcessManagerHandleResponse *answer, AzJob *job)
{
	AzStamp		stamp = {
		.aggregate = target->aggregate,
		.next_sequence = process->load.book.next_sequence,
		.correlation_id = emission->trigger->events[0].correlation_id,
		.cause = origin->cause,
		.depth = origin->depth,
		.limits = &job->jobs->settings.validation
	};

	return stamp_events(process, &stamp, answer, job) &&
		wrap_notification(process, emission, answer->notification, job) &&
		az_timeout_read(&process->timeouts, target, process->events,
						process->n_events, process->firing, job);
}

static bool
stamp_events(AzProcess *process, const AzStamp *stamp,
			 const PbProcessManagerHandleResponse *answer, AzJob *job)
{
	AzStamp		next = *stamp;
	const PbEventBook *last = NULL;
	size_t		count;

	if (!check_size(stamp, answer, &count, job))
		return false;
	process->n_events = 0;
	process->snapshot = NULL;
	process->events = az_arena_array(job->arena, count, sizeof(AzEvent));
	if (process->events == NULL)
		return az_error_out_of_memory(&job->error);
	for (size_t i = 0; i < answer->n_process_events; i++)
	{
		if (!stamp_book(process, &next, answer->process_events[i], job))
			return false;
		if (answer->process_events[i]->snapshot != NULL)
			last = answer->process_events[i];
	}
	return last == NULL ||
		az_stamp_snapshot(stamp, last, &process->load.book, process->events,
						  process->n_events, &process->snapshot, job->arena,
						  &job->error);
}

static bool
check_size(const AzStamp *stamp, const PbProcessManagerHandleResponse *answer,
		   size_t *count, AzJob *job)
{
	*count = 0;
	for (size_t i = 0; i < answer->n_process_events; i++)
	{
		const PbEventBook *book = answer->process_events[i];

		*count += book->n_pages;
		for (size_t page = 0; page < book->n_pages; page++)
			if (!check_payload(stamp, book->pages[page], job))
				return false;
	}
	return *count <= stamp->limits->max_pages ||
		az_error_set(&job->error, job->arena, AZ_INTERNAL,
					 "process manager answered %zu events, allowed are %zu (angzarr.max_pages_per_book)",
					 *count, stamp->limits->max_pages);
}

static bool
check_payload(const AzStamp *stamp, const PbEventPage *page, AzJob *job)
{
	size_t		max = stamp->limits->max_payload_bytes;

	return page->payload_case != PB_EVENT_PAGE_EVENT ||
		page->event->value.len <= max ||
		az_error_set(&job->error, job->arena, AZ_INTERNAL,
					 "process manager answered an event of %zu bytes, allowed are %zu (angzarr.max_payload_size)",
					 page->event->value.len, max);
}

static bool
stamp_book(AzProcess *process, AzStamp *stamp, const PbEventBook *book,
		   AzJob *job)
{
	PbEventBook copy;
	PbCover		cover;
	AzEvent    *events;
	size_t		count;

	if (!without_headers(book, &copy, &cover, job) ||
		!az_stamp_events(stamp, &copy, &events, &count, job->arena,
						 &job->error))
		return false;
	for (size_t i = 0; i < count; i++)
		process->events[process->n_events++] = events[i];
	stamp->next_sequence += (int64_t) count;
	return true;
}

/* Its cover is ours but for its ext, and its numbers are ours. */
static bool
without_headers(const PbEventBook *book, PbEventBook *copy, PbCover *cover,
				AzJob *job)
{
	PbEventPage *pages = az_arena_array(job->arena, book->n_pages,
										sizeof(PbEventPage));

	pb_event_book_init(copy);
	pb_cover_init(cover);
	cover->ext = book->cover != NULL ? book->cover->ext : NULL;
	copy->cover = cover;
	copy->n_pages = book->n_pages;
	copy->pages = az_arena_array(job->arena, book->n_pages,
								 sizeof(PbEventPage *));
	if (pages == NULL || copy->pages == NULL)
		return az_error_out_of_memory(&job->error);
	for (size_t i = 0; i < book->n_pages; i++)
	{
		pages[i] = *book->pages[i];
		pages[i].header = NULL;
		copy->pages[i] = &pages[i];
	}
	return true;
}

/* Its place in the answer is behind the commands. */
static bool
wrap_notification(AzProcess *process, const AzEmission *emission,
				  const PbNotification *notification, AzJob *job)
{
	AzOutboxRow *row = &process->outbox;
	AzAddress	address = {.provenance = NULL};
	AzError		found = {0};
	AzKey		key;

	process->n_outbox = 0;
	if (notification == NULL)
		return true;
	if (!az_validate_cover(notification->cover, "notification.cover",
						   job->arena, &found))
		return az_error_set(&job->error, job->arena, AZ_INTERNAL,
							"process manager \"%s\" answered a notification that cannot be forwarded: %s",
							emission->component->name, found.message);
	address.target = notification->cover;
	address.correlation_id = emission->source->correlation_id;
	address.provenance = az_emit_provenance(emission, emission->n_commands,
											job->arena);
	if (address.provenance == NULL ||
		!az_provenance_key(address.provenance, AZ_OUTBOX_NOTIFICATION,
						   "trigger", &key, job->arena, &job->error))
		return az_error_out_of_memory(&job->error);
	row->kind = AZ_OUTBOX_NOTIFICATION;
	row->component = emission->component->name;
	row->digest_key = key.bytes;
	row->depth = emission->trigger->events[0].depth + 1;
	az_cover_read(address.target, &row->target);
	process->n_outbox = 1;
	return encode_envelope(&address, notification, &row->envelope, job);
}

static bool
encode_envelope(const AzAddress *address, const PbNotification *notification,
				AzBytes *envelope, AzJob *job)
{
	PbCommandBook *book = az_notification_forward(address, notification,
												  job->arena, &job->error);

	return book != NULL && az_encode(book, job->arena, envelope, &job->error);
}

bool
az_process_show(const AzBook *book, PbProcessManagerHandleResponse *answer,
				AzJob *job)
{
	answer->process_events = az_arena_array(job->arena, 1,
											sizeof(PbEventBook *));
	if (answer->process_events == NULL)
		return az_error_out_of_memory(&job->error);
	answer->process_events[0] = az_book_make(book, job->arena, &job->error);
	answer->n_process_events = 1;
	return answer->process_events[0] != NULL;
}

void
az_process_append(const AzProcess *process, const AzTarget *target,
				  AzAppendWish *append)
{
	append->aggregate = target->aggregate;
	append->events = process->events;
	append->count = process->n_events;
	append->snapshot = process->snapshot;
	append->outbox = &process->outbox;
	append->n_outbox = process->n_outbox;
	append->timers = process->timeouts.rows;
	append->n_timers = process->timeouts.n_rows;
	append->begins = az_branch_is_new(&process->branch) &&
		process->n_events > 0;
}
