/* io.angzarr.v1.CommandHandlerCoordinatorService. */
#ifndef AZ_SERVICE_COMMAND_HANDLER_H
#define AZ_SERVICE_COMMAND_HANDLER_H

#include "service/service.h"

extern const AzService az_command_handler_service;

#endif
