/*
 * Tells who listens on channel "angzarr" that the log has moved.
 *
 * Looks when a session said that a transaction which drew positions has
 * ended, but at most once an interval; while such transactions are open again
 * after 1, 2, 4 ... 250 ms, for not every end is told.  Else it rests.
 *
 * Of several workers the one that leads does this.  No lock is needed: when
 * another one takes over, one message too many may be sent, which says
 * nothing wrong, and the first look of a worker always ends in a message.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "commands/async.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/guc.h"
#include "pg/horizon.h"
#include "pg/notify.h"
#include "pg/slot_own.h"
#include "pg/spi_db.h"

#define CHANNEL "angzarr"
#define MAX_PAUSE_MS 250

/* What one look found. */
typedef struct AzLook
{
	int64		horizon;
	bool		has_holders;
} AzLook;

static TimestampTz looked_at;	/* 0 = never */
static TimestampTz due_at;		/* of the next look; 0 = when woken */
static long pause_ms;			/* before the next look; 0 = nobody is open */
static uint64 seen;				/* generation of the log, before that look */
static int64 told = -1;			/* the horizon; at the start listeners may
								 * have missed a word, so they get one */

static TimestampTz not_before(TimestampTz now);
static void look(void *arg);
static void tell(void *arg);
static void plan_next(const AzLook *found, bool failed);

void
az_notify_turn(void)
{
	AzLook		found = {0};
	TimestampTz now;
	bool		has_moved = az_slot_own_has_moved(seen);
	bool		done;

	if (!az_slot_own_leads())
		return;
	if (looked_at != 0 && due_at == 0 && !has_moved)
		return;
	now = GetCurrentTimestamp();
	if (has_moved && (due_at == 0 || due_at > not_before(now)))
		due_at = not_before(now);
	if (now < due_at)
		return;

	looked_at = now;
	seen = az_slot_own_log_generation();
	done = az_spi_db_try("look at log", look, &found);
	if (done && found.horizon != told)
	{
		done = az_spi_db_try("tell listeners", tell, NULL);
		if (done)
			told = found.horizon;
	}
	plan_next(&found, !done);
}

long
az_notify_timeout_ms(void)
{
	if (due_at == 0 || !az_slot_own_leads())
		return -1;
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), due_at);
}

/* The interval is between looks, so it is between messages as well. */
static TimestampTz
not_before(TimestampTz now)
{
	TimestampTz earliest = TimestampTzPlusMilliseconds(looked_at,
													   az_guc_notify_interval_ms);

	return Max(now, earliest);
}

static void
look(void *arg)
{
	AzLook	   *found = arg;
	Oid			schema = get_namespace_oid("angzarr", true);
	Oid			sequence = InvalidOid;

	if (OidIsValid(schema))
		sequence = get_relname_relid("events_position_seq", schema);
	if (!OidIsValid(sequence))
		return;

	/* Before looking, so that whoever ends after it tells. */
	az_slot_own_watch(sequence);
	{
		const AzHorizon *horizon = az_horizon_turn(sequence);

		found->horizon = horizon->position;
		found->has_holders = horizon->count > 0;
	}
	az_slot_own_settle(found->horizon);
}

/* Without a payload: positions to remember are those of events. */
static void
tell(void *arg)
{
	Async_Notify(CHANNEL, "");
}

static void
plan_next(const AzLook *found, bool failed)
{
	if (failed)
		pause_ms = MAX_PAUSE_MS;
	else if (found->has_holders)
		pause_ms = Min(Max(pause_ms * 2, 1), MAX_PAUSE_MS);
	else
		pause_ms = 0;
	due_at = 0;
	if (pause_ms > 0)
		due_at = Max(TimestampTzPlusMilliseconds(looked_at, pause_ms),
					 not_before(looked_at));
}
