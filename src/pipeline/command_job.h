/*
 * What a job of a command knows; shared by the files of its pipeline alone.
 */
#ifndef AZ_PIPELINE_COMMAND_JOB_H
#define AZ_PIPELINE_COMMAND_JOB_H

#include "pipeline/command.h"
#include "pipeline/recall.h"
#include "pipeline/refusal.h"
#include "pipeline/replay.h"
#include "pipeline/writer.h"

struct AzCommandJob
{
	AzWriter	writer;			/* must come first */
	PbCommandRequest *request;
	AzRecall	recall;			/* of the loaded book */
	bool		was_overtaken;	/* and is not to be decided anew */
	AzRefusal	refusal;
	AzReplay	replay;
	PbCommandResponse response;
};

/* Refuses it with the aggregate as it is: pipeline/refusal.h. */
extern AzStepResult az_command_refuse(AzCommandJob *command);

/* Steps: only the events of a stale command are compared before they go on. */
extern AzStepResult az_command_load_expected(AzJob *job);
extern AzStepResult az_command_take_expected(AzJob *job);
extern AzStepResult az_command_upcast_expected(AzJob *job);
extern AzStepResult az_command_take_upcast_expected(AzJob *job);
extern AzStepResult az_command_call_replay(AzJob *job);
extern AzStepResult az_command_take_state(AzJob *job);

#endif
