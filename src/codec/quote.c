/* Texts as JSON strings. */
#include "codec/quote.h"

#include <string.h>

#define LONGEST 6				/* \u001f */

static char *quote_character(char *end, unsigned char character);

char *
az_quote_json(AzArena *arena, const char *text)
{
	char	   *json = az_arena_array(arena, strlen(text) + 1, LONGEST);
	char	   *end = json;

	if (json == NULL)
		return NULL;
	*end++ = '"';
	for (; *text != '\0'; text++)
		end = quote_character(end, (unsigned char) *text);
	*end = '"';
	return json;
}

static char *
quote_character(char *end, unsigned char character)
{
	static const char digits[] = "0123456789abcdef";

	if (character == '"' || character == '\\')
		*end++ = '\\';
	if (character >= ' ')
	{
		*end++ = (char) character;
		return end;
	}
	memcpy(end, "\\u00", 4);
	end[4] = digits[character >> 4];
	end[5] = digits[character & 15];
	return end + LONGEST;
}
