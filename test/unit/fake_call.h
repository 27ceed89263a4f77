/*
 * One call of a client without a network: stands in for net/server.h in
 * tests of services.  To be included once, by a test's own file.
 */
#ifndef FAKE_CALL_H
#define FAKE_CALL_H

#include <stdlib.h>
#include <string.h>

#include "net/server.h"
#include "service/service.h"

#ifndef FAKE_MAX_SENT
#define FAKE_MAX_SENT 64
#endif

struct AzServerCall
{
	AzArena    *arena;
	const char *path;
	AzMetadata	metadata;
	void	   *state;
	AzBytes		sent[FAKE_MAX_SENT];	/* copies, on the heap */
	size_t		n_sent;
	bool		send_fails;
	bool		opened;			/* its response headers are out */
	size_t		unsent;			/* as a test says */
	bool		held;
	bool		finished;
	AzCode		code;
	char		message[512];
};

const char *
az_server_call_path(const AzServerCall *call)
{
	return call->path;
}

const AzMetadata *
az_server_call_metadata(const AzServerCall *call)
{
	return &call->metadata;
}

int64_t
az_server_call_deadline_us(const AzServerCall *call)
{
	return INT64_MAX;
}

AzArena *
az_server_call_arena(AzServerCall *call)
{
	return call->arena;
}

void
az_server_call_set_state(AzServerCall *call, void *state)
{
	call->state = state;
}

void *
az_server_call_state(const AzServerCall *call)
{
	return call->state;
}

bool
az_server_call_open(AzServerCall *call)
{
	call->opened = !call->finished;
	return call->opened;
}

size_t
az_server_call_unsent(const AzServerCall *call)
{
	return call->unsent;
}

bool
az_server_call_send(AzServerCall *call, AzBytes message)
{
	uint8_t    *copy;

	if (call->send_fails || call->finished || call->n_sent == FAKE_MAX_SENT)
		return false;
	copy = malloc(message.len + 1);
	if (copy == NULL)
		return false;
	memcpy(copy, message.data, message.len);
	call->sent[call->n_sent++] = (AzBytes)
	{
		copy, message.len
	};
	return true;
}

void
az_server_call_hold(AzServerCall *call, bool hold)
{
	call->held = hold;
}

void
az_server_call_finish(AzServerCall *call, const AzError *status)
{
	if (call->finished)
		return;
	call->finished = true;
	call->code = status->code;
	snprintf(call->message, sizeof(call->message), "%s",
			 status->message != NULL ? status->message : "");
}

__attribute__((unused)) static AzServices *
fake_services(void)
{
	static AzJobs jobs;

	jobs.settings.max_message_bytes = 4 * 1024 * 1024;
	jobs.settings.subscriber_bytes = 1024 * 1024;
	jobs.settings.max_jobs = 1000;
	return az_services_create(&jobs);
}

static AzServerCall *
fake_call(AzServices *services, const char *path)
{
	AzServerCall *call = calloc(1, sizeof(AzServerCall));

	call->path = path;
	call->arena = az_arena_create();
	az_service_events.opened(services, call);
	return call;
}

static void
fake_hang_up(AzServices *services, AzServerCall *call)
{
	az_service_events.closed(services, call, !call->finished);
	for (size_t i = 0; i < call->n_sent; i++)
		free((void *) call->sent[i].data);
	az_arena_free(call->arena);
	free(call);
}

#endif
