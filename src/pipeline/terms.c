/* The terms on which a command is to run, as its request says them. */
#include "pipeline/terms.h"

#include "pipeline/provenance.h"

#define DEFERRED_PATH "command.pages[0].header.angzarr_deferred"

static bool read_deferred(AzTerms *terms,
						  const PbAngzarrDeferredSequence *deferred,
						  AzJob *job);

bool
az_terms_read(AzTerms *terms, const PbCommandRequest *request,
			  const AzOrigin *origin, AzJob *job)
{
	const PbCommandPage *page = request->command->pages[0];
	const PbPageHeader *header = page->header;

	terms->merge = page->merge_strategy == 0 ?
		AZ_MERGE_COMMUTATIVE : (AzMerge) page->merge_strategy;
	terms->expected = 0;
	terms->is_deferred = false;
	terms->has_key = origin != NULL;
	if (origin != NULL)
	{
		terms->key = origin->key;
		terms->cause = origin->cause;
		terms->depth = origin->depth;
	}
	if (header != NULL &&
		header->sequence_type_case == PB_PAGE_HEADER_SEQUENCE)
		terms->expected = header->sequence;
	if (header != NULL &&
		header->sequence_type_case == PB_PAGE_HEADER_ANGZARR_DEFERRED &&
		!read_deferred(terms, header->angzarr_deferred, job))
		return false;
	az_terms_set_mode(terms, request->sync_mode, header);
	return true;
}

void
az_terms_set_mode(AzTerms *terms, int mode, const PbPageHeader *header)
{
	terms->sync_mode = az_terms_mode(mode, header);
	terms->is_isolated = terms->sync_mode == PB_SYNC_MODE_ISOLATED;
}

int
az_terms_mode(int mode, const PbPageHeader *header)
{
	int			own = PB_SYNC_MODE_UNSPECIFIED;

	/* ISOLATED stands apart: on either of them it always holds. */
	static const int strength[] = {
		[PB_SYNC_MODE_UNSPECIFIED] = 0,[PB_SYNC_MODE_ASYNC] = 0,
		[PB_SYNC_MODE_DECISION] = 1,[PB_SYNC_MODE_SIMPLE] = 2,
		[PB_SYNC_MODE_CASCADE] = 3,[PB_SYNC_MODE_ISOLATED] = 4
	};

	if (header != NULL && header->_sync_mode_case != 0)
		own = header->sync_mode;
	if (strength[own] > strength[mode])
		mode = own;
	return mode == PB_SYNC_MODE_UNSPECIFIED ? PB_SYNC_MODE_ASYNC : mode;
}

/* A deferred command has a key instead, and is never checked. */
static bool
read_deferred(AzTerms *terms, const PbAngzarrDeferredSequence *deferred,
			  AzJob *job)
{
	terms->is_deferred = true;
	terms->merge = AZ_MERGE_AGGREGATE_HANDLES;
	return az_terms_defer(terms, deferred, "command", DEFERRED_PATH, job);
}

bool
az_terms_defer(AzTerms *terms, const PbAngzarrDeferredSequence *deferred,
			   const char *kind, const char *path, AzJob *job)
{
	terms->has_key = true;
	if (!az_provenance_key(deferred, kind, path, &terms->key, job->arena,
						   &job->error))
		return false;
	terms->cause = az_provenance_cause(deferred, job->arena);
	return terms->cause != NULL || az_error_out_of_memory(&job->error);
}
