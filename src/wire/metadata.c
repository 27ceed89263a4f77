/* gRPC metadata: ordered pairs of a lower-case name and a value. */
#include <string.h>

#include "wire/metadata.h"

#define FIRST_CAPACITY 8

/* Names that HTTP/2 forbids or that belong to the transport. */
static const char *const reserved_names[] = {
	"connection", "content-length", "content-type", "host", "keep-alive",
	"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
	"user-agent", NULL
};

static bool make_room(AzMetadata *metadata, AzArena *arena);

bool
az_metadata_add(AzMetadata *metadata, AzArena *arena, AzBytes name,
				AzBytes value)
{
	AzMetadataEntry entry;

	entry.name = az_arena_string_of(arena, name);
	if (entry.name == NULL
		|| !az_arena_copy(arena, value, &entry.value)
		|| !make_room(metadata, arena))
		return false;
	metadata->entries[metadata->count++] = entry;
	metadata->bytes += name.len + value.len;
	return true;
}

const char *
az_metadata_get(const AzMetadata *metadata, const char *name)
{
	for (size_t i = 0; i < metadata->count; i++)
	{
		if (strcmp(metadata->entries[i].name, name) == 0)
			return (const char *) metadata->entries[i].value.data;
	}
	return NULL;
}

bool
az_metadata_is_custom(const char *name)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz_-.";

	if (name[0] == '\0' || name[strspn(name, allowed)] != '\0')
		return false;
	if (strncmp(name, "grpc-", strlen("grpc-")) == 0)
		return false;
	for (int i = 0; reserved_names[i] != NULL; i++)
	{
		if (strcmp(name, reserved_names[i]) == 0)
			return false;
	}
	return true;
}

static bool
make_room(AzMetadata *metadata, AzArena *arena)
{
	AzMetadataEntry *entries;
	size_t		capacity = metadata->capacity * 2;

	if (metadata->count < metadata->capacity)
		return true;
	if (capacity == 0)
		capacity = FIRST_CAPACITY;
	entries = az_arena_array(arena, capacity, sizeof(*entries));
	if (entries == NULL)
		return false;
	if (metadata->count > 0)
		memcpy(entries, metadata->entries,
			   metadata->count * sizeof(*entries));
	metadata->entries = entries;
	metadata->capacity = capacity;
	return true;
}
