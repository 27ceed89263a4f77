/* io.angzarr.v1: the coordinator of projectors. */
#ifndef AZ_SERVICE_PROJECTOR_COORDINATOR_H
#define AZ_SERVICE_PROJECTOR_COORDINATOR_H

#include "service/service.h"

extern const AzService az_projector_coordinator_service;

#endif
