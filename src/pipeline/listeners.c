/* Which components somebody means: one by its name, or all that listen. */
#include "pipeline/listeners.h"

#include <string.h>

static bool take_named(AzListeners *listeners, AzJob *job, const char *kind,
					   const char *name);
static bool take_all(AzListeners *listeners, AzJob *job, const char *kind,
					 const char *domain);
static bool check_one(const AzListeners *listeners, AzJob *job,
					  const char *kind, const char *domain);
static const char *list_names(const AzListeners *listeners, AzArena *arena);

bool
az_listeners_find(AzListeners *listeners, AzJob *job, const char *kind,
				  const char *name, const char *domain, bool wants_one)
{
	size_t		most = az_catalog_count(job->jobs->catalog);

	listeners->count = 0;
	listeners->components = az_arena_array(job->arena, most + 1,
										   sizeof(AzComponent *));
	if (listeners->components == NULL)
		return az_error_out_of_memory(&job->error);
	return (name != NULL ? take_named(listeners, job, kind, name) :
			take_all(listeners, job, kind, domain)) &&
		(!wants_one || check_one(listeners, job, kind, domain));
}

static bool
take_named(AzListeners *listeners, AzJob *job, const char *kind,
		   const char *name)
{
	const AzComponent *component = az_catalog_named(job->jobs->catalog, name);

	if (component == NULL || strcmp(component->kind, kind) != 0)
		return az_error_set(&job->error, job->arena, AZ_NOT_FOUND,
							"no component of kind %s has the name \"%s\" (metadata x-angzarr-component)",
							kind, name);
	if (!component->enabled)
		return az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
							"component \"%s\" is disabled", name);
	listeners->components[0] = az_delivery_component(component, job->arena);
	listeners->count = 1;
	return listeners->components[0] != NULL ||
		az_error_out_of_memory(&job->error);
}

/* The catalog has them in order of name. */
static bool
take_all(AzListeners *listeners, AzJob *job, const char *kind,
		 const char *domain)
{
	const AzCatalog *catalog = job->jobs->catalog;

	for (size_t i = 0; i < az_catalog_count(catalog); i++)
	{
		const AzComponent *component = az_catalog_at(catalog, i);

		if (!component->enabled || strcmp(component->kind, kind) != 0 ||
			!az_component_listens(component, domain))
			continue;
		component = az_delivery_component(component, job->arena);
		if (component == NULL)
			return az_error_out_of_memory(&job->error);
		listeners->components[listeners->count++] = component;
	}
	return true;
}

static bool
check_one(const AzListeners *listeners, AzJob *job, const char *kind,
		  const char *domain)
{
	if (listeners->count == 1)
		return true;
	if (listeners->count == 0)
		return az_error_set(&job->error, job->arena, AZ_NOT_FOUND,
							"no enabled component of kind %s listens to domain \"%s\"",
							kind, domain);
	return az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT,
						"several components listen to domain \"%s\", name one of them in metadata x-angzarr-component: %s",
						domain, list_names(listeners, job->arena));
}

static const char *
list_names(const AzListeners *listeners, AzArena *arena)
{
	const char *names = listeners->components[0]->name;

	for (size_t i = 1; i < listeners->count && names != NULL; i++)
		names = az_arena_format(arena, "%s, %s", names,
								listeners->components[i]->name);
	return names != NULL ? names : "";
}
