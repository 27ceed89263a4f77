/* The registered payload types, kept for the session. */
#ifndef AZ_PG_TYPES_CACHE_H
#define AZ_PG_TYPES_CACHE_H

#include "descriptor/types.h"

/*
 * The types as angzarr.descriptors has them now, also what this transaction
 * has changed in it; valid until the next call.  Whoever may call may know
 * them.  Raises the server's errors.
 */
extern const AzTypes *az_types_cache_get(void);

#endif
