/* The engine's log lines go to the server's log. */
#include "postgres.h"

#include "miscadmin.h"

#include "pg/log_host.h"

void
az_log_host_write(AzLogLevel level, const char *message)
{
	int			elevel = DEBUG1;

	if (level == AZ_LOG_INFO)
		elevel = LOG;
	else if (level == AZ_LOG_WARNING)
		elevel = WARNING;

	/* Reporting looks for interrupts; none may leap over engine frames. */
	HOLD_INTERRUPTS();
	ereport(elevel, (errmsg_internal("%s", message)));
	RESUME_INTERRUPTS();
}
