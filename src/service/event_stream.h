/*
 * io.angzarr.v1.EventStreamService: watching events as they are appended.
 *
 * A subscription is in force from the look at the log after it was asked for;
 * then its response headers go out.  Appends that begin above the horizon of
 * that look are sent, each as one book, in log order.  Whoever is still open
 * then draws, or has drawn, positions above it: so nothing that commits after
 * the headers is missed.
 */
#ifndef AZ_SERVICE_EVENT_STREAM_H
#define AZ_SERVICE_EVENT_STREAM_H

#include "service/service.h"

extern const AzService az_event_stream_service;

/* Who subscribes to what, of one server; NULL when memory is out. */
extern AzEventStreams *az_event_streams_create(AzJobs *jobs);

/* Only when all calls have ended. */
extern void az_event_streams_free(AzEventStreams *streams);

#endif
