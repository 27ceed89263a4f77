/* Whether a component that is delivered to can be reached. */
#include "engine/reach.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/failure.h"

size_t
az_reach_max_running(const AzJobs *jobs, const char *component)
{
	const AzComponent *found = az_catalog_named(jobs->catalog, component);

	return found != NULL && found->max_in_flight > 0 ?
		(size_t) found->max_in_flight : (size_t) jobs->settings.max_deliveries;
}

/* That of a command's target is not its own. */
bool
az_reach_is_missed(const AzJob *delivery)
{
	return delivery->error.code == AZ_UNAVAILABLE &&
		az_delivery_result(delivery)->stage == 0 &&
		strcmp(delivery->error.sqlstate, AZ_SQLSTATE_UNREACHABLE) == 0;
}

bool
az_reach_missed(AzReach *reach, const AzJob *delivery, const char *component)
{
	if (reach->failures++ == 0)
		az_log(AZ_LOG_WARNING, "component \"%s\" cannot be reached, trying again: %s",
			   component, delivery->error.message);
	reach->resume_us = az_clock_wall_us() +
		az_failure_delay_us(&delivery->jobs->settings, reach->failures);
	/* Those that were under way with it fail, too: it is said once. */
	return reach->failures == 1;
}

bool
az_reach_made(AzReach *reach, const char *component)
{
	if (reach->failures == 0)
		return false;
	az_log(AZ_LOG_INFO, "component \"%s\" is reached again, after %d failures",
		   component, reach->failures);
	memset(reach, 0, sizeof(*reach));
	return true;
}

int
az_reach_attempts(const AzJob *delivery, int attempt, int stage)
{
	return az_delivery_result(delivery)->stage == stage ? attempt : 1;
}
