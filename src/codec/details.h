/* google.rpc.Status details: ErrorInfo and RetryInfo for our own errors. */
#ifndef AZ_CODEC_DETAILS_H
#define AZ_CODEC_DETAILS_H

#include "base/error.h"

typedef struct AzErrorInfo
{
	const char *reason;			/* "SEQUENCE_MISMATCH" */
	size_t		n_pairs;		/* of metadata */
	const char *const(*pairs)[2];	/* name, value */
	bool		retryable;		/* adds RetryInfo */
} AzErrorInfo;

/*
 * Encodes google.rpc.Status{code, message, ErrorInfo{reason, domain
 * "angzarr.io", metadata}, RetryInfo} into error->details, from the code and
 * message "error" has already.  When memory is out the details stay empty.
 */
extern void az_details_add(AzError *error, const AzErrorInfo *info,
						   AzArena *arena);

#endif
