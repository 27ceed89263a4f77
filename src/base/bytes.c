/* Byte slices and growing byte buffers. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define SMALLEST_BUFFER 256

/* A buffer that grew beyond this gives its memory back when it is empty. */
#define LARGEST_IDLE_BUFFER ((size_t) 64 * 1024)

static bool make_room(AzBuffer *buffer, size_t len);
static void move_to_front(AzBuffer *buffer);

AzBytes
az_bytes_of(const char *text)
{
	AzBytes		bytes = {0};

	if (text != NULL)
	{
		bytes.data = (const uint8_t *) text;

		bytes.len = strlen(text);
	}
	return bytes;
}

bool
az_bytes_equal(AzBytes a, AzBytes b)
{
	return a.len == b.len
		&& (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void
az_buffer_free(AzBuffer *buffer)
{
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

bool
az_buffer_append(AzBuffer *buffer, const void *data, size_t len)
{
	uint8_t    *room;

	if (len == 0)
		return true;
	room = az_buffer_reserve(buffer, len);
	if (room == NULL)
		return false;
	memcpy(room, data, len);
	buffer->len += len;
	return true;
}

uint8_t *
az_buffer_reserve(AzBuffer *buffer, size_t len)
{
	if (buffer->data == NULL || buffer->capacity - buffer->len < len)
	{
		if (!make_room(buffer, len))
			return NULL;
	}
	return buffer->data + buffer->len;
}

AzBytes
az_buffer_bytes(const AzBuffer *buffer)
{
	AzBytes		bytes = {0};

	if (buffer->len > buffer->head)
	{
		bytes.data = buffer->data + buffer->head;
		bytes.len = buffer->len - buffer->head;
	}
	return bytes;
}

void
az_buffer_consume(AzBuffer *buffer, size_t len)
{
	buffer->head += len;
	if (buffer->head < buffer->len)
		return;
	buffer->head = 0;
	buffer->len = 0;
	if (buffer->capacity > LARGEST_IDLE_BUFFER)
		az_buffer_free(buffer);
}

/* Moves what is left to the front if that is enough, else grows. */
static bool
make_room(AzBuffer *buffer, size_t len)
{
	size_t		used = buffer->len - buffer->head;
	size_t		capacity = buffer->capacity;
	uint8_t    *data;

	if (len > SIZE_MAX / 2 - used)
		return false;

	/*
	 * Moving only when at least half of the buffer is free makes a byte move
	 * once on average, however slowly the front is consumed.
	 */
	if (buffer->data != NULL && used + len <= capacity
		&& buffer->head >= capacity / 2)
	{
		move_to_front(buffer);
		return true;
	}

	if (capacity < SMALLEST_BUFFER)
		capacity = SMALLEST_BUFFER;
	while (capacity - buffer->head < used + len)
		capacity *= 2;
	data = realloc(buffer->data, capacity);
	if (data == NULL)
		return false;
	buffer->data = data;
	buffer->capacity = capacity;
	move_to_front(buffer);
	return true;
}

static void
move_to_front(AzBuffer *buffer)
{
	size_t		used = buffer->len - buffer->head;

	if (buffer->head == 0)
		return;
	memmove(buffer->data, buffer->data + buffer->head, used);
	buffer->head = 0;
	buffer->len = used;
}
