/* The terms on which a command is to run, as its request says them. */
#ifndef AZ_PIPELINE_TERMS_H
#define AZ_PIPELINE_TERMS_H

#include "pipeline/job.h"
#include "pipeline/merge.h"
#include "store/keys.h"

typedef struct AzTerms
{
	AzMerge		merge;			/* AGGREGATE_HANDLES when it is deferred */
	int64_t		expected;		/* the first page's sequence, or 0 */
	bool		is_deferred;
	bool		has_key;		/* these two are set then: when it is
								 * deferred, or a reaction's */
	AzKey		key;
	const AzCause *cause;
	bool		is_isolated;
	int32_t		depth;			/* of what comes of it */
} AzTerms;

/*
 * What is known of a command or fact that a reaction emits, beyond its
 * message.  A deferred one says its key and cause itself; one that expects a
 * sequence is checked like a client's, and yet done once.
 */
typedef struct AzOrigin
{
	AzKey		key;
	const AzCause *cause;
	int32_t		depth;
} AzOrigin;

/*
 * Of a validated request; the first page decides.  "origin" is NULL for a
 * client's.  INVALID_ARGUMENT when its
 * provenance is not whole, UNIMPLEMENTED for a mode that is not served.
 */
extern bool az_terms_read(AzTerms *terms, const PbCommandRequest *request,
						  const AzOrigin *origin, AzJob *job);

/*
 * Whether the stronger of the mode somebody calls with and a page's own
 * (header may be NULL) is ISOLATED; false with UNIMPLEMENTED for a mode that
 * is not served.  Contract section 7.
 */
extern bool az_terms_mode(int mode, const PbPageHeader *header,
						  bool *is_isolated, AzJob *job);

#endif
