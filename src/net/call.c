/* One unary call: waits in its channel's queue, is sent, ends. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "net/channel.h"
#include "wire/status.h"

static void set_state(AzCall *call, AzCallState state);
static AzCall *create_call(AzChannel *channel, const AzCallRequest *request);
static void end(AzCall *call);
static void handle_deadline(AzTimer *timer);
static void fail_late(AzCall *call, const char *phase);
static void handle_end(AzHttp2Stream *stream, const AzHttp2End *how);
static void take_answer(AzCall *call);
static void fail_reading(AzCall *call);
static const char *phase_of(const AzCall *call);
static void repeat(AzCall *call);
static void fail_lost(AzCall *call, const AzHttp2End *how);
static void fail_reset(AzCall *call, const AzHttp2End *how);
static void fail_refused(AzCall *call);

/* The only place that changes the state, and with it the list. */
static void
set_state(AzCall *call, AzCallState state)
{
	static const unsigned may_follow[] = {
		[AZ_CALL_NEW] = 1 << AZ_CALL_QUEUED | 1 << AZ_CALL_ENDED,
		[AZ_CALL_QUEUED] = 1 << AZ_CALL_SENT | 1 << AZ_CALL_ENDED |
		1 << AZ_CALL_GONE,
		[AZ_CALL_SENT] = 1 << AZ_CALL_QUEUED | 1 << AZ_CALL_ENDED |
		1 << AZ_CALL_GONE,
		[AZ_CALL_ENDED] = 1 << AZ_CALL_GONE,
		[AZ_CALL_GONE] = 0
	};
	AzChannel  *channel = call->channel;

	if ((may_follow[call->state] & 1U << state) == 0)
		az_log(AZ_LOG_WARNING, "call went from state %d to %d", call->state,
			   state);
	az_list_remove(&call->link);
	if (state == AZ_CALL_QUEUED && call->repeated)
		az_list_prepend(&channel->queue, &call->link, call);
	else if (state == AZ_CALL_QUEUED)
		az_list_append(&channel->queue, &call->link, call);
	else if (state == AZ_CALL_SENT)
		az_list_append(&channel->sent, &call->link, call);
	else if (state == AZ_CALL_ENDED)
		az_list_append(&channel->channels->ended, &call->link, call);
	call->state = state;
}

/* ---- beginning ---- */

AzCall *
az_call_start(AzChannel *channel, const AzCallRequest *request, AzError *error)
{
	AzCall	   *call;

	if (channel->channels->closing)
	{
		az_error_set(error, NULL, AZ_UNAVAILABLE,
					 "calls are no longer taken: shutting down");
		return NULL;
	}
	call = create_call(channel, request);
	if (call == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	if (request->deadline_us <= az_clock_monotonic_us())
	{
		set_state(call, AZ_CALL_QUEUED);
		handle_deadline(&call->deadline);
		return call;
	}
	if (!az_channel_submit(channel, call, error))
	{
		az_loop_stop_timer(channel->channels->loop, &call->deadline);
		return NULL;
	}
	return call;
}

static AzCall *
create_call(AzChannel *channel, const AzCallRequest *request)
{
	const AzClientLimits *limits = &channel->channels->limits;
	AzCall	   *call = az_arena_alloc(request->arena, sizeof(AzCall));

	if (call == NULL)
		return NULL;
	call->channel = channel;
	call->request = *request;
	call->answer.arena = request->arena;
	call->answer.address = channel->address.text;
	call->answer.max_header_bytes = limits->max_header_bytes;
	call->answer.max_message_bytes = limits->max_message_bytes;
	call->stream.answer = &call->answer;
	call->stream.ended = handle_end;
	call->stream.owner = call;
	call->deadline.due = handle_deadline;
	call->deadline.owner = call;
	if (request->deadline_us != INT64_MAX &&
		!az_loop_start_timer(channel->channels->loop, &call->deadline,
							 request->deadline_us))
		return NULL;
	return call;
}

void
az_call_queue(AzCall *call)
{
	set_state(call, AZ_CALL_QUEUED);
}

void
az_call_send(AzCall *call, AzSlot *slot)
{
	AzCallRequest *asked = &call->request;
	AzHttp2Request request = {
		.path = asked->path,
		.authority = call->channel->address.authority,
		.metadata = &asked->metadata,
		.message = asked->message,
		.timeout_us = INT64_MAX
	};

	if (asked->deadline_us != INT64_MAX)
		request.timeout_us = asked->deadline_us - az_clock_monotonic_us();
	az_answer_reset(&call->answer);
	if (!az_connection_send(slot->connection, &call->stream, &request))
	{
		az_call_fail(call, AZ_RESOURCE_EXHAUSTED, "out of memory", NULL);
		return;
	}
	call->slot = slot;
	set_state(call, AZ_CALL_SENT);
}

/* ---- ending ---- */

/* The result is there: from now on only "done" is owed. */
static void
end(AzCall *call)
{
	AzChannels *channels = call->channel->channels;

	if (call->stream.client != NULL)
		az_connection_reset(&call->stream);
	az_loop_stop_timer(channels->loop, &call->deadline);
	az_answer_free(&call->answer);
	set_state(call, AZ_CALL_ENDED);
	az_channels_deliver_soon(channels);
}

/* Ends it with a status of ours, marked as such. */
static void
end_unreached(AzCall *call)
{
	memcpy(call->status.sqlstate, AZ_SQLSTATE_UNREACHABLE,
		   sizeof(call->status.sqlstate));
	end(call);
}

void
az_call_fail(AzCall *call, AzCode code, const char *message,
			 const char *detail)
{
	az_error_set(&call->status, call->request.arena, code, "%s", message);
	if (detail != NULL)
		call->status.detail = az_arena_string(call->request.arena, detail);
	end_unreached(call);
}

void
az_call_deliver(AzCall *call)
{
	/* The owner may free the arena, and with it the call. */
	AzError		status = call->status;

	set_state(call, AZ_CALL_GONE);
	call->request.done(call->request.owner, call->message, &status);
}

void
az_call_cancel(AzCall *call)
{
	AzChannel  *channel = call->channel;

	if (call->stream.client != NULL)
		az_connection_reset(&call->stream);
	az_loop_stop_timer(channel->channels->loop, &call->deadline);
	az_answer_free(&call->answer);
	set_state(call, AZ_CALL_GONE);
	az_channel_advance(channel);
}

static void
handle_deadline(AzTimer *timer)
{
	AzCall	   *call = timer->owner;
	AzChannel  *channel = call->channel;
	const char *phase = "waiting for an answer of";

	if (call->state == AZ_CALL_QUEUED)
		phase = az_pool_open_slots(&channel->pool) > 0
			? "queued for" : "connecting to";
	else if (az_answer_has_begun(&call->answer))
		phase = "reading the answer of";
	fail_late(call, phase);
	az_channel_advance(channel);
}

static void
fail_late(AzCall *call, const char *phase)
{
	az_error_set(&call->status, call->request.arena, AZ_DEADLINE_EXCEEDED,
				 "deadline exceeded while %s %s", phase,
				 call->channel->address.text);
	end_unreached(call);
}

/* ---- what the connection tells ---- */

static void
handle_end(AzHttp2Stream *stream, const AzHttp2End *how)
{
	AzCall	   *call = stream->owner;

	switch (how->outcome)
	{
		case AZ_HTTP2_ANSWERED:
			take_answer(call);
			break;
		case AZ_HTTP2_UNPROCESSED:
			if (!call->repeated)
				repeat(call);
			else if (how->lost != NULL)
				fail_lost(call, how);
			else
				fail_refused(call);
			break;
		case AZ_HTTP2_RESET:
			fail_reset(call, how);
			break;
		case AZ_HTTP2_LOST:
			fail_lost(call, how);
			break;
	}
}

static void
take_answer(AzCall *call)
{
	az_pool_praise(call->slot);
	az_answer_result(&call->answer, &call->message, &call->status);
	/* Its clock and ours run out together; only ours says whom we called. */
	if (call->status.code == AZ_DEADLINE_EXCEEDED &&
		az_clock_monotonic_us() >= call->request.deadline_us)
		fail_late(call, "waiting for an answer of");
	else if (strcmp(call->status.sqlstate, AZ_SQLSTATE_UNREACHABLE) == 0)
		fail_reading(call);
	else
		end(call);
}

/* What came is no answer: says so before what is wrong with it. */
static void
fail_reading(AzCall *call)
{
	const char *why = call->status.message;

	az_error_set(&call->status, call->request.arena, call->status.code,
				 "could not read the answer: %s", why);
	end_unreached(call);
}

/* How far a call that was sent has come. */
static const char *
phase_of(const AzCall *call)
{
	return az_answer_has_begun(&call->answer) ? "reading its answer"
		: "waiting for its answer";
}

/* The channel sends it again when the connection has told everything. */
static void
repeat(AzCall *call)
{
	call->repeated = true;
	set_state(call, AZ_CALL_QUEUED);
}

static void
fail_lost(AzCall *call, const AzHttp2End *how)
{
	az_error_set(&call->status, call->request.arena, how->lost->code,
				 "lost the connection to %s while %s: %s",
				 call->channel->address.text, phase_of(call),
				 how->lost->message);
	end_unreached(call);
}

static void
fail_reset(AzCall *call, const AzHttp2End *how)
{
	az_error_set(&call->status, call->request.arena,
				 az_status_of_http2_error(how->error_code),
				 "the call to %s was reset (%s) while %s",
				 call->channel->address.text, how->error_name,
				 phase_of(call));
	end_unreached(call);
}

static void
fail_refused(AzCall *call)
{
	az_error_set(&call->status, call->request.arena, AZ_UNAVAILABLE,
				 "%s refused the call twice while we were waiting for its answer",
				 call->channel->address.text);
	end_unreached(call);
}
