/* One field of an encoded message, as it is on the wire. */
#ifndef AZ_CODEC_RECORD_H
#define AZ_CODEC_RECORD_H

#include "base/bytes.h"

/* With their numbers on the wire; a group is all from its start to its end. */
typedef enum AzWireType
{
	AZ_WIRE_VARINT = 0,
	AZ_WIRE_FIXED64 = 1,
	AZ_WIRE_LENGTH = 2,
	AZ_WIRE_GROUP = 3,
	AZ_WIRE_FIXED32 = 5
} AzWireType;

typedef struct AzRecord
{
	uint32_t	number;			/* of the field: 1 .. 2^29 - 1 */
	AzWireType	wire;
	uint64_t	varint;			/* of AZ_WIRE_VARINT, else 0 */
	AzBytes		value;			/* in the message: without tag, length and end
								 * tag; of AZ_WIRE_VARINT its own bytes */
} AzRecord;

/*
 * Takes one record off the front of an encoded message; false when there is
 * no whole one, and "bytes" is of no use then.  Borrows, allocates nothing;
 * groups nest 64 deep at most.
 */
extern bool az_record_take(AzBytes *bytes, AzRecord *record);

/* A sequence of varints, as a packed field is; false at the end. */
extern bool az_record_take_varint(AzBytes *bytes, uint64_t *value);

#endif
