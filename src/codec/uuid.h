/* Roots out of texts: a uuid that is written down, or made of a name. */
#ifndef AZ_CODEC_UUID_H
#define AZ_CODEC_UUID_H

#include "codec/event.h"

/*
 * Whether a text is a uuid: 32 hexadecimal digits of either case, with or
 * without a hyphen after each group of four or more of them (8-4-4-4-12 is
 * one such form).  "uuid" is set only then.
 */
extern bool az_uuid_parse(const char *text, uint8_t uuid[AZ_UUID_SIZE]);

/* The uuid of a name in a namespace: RFC 4122, version 5. */
extern void az_uuid_of_name(const uint8_t name_space[AZ_UUID_SIZE],
							AzBytes name, uint8_t uuid[AZ_UUID_SIZE]);

/*
 * The root of the process that a correlation id names: itself when it is a
 * uuid, else the uuid of it in our own namespace (contract section 8).
 */
extern void az_uuid_of_process(const char *correlation_id,
							   uint8_t root[AZ_UUID_SIZE]);

#endif
