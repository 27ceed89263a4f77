/*
 * The text codings of gRPC over HTTP/2: percent coding of grpc-message,
 * base64 of "-bin" metadata, and grpc-timeout.
 */
#ifndef AZ_WIRE_TEXT_H
#define AZ_WIRE_TEXT_H

#include "base/arena.h"

/* Percent-encodes what is not printable ASCII; NULL when memory is out. */
extern char *az_percent_encode(AzArena *arena, const char *text);

/* Undoes it; a broken escape stays as it is; never fails but by memory. */
extern char *az_percent_decode(AzArena *arena, AzBytes text);

/* Base64 without padding; NULL when memory is out. */
extern char *az_base64_encode(AzArena *arena, AzBytes bytes);

/* Takes padded and unpadded; false on a foreign character or length. */
extern bool az_base64_decode(AzArena *arena, AzBytes text, AzBytes *bytes);

/*
 * The same into a place that has room for so many characters or bytes; no
 * zero byte is written.  "len" is what was read, or read before it was refused.
 */
#define AZ_BASE64_ROOM(bytes) ((bytes) / 3 * 4 + 4)
#define AZ_BASE64_BYTES(characters) ((characters) / 4 * 3 + 3)
extern size_t az_base64_write(AzBytes bytes, char *text);
extern bool az_base64_read(AzBytes text, uint8_t *bytes, size_t *len);

/*
 * "100m" and so on (1 to 8 digits, unit H M S m u n) to microseconds,
 * rounded up; false when it is not of that form.
 */
extern bool az_timeout_parse(const char *text, int64_t *timeout_us);

/* Microseconds (0 and less give "1n") as the shortest exact-enough form. */
extern void az_timeout_format(int64_t timeout_us, char text[16]);

#endif
