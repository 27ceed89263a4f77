/* gRPC's length-prefixed messages: one flag byte, four of length, payload. */
#ifndef AZ_WIRE_FRAME_H
#define AZ_WIRE_FRAME_H

#include "base/bytes.h"
#include "base/error.h"

#define AZ_FRAME_HEADER_SIZE 5

typedef enum AzFrameResult
{
	AZ_FRAME_WHOLE,				/* a message was found */
	AZ_FRAME_PARTIAL,			/* more bytes are needed */
	AZ_FRAME_TOO_LARGE,			/* longer than allowed */
	AZ_FRAME_COMPRESSED,		/* identity is all we speak */
	AZ_FRAME_BROKEN				/* a flag byte other than 0 and 1 */
} AzFrameResult;

/*
 * Looks for a message at the start of "input".  When it is whole, "message"
 * is its payload (inside "input") and "used" counts header and payload.
 * "max_size" bounds the payload, in bytes.  The length is judged as soon as
 * the header is there, before the payload is.
 */
extern AzFrameResult az_frame_decode(AzBytes input, size_t max_size,
									 AzBytes *message, size_t *used);

/* Writes the header of an uncompressed message of "len" bytes. */
extern void az_frame_encode_header(uint8_t header[AZ_FRAME_HEADER_SIZE],
								   uint32_t len);

#endif
