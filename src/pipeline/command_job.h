/*
 * What a job of a command knows; shared by the files of its pipeline alone.
 */
#ifndef AZ_PIPELINE_COMMAND_JOB_H
#define AZ_PIPELINE_COMMAND_JOB_H

#include "pipeline/branch.h"
#include "pipeline/command.h"
#include "pipeline/commit.h"
#include "pipeline/recall.h"
#include "pipeline/refusal.h"
#include "pipeline/repeat.h"
#include "pipeline/replay.h"
#include "pipeline/upcast.h"

struct AzCommandJob
{
	AzJob		job;			/* must come first */
	PbCommandRequest *request;
	const AzOrigin *origin;		/* NULL: a client's */
	AzTarget	target;
	AzTerms		terms;

	AzRepeat	repeat;
	AzBranch	branch;
	AzLoadWish	load;
	AzRecall	recall;			/* of its book */
	PbEventBook *history;		/* as business logic is given it */
	AzUpcast	upcast;
	bool		was_overtaken;	/* and is not to be decided anew */
	AzRefusal	refusal;
	AzEvent    *events;
	size_t		n_events;
	const AzSnapshot *snapshot;
	AzReplay	replay;
	AzCommit	commit;
	AzAftermath aftermath;
	AzBook		book;			/* of the new events */
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
