/*
 * The text codings of gRPC over HTTP/2: percent coding of grpc-message,
 * base64 of "-bin" metadata, and grpc-timeout.
 */
#include <stdio.h>
#include <string.h>

#include "wire/text.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_TIMEOUT_DIGITS 8
#define MAX_TIMEOUT_VALUE 99999999

static const char hex_digits[] = "0123456789ABCDEF";
static const char base64_digits[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Units of grpc-timeout that are whole microseconds, shortest first. */
static const struct
{
	char		letter;
	int64_t		us;
}			units[] = {
	{'u', 1},
	{'m', 1000},
	{'S', INT64_C(1000000)},
	{'M', INT64_C(60) * 1000000},
	{'H', INT64_C(3600) * 1000000},
};

static bool is_plain(char c);
static int	hex_value(uint8_t c);
static int	escaped_byte(AzBytes text, size_t at);
static int	base64_value(uint8_t c);
static bool cut_padding(AzBytes *text);
static bool unit_to_us(char letter, int64_t value, int64_t *timeout_us);
static int64_t divide_up(int64_t a, int64_t b);

char *
az_percent_encode(AzArena *arena, const char *text)
{
	size_t		len = 0;
	char	   *out;
	char	   *encoded;

	for (const char *c = text; *c != '\0'; c++)
		len += is_plain(*c) ? 1 : 3;
	encoded = az_arena_alloc(arena, len + 1);
	if (encoded == NULL)
		return NULL;
	out = encoded;
	for (const char *c = text; *c != '\0'; c++)
	{
		if (is_plain(*c))
		{
			*out++ = *c;
			continue;
		}
		*out++ = '%';
		*out++ = hex_digits[(uint8_t) *c >> 4];
		*out++ = hex_digits[(uint8_t) *c & 0x0F];
	}
	return encoded;
}

char *
az_percent_decode(AzArena *arena, AzBytes text)
{
	char	   *decoded = az_arena_alloc(arena, text.len + 1);
	char	   *out = decoded;
	size_t		at = 0;

	if (decoded == NULL)
		return NULL;
	while (at < text.len)
	{
		int			byte = escaped_byte(text, at);

		*out++ = (char) (byte > 0 ? byte : text.data[at]);
		at += byte > 0 ? 3 : 1;
	}
	return decoded;
}

char *
az_base64_encode(AzArena *arena, AzBytes bytes)
{
	char	   *encoded;

	if (bytes.len > SIZE_MAX / 4)
		return NULL;
	encoded = az_arena_alloc(arena, AZ_BASE64_ROOM(bytes.len));
	if (encoded != NULL)
		encoded[az_base64_write(bytes, encoded)] = '\0';
	return encoded;
}

size_t
az_base64_write(AzBytes bytes, char *text)
{
	size_t		len = 0;
	uint32_t	bits = 0;
	int			n_bits = 0;

	for (size_t i = 0; i < bytes.len; i++)
	{
		bits = bits << 8 | bytes.data[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			text[len++] = base64_digits[bits >> (n_bits - 6) & 0x3F];
	}
	if (n_bits > 0)
		text[len++] = base64_digits[bits << (6 - n_bits) & 0x3F];
	return len;
}

bool
az_base64_decode(AzArena *arena, AzBytes text, AzBytes *bytes)
{
	uint8_t    *decoded = az_arena_alloc(arena, AZ_BASE64_BYTES(text.len));

	if (decoded == NULL || !az_base64_read(text, decoded, &bytes->len))
		return false;
	bytes->data = decoded;
	return true;
}

bool
az_base64_read(AzBytes text, uint8_t *bytes, size_t *len)
{
	uint32_t	bits = 0;
	int			n_bits = 0;

	*len = 0;
	if (!cut_padding(&text))
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		int			value = base64_value(text.data[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t) value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		bytes[(*len)++] = (uint8_t) (bits >> n_bits);
	}
	return true;
}

bool
az_timeout_parse(const char *text, int64_t *timeout_us)
{
	int64_t		value = 0;
	int			n_digits = 0;

	for (; *text >= '0' && *text <= '9'; text++)
	{
		if (++n_digits > MAX_TIMEOUT_DIGITS)
			return false;
		value = value * 10 + (*text - '0');
	}
	if (n_digits == 0 || text[0] == '\0' || text[1] != '\0')
		return false;
	return unit_to_us(text[0], value, timeout_us);
}

void
az_timeout_format(int64_t timeout_us, char text[16])
{
	size_t		unit = 0;
	int64_t		value;

	if (timeout_us <= 0)
	{
		snprintf(text, 16, "1n");
		return;
	}

	/* The finest unit in which it fits, rounded up; hours are clamped. */
	value = timeout_us;
	while (value > MAX_TIMEOUT_VALUE && unit + 1 < LENGTH_OF(units))
	{
		unit++;
		value = divide_up(timeout_us, units[unit].us);
	}
	if (value > MAX_TIMEOUT_VALUE)
		value = MAX_TIMEOUT_VALUE;

	/* The coarsest one that says the same. */
	while (unit + 1 < LENGTH_OF(units)
		   && value % (units[unit + 1].us / units[unit].us) == 0)
	{
		value /= units[unit + 1].us / units[unit].us;
		unit++;
	}
	snprintf(text, 16, "%u%c", (unsigned int) value, units[unit].letter);
}

static bool
is_plain(char c)
{
	return c >= 0x20 && c <= 0x7E && c != '%';
}

/*
 * The byte that an escape at this place stands for, or -1.  A zero byte would
 * end the text early, so its escape counts as broken.
 */
static int
escaped_byte(AzBytes text, size_t at)
{
	int			high;
	int			low;

	if (text.data[at] != '%' || text.len - at < 3)
		return -1;
	high = hex_value(text.data[at + 1]);
	low = hex_value(text.data[at + 2]);
	if (high < 0 || low < 0 || (high == 0 && low == 0))
		return -1;
	return high << 4 | low;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Takes "=" off the end; false when no bytes are coded in that length. */
static bool
cut_padding(AzBytes *text)
{
	if (text->len > 0 && text->len % 4 == 0)
	{
		for (int i = 0; i < 2 && text->data[text->len - 1] == '='; i++)
			text->len--;
	}
	return text->len % 4 != 1;
}

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static bool
unit_to_us(char letter, int64_t value, int64_t *timeout_us)
{
	if (letter == 'n')
	{
		*timeout_us = divide_up(value, 1000);
		return true;
	}
	for (size_t i = 0; i < LENGTH_OF(units); i++)
	{
		if (units[i].letter != letter)
			continue;
		*timeout_us = value * units[i].us;
		return true;
	}
	return false;
}

static int64_t
divide_up(int64_t a, int64_t b)
{
	return a / b + (a % b > 0 ? 1 : 0);
}
