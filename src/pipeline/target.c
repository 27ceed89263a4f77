/* The aggregate a job is about: found in its cover and in the catalog. */
#include "pipeline/target.h"

#include <string.h>

#include "codec/book.h"

static bool no_owner(AzJob *job, const char *domain);
static bool copy_component(AzTarget *target, const AzComponent *component,
						   AzJob *job);

bool
az_target_find(AzTarget *target, const PbCover *cover, AzJob *job)
{
	const AzComponent *component;

	az_cover_read(cover, &target->aggregate);
	if (strcmp(cover->domain, "_angzarr") == 0)
		return az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
							"domain \"_angzarr\" takes the command DeleteEditionEvents by HandleCommand and nothing else");
	if (!az_catalog_was_read(job->jobs->catalog))
		return az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
							"the registered components could not be read yet");
	component = az_catalog_aggregate(job->jobs->catalog, cover->domain);
	if (component == NULL)
		return no_owner(job, cover->domain);
	if (!component->enabled)
		return az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
							"the aggregate of domain \"%s\" is disabled",
							cover->domain);
	return copy_component(target, component, job);
}

static bool
no_owner(AzJob *job, const char *domain)
{
	az_error_set(&job->error, job->arena, AZ_NOT_FOUND,
				 "no aggregate is registered for domain \"%s\"", domain);
	job->error.hint = "Register it with angzarr.register_aggregate().";
	memcpy(job->error.sqlstate, AZ_SQLSTATE_UNKNOWN_COMPONENT, 6);
	return false;
}

void
az_target_call(AzTarget *target, const AzComponent *component,
			   const AzJobs *jobs)
{
	target->component = component->name;
	target->address = component->address;
	target->timeout_us = component->deadline_us > 0 ?
		component->deadline_us : jobs->settings.call_timeout_us;
	target->send_snapshots = component->send_snapshots;
}

static bool
copy_component(AzTarget *target, const AzComponent *component, AzJob *job)
{
	az_target_call(target, component, job->jobs);
	target->component = az_arena_string(job->arena, component->name);
	target->address = az_arena_string(job->arena, component->address);
	return (target->component != NULL && target->address != NULL) ||
		az_error_out_of_memory(&job->error);
}
