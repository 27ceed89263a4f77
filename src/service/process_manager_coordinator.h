/* io.angzarr.v1: the coordinator of process managers. */
#ifndef AZ_SERVICE_PROCESS_MANAGER_COORDINATOR_H
#define AZ_SERVICE_PROCESS_MANAGER_COORDINATOR_H

#include "service/service.h"

extern const AzService az_process_manager_coordinator_service;

#endif
