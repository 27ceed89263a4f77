/* The filter language of lists of dead letters. */
#ifndef AZ_PIPELINE_LETTER_FILTER_H
#define AZ_PIPELINE_LETTER_FILTER_H

#include "store/letters.h"

/*
 * Reads 'field = "value" AND …' over domain, correlation_id, rejection_type,
 * source_component, occurred_after and occurred_before (RFC 3339), each once;
 * "" filters nothing.  In a value \" is a quote and \\ a backslash.  False
 * with INVALID_ARGUMENT that says at which character what was found, and what
 * is allowed there; RESOURCE_EXHAUSTED when memory is out.
 */
extern bool az_letter_filter_read(const char *text, AzLetterFilter *filter,
								  AzArena *arena, AzError *error);

/* Kinds of failures: REJECTION_TYPE_* of a stored one's name; 0 = it has none. */
extern int	az_letter_type_number(const char *name);

#endif
