/* Hash map from bytes to pointers (uthash behind a plain face). */
#ifndef AZ_BASE_MAP_H
#define AZ_BASE_MAP_H

#include "base/bytes.h"

typedef struct AzMap AzMap;

extern AzMap *az_map_create(void);	/* NULL when memory is out */
extern void az_map_free(AzMap *map);	/* values are not freed */
extern size_t az_map_count(const AzMap *map);

/* Copies the key; replaces the value of an equal key; false: out of memory. */
extern bool az_map_put(AzMap *map, AzBytes key, void *value);

/* The value, or NULL when the key is not there. */
extern void *az_map_get(const AzMap *map, AzBytes key);

/* Takes the key out and returns its value, or NULL. */
extern void *az_map_remove(AzMap *map, AzBytes key);

#endif
