/* gRPC metadata: ordered pairs of a lower-case name and a value. */
#ifndef AZ_WIRE_METADATA_H
#define AZ_WIRE_METADATA_H

#include "base/arena.h"

typedef struct AzMetadataEntry
{
	const char *name;			/* lower case */
	AzBytes		value;			/* as on the wire; "-bin" still in base64 */
} AzMetadataEntry;

typedef struct AzMetadata
{
	AzMetadataEntry *entries;
	size_t		count;
	size_t		capacity;
	size_t		bytes;			/* names and values, for limits */
} AzMetadata;

/* Adds copies made in "arena"; false when memory is out. */
extern bool az_metadata_add(AzMetadata *metadata, AzArena *arena,
							AzBytes name, AzBytes value);

/* The first value of that name as a C string in the arena's bytes, or NULL. */
extern const char *az_metadata_get(const AzMetadata *metadata,
								   const char *name);

/* Whether HTTP/2 and gRPC let a caller set this name; "grpc-…", ":…" no. */
extern bool az_metadata_is_custom(const char *name);

#endif
