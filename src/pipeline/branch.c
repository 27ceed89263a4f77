/* Where a stream of an edition begins. */
#include "pipeline/branch.h"

#include <inttypes.h>

#include "codec/book.h"

AzStepResult
az_branch_find(AzBranch *branch, const AzTarget *target, AzJob *job)
{
	branch->is_begun = false;
	branch->is_edition = target->aggregate.edition[0] != '\0';
	if (!branch->is_edition)
		return AZ_STEP_NEXT;
	branch->look.aggregate = target->aggregate;
	return az_job_wish(job, &branch->look.wish, &az_branch_kind);
}

AzStepResult
az_branch_found(AzBranch *branch, const AzTarget *target, AzJob *job)
{
	const AzBranchWish *look = &branch->look;
	const AzAggregate *said = &target->aggregate;

	if (look->wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = look->wish.error;
		return AZ_STEP_FAILED;
	}
	if (look->is_own || !look->has_fixed || !said->has_divergence ||
		said->divergence == look->fixed)
		return AZ_STEP_NEXT;
	az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
				 "edition \"%s\" of domain \"%s\" was created to diverge at sequence %" PRId64 ", the cover of %s says %" PRId64,
				 said->edition, said->domain, look->fixed,
				 az_aggregate_text(said, job->arena), said->divergence);
	return AZ_STEP_FAILED;
}

void
az_branch_begin(AzBranch *branch, int64_t sequence, AzAggregate *aggregate)
{
	const AzBranchWish *look = &branch->look;

	branch->is_begun = az_branch_is_new(branch) && !look->has_fixed &&
		!aggregate->has_divergence &&
		sequence <= look->next_sequence;
	if (!branch->is_begun)
		return;
	aggregate->has_divergence = true;
	aggregate->divergence = sequence;
}

bool
az_branch_is_new(const AzBranch *branch)
{
	return branch->is_edition && !branch->look.is_own;
}

bool
az_branch_is_lost(const AzBranch *branch, const AzLoadWish *load)
{
	return branch->is_begun && load->wish.outcome == AZ_WISH_FAILED &&
		load->wish.error.code == AZ_FAILED_PRECONDITION;
}
