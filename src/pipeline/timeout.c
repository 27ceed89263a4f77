/*
 * Timeouts of process managers.
 *
 * Whether a timer still stands is looked at after its process was loaded: who
 * moves or cancels it behind that look also writes to the process, so that
 * the answer is overtaken where it has events, or else was the first of both.
 */
#include "pipeline/timeout.h"

#include <string.h>

#include "codec/book.h"
#include "codec/decode.h"

#define SCHEDULED "angzarr.timer.v1.TimeoutScheduled"
#define CANCELLED "angzarr.timer.v1.TimeoutCancelled"
#define ELAPSED_URL "type.googleapis.com/angzarr.timer.v1.TimeoutElapsed"
#define MAX_NAME 255			/* bytes; it is part of a key */

static bool read_event(AzTimerRow *row, bool *is_timer, const AzEvent *event,
					   AzJob *job);
static bool read_scheduled(AzTimerRow *row, const AzEvent *event, AzJob *job);
static bool read_cancelled(AzTimerRow *row, const AzEvent *event, AzJob *job);
static void *decode(const ProtobufCMessageDescriptor *descriptor,
					const AzEvent *event, AzJob *job);
static bool check_name(const char *name, const AzEvent *event, AzJob *job);
static bool refuse(const AzEvent *event, const char *fault, AzJob *job);

bool
az_timeout_trigger(const AzTimerEntry *entry, AzBook *trigger, AzArena *arena,
				   AzError *error)
{
	const AzTimerRow *row = &entry->row;
	AzEvent    *event = az_arena_alloc(arena, sizeof(AzEvent));
	PbTimeoutElapsed elapsed = PB_TIMEOUT_ELAPSED_INIT;

	elapsed.name = (char *) row->name;
	elapsed.due_at = az_timestamp_make(row->due_us, arena);
	if (event == NULL || elapsed.due_at == NULL)
		return az_error_out_of_memory(error);
	if (row->payload.len > 0)
	{
		elapsed.payload = az_decode(&pb_any_descriptor, row->payload, arena,
									error);
		if (elapsed.payload == NULL && error->code == AZ_RESOURCE_EXHAUSTED)
			return false;
		if (elapsed.payload == NULL)
			return az_error_set(error, arena, AZ_DATA_LOSS,
								"the payload of timer \"%s\" of %s does not decode",
								row->name,
								az_aggregate_text(&row->process, arena));
	}
	event->sequence = row->sequence;
	event->created_at_us = row->due_us;
	event->correlation_id = entry->correlation_id;
	event->type_url = ELAPSED_URL;
	event->ext = entry->ext;
	event->depth = entry->depth;
	memset(trigger, 0, sizeof(*trigger));
	trigger->aggregate = row->process;
	trigger->events = event;
	trigger->count = 1;
	trigger->next_sequence = row->sequence + 1;
	return az_encode(&elapsed, arena, &event->payload, error);
}

/* No domain begins with it, as the key of a reaction to an event does. */
bool
az_timeout_key(AzDeliveryJob *delivery, AzKey *key)
{
	AzJob	   *job = &delivery->job;
	uint8_t    *bytes;

	if (delivery->delivery.firing == NULL)
		return true;
	bytes = az_arena_alloc(job->arena, key->bytes.len + 1);
	if (bytes == NULL)
		return az_error_out_of_memory(&job->error);
	bytes[0] = key->bytes.data[0];
	bytes[1] = '!';
	memcpy(bytes + 2, key->bytes.data + 1, key->bytes.len - 1);
	key->bytes.data = bytes;
	key->bytes.len++;
	return true;
}

AzStepResult
az_timeout_find(AzJob *job)
{
	AzDeliveryJob *delivery = (AzDeliveryJob *) job;

	if (delivery->delivery.firing == NULL || delivery->result.was_recorded)
		return AZ_STEP_NEXT;
	delivery->timer.row = delivery->delivery.firing;
	return az_job_wish(job, &delivery->timer.wish, &az_timer_kind);
}

AzStepResult
az_timeout_found(AzJob *job)
{
	const AzTimerWish *look = &((AzDeliveryJob *) job)->timer;

	if (look->wish.outcome == AZ_WISH_FULFILLED)
		return look->stands ? AZ_STEP_NEXT : AZ_STEP_END;
	job->error = look->wish.error;
	return AZ_STEP_FAILED;
}

bool
az_timeout_read(AzTimeouts *timeouts, const AzTarget *target,
				const AzEvent *events, size_t count,
				const AzTimerRow *firing, AzJob *job)
{
	timeouts->n_rows = 0;
	timeouts->rows = az_arena_array(job->arena, count + 1, sizeof(AzTimerRow));
	if (timeouts->rows == NULL)
		return az_error_out_of_memory(&job->error);
	if (firing != NULL)
	{
		timeouts->rows[0] = *firing;
		timeouts->rows[timeouts->n_rows++].is_handled = true;
	}
	for (size_t i = 0; i < count; i++)
	{
		AzTimerRow *row = &timeouts->rows[timeouts->n_rows];
		bool		is_timer;

		row->component = target->component;
		row->process = target->aggregate;
		row->sequence = events[i].sequence;
		if (!read_event(row, &is_timer, &events[i], job))
			return false;
		timeouts->n_rows += is_timer ? 1 : 0;
	}
	return true;
}

static bool
read_event(AzTimerRow *row, bool *is_timer, const AzEvent *event, AzJob *job)
{
	const char *type = az_type_name(event->type_url);

	*is_timer = true;
	if (strcmp(type, SCHEDULED) == 0)
		return read_scheduled(row, event, job);
	if (strcmp(type, CANCELLED) == 0)
		return read_cancelled(row, event, job);
	*is_timer = false;
	return true;
}

static bool
read_scheduled(AzTimerRow *row, const AzEvent *event, AzJob *job)
{
	const PbTimeoutScheduled *scheduled =
	decode(&pb_timeout_scheduled_descriptor, event, job);

	if (scheduled == NULL || !check_name(scheduled->name, event, job))
		return false;
	if (scheduled->due_at == NULL)
		return refuse(event, "has no due_at", job);
	if (!az_timestamp_is_valid(scheduled->due_at))
		return refuse(event, "has a due_at that is no time of the years 1 to 9999",
					  job);
	row->name = scheduled->name;
	row->due_us = az_timestamp_us(scheduled->due_at);
	return scheduled->payload == NULL ||
		az_encode(scheduled->payload, job->arena, &row->payload, &job->error);
}

static bool
read_cancelled(AzTimerRow *row, const AzEvent *event, AzJob *job)
{
	const PbTimeoutCancelled *cancelled =
	decode(&pb_timeout_cancelled_descriptor, event, job);

	if (cancelled == NULL || !check_name(cancelled->name, event, job))
		return false;
	row->name = cancelled->name;
	row->due_us = AZ_TIMER_NEVER;
	return true;
}

static void *
decode(const ProtobufCMessageDescriptor *descriptor, const AzEvent *event,
	   AzJob *job)
{
	AzError		broken = {0};
	void	   *message = az_decode(descriptor, event->payload, job->arena,
									&broken);
	const char *fault;

	if (message != NULL)
		return message;
	fault = az_arena_format(job->arena, "does not decode: %s",
							broken.message);
	if (broken.code == AZ_RESOURCE_EXHAUSTED || fault == NULL)
		az_error_out_of_memory(&job->error);
	else
		refuse(event, fault, job);
	return NULL;
}

static bool
check_name(const char *name, const AzEvent *event, AzJob *job)
{
	size_t		len = strlen(name);
	const char *fault;

	if (len == 0)
		return refuse(event, "has no name", job);
	if (len <= MAX_NAME)
		return true;
	fault = az_arena_format(job->arena,
							"has a name of %zu bytes, allowed are %d", len,
							MAX_NAME);
	return fault != NULL ? refuse(event, fault, job) :
		az_error_out_of_memory(&job->error);
}

static bool
refuse(const AzEvent *event, const char *fault, AzJob *job)
{
	return az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT,
						"process manager answered a %s, to be event %lld of its process, that %s",
						az_type_name(event->type_url),
						(long long) event->sequence, fault);
}
