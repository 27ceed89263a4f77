/*
 * Bytes to messages and back, in an arena.  Stricter than protobuf-c: a
 * string that is not UTF-8, or holds U+0000, does not decode, since it could
 * not be stored as text.
 */
#ifndef AZ_CODEC_DECODE_H
#define AZ_CODEC_DECODE_H

#include <protobuf-c/protobuf-c.h>

#include "base/error.h"

/*
 * The message, valid as long as the arena (strings and bytes are copies), or
 * NULL with INVALID_ARGUMENT naming the message type and the field.  Unknown
 * fields are kept.  No input crashes it, and the memory it takes stays within
 * a fixed multiple of the input.
 */
extern void *az_decode(const ProtobufCMessageDescriptor *descriptor,
					   AzBytes bytes, AzArena *arena, AzError *error);

/* The encoded message in the arena; false when memory is out. */
extern bool az_encode(const void *message, AzArena *arena, AzBytes *bytes,
					  AzError *error);


/*
 * A copy of a message in another arena, which borrows nothing of the first;
 * NULL when memory is out.
 */
extern void *az_message_copy(const void *message, AzArena *arena,
							 AzError *error);

#endif
