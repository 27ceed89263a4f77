/*
 * Encoded messages as JSON and back, as protobuf's own JSON mapping says.
 *
 * Names are lowerCamelCase, 64-bit numbers and bytes (base64) are strings,
 * NaN and infinities too, enums are names, well-known types have their own
 * forms, extensions are "[full.name]".  An Any of a type that is not known is
 * {"@type": ..., "value_b64": ...}, wherever it stands.
 */
#ifndef AZ_DESCRIPTOR_JSON_H
#define AZ_DESCRIPTOR_JSON_H

#include "descriptor/types.h"

/* How deep messages may be nested, those in an Any too, as in protobuf. */
#define AZ_JSON_MAX_DEPTH 100

/*
 * The message as one line of JSON, UTF-8, in the arena and ended by a zero
 * byte.  "type" is a full name.  False with INVALID_ARGUMENT saying where and
 * what when the bytes are no such message, hold text that is not UTF-8 or has
 * a zero byte, or a time, mask or number that JSON has no form for, or are
 * nested too deep;
 * NOT_FOUND when the type is not known; RESOURCE_EXHAUSTED when memory is
 * out.  The same bytes and types give the same text.
 */
extern bool az_json_print(const AzTypes *types, const char *type,
						  AzBytes message, AzArena *arena, AzBytes *json,
						  AzError *error);

/*
 * The other way.  Fields go by their JSON name or the one of the .proto file.
 * INVALID_ARGUMENT naming the field when it is no JSON, a field is not known,
 * given twice, of the wrong kind or out of range, or a required one is
 * missing; NOT_FOUND and RESOURCE_EXHAUSTED as above.
 */
extern bool az_json_parse(const AzTypes *types, const char *type, AzBytes json,
						  AzArena *arena, AzBytes *message, AzError *error);

#endif
