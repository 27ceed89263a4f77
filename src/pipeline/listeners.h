/* Which components somebody means: one by its name, or all that listen. */
#ifndef AZ_PIPELINE_LISTENERS_H
#define AZ_PIPELINE_LISTENERS_H

#include "pipeline/delivery.h"

typedef struct AzListeners
{
	const AzComponent **components; /* in order of name, copied */
	size_t		count;
} AzListeners;

/*
 * The component of that kind with a name, or (NULL) all enabled ones that
 * listen to a domain.  NOT_FOUND, UNAVAILABLE when it is disabled; where one
 * is wanted also NOT_FOUND for none, INVALID_ARGUMENT listing several.
 */
extern bool az_listeners_find(AzListeners *listeners, AzJob *job,
							  const char *kind, const char *name,
							  const char *domain, bool wants_one);

#endif
