/*
 * Delivering the log to components: who delivers, what is next for each, and
 * how far it has come.  All in the open transaction; false with the error
 * when it is spoiled, or memory is out.
 */
#ifndef AZ_STORE_DELIVERIES_H
#define AZ_STORE_DELIVERIES_H

#include "store/follow.h"

/* How far a component has come. */
typedef struct AzSubscriptionState
{
	bool		exists;			/* else it has none */
	bool		is_paused;
	int32_t		epoch;			/* rises when somebody sets it back */
	int64_t		position;
} AzSubscriptionState;

/* A stream behind a cursor, of which something waits. */
typedef struct AzHeldStream
{
	size_t		component;		/* which of those asked for */
	AzAggregate aggregate;
	bool		is_reserved;	/* a request is at it */
	int64_t		due_us;			/* by the wall clock */
} AzHeldStream;

typedef enum AzDeliveryState
{
	AZ_DELIVERY_NEW,
	AZ_DELIVERY_DONE,			/* nothing to deliver */
	AZ_DELIVERY_RESERVED,
	AZ_DELIVERY_WAITING,
	AZ_DELIVERY_PARKED
} AzDeliveryState;

/* An event for a component. */
typedef struct AzLogDelivery
{
	size_t		component;		/* which of those asked for */
	AzAggregate aggregate;		/* with the divergence of its edition */
	AzEvent		event;			/* without payload when DONE */
	int64_t		position;
	AzDeliveryState state;
	int			attempts;		/* made so far */
	int64_t		due_us;			/* by the wall clock; 0 = at once */
} AzLogDelivery;

/* What to read for a component. */
typedef struct AzDeliveryRange
{
	const char *component;
	int64_t		after;
	int64_t		up_to;			/* at most the horizon */
	int32_t		max_events;		/* 1 or more */
	int64_t		max_bytes;		/* of payload; one event is always read */
	int64_t		read_to;		/* result: all up to here was read */
} AzDeliveryRange;

/* Where a component's cursor shall be. */
typedef struct AzCursorRow
{
	const char *component;
	int32_t		epoch;
	int64_t		position;
	const char *status;			/* NULL = as it is */
	int			failures;
	const char *last_error;		/* or NULL */
	bool		was_written;	/* result; not: set back, or unregistered */
} AzCursorRow;

/* What is to be known of an event behind a cursor. */
typedef struct AzExceptionRow
{
	const char *component;
	int32_t		epoch;
	int64_t		position;
	AzAggregate aggregate;
	const char *state;			/* NULL = to be forgotten */
	int			attempts;
	int64_t		due_us;			/* by the wall clock; 0 = none */
	const char *last_error;		/* or NULL */
} AzExceptionRow;

/* "taken" says of each whether this process has its lease from now on. */
extern bool az_deliveries_take(AzDb *db, const char *const *components,
							   size_t count, bool *taken, AzArena *scratch,
							   AzError *error);
extern bool az_deliveries_drop(AzDb *db, const char *const *components,
							   size_t count, AzArena *scratch,
							   AzError *error);
extern bool az_deliveries_states(AzDb *db, const char *const *components,
								 size_t count, AzSubscriptionState *states,
								 AzArena *scratch, AzError *error);
extern bool az_deliveries_held(AzDb *db, const char *const *components,
							   size_t count, AzHeldStream **streams,
							   size_t *n_streams, AzArena *scratch,
							   AzError *error);

/* In order of position for each component; what was read is durable. */
extern bool az_deliveries_read(AzDb *db, AzDeliveryRange *ranges,
							   size_t count, AzLogDelivery **deliveries,
							   size_t *n_deliveries, AzArena *scratch,
							   AzError *error);

/*
 * Of each stream, of the component beside it, what is next behind the cursor;
 * "component" of what is found is its number here.
 */
extern bool az_deliveries_read_held(AzDb *db, const char *const *components,
									const AzAggregate *streams, size_t count,
									AzLogDelivery **deliveries,
									size_t *n_deliveries, AzArena *scratch,
									AzError *error);

/* First the cursors, then the rows, of those whose epoch is as said. */
extern bool az_deliveries_write(AzDb *db, AzCursorRow *cursors,
								size_t n_cursors, const AzExceptionRow *rows,
								size_t n_rows, AzArena *scratch,
								AzError *error);

#endif
