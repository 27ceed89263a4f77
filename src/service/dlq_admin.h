/* io.angzarr.status.v1.DlqAdminService. */
#ifndef AZ_SERVICE_DLQ_ADMIN_H
#define AZ_SERVICE_DLQ_ADMIN_H

#include "service/service.h"

extern const AzService az_dlq_admin_service;

#endif
