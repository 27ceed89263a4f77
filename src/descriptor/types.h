/*
 * The types of users' payloads, which are known at run time alone: files of
 * descriptors, and what they say about encoded messages.
 *
 * libprotobuf stands behind this header and is seen nowhere else.  No input
 * ends the process: what the library throws becomes an error here.
 */
#ifndef AZ_DESCRIPTOR_TYPES_H
#define AZ_DESCRIPTOR_TYPES_H

#include "base/error.h"

typedef struct AzTypes AzTypes;

/* One file: its name, as it is imported, and its encoded descriptor. */
typedef struct AzTypesFile
{
	const char *name;
	AzBytes		bytes;			/* FileDescriptorProto */
} AzTypesFile;

/*
 * The files of an encoded FileDescriptorSet, but for those that "known", a
 * set too, has under the same name, and those of the well-known types: they
 * are ours, whatever a user sends.
 * INVALID_ARGUMENT when either does not decode, a file has no name, or two
 * have the same one.
 */
extern bool az_types_split(AzBytes known, AzBytes set, AzArena *arena,
						   AzTypesFile **files, size_t *count, AzError *error);

/*
 * The types of these files, of the "known" ones and the well-known types; all
 * of them, checked, or NULL: INVALID_ARGUMENT naming file and fault, RESOURCE_EXHAUSTED when
 * memory is out.  Nothing is borrowed.
 */
extern AzTypes *az_types_create(AzBytes known, const AzTypesFile *files,
								size_t count, AzArena *arena, AzError *error);
extern void az_types_free(AzTypes *types);

/*
 * Whether what was stored as the types of "before" can still be read as those
 * of "after".  FAILED_PRECONDITION naming the first message or field that
 * cannot, and why.
 */
extern bool az_types_can_follow(const AzTypes *before, const AzTypes *after,
								AzArena *arena, AzError *error);

/* Whether a message type of that full name is known. */
extern bool az_types_has(const AzTypes *types, const char *type);

/* The name of a field of a type; NULL when either is not known. */
extern const char *az_types_field_name(const AzTypes *types, const char *type,
									   uint32_t number);

#endif
