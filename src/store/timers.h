/*
 * Timers of process managers: when which process wants to be woken (contract
 * section 12).
 *
 * A timer is known by the event that set it.  Once the process manager has
 * answered to its elapsing it is "handled": it stays, whatever its process
 * does meanwhile, until all that was answered is done.
 */
#ifndef AZ_STORE_TIMERS_H
#define AZ_STORE_TIMERS_H

#include "codec/event.h"
#include "store/wish.h"

#define AZ_TIMER_NEVER INT64_MIN	/* cancelled */

/* What an event of a process says of a timer, or that one is handled. */
typedef struct AzTimerRow
{
	const char *component;		/* the process manager */
	AzAggregate process;
	const char *name;
	int64_t		due_us;			/* since 1970 UTC, or AZ_TIMER_NEVER */
	AzBytes		payload;		/* encoded Any, or empty */
	int64_t		sequence;		/* of that event */
	bool		is_handled;
} AzTimerRow;

/* A timer that elapses, with what else is to be known of its event. */
typedef struct AzTimerEntry
{
	size_t		component;		/* which of those asked for */
	AzTimerRow	row;			/* "process" with its divergence */
	const char *correlation_id;
	AzBytes		ext;
	int32_t		depth;
} AzTimerEntry;

/* Whether a timer still stands, neither moved nor cancelled. */
typedef struct AzTimerWish
{
	AzWish		wish;			/* must come first */
	const AzTimerRow *row;		/* its component, process and sequence */
	bool		stands;			/* the result */
} AzTimerWish;

extern const AzWishKind az_timer_kind;

/*
 * All in the open transaction; false with the error when it is spoiled, or
 * memory is out.
 */
extern bool az_timers_keep(AzDb *db, const AzTimerRow *const *rows,
						   size_t count, AzArena *scratch, AzError *error);

/* Forgets those with these processes and sequences. */
extern bool az_timers_drop(AzDb *db, const AzTimerRow *const *rows,
						   size_t count, AzArena *scratch, AzError *error);

/*
 * Of each process manager at most "most", those that elapse first, also what
 * is not due yet; texts and bytes are in "scratch".
 */
extern bool az_timers_due(AzDb *db, const char *const *components,
						  const int *most, size_t count,
						  AzTimerEntry **entries, size_t *n_entries,
						  AzArena *scratch, AzError *error);

#endif
