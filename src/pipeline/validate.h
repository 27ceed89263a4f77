/* What a request must be before anything is done with it: contract 4. */
#ifndef AZ_PIPELINE_VALIDATE_H
#define AZ_PIPELINE_VALIDATE_H

#include "base/error.h"
#include "codec/messages.h"

typedef struct AzValidationLimits
{
	size_t		max_pages;		/* per book, angzarr.max_pages_per_book */
	size_t		max_payload_bytes;	/* per page, and of an encoded ext,
									 * angzarr.max_payload_size */
	size_t		max_sequences;	/* in a query, angzarr.max_query_sequences */
} AzValidationLimits;

/*
 * Each checks in the order of contract section 4 and answers the first thing
 * wrong: INVALID_ARGUMENT, naming the field by its path ("command.cover.
 * domain"), what was found and what is allowed.
 */
extern bool az_validate_command(const PbCommandRequest *request,
								const AzValidationLimits *limits,
								AzArena *arena, AzError *error);

/*
 * The same of facts: at least one of their pages must have a deferred header,
 * and each must be such as can be stored.
 */
extern bool az_validate_fact(const PbEventRequest *request,
							 const AzValidationLimits *limits,
							 AzArena *arena, AzError *error);

/* As a command; what time there is in the point is one there can be. */
extern bool az_validate_speculation(const PbSpeculateCommandHandlerRequest *request,
									const AzValidationLimits *limits,
									AzArena *arena, AzError *error);

/*
 * A query by root, or by correlation id: contract section 9.  Afterwards
 * there is a cover with a root (and a domain), a correlation_id, or both.
 */
extern bool az_validate_query(const PbQuery *query,
							  const AzValidationLimits *limits,
							  AzArena *arena, AzError *error);

/* A point to look back to; "path" is its place ("query.temporal"). */
extern bool az_validate_point(const PbTemporalQuery *point, const char *path,
							  AzArena *arena, AzError *error);

/* A correlation id, not empty. */
extern bool az_validate_stream_filter(const PbEventStreamFilter *filter,
									  AzArena *arena, AzError *error);

/*
 * A whole cover, NULL included: domain, root, edition, correlation_id.
 * "path" is its place in the request ("command.cover").
 */
extern bool az_validate_cover(const PbCover *cover, const char *path,
							  AzArena *arena, AzError *error);

#endif
