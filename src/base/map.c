/* Hash map from bytes to pointers (uthash behind a plain face). */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

/* An addition that fails for want of memory is undone and reported so. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) (out_of_memory = true)
#include <uthash.h>

typedef struct Entry
{
	UT_hash_handle hh;
	void	   *value;
	size_t		key_len;
	uint8_t		key[];
} Entry;

struct AzMap
{
	Entry	   *entries;
};

static Entry *find(const AzMap *map, AzBytes key);
static Entry *make_entry(AzBytes key, void *value);

AzMap *
az_map_create(void)
{
	return calloc(1, sizeof(AzMap));
}

void
az_map_free(AzMap *map)
{
	Entry	   *entry;
	Entry	   *next;

	if (map == NULL)
		return;
	HASH_ITER(hh, map->entries, entry, next)
	{
		HASH_DEL(map->entries, entry);	/* NOLINT(clang-analyzer-unix.Malloc) */
		free(entry);
	}
	free(map);
}

size_t
az_map_count(const AzMap *map)
{
	return HASH_COUNT(map->entries);
}

bool
az_map_put(AzMap *map, AzBytes key, void *value)
{
	Entry	   *entry = find(map, key);
	bool		out_of_memory = false;

	if (entry != NULL)
	{
		entry->value = value;
		return true;
	}
	entry = make_entry(key, value);
	if (entry == NULL)
		return false;
	HASH_ADD_KEYPTR(hh, map->entries, entry->key, entry->key_len, entry);
	if (out_of_memory)
		free(entry);
	return !out_of_memory;
}

void *
az_map_get(const AzMap *map, AzBytes key)
{
	Entry	   *entry = find(map, key);

	return entry != NULL ? entry->value : NULL;
}

void *
az_map_remove(AzMap *map, AzBytes key)
{
	Entry	   *entry = find(map, key);
	void	   *value;

	if (entry == NULL)
		return NULL;
	value = entry->value;
	HASH_DEL(map->entries, entry);
	free(entry);
	return value;
}

static Entry *
find(const AzMap *map, AzBytes key)
{
	Entry	   *entry;
	const uint8_t *data = key.len > 0 ? key.data : (const uint8_t *) "";

	if (key.len > UINT32_MAX)
		return NULL;
	HASH_FIND(hh, map->entries, data, key.len, entry);
	return entry;
}

static Entry *
make_entry(AzBytes key, void *value)
{
	Entry	   *entry;

	if (key.len > UINT32_MAX)
		return NULL;
	entry = calloc(1, sizeof(Entry) + key.len);
	if (entry == NULL)
		return NULL;
	entry->value = value;
	entry->key_len = key.len;
	if (key.len > 0)
		memcpy(entry->key, key.data, key.len);
	return entry;
}
