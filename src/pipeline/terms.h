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
	bool		is_deferred;	/* these two are set then */
	AzKey		key;
	const AzCause *cause;
	bool		is_isolated;
} AzTerms;

/*
 * Of a validated request; the first page decides.  INVALID_ARGUMENT when its
 * provenance is not whole, UNIMPLEMENTED for a mode that is not served.
 */
extern bool az_terms_read(AzTerms *terms, const PbCommandRequest *request,
						  AzJob *job);

/*
 * Whether the stronger of the mode somebody calls with and a page's own
 * (header may be NULL) is ISOLATED; false with UNIMPLEMENTED for a mode that
 * is not served.  Contract section 7.
 */
extern bool az_terms_mode(int mode, const PbPageHeader *header,
						  bool *is_isolated, AzJob *job);

#endif
