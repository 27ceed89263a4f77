/* Our own .proto files, found by name and by what they declare. */
#ifndef AZ_CODEC_DESCRIPTORS_H
#define AZ_CODEC_DESCRIPTORS_H

#include "base/error.h"
#include "codec/messages.h"

/* Every file that was built in, decoded; NULL when memory is out. */
extern const PbFileDescriptorSet *az_descriptors_decode(AzArena *arena,
														AzError *error);

/* The file of that name, or NULL. */
extern const PbFileDescriptorProto *az_descriptors_file(const PbFileDescriptorSet *set,
														const char *name);

/*
 * The file that declares a service, method, message, field, oneof, enum or
 * enum value of that full name (without a leading dot), or NULL.
 */
extern const PbFileDescriptorProto *az_descriptors_declaring(const PbFileDescriptorSet *set,
															 const char *symbol);

/*
 * Encodes the file and, after it, everything it imports in any number of
 * steps, each once; false when memory is out.
 */
extern bool az_descriptors_closure(const PbFileDescriptorSet *set,
								   const PbFileDescriptorProto *file,
								   AzArena *arena, AzBytes **files,
								   size_t *count, AzError *error);

#endif
