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
	int			sync_mode;		/* PB_SYNC_MODE_*, the effective one */
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
	const struct AzAncestor *above; /* deliveries that wait for it, or NULL */
} AzOrigin;

/*
 * Of a validated request; the first page decides.  "origin" is NULL for a
 * client's.  INVALID_ARGUMENT when its provenance is not whole.
 */
extern bool az_terms_read(AzTerms *terms, const PbCommandRequest *request,
						  const AzOrigin *origin, AzJob *job);

/*
 * Of something that a component emitted: its cause, and the key of a kind
 * under which it is done once.  INVALID_ARGUMENT, naming the field by "path",
 * when its provenance is not whole.
 */
extern bool az_terms_defer(AzTerms *terms,
						   const PbAngzarrDeferredSequence *deferred,
						   const char *kind, const char *path, AzJob *job);

/*
 * The stronger of the mode somebody calls with and a page's own (header may
 * be NULL): contract section 7.  And the terms that follow from it.
 */
extern int	az_terms_mode(int mode, const PbPageHeader *header);
extern void az_terms_set_mode(AzTerms *terms, int mode,
							  const PbPageHeader *header);

#endif
