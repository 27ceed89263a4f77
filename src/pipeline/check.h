/* The checks that requests have in common, and the words they refuse in. */
#ifndef AZ_PIPELINE_CHECK_H
#define AZ_PIPELINE_CHECK_H

#include "base/error.h"
#include "codec/messages.h"

#define AZ_NOT_A_PAGE SIZE_MAX	/* a field of the request itself */

/* Where in which request we are, and where to say what is wrong. */
typedef struct AzCheck
{
	const char *path;			/* of the cover being looked at */
	const char *book;			/* its field: "command", "events" */
	AzArena    *arena;
	AzError    *error;
} AzCheck;

/* Refuses the request with INVALID_ARGUMENT, as all below do; false. */
#define az_check_refuse(check, ...) \
	az_error_set((check)->error, (check)->arena, AZ_INVALID_ARGUMENT, __VA_ARGS__)

/* A domain is there and has the form of one; or is empty or has it. */
extern bool az_check_domain(const AzCheck *check, const PbCover *cover);
extern bool az_check_domain_name(const AzCheck *check, const PbCover *cover);

/* A root is there and has 16 bytes; or is missing or has them. */
extern bool az_check_root(const AzCheck *check, const PbCover *cover);
extern bool az_check_root_size(const AzCheck *check, const PbCover *cover);

/* Edition and correlation id, where there are any. */
extern bool az_check_names(const AzCheck *check, const PbCover *cover);

/* A field "correlation_id"; empty is fine. */
extern bool az_check_correlation(const AzCheck *check,
								 const char *correlation_id);

/* A field "edition" that is its name; empty is fine. */
extern bool az_check_edition(const AzCheck *check, const char *edition);

/* A field of a page, or of the request, has a value that is known. */
extern bool az_check_enum(const AzCheck *check, size_t page,
						  const char *field,
						  const ProtobufCEnumDescriptor *type, int value);
extern const char *az_check_enum_name(const ProtobufCEnumDescriptor *type,
									  int value);

/* The beginning of a text, safe to print anywhere; never NULL. */
extern const char *az_check_show(const AzCheck *check, const char *text);

#endif
