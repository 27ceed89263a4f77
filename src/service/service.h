/*
 * Services: which methods are served, and how a call becomes a job.
 *
 * A service is one file with a const table of its methods.  The dispatcher
 * routes by path; older package names could be added as rows.
 */
#ifndef AZ_SERVICE_SERVICE_H
#define AZ_SERVICE_SERVICE_H

#include <protobuf-c/protobuf-c.h>

#include "net/server.h"
#include "pipeline/job.h"

typedef struct AzServices AzServices;
typedef struct AzServiceCall AzServiceCall;
typedef struct AzEventStreams AzEventStreams;	/* event_stream.h */

typedef struct AzMethod
{
	const char *name;			/* "HandleCommand" */
	bool		client_streams; /* more than one request message allowed */
	/* One request message; bytes are valid during the call only. */
	void		(*message) (AzServiceCall *call, AzBytes message);
	/* What was sent has left; NULL: nothing to do. */
	void		(*drained) (AzServiceCall *call);
	/* The client sends no more; NULL: nothing to do. */
	void		(*half_closed) (AzServiceCall *call);
	/* The call is over; also told when "job" was given up before it. */
	void		(*closed) (AzServiceCall *call);
	/* The server stops and no job is under way: the last thing to say. */
	void		(*stopping) (AzServiceCall *call);
} AzMethod;

typedef struct AzService
{
	const char *name;			/* "io.angzarr.v1.EventQueryService" */
	const AzMethod *methods;	/* ends with a NULL name */
} AzService;

/* Every service that is served, in order of name, ending with NULL. */
extern const AzService *const az_services[];

/* One call while it is open; lives in the server call's arena. */
struct AzServiceCall
{
	AzServices *services;
	AzServerCall *call;
	const AzMethod *method;
	size_t		messages;		/* requests seen */
	AzJob	   *job;			/* working on it, or NULL */
	void	   *state;			/* the method's own, in the call's arena */
	AzServiceCall *previous;	/* among the open calls */
	AzServiceCall *next;
};

/* NULL when memory is out. */
extern AzServices *az_services_create(AzJobs *jobs);
extern void az_services_free(AzServices *services);
extern AzJobs *az_services_jobs(const AzServices *services);
extern AzEventStreams *az_services_streams(const AzServices *services);
extern bool az_services_is_stopping(const AzServices *services);

/*
 * The server stops: calls with a job under way go on to their end, all
 * others end with UNAVAILABLE, those that begin from now on too.
 */
extern void az_services_stop(AzServices *services);

/* What az_server_create wants; the owner is the AzServices. */
extern const AzServerEvents az_service_events;

/* ---- for methods ---- */

/*
 * The decoded request, in the call's arena, which outlives its job; NULL: it
 * does not decode, and the call was failed.
 */
extern void *az_service_request(AzServiceCall *call,
								const ProtobufCMessageDescriptor *type,
								AzBytes message);

/*
 * Ties a job to a call and starts it: deadline and travelling metadata are
 * taken over, "done" is told when it ends, with job->owner the call.
 */
extern void az_service_begin(AzServiceCall *call, AzJob *job,
							 void (*done) (AzJob *job));

/*
 * The end of a job that was begun for a call: the call ends as the job did,
 * or with "response"; advice as of az_service_answer.
 */
extern void az_service_end(AzJob *job, const void *response,
						   const char *advice);

/* Ends the call with an error; its texts are copied. */
extern void az_service_fail(AzServiceCall *call, const AzError *error);

/*
 * Sends one protobuf-c message and, when "last", ends the call with OK.
 * Larger than angzarr.max_message_size: RESOURCE_EXHAUSTED, "advice" says
 * what to do instead (or NULL).
 */
extern void az_service_answer(AzServiceCall *call, const void *message,
							  bool last, const char *advice);

#endif
