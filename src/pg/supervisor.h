/* The process that starts an engine in every database with the extension. */
#ifndef AZ_PG_SUPERVISOR_H
#define AZ_PG_SUPERVISOR_H

#include "pg/slots.h"

/* While the server starts: registers the process. */
extern void az_supervisor_register(void);

/* The start that a worker was registered for. */
extern void az_supervisor_read_start(AzSlotStart *start);

#endif
