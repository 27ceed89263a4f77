/* io.angzarr.v1: the coordinator of sagas. */
#ifndef AZ_SERVICE_SAGA_COORDINATOR_H
#define AZ_SERVICE_SAGA_COORDINATOR_H

#include "service/service.h"

extern const AzService az_saga_coordinator_service;

#endif
