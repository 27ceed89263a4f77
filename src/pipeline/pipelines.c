/* The list of every pipeline there is. */
#include "pipeline/command.h"
#include "pipeline/query.h"

const AzPipeline *const az_pipelines[] = {
	&az_command_pipeline,
	&az_query_pipeline,
	NULL
};
