/* One field of an encoded message, as it is on the wire. */
#include "codec/record.h"

#define MAX_VARINT 10			/* bytes */
#define MAX_SHORT_VARINT 5		/* of a tag or a length */
#define MAX_GROUPS 64			/* in each other */
#define END_GROUP 4

static bool take_record(AzBytes *bytes, AzRecord *record, int depth);
static bool take_tag(AzBytes *bytes, uint32_t *number, uint32_t *wire);
static bool take_value(AzBytes *bytes, AzRecord *record, int depth);
static bool take_group(AzBytes *bytes, AzRecord *record, int depth);
static bool take_varint(AzBytes *bytes, size_t max, uint64_t *value);
static bool take_bytes(AzBytes *bytes, uint64_t len, AzBytes *taken);

bool
az_record_take(AzBytes *bytes, AzRecord *record)
{
	return take_record(bytes, record, 0);
}

bool
az_record_take_varint(AzBytes *bytes, uint64_t *value)
{
	return take_varint(bytes, MAX_VARINT, value);
}

static bool
take_record(AzBytes *bytes, AzRecord *record, int depth)
{
	uint32_t	wire;

	if (!take_tag(bytes, &record->number, &wire))
		return false;
	record->wire = (AzWireType) wire;
	record->varint = 0;
	return take_value(bytes, record, depth);
}

static bool
take_tag(AzBytes *bytes, uint32_t *number, uint32_t *wire)
{
	uint64_t	tag;

	if (!take_varint(bytes, MAX_SHORT_VARINT, &tag) || tag > UINT32_MAX)
		return false;
	*number = (uint32_t) (tag >> 3);
	*wire = (uint32_t) (tag & 7);
	return *number != 0;
}

static bool
take_value(AzBytes *bytes, AzRecord *record, int depth)
{
	uint64_t	len;

	switch (record->wire)
	{
		case AZ_WIRE_VARINT:
			record->value.data = bytes->data;
			if (!take_varint(bytes, MAX_VARINT, &record->varint))
				return false;
			record->value.len = (size_t) (bytes->data - record->value.data);
			return true;
		case AZ_WIRE_FIXED64:
			return take_bytes(bytes, 8, &record->value);
		case AZ_WIRE_LENGTH:
			return take_varint(bytes, MAX_SHORT_VARINT, &len) &&
				take_bytes(bytes, len, &record->value);
		case AZ_WIRE_GROUP:
			return depth < MAX_GROUPS && take_group(bytes, record, depth);
		case AZ_WIRE_FIXED32:
			return take_bytes(bytes, 4, &record->value);
		default:
			return false;
	}
}

/* Everything up to the end tag of the same number. */
static bool
take_group(AzBytes *bytes, AzRecord *record, int depth)
{
	record->value.data = bytes->data;
	for (;;)
	{
		const uint8_t *start = bytes->data;
		AzBytes		ahead = *bytes;
		AzRecord	inner;
		uint32_t	number;
		uint32_t	wire;

		if (!take_tag(&ahead, &number, &wire))
			return false;
		if (wire == END_GROUP)
		{
			record->value.len = (size_t) (start - record->value.data);
			*bytes = ahead;
			return number == record->number;
		}
		if (!take_record(bytes, &inner, depth + 1))
			return false;
	}
}

static bool
take_varint(AzBytes *bytes, size_t max, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < bytes->len && i < max; i++)
	{
		uint8_t		byte = bytes->data[i];

		*value |= (uint64_t) (byte & 0x7F) << (7 * i);
		if (byte < 0x80)
		{
			bytes->data += i + 1;
			bytes->len -= i + 1;
			return true;
		}
	}
	return false;
}

static bool
take_bytes(AzBytes *bytes, uint64_t len, AzBytes *taken)
{
	if (len > bytes->len)
		return false;
	*taken = (AzBytes)
	{
		bytes->data, (size_t) len
	};
	bytes->data += len;
	bytes->len -= len;
	return true;
}
