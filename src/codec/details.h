/* google.rpc.Status details: ErrorInfo and RetryInfo for our own errors. */
#ifndef AZ_CODEC_DETAILS_H
#define AZ_CODEC_DETAILS_H

#include "base/error.h"
#include "codec/messages.h"

typedef struct AzErrorInfo
{
	const char *reason;			/* "SEQUENCE_MISMATCH" */
	size_t		n_pairs;		/* of metadata */
	const char *const(*pairs)[2];	/* name, value */
	bool		retryable;		/* adds RetryInfo */
	const PbEventBook *book;	/* added while there is room; or NULL */
	size_t		max_bytes;		/* of the details with the book */
} AzErrorInfo;

/*
 * Encodes google.rpc.Status{code, message, ErrorInfo{reason, domain
 * "angzarr.io", metadata}, RetryInfo, EventBook} into error->details, from the
 * code and message "error" has already.  The book is left out where the whole
 * would be larger than max_bytes: some clients lose a status with long
 * trailers (contract section 5).  When memory is out the details stay empty.
 */
extern void az_details_add(AzError *error, const AzErrorInfo *info,
						   AzArena *arena);

/*
 * Says the error's message in the details that came with it too: clients
 * compare the two.  What does not decode is dropped.
 */
extern void az_details_rename(AzError *error, AzArena *arena);

/*
 * Adds a pair to the metadata of its ErrorInfo, which is made with "reason"
 * when there is none.  When memory is out the details stay as they are.
 */
extern void az_details_add_pair(AzError *error, const char *name,
								const char *value, const char *reason,
								AzArena *arena);

/* Whether the status of an error carries a RetryInfo. */
extern bool az_details_may_retry(const AzError *error, AzArena *arena);

/* The reason of its ErrorInfo, in the arena; "" when there is none. */
extern const char *az_details_reason(const AzError *error, AzArena *arena);

#endif
