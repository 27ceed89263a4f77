/*
 * A window on the log for one component: the events it is next to be given,
 * in order for each stream, and how far all of it is settled.
 *
 * Pure: it knows no database and starts no job; engine/subscriptions.c moves
 * it.  An event that fails holds back its own stream only: when the cursor
 * is to pass it, it is kept in the table of exceptions, as is what comes
 * behind it, and the stream is "held" until the table has no more of it.
 */
#ifndef AZ_ENGINE_WINDOW_H
#define AZ_ENGINE_WINDOW_H

#include "base/map.h"
#include "store/deliveries.h"

typedef struct AzWindow AzWindow;
typedef struct AzStream AzStream;
typedef struct AzItem AzItem;

/* Its limits, which can change at any time. */
typedef struct AzWindowLimits
{
	size_t		max_items;		/* in it */
	size_t		max_running;	/* streams at a time */
	size_t		max_batch;		/* events given at a time; 1 for sagas */
} AzWindowLimits;

/* Events of one stream, to be given together. */
typedef struct AzParcel
{
	AzStream   *stream;
	AzBook		trigger;		/* good until it is finished */
	int			attempt;		/* 1 = first, of the stage */
	int			stage;			/* that failed last */
	AzEvent    *events;			/* of the trigger */
	AzArena    *arena;			/* of all that */
} AzParcel;

/* How a parcel ended. */
typedef enum AzParcelEnd
{
	AZ_PARCEL_SETTLED,
	AZ_PARCEL_FAILED,			/* try again after a while */
	AZ_PARCEL_SPLIT,			/* try again at once, one by one */
	AZ_PARCEL_UNTRIED			/* as if it had not been begun */
} AzParcelEnd;

/* NULL when memory is out. */
extern AzWindow *az_window_create(const AzWindowLimits *limits,
								  int64_t cursor);

/* Parcels under way are forgotten: their jobs must be gone. */
extern void az_window_free(AzWindow *window);
extern void az_window_set_limits(AzWindow *window,
								 const AzWindowLimits *limits);

/* How many more events it takes now. */
extern size_t az_window_room(const AzWindow *window);

/* The next events of the log, which is read up to "read_to". */
extern bool az_window_add(AzWindow *window, const AzLogDelivery *events,
						  size_t count, int64_t read_to, int64_t now_us);
extern int64_t az_window_read_to(const AzWindow *window);

/* What was written last. */
extern int64_t az_window_cursor(const AzWindow *window);

/* A stream of which something waits in the table; due by the wall clock. */
extern bool az_window_hold(AzWindow *window, const AzAggregate *aggregate,
						   bool is_reserved, int64_t due_us);

/*
 * Held streams whose next event is to be read from the table: up to "max" of
 * them into "streams"; returns how many.
 */
extern size_t az_window_wants(const AzWindow *window, int64_t now_us,
							  AzStream **streams, size_t max);
extern const AzAggregate *az_window_aggregate(const AzStream *stream);

/* What was found: NULL when the table has no more of the stream. */
extern bool az_window_found(AzWindow *window, AzStream *stream,
							const AzLogDelivery *found, int64_t now_us);

/*
 * The next parcel that may be given now; false when there is none, or memory
 * is out.  Its stream is running until it is finished.
 */
extern bool az_window_next(AzWindow *window, int64_t now_us,
						   AzParcel *parcel);

/*
 * It ended.  FAILED: again at "due_us" (wall clock), "stage" is where it
 * failed, "message" how.
 */
extern void az_window_finish(AzWindow *window, AzParcel *parcel,
							 AzParcelEnd end, int stage, int64_t due_us,
							 const char *message);

/*
 * What is to be written: the new cursor, and the rows for the table, whose
 * component and epoch are left alone.  Texts are good until az_window_written.
 * False when memory is out.
 */
extern bool az_window_settle(AzWindow *window, int64_t *cursor,
							 AzExceptionRow **rows, size_t *n_rows,
							 AzArena *arena);

/* It is written: what was set aside is dropped from memory. */
extern void az_window_written(AzWindow *window);

/* Whether the cursor could be moved, or rows be written. */
extern bool az_window_has_news(const AzWindow *window);

/* Whether something that was read from the table is settled: write soon. */
extern bool az_window_is_urgent(const AzWindow *window);

/* When something is due next, by the wall clock; INT64_MAX = never. */
extern int64_t az_window_due_us(const AzWindow *window);

extern size_t az_window_running(const AzWindow *window);

/*
 * Whether all of a stream up to a position is settled; false also when that
 * is for the table to say.
 */
extern bool az_window_is_settled(const AzWindow *window,
								 const AzAggregate *aggregate,
								 int64_t position, AzArena *scratch);

/* Whether nothing waits, runs or is held. */
extern bool az_window_is_idle(const AzWindow *window);

#endif
