/*
 * The streams of a window and their items, for engine/window.c alone.
 *
 * A stream is made with its first item and dropped when nothing of it is left.
 */
#ifndef AZ_ENGINE_STREAMS_H
#define AZ_ENGINE_STREAMS_H

#include "engine/window.h"

typedef enum AzItemState
{
	AZ_ITEM_OPEN,
	AZ_ITEM_RUNNING,
	AZ_ITEM_DONE
} AzItemState;

struct AzItem
{
	AzArena    *arena;			/* holds the item */
	AzAggregate aggregate;
	AzEvent		event;
	int64_t		position;
	AzStream   *stream;			/* may be gone once the item is settled */
	AzItemState state;
	int			attempts;		/* failed ones, of this stage */
	int			stage;
	int64_t		due_us;			/* not before; by the wall clock */
	const char *message;		/* of the last failure, or NULL */
	bool		is_kept;		/* it has a row, behind the cursor */
	bool		is_changed;		/* its row shall say more */
	bool		is_leaving;		/* it is being set aside */
	bool		is_reserved;	/* a request is at it, says its row */
	AzItem	   *previous;		/* in the order of the log, or to be forgotten */
	AzItem	   *next;
	AzItem	   *queue_previous; /* of its stream */
	AzItem	   *queue_next;
};

/* Where a stream is. */
typedef enum AzPlace
{
	AZ_PLACE_NONE,				/* running */
	AZ_PLACE_READY,
	AZ_PLACE_WAITING,			/* for another attempt */
	AZ_PLACE_HELD,				/* what is next of it is in the table alone */
	AZ_PLACES
} AzPlace;

struct AzStream
{
	AzArena    *arena;			/* holds the stream */
	AzBytes		key;
	AzAggregate aggregate;
	AzItem	   *queue;
	bool		is_running;
	bool		is_held;		/* the table may have more of it */
	int64_t		alone_to;		/* up to this position one by one: the parcel
								 * that held it failed */
	int64_t		held_due_us;
	AzPlace		place;
	AzStream   *previous;		/* in its place */
	AzStream   *next;
};

typedef struct AzStreams
{
	AzMap	   *by_key;			/* of its aggregate */
	AzStream   *places[AZ_PLACES];
} AzStreams;

/* False when memory is out. */
extern bool az_streams_init(AzStreams *streams);

/* With the items that were read from the table; all others are a log's. */
extern void az_streams_free(AzStreams *streams);

/* A copy of an event, with its stream; in no list.  NULL: memory is out. */
extern AzItem *az_streams_take(AzStreams *streams,
							   const AzLogDelivery *event);
extern void az_streams_free_item(AzItem *item);

/* The stream, made where there is none; NULL when memory is out. */
extern AzStream *az_streams_find(AzStreams *streams,
								 const AzAggregate *aggregate);

/* Where it belongs now; a stream of which nothing is left is dropped. */
extern void az_streams_put(AzStreams *streams, AzStream *stream,
						   int64_t now_us);

/* Makes those ready whose time has come. */
extern void az_streams_wake(AzStreams *streams, int64_t now_us);

/* Whether what is next of it was read from the table. */
extern bool az_streams_has_kept_head(const AzStream *stream);

/* The next events of it, which are running then; false: memory is out. */
extern bool az_streams_fill_parcel(AzStream *stream, size_t max_batch,
								   AzParcel *parcel);

#endif
