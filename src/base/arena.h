/* Region allocator: many small allocations, freed all at once. */
#ifndef AZ_BASE_ARENA_H
#define AZ_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

typedef struct AzArena AzArena;

/*
 * A new arena, or NULL when memory is out.  One owner (a job, a connection,
 * a call, a tick) holds it and frees it whole.
 */
extern AzArena *az_arena_create(void);
extern void az_arena_free(AzArena *arena);

/* Frees all but the first block: what was allocated is gone. */
extern void az_arena_reset(AzArena *arena);

/* Bytes taken from the system, in all. */
extern size_t az_arena_size(const AzArena *arena);

/* "size" bytes of zeros, aligned for any type; NULL when memory is out. */
extern void *az_arena_alloc(AzArena *arena, size_t size);

/* count * size bytes of zeros; NULL also when the product overflows. */
extern void *az_arena_array(AzArena *arena, size_t count, size_t size);

/* Copies; NULL when memory is out.  A copied slice ends in a zero byte. */
extern char *az_arena_string(AzArena *arena, const char *text);
extern char *az_arena_string_of(AzArena *arena, AzBytes bytes);
extern bool az_arena_copy(AzArena *arena, AzBytes bytes, AzBytes *copy);

/* printf into the arena; NULL when memory is out. */
extern char *az_arena_format(AzArena *arena, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern char *az_arena_vformat(AzArena *arena, const char *format, va_list args)
			__attribute__((format(printf, 2, 0)));

#endif
