/*
 * What a saga or a process manager emits: its commands and facts get the
 * headers that make them one with their trigger (contract section 8).
 */
#ifndef AZ_PIPELINE_EMIT_H
#define AZ_PIPELINE_EMIT_H

#include "pipeline/delivery.h"
#include "pipeline/terms.h"

/* An answer's commands and facts, and where they come from; all borrowed. */
typedef struct AzEmission
{
	const AzComponent *component;
	const AzBook *trigger;		/* one event */
	PbCover    *source;			/* the trigger's whole cover */
	const AzHandback *handback; /* what a process manager answers to, if it is
								 * no event */
	PbCommandBook **commands;
	size_t		n_commands;
	PbEventBook **facts;
	size_t		n_facts;
} AzEmission;

/* "saga", "process manager", for messages to people. */
extern const char *az_emit_kind(const AzComponent *component);

/*
 * Stamps them in place: edition and, where empty, correlation id of the
 * trigger; deferred headers, but where a command says a sequence; then checks
 * them as a client's would be.  INTERNAL naming the one that is at fault,
 * NOT_FOUND when nobody has registered the domain it is for: nothing of the
 * answer may be executed then.
 */
extern bool az_emit_stamp(const AzEmission *emission, const AzJobs *jobs,
						  AzArena *arena, AzError *error);

/* Where something at a place of an answer comes from; NULL: no memory. */
extern PbAngzarrDeferredSequence *az_emit_provenance(const AzEmission *emission,
													 size_t index,
													 AzArena *arena);

/*
 * What a stamped one (commands first, then facts) has beyond its message: a
 * key of its own, the trigger as cause, one more depth than that.  False when
 * memory is out.
 */
extern bool az_emit_origin(const AzEmission *emission, size_t effect,
						   AzOrigin *origin, AzArena *arena, AzError *error);

#endif
