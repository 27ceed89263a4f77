/* Roots out of texts. */
#include "codec/uuid.h"

#include <string.h>

#include "base/sha1.h"

/* Of domain names: RFC 4122, appendix C. */
static const uint8_t dns_namespace[AZ_UUID_SIZE] = {
	0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
	0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8
};

static int	digit_value(char digit);

bool
az_uuid_parse(const char *text, uint8_t uuid[AZ_UUID_SIZE])
{
	uint8_t		bytes[AZ_UUID_SIZE] = {0};
	int			digits = 0;
	bool		may_part = false;	/* four digits after the last hyphen */

	for (; *text != '\0'; text++)
	{
		int			value = digit_value(*text);

		if (*text == '-' && may_part)
		{
			may_part = false;
			continue;
		}
		if (value < 0 || digits == 2 * AZ_UUID_SIZE)
			return false;
		bytes[digits / 2] = (uint8_t) (bytes[digits / 2] << 4 | value);
		digits++;
		may_part = digits % 4 == 0 && digits < 2 * AZ_UUID_SIZE;
	}
	if (digits < 2 * AZ_UUID_SIZE)
		return false;
	memcpy(uuid, bytes, AZ_UUID_SIZE);
	return true;
}

static int
digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

void
az_uuid_of_name(const uint8_t name_space[AZ_UUID_SIZE], AzBytes name,
				uint8_t uuid[AZ_UUID_SIZE])
{
	AzBytes		prefix = {name_space, AZ_UUID_SIZE};
	uint8_t		digest[AZ_SHA1_SIZE];
	AzSha1		sha1;

	az_sha1_init(&sha1);
	az_sha1_update(&sha1, prefix);
	az_sha1_update(&sha1, name);
	az_sha1_final(&sha1, digest);
	memcpy(uuid, digest, AZ_UUID_SIZE);
	uuid[6] = (uuid[6] & 0x0f) | 0x50;	/* version */
	uuid[8] = (uuid[8] & 0x3f) | 0x80;	/* variant */
}

void
az_uuid_of_process(const char *correlation_id, uint8_t root[AZ_UUID_SIZE])
{
	uint8_t		ours[AZ_UUID_SIZE];

	if (az_uuid_parse(correlation_id, root))
		return;
	az_uuid_of_name(dns_namespace, az_bytes_of("angzarr.dev"), ours);
	az_uuid_of_name(ours, az_bytes_of(correlation_id), root);
}
