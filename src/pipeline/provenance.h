/* Where a deferred command or fact comes from: contract sections 5, 6, 8. */
#ifndef AZ_PIPELINE_PROVENANCE_H
#define AZ_PIPELINE_PROVENANCE_H

#include "codec/event.h"
#include "codec/messages.h"
#include "store/keys.h"

/*
 * The key of what a component emitted: kind, source (domain, edition, root,
 * sequence), component, index.  INVALID_ARGUMENT naming the field by "path"
 * ("command.pages[0].header.angzarr_deferred") when the source is not a
 * whole cover, or the component longer than a name can be.  Borrows nothing
 * from the message.
 */
extern bool az_provenance_key(const PbAngzarrDeferredSequence *deferred,
							  const char *kind, const char *path, AzKey *key,
							  AzArena *arena, AzError *error);

/*
 * What caused the events that come of it, from a message that has a key;
 * borrows its texts.  NULL when memory is out.
 */
extern const AzCause *az_provenance_cause(const PbAngzarrDeferredSequence *deferred,
										  AzArena *arena);

#endif
