/*
 * Whether a stale command can be merged: business logic folds the events
 * three times, and we compare what came of them (contract section 5).
 */
#ifndef AZ_PIPELINE_REPLAY_H
#define AZ_PIPELINE_REPLAY_H

#include "codec/fields.h"
#include "pipeline/merge.h"
#include "pipeline/target.h"
#include "pipeline/upcast.h"
#include "store/load.h"

typedef struct AzReplay
{
	/* To be filled. */
	const AzTarget *target;
	AzMerge		merge;
	const AzBook *now;			/* the history as it was loaded */
	PbEventBook *history;		/* the same as business logic was given it */
	int64_t		expected;
	const AzEvent *events;		/* what the command would append */
	size_t		count;

	/* A step that FAILED without job->error: the mismatch stands. */
	bool		is_refused;
	const char *overlap;		/* fields that both sides changed, or NULL */

	/* Its own; all zeros at first. */
	AzLoadWish	load;
	AzBook		then;			/* the history that was expected */
	bool		was_loaded;		/* it is no piece of now */
	PbEventBook *before;		/* it, as business logic is given it */
	AzUpcast	upcast;
	AzState		states[3];		/* then, now, after the command */
	int			n_states;
} AzReplay;

/*
 * A local step: finds what was expected.  NEXT at once when it is at hand, or
 * when there is nothing to compare: no events, or not stale, or not
 * COMMUTATIVE; the calls are left out then too.
 */
extern AzStepResult az_replay_load(AzReplay *replay, AzJob *job);
extern AzStepResult az_replay_loaded(AzReplay *replay, AzJob *job);

/*
 * A remote step: what had to be loaded is upcast, as the history was.  NEXT
 * at once when nothing had to be.  New events are never upcast.
 */
extern AzStepResult az_replay_upcast(AzReplay *replay, AzJob *job);
extern AzStepResult az_replay_upcasted(AzReplay *replay, AzJob *job);

/*
 * A remote step, to be in the table three times: one call of Replay each;
 * NEXT of the third one: the command may be appended.  Refused when Replay is
 * UNIMPLEMENTED or when fields overlap.  Any other status goes on to the
 * caller with a message that names Replay; a state that does not decode is
 * INTERNAL.
 */
extern AzStepResult az_replay_call(AzReplay *replay, AzJob *job);
extern AzStepResult az_replay_answered(AzReplay *replay, AzJob *job);

#endif
