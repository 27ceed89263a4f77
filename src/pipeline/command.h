/* The pipeline of a command: contract section 5. */
#ifndef AZ_PIPELINE_COMMAND_H
#define AZ_PIPELINE_COMMAND_H

#include "pipeline/aftermath.h"
#include "pipeline/terms.h"

/*
 * A job that handles one command.  Decode the request into az_job->arena,
 * set "request" (and the job's deadline, metadata, done), start it.  When it
 * is done and error.code is AZ_OK, "response" is the answer.
 */
typedef struct AzCommandJob AzCommandJob;

extern AzCommandJob *az_command_create(AzJobs *jobs, AzError *error);
extern AzJob *az_command_job(AzCommandJob *command);
extern void az_command_set_request(AzCommandJob *command,
								   PbCommandRequest *request);

/* Before it starts: a reaction's command and not a client's; must stay. */
extern void az_command_set_origin(AzCommandJob *command,
								  const AzOrigin *origin);

/* What came of its events, while it waited; of one that is a reaction's. */
extern const AzAftermath *az_command_aftermath(const AzJob *job);
extern const PbCommandResponse *az_command_response(const AzJob *job);

extern const AzPipeline az_command_pipeline;

#endif
