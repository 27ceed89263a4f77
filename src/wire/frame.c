/* gRPC's length-prefixed messages: one flag byte, four of length, payload. */
#include "wire/frame.h"

AzFrameResult
az_frame_decode(AzBytes input, size_t max_size, AzBytes *message,
				size_t *used)
{
	uint32_t	len;

	if (input.len == 0)
		return AZ_FRAME_PARTIAL;
	if (input.data[0] > 1)
		return AZ_FRAME_BROKEN;
	if (input.data[0] == 1)
		return AZ_FRAME_COMPRESSED;
	if (input.len < AZ_FRAME_HEADER_SIZE)
		return AZ_FRAME_PARTIAL;

	len = (uint32_t) input.data[1] << 24 | (uint32_t) input.data[2] << 16
		| (uint32_t) input.data[3] << 8 | (uint32_t) input.data[4];
	if (len > max_size)
		return AZ_FRAME_TOO_LARGE;
	if (input.len - AZ_FRAME_HEADER_SIZE < len)
		return AZ_FRAME_PARTIAL;
	message->data = input.data + AZ_FRAME_HEADER_SIZE;
	message->len = len;
	*used = AZ_FRAME_HEADER_SIZE + (size_t) len;
	return AZ_FRAME_WHOLE;
}

void
az_frame_encode_header(uint8_t header[AZ_FRAME_HEADER_SIZE], uint32_t len)
{
	header[0] = 0;
	header[1] = (uint8_t) (len >> 24);
	header[2] = (uint8_t) (len >> 16);
	header[3] = (uint8_t) (len >> 8);
	header[4] = (uint8_t) len;
}
