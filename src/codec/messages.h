/*
 * The generated messages of our protocol, under short names.
 *
 * For message Cover: the struct PbCover, its descriptor pb_cover_descriptor,
 * pb_cover_init(), PB_COVER_INIT.  Enum values are as in the .proto files
 * with PB_ before them (PB_SYNC_MODE_ASYNC; nested enums: PB_SERVING_STATUS_
 * SERVING).  Cases of a oneof are message and field: PB_EVENT_PAGE_EVENT,
 * also for an "optional" field (member _upper_case, PB_SEQUENCE_RANGE_UPPER).
 * No case of a oneof is 0.  tools/short_names makes them.
 */
#ifndef AZ_CODEC_MESSAGES_H
#define AZ_CODEC_MESSAGES_H

#include <stddef.h>

#include "gen/names.h"

/* All our .proto files and what they import: an encoded FileDescriptorSet. */
extern const unsigned char az_descriptor_set[];
extern const size_t az_descriptor_set_len;

#endif
