/* What a replay of a dead letter tells whoever works on it. */
#include "pipeline/replayed.h"

#include <inttypes.h>

/* In gRPC metadata and in AngzarrDeadLetter.metadata; no client's travels. */
static const char *const names[AZ_REPLAYED_FIELDS] = {
	"replayed_from_dlq_id", "original_correlation_id"
};

bool
az_replayed_add(AzJob *job, int64_t id, const char *correlation_id)
{
	const char *number = az_arena_format(job->arena, "%" PRId64, id);

	if (number != NULL &&
		az_metadata_add(&job->metadata, job->arena, az_bytes_of(names[0]),
						az_bytes_of(number)) &&
		az_metadata_add(&job->metadata, job->arena, az_bytes_of(names[1]),
						az_bytes_of(correlation_id)))
		return true;
	return az_error_out_of_memory(&job->error);
}

size_t
az_replayed_tell(const AzJob *job, const char *fields[AZ_REPLAYED_FIELDS][2])
{
	for (int i = 0; i < AZ_REPLAYED_FIELDS; i++)
	{
		fields[i][0] = names[i];
		fields[i][1] = az_metadata_get(&job->metadata, names[i]);
		if (fields[i][1] == NULL)
			return 0;
	}
	return AZ_REPLAYED_FIELDS;
}
