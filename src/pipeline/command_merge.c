/*
 * The part of the pipeline of a command that says whether a stale one holds
 * all the same (contract section 5, Merge strategies).
 */
#include "pipeline/command_job.h"

/* Only the events of a stale command are compared before they go on. */
AzStepResult
az_command_load_expected(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzReplay	replay = {
		.target = &command->writer.target,
		.merge = command->writer.terms.merge,
		.now = &command->writer.load.book,
		.history = command->writer.history,
		.expected = command->writer.terms.expected,
		.events = command->writer.events,
		.count = command->writer.n_events
	};

	command->replay = replay;
	return az_replay_load(&command->replay, job);
}

AzStepResult
az_command_take_expected(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzStepResult result = az_replay_loaded(&command->replay, job);

	return command->replay.is_refused ? az_command_refuse(command) : result;
}

AzStepResult
az_command_upcast_expected(AzJob *job)
{
	return az_replay_upcast(&((AzCommandJob *) job)->replay, job);
}

AzStepResult
az_command_take_upcast_expected(AzJob *job)
{
	return az_replay_upcasted(&((AzCommandJob *) job)->replay, job);
}

AzStepResult
az_command_call_replay(AzJob *job)
{
	return az_replay_call(&((AzCommandJob *) job)->replay, job);
}

AzStepResult
az_command_take_state(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzStepResult result = az_replay_answered(&command->replay, job);

	return command->replay.is_refused ? az_command_refuse(command) : result;
}

AzStepResult
az_command_refuse(AzCommandJob *command)
{
	const AzConflict conflict = {
		.aggregate = command->writer.target.aggregate,
		.merge = command->writer.terms.merge,
		.expected = command->writer.terms.expected,
		.actual = command->writer.load.book.next_sequence,
		.fields = command->replay.overlap,
		.max_details = command->writer.job.jobs->settings.max_status_details
	};

	return az_refusal_make(&command->refusal, &command->writer.job, &conflict,
						   &command->writer.load.book);
}
