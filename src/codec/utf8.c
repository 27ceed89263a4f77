/* Is it text?  UTF-8 as databases and protobuf's "string" want it. */
#include "codec/utf8.h"

#include <string.h>

static size_t character_length(AzBytes bytes);
static bool in(uint8_t byte, uint8_t lowest, uint8_t highest);

bool
az_utf8_is_valid(AzBytes bytes)
{
	while (bytes.len > 0)
	{
		size_t		len = character_length(bytes);

		if (len == 0)
			return false;
		bytes.data += len;
		bytes.len -= len;
	}
	return true;
}

char *
az_utf8_clean(AzArena *arena, const char *text, size_t max)
{
	AzBytes		rest = az_bytes_of(text);
	char	   *copy = az_arena_alloc(arena, (rest.len < max ? rest.len : max) + 1);
	size_t		used = 0;

	if (copy == NULL)
		return NULL;
	while (rest.len > 0)
	{
		size_t		len = character_length(rest);
		size_t		step = len > 0 ? len : 1;

		if (used + step > max)
			break;
		if (len > 0)
			memcpy(copy + used, rest.data, len);
		else
			copy[used] = '?';
		used += step;
		rest.data += step;
		rest.len -= step;
	}
	return copy;
}

/* Bytes of the first character, or 0 when it is not one. */
static size_t
character_length(AzBytes bytes)
{
	const uint8_t *at = bytes.data;
	uint8_t		first = at[0];

	if (first < 0x80)
		return 1;
	if (bytes.len < 2 || !in(first, 0xC2, 0xF4))
		return 0;
	/* The second byte keeps out overlong forms, surrogates, > U+10FFFF. */
	if (!in(at[1], first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80,
			first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF))
		return 0;
	if (first < 0xE0)
		return 2;
	if (bytes.len < 3 || !in(at[2], 0x80, 0xBF))
		return 0;
	if (first < 0xF0)
		return 3;
	return bytes.len >= 4 && in(at[3], 0x80, 0xBF) ? 4 : 0;
}

static bool
in(uint8_t byte, uint8_t lowest, uint8_t highest)
{
	return byte >= lowest && byte <= highest;
}
