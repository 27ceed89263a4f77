/*
 * Reserving deliveries: a request that waits for what its events cause
 * delivers them itself, each component's in its turn.
 */
#ifndef AZ_STORE_RESERVE_H
#define AZ_STORE_RESERVE_H

#include "codec/event.h"
#include "store/wish.h"

/* Events of one stream for one component; texts must stay. */
typedef struct AzReservation
{
	const char *component;
	AzAggregate aggregate;
	int64_t		first;			/* sequences */
	int64_t		last;
	int64_t		until_us;		/* wall clock: then it is the engine's again */
	bool		is_reserved;	/* result */
} AzReservation;

/* In the open transaction, behind the append of the events. */
extern bool az_reserve(AzDb *db, AzReservation *const *reservations,
					   size_t count, AzArena *scratch, AzError *error);

/* Whether it is the turn of these events. */
typedef struct AzTurnWish
{
	AzWish		wish;			/* must come first */
	const AzReservation *reservation;
	int64_t		previous_position;	/* result: of the event before; 0 = none */
	bool		is_pending;		/* result: as far as the tables know,
								 * something before is to be delivered */
} AzTurnWish;

extern const AzWishKind az_turn_kind;

/* Ends many reservations: delivered, or left to the engine. */
typedef struct AzReservedEndWish
{
	AzWish		wish;			/* must come first */
	const AzReservation *reservation;
	int64_t		first;			/* of its events, those from here */
	int64_t		last;			/* to here */
	bool		is_done;
} AzReservedEndWish;

extern const AzWishKind az_reserved_end_kind;

#endif
