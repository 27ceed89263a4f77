/* The engine's log lines go to the server's log. */
#ifndef AZ_PG_LOG_HOST_H
#define AZ_PG_LOG_HOST_H

#include "base/log.h"

extern void az_log_host_write(AzLogLevel level, const char *message);

#endif
