/* Decides whether a command fits the stream it meets; does nothing else. */
#include "pipeline/merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/book.h"
#include "codec/details.h"

bool
az_merge_fits(AzMerge merge, int64_t expected, int64_t actual)
{
	if (az_merge_needs_replay(merge, expected, actual))
		return true;
	return merge == AZ_MERGE_AGGREGATE_HANDLES || expected == actual;
}

bool
az_merge_needs_replay(AzMerge merge, int64_t expected, int64_t actual)
{
	return merge == AZ_MERGE_COMMUTATIVE && expected < actual;
}

bool
az_merge_may_repeat(AzMerge merge)
{
	return merge == AZ_MERGE_AGGREGATE_HANDLES ||
		merge == AZ_MERGE_COMMUTATIVE;
}

bool
az_merge_refuse(const AzConflict *conflict, AzArena *arena, AzError *error)
{
	char		root[AZ_UUID_TEXT_SIZE];
	char		expects[24];
	char		is_at[24];
	bool		is_manual = conflict->merge == AZ_MERGE_MANUAL;
	const char *const pairs[][2] = {
		{"domain", conflict->aggregate.domain}, {"root", root},
		{"expected", expects}, {"actual", is_at},
		{"fields", conflict->fields}
	};
	bool		is_overlap = conflict->fields != NULL;
	AzErrorInfo info = {
		.reason = is_overlap ? "FIELD_OVERLAP" : "SEQUENCE_MISMATCH",
		.n_pairs = is_overlap ? 5 : 4,
		.pairs = pairs,
		.retryable = !is_manual,
		.book = conflict->book,
		.max_bytes = conflict->max_details
	};

	az_uuid_text(conflict->aggregate.root, root);
	snprintf(expects, sizeof(expects), "%" PRId64, conflict->expected);
	snprintf(is_at, sizeof(is_at), "%" PRId64, conflict->actual);
	az_error_set(error, arena, is_manual ? AZ_ABORTED : AZ_FAILED_PRECONDITION,
				 "Sequence mismatch: command expects %s, aggregate is at %s%s%s",
				 expects, is_at, is_overlap ? "; both changed fields " : "",
				 is_overlap ? conflict->fields : "");
	memcpy(error->sqlstate, AZ_SQLSTATE_SEQUENCE_MISMATCH, 6);
	az_details_add(error, &info, arena);
	return false;
}
