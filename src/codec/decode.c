/*
 * Bytes to messages and back, in an arena.
 *
 * The bytes are walked once with the message's descriptor before protobuf-c
 * sees them.  The walk finds what protobuf-c does not look for (text that is
 * no text) or does wrong (merging), bounds what decoding will take (memory,
 * depth), and lets nothing malformed through, so that protobuf-c's paths for
 * broken input never run.
 */
#include "codec/decode.h"

#include <string.h>

#include "codec/record.h"
#include "codec/utf8.h"

#define MAX_DEPTH 64			/* our own messages nest less than ten deep */
#define MAX_PATH_TEXT 256

/*
 * Decoding may take this much memory for each byte, and this much besides.
 * Honest messages stay well below; one of nothing but empty submessages or
 * tiny unknown fields would take more than twice as much.
 */
#define MEMORY_PER_BYTE 32
#define MEMORY_BESIDES (64 * 1024)
#define FREE_FIELDS 16			/* of a message, noted on protobuf-c's stack */
#define NOTED_FIELD 64			/* each further one, with its share of growth */
#define SMALL_BLOCK 32			/* any allocation, and a pointer to it */

/* Where the walk is; the outermost message has no parent and no field. */
typedef struct Place
{
	const struct Place *parent;
	const ProtobufCMessageDescriptor *type;
	const ProtobufCFieldDescriptor *field;	/* being looked at, or NULL */
	int			depth;
	size_t		fields;			/* seen so far */
	uint64_t	submessages;	/* of them, by index, those not repeated */
} Place;

typedef struct Walk
{
	const ProtobufCMessageDescriptor *type;
	size_t		memory;			/* that may still be taken */
	AzArena    *arena;
	AzError    *error;
} Walk;

typedef struct Allocation
{
	AzArena    *arena;
	bool		failed;
} Allocation;

static bool check_message(Walk *walk, Place *place, AzBytes bytes);
static bool check_field(Walk *walk, Place *place, const AzRecord *field);
static bool check_value(Walk *walk, Place *place, const AzRecord *field);
static bool check_text(Walk *walk, const Place *place, AzBytes text);
static bool check_nested(Walk *walk, Place *place, AzBytes bytes);
static bool check_packed(Walk *walk, const Place *place, AzBytes bytes);
static AzWireType wire_type_of(ProtobufCType type);
static bool charge(Walk *walk, const Place *place, size_t memory);
static bool refuse(Walk *walk, const Place *place, const char *why);
static void write_path(const Place *place, char *text, size_t size);
static void *allocate(void *data, size_t size);
static void release(void *data, void *memory);

void *
az_decode(const ProtobufCMessageDescriptor *descriptor, AzBytes bytes,
		  AzArena *arena, AzError *error)
{
	Walk		walk = {
		.type = descriptor,
		.arena = arena,
		.error = error
	};
	Place		place = {.type = descriptor};
	Allocation	allocation = {.arena = arena};
	ProtobufCAllocator allocator = {allocate, release, &allocation};
	void	   *message;

	if (__builtin_mul_overflow(bytes.len, MEMORY_PER_BYTE, &walk.memory) ||
		__builtin_add_overflow(walk.memory, MEMORY_BESIDES, &walk.memory))
		walk.memory = SIZE_MAX;
	if (!check_message(&walk, &place, bytes))
		return NULL;
	message = protobuf_c_message_unpack(descriptor, &allocator, bytes.len,
										bytes.data);
	if (message != NULL)
		return message;
	if (allocation.failed)
		az_error_out_of_memory(error);
	else
		refuse(&walk, &place, "malformed");
	return NULL;
}

bool
az_encode(const void *message, AzArena *arena, AzBytes *bytes, AzError *error)
{
	size_t		len = protobuf_c_message_get_packed_size(message);
	uint8_t    *data = az_arena_alloc(arena, len);

	if (data == NULL)
		return az_error_out_of_memory(error);
	protobuf_c_message_pack(message, data);
	*bytes = (AzBytes)
	{
		data, len
	};
	return true;
}

void *
az_message_copy(const void *message, AzArena *arena, AzError *error)
{
	const ProtobufCMessage *base = message;
	AzBytes		bytes = {0};

	if (!az_encode(message, arena, &bytes, error))
		return NULL;
	return az_decode(base->descriptor, bytes, arena, error);
}

static bool
check_message(Walk *walk, Place *place, AzBytes bytes)
{
	if (place->depth >= MAX_DEPTH)
		return refuse(walk, place, "nested too deep");
	if (!charge(walk, place, place->type->sizeof_message + SMALL_BLOCK))
		return false;
	while (bytes.len > 0)
	{
		AzRecord	field;

		place->field = NULL;
		if (!az_record_take(&bytes, &field) || field.wire == AZ_WIRE_GROUP)
			return refuse(walk, place, "malformed or cut off");
		place->field =
			protobuf_c_message_descriptor_get_field(place->type, field.number);
		if (!check_field(walk, place, &field))
			return false;
	}
	place->field = NULL;
	return true;
}

/* A field of another wire type than declared is no unknown field to us. */
static bool
check_field(Walk *walk, Place *place, const AzRecord *field)
{
	const ProtobufCFieldDescriptor *declared = place->field;

	if (++place->fields > FREE_FIELDS && !charge(walk, place, NOTED_FIELD))
		return false;
	if (declared == NULL)
		return charge(walk, place,
					  sizeof(ProtobufCMessageUnknownField) + SMALL_BLOCK);
	if (field->wire == wire_type_of(declared->type))
		return check_value(walk, place, field);
	if (field->wire == AZ_WIRE_LENGTH &&
		declared->label == PROTOBUF_C_LABEL_REPEATED)
		return check_packed(walk, place, field->value);
	return refuse(walk, place, "wrong wire type");
}

static bool
check_value(Walk *walk, Place *place, const AzRecord *field)
{
	switch (place->field->type)
	{
		case PROTOBUF_C_TYPE_STRING:
			return check_text(walk, place, field->value);
		case PROTOBUF_C_TYPE_MESSAGE:
			return check_nested(walk, place, field->value);
		case PROTOBUF_C_TYPE_BYTES:
			return charge(walk, place, SMALL_BLOCK);
		default:
			return true;
	}
}

static bool
check_text(Walk *walk, const Place *place, AzBytes text)
{
	if (!az_utf8_is_valid(text))
		return refuse(walk, place, "not UTF-8");
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return refuse(walk, place, "text with U+0000");
	return charge(walk, place, SMALL_BLOCK);
}

/*
 * A submessage in several pieces would have to be merged, where protobuf-c
 * loses some fields without a word.  Nobody sends such a thing.
 */
static bool
check_nested(Walk *walk, Place *place, AzBytes bytes)
{
	size_t		index = (size_t) (place->field - place->type->fields);
	uint64_t	bit = index < 64 ? UINT64_C(1) << index : 0;
	Place		inner = {
		.parent = place,
		.type = place->field->descriptor,
		.depth = place->depth + 1
	};

	if (place->field->label != PROTOBUF_C_LABEL_REPEATED)
	{
		if ((place->submessages & bit) != 0)
			return refuse(walk, place, "a submessage in several pieces");
		place->submessages |= bit;
	}
	return check_message(walk, &inner, bytes);
}

static bool
check_packed(Walk *walk, const Place *place, AzBytes bytes)
{
	AzWireType	wire = wire_type_of(place->field->type);

	if (wire == AZ_WIRE_FIXED32 || wire == AZ_WIRE_FIXED64)
		return bytes.len % (wire == AZ_WIRE_FIXED32 ? 4 : 8) == 0 ||
			refuse(walk, place, "malformed or cut off");
	while (bytes.len > 0)
	{
		uint64_t	value;

		if (!az_record_take_varint(&bytes, &value))
			return refuse(walk, place, "malformed or cut off");
	}
	return true;
}

static AzWireType
wire_type_of(ProtobufCType type)
{
	switch (type)
	{
		case PROTOBUF_C_TYPE_STRING:
		case PROTOBUF_C_TYPE_BYTES:
		case PROTOBUF_C_TYPE_MESSAGE:
			return AZ_WIRE_LENGTH;
		case PROTOBUF_C_TYPE_SFIXED32:
		case PROTOBUF_C_TYPE_FIXED32:
		case PROTOBUF_C_TYPE_FLOAT:
			return AZ_WIRE_FIXED32;
		case PROTOBUF_C_TYPE_SFIXED64:
		case PROTOBUF_C_TYPE_FIXED64:
		case PROTOBUF_C_TYPE_DOUBLE:
			return AZ_WIRE_FIXED64;
		default:
			return AZ_WIRE_VARINT;
	}
}

/* Counts what decoding will take. */
static bool
charge(Walk *walk, const Place *place, size_t memory)
{
	if (memory > walk->memory)
		return refuse(walk, place, "too many tiny fields");
	walk->memory -= memory;
	return true;
}

static bool
refuse(Walk *walk, const Place *place, const char *why)
{
	char		path[MAX_PATH_TEXT];

	write_path(place, path, sizeof(path));
	return az_error_set(walk->error, walk->arena, AZ_INVALID_ARGUMENT,
						"cannot decode %s: %s%s%s", walk->type->name, why,
						path[0] == '\0' ? "" : ", at ", path);
}

/* "command.cover.domain"; what does not fit is left out at the end. */
static void
write_path(const Place *place, char *text, size_t size)
{
	size_t		used = 0;

	text[0] = '\0';

	if (place->parent != NULL)
	{
		write_path(place->parent, text, size);
		used = strlen(text);
	}
	if (place->field == NULL ||
		used + 1 + strlen(place->field->name) + 1 > size)
		return;
	if (used > 0)
		text[used++] = '.';

	memcpy(text + used, place->field->name, strlen(place->field->name) + 1);
}

static void *
allocate(void *data, size_t size)
{
	Allocation *allocation = data;
	void	   *memory = az_arena_alloc(allocation->arena, size);

	allocation->failed |= memory == NULL;
	return memory;
}

/* The arena frees everything at once. */
static void
release(void *data, void *memory)
{
	(void) data;
	(void) memory;
}
