/* io.angzarr.v1.EventQueryService. */
#ifndef AZ_SERVICE_EVENT_QUERY_H
#define AZ_SERVICE_EVENT_QUERY_H

#include "service/service.h"

extern const AzService az_event_query_service;

#endif
