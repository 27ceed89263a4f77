/* Byte slices and growing byte buffers. */
#ifndef AZ_BASE_BYTES_H
#define AZ_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes; whoever made it says how long it lives. */
typedef struct AzBytes
{
	const uint8_t *data;
	size_t		len;
} AzBytes;

/* A buffer on the heap; bytes between "head" and "len" are not yet consumed. */
typedef struct AzBuffer
{
	uint8_t    *data;
	size_t		head;			/* first byte not yet consumed */
	size_t		len;			/* end of the bytes written */
	size_t		capacity;
} AzBuffer;

/* The bytes of a C string, without its end; NULL gives an empty slice. */
extern AzBytes az_bytes_of(const char *text);
extern bool az_bytes_equal(AzBytes a, AzBytes b);

/* An AzBuffer of all zeros is empty and valid. */
extern void az_buffer_free(AzBuffer *buffer);

/* Appends a copy; false when memory is out, the buffer is then unchanged. */
extern bool az_buffer_append(AzBuffer *buffer, const void *data, size_t len);

/* Room for "len" more bytes at data + len, or NULL when memory is out. */
extern uint8_t *az_buffer_reserve(AzBuffer *buffer, size_t len);

/* The bytes not yet consumed; valid until the buffer changes. */
extern AzBytes az_buffer_bytes(const AzBuffer *buffer);

/* Drops "len" bytes at the front; "len" is at most what is there. */
extern void az_buffer_consume(AzBuffer *buffer, size_t len);

#endif
