/* grpc.reflection: what is served here, in its two versions. */
#ifndef AZ_SERVICE_REFLECTION_H
#define AZ_SERVICE_REFLECTION_H

#include "service/service.h"

extern const AzService az_reflection_service;	/* grpc.reflection.v1 */
extern const AzService az_reflection_alpha_service; /* …v1alpha */

#endif
