/* grpc.health.v1.Health. */
#ifndef AZ_SERVICE_HEALTH_H
#define AZ_SERVICE_HEALTH_H

#include "service/service.h"

extern const AzService az_health_service;

#endif
