/*
 * Region allocator: many small allocations, freed all at once.
 *
 * An arena is a list of blocks.  The first one also holds the arena itself,
 * so a small arena costs one allocation.  Further blocks double in size; what
 * would take a good part of a block gets a block of its own.  Under address
 * sanitizer everything not handed out is poisoned.
 */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#ifdef __SANITIZE_ADDRESS__
/* Declared here: its header's "const" makes gcc think that we read. */
extern void __asan_poison_memory_region(void *data, size_t size);
extern void __asan_unpoison_memory_region(void *data, size_t size);
#define POISON(data, size) __asan_poison_memory_region(data, size)
#define UNPOISON(data, size) __asan_unpoison_memory_region(data, size)
#define GAP 16					/* between allocations, never handed out */
#else
#define POISON(data, size) ((void) 0)
#define UNPOISON(data, size) ((void) 0)
#define GAP 0
#endif

#define ALIGNMENT alignof(max_align_t)
#define FIRST_BLOCK ((size_t) 4096) /* bytes from the system, arena included */
#define LARGEST_BLOCK ((size_t) 256 * 1024)
#define SHORT_TEXT 256

typedef struct Block
{
	struct Block *next;			/* an older one */
	size_t		size;			/* of data */
	size_t		used;
				alignas(max_align_t) uint8_t data[];
} Block;

struct AzArena
{
	Block	   *first;			/* lies right behind the arena */
	Block	   *current;		/* small allocations come from here */
	size_t		next_size;		/* of the next block, in all */
	size_t		total;			/* bytes from the system */
};

static void *take(AzArena *arena, size_t size);
static Block *add_block(AzArena *arena, size_t size);
static void *cut(Block *block, size_t size);
static size_t round_up(size_t size);

AzArena *
az_arena_create(void)
{
	AzArena    *arena = malloc(FIRST_BLOCK);
	size_t		head = round_up(sizeof(AzArena));

	if (arena == NULL)
		return NULL;
	arena->first = (Block *) ((uint8_t *) arena + head);
	arena->first->next = NULL;
	arena->first->size = FIRST_BLOCK - head - sizeof(Block);
	arena->first->used = 0;
	POISON(arena->first->data, arena->first->size);
	arena->current = arena->first;
	arena->next_size = 2 * FIRST_BLOCK;
	arena->total = FIRST_BLOCK;
	return arena;
}

void
az_arena_free(AzArena *arena)
{
	if (arena == NULL)
		return;
	az_arena_reset(arena);
	UNPOISON(arena->first->data, arena->first->size);
	free(arena);
}

void
az_arena_reset(AzArena *arena)
{
	while (arena->current != arena->first)
	{
		Block	   *block = arena->current;

		arena->current = block->next;
		UNPOISON(block->data, block->size);
		free(block);
	}

	/* Big allocations made before the second block hang behind the first. */
	while (arena->first->next != NULL)
	{
		Block	   *block = arena->first->next;

		arena->first->next = block->next;
		UNPOISON(block->data, block->size);
		free(block);
	}
	arena->first->used = 0;
	POISON(arena->first->data, arena->first->size);
	arena->next_size = 2 * FIRST_BLOCK;
	arena->total = FIRST_BLOCK;
}

size_t
az_arena_size(const AzArena *arena)
{
	return arena->total;
}

void *
az_arena_alloc(AzArena *arena, size_t size)
{
	void	   *memory = take(arena, size);

	if (memory != NULL)
		memset(memory, 0, size);
	return memory;
}

void *
az_arena_array(AzArena *arena, size_t count, size_t size)
{
	size_t		product;

	if (__builtin_mul_overflow(count, size, &product))
		return NULL;
	return az_arena_alloc(arena, product);
}

char *
az_arena_string(AzArena *arena, const char *text)
{
	return az_arena_string_of(arena, az_bytes_of(text));
}

char *
az_arena_string_of(AzArena *arena, AzBytes bytes)
{
	AzBytes		copy;

	if (!az_arena_copy(arena, bytes, &copy))
		return NULL;
	return (char *) copy.data;
}

bool
az_arena_copy(AzArena *arena, AzBytes bytes, AzBytes *copy)
{
	uint8_t    *data;

	if (bytes.len == SIZE_MAX)
		return false;
	data = take(arena, bytes.len + 1);
	if (data == NULL)
		return false;
	if (bytes.len > 0)
		memcpy(data, bytes.data, bytes.len);
	data[bytes.len] = 0;
	copy->data = data;
	copy->len = bytes.len;
	return true;
}

char *
az_arena_format(AzArena *arena, const char *format,...)
{
	va_list		args;
	char	   *text;

	va_start(args, format);
	text = az_arena_vformat(arena, format, args);

	va_end(args);
	return text;
}

char *
az_arena_vformat(AzArena *arena, const char *format, va_list args)
{
	char		small[SHORT_TEXT];
	va_list		again;
	char	   *text;
	int			len;

	va_copy(again, args);
	len = vsnprintf(small, sizeof(small), format, args);
	text = len < 0 ? NULL : take(arena, (size_t) len + 1);

	if (text != NULL && (size_t) len < sizeof(small))
		memcpy(text, small, (size_t) len + 1);
	else if (text != NULL)
		vsnprintf(text, (size_t) len + 1, format, again);
	va_end(again);
	return text;
}

/* Like az_arena_alloc, but whatever was there stays. */
static void *
take(AzArena *arena, size_t size)
{
	size_t		room;
	Block	   *block;

	if (size > SIZE_MAX / 4)
		return NULL;
	room = round_up(size == 0 ? 1 : size) + GAP;
	if (arena->current->size - arena->current->used >= room)
		return cut(arena->current, size);

	if (room > arena->next_size / 4)
	{
		block = add_block(arena, room);
		if (block == NULL)
			return NULL;
		/* Behind the current one, which still has room for small things. */
		block->next = arena->current->next;
		arena->current->next = block;
		return cut(block, size);
	}

	block = add_block(arena, arena->next_size - sizeof(Block));
	if (block == NULL)
		return NULL;
	block->next = arena->current;
	arena->current = block;
	if (arena->next_size < LARGEST_BLOCK)
		arena->next_size *= 2;
	return cut(block, size);
}

/* A block of the system's memory, not yet in the list. */
static Block *
add_block(AzArena *arena, size_t size)
{
	Block	   *block = malloc(sizeof(Block) + size);

	if (block == NULL)
		return NULL;
	block->next = NULL;
	block->size = size;
	block->used = 0;
	arena->total += sizeof(Block) + size;
	POISON(block->data, size);
	return block;
}

static void *
cut(Block *block, size_t size)
{
	uint8_t    *data = block->data + block->used;

	block->used += round_up(size == 0 ? 1 : size) + GAP;
	UNPOISON(data, size == 0 ? 1 : size);
	return data;
}

static size_t
round_up(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t) (ALIGNMENT - 1);
}
