/* Which top-level fields two states of an aggregate differ in. */
#ifndef AZ_CODEC_FIELDS_H
#define AZ_CODEC_FIELDS_H

#include "base/error.h"

#define AZ_FIELDS_TEXT_SIZE 512 /* with its zero byte */

/* What business logic folded some events into: an Any, or nothing. */
typedef struct AzState
{
	const char *type_url;		/* NULL = unset: all fields have defaults */
	AzBytes		bytes;			/* an encoded message of that type */
} AzState;

/* Fields of a message by number, ascending, each once. */
typedef struct AzFieldSet
{
	bool		every;			/* also all that are not in "numbers" */
	const uint32_t *numbers;
	size_t		count;
} AzFieldSet;

/*
 * The fields that differ, found without knowing the type: fields.c says what
 * is seen and what is not.  Of two types: every field, and by number those
 * that are there.  False with INVALID_ARGUMENT when a state is no encoded
 * message, or RESOURCE_EXHAUSTED.  Takes n log n time, and for as long as it
 * runs about 40 bytes for each byte of the states at most.
 */
extern bool az_fields_compare(const AzState *before, const AzState *after,
							  AzFieldSet *changed, AzArena *arena,
							  AzError *error);

/* The fields that are in both sets; false when memory is out. */
extern bool az_fields_meet(const AzFieldSet *one, const AzFieldSet *other,
						   AzFieldSet *both, AzArena *arena, AzError *error);

extern bool az_fields_is_empty(const AzFieldSet *set);

/*
 * "1,4,7", or a name in place of a number where "names" (beside the numbers;
 * or NULL) has one; cut short with "..." before AZ_FIELDS_TEXT_SIZE; "all"
 * when it is every field and none by number.  NULL when memory is out.
 */
extern const char *az_fields_text(const AzFieldSet *set,
								  const char *const *names, AzArena *arena);

#endif
