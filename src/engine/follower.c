/*
 * The follower: reads the log behind its horizon for all who follow it.
 *
 * Its cursor is for this process only: it begins at the horizon when the
 * first reader comes, and is forgotten when the last one has gone.
 */
#include "engine/follower.h"

#include <string.h>

#define AT_REST (-1)
#define MAX_PAUSE_MS 250
#define US_PER_MS INT64_C(1000)

/*
 * One batch, so that a turn stays short: so many events, about so many bytes,
 * and no more positions than that are gone through where few are events to
 * be told.
 */
#define MAX_EVENTS 1000
#define MAX_BYTES (1024 * 1024)
#define MAX_POSITIONS 10000

static void rest(AzFollower *follower);
static bool look(AzFollower *follower, AzLogBatch *batch,
				 AzLogHorizon *horizon, AzError *error);
static bool read_behind(AzFollower *follower, int64_t horizon,
						AzLogBatch *batch, AzError *error);
static void plan_next(AzFollower *follower, bool has_holders);

bool
az_follower_init(AzFollower *follower, AzDb *db, AzLoop *loop,
				 AzReaders *readers, int64_t poll_us)
{
	memset(follower, 0, sizeof(*follower));
	follower->db = db;
	follower->readers = readers;
	follower->poll_us = poll_us;
	follower->cursor = AT_REST;
	az_schedule_init(&follower->schedule, loop, "read the log");
	follower->scratch = az_arena_create();
	return follower->scratch != NULL;
}

void
az_follower_free(AzFollower *follower)
{
	az_schedule_stop(&follower->schedule);
	az_arena_free(follower->scratch);
	memset(follower, 0, sizeof(*follower));
}

bool
az_follower_wants_turn(const AzFollower *follower)
{
	if (follower->readers->first == NULL)
		return follower->cursor != AT_REST;
	if (follower->schedule.is_due || follower->schedule.has_failed)
		return follower->schedule.is_due;
	return follower->cursor == AT_REST || follower->readers->asked ||
		follower->cursor < follower->horizon ||
		follower->seen != az_db_log_generation(follower->db);
}

void
az_follower_turn(AzFollower *follower)
{
	AzLogBatch	batch = {0};
	AzLogHorizon horizon = {0};
	AzError		error = {0};

	if (!az_follower_wants_turn(follower))
		return;
	if (follower->readers->first == NULL)
	{
		rest(follower);
		return;
	}
	/* Before the look: what is told from now on makes us look again. */
	follower->seen = az_db_log_generation(follower->db);
	follower->schedule.is_due = false;
	if (look(follower, &batch, &horizon, &error))
	{
		follower->schedule.has_failed = false;
		follower->readers->asked = false;
		follower->cursor = batch.up_to;
		follower->horizon = batch.horizon;
		plan_next(follower, horizon.has_holders);
		az_readers_tell(follower->readers, &batch);
	}
	else
		az_schedule_failed(&follower->schedule, &error,
						   MAX_PAUSE_MS * US_PER_MS);
	az_arena_reset(follower->scratch);
}

static void
rest(AzFollower *follower)
{
	az_schedule_stop(&follower->schedule);
	follower->cursor = AT_REST;
	follower->horizon = 0;
	follower->pause_ms = 0;
	follower->schedule.is_due = false;
	follower->schedule.has_failed = false;
	follower->readers->asked = false;
}

/* The horizon, and in a later statement what is behind it. */
static bool
look(AzFollower *follower, AzLogBatch *batch, AzLogHorizon *horizon,
	 AzError *error)
{
	AzDb	   *db = follower->db;
	AzArena    *scratch = follower->scratch;

	return az_db_begin(db, scratch, error) &&
		az_db_end(db, az_follow_horizon(db, horizon, scratch, error) &&
				  read_behind(follower, horizon->position, batch, error),
				  scratch, error);
}

static bool
read_behind(AzFollower *follower, int64_t horizon, AzLogBatch *batch,
			AzError *error)
{
	AzLogRange	range = {
		.after = follower->cursor,
		.up_to = horizon,
		.max_events = MAX_EVENTS,
		.max_bytes = MAX_BYTES,
		.only_correlated = az_readers_only_correlated(follower->readers)
	};

	batch->horizon = horizon;
	batch->up_to = horizon;
	if (follower->cursor == AT_REST || follower->cursor >= horizon ||
		az_readers_only_horizon(follower->readers))
		return true;
	if (range.up_to - range.after > MAX_POSITIONS)
		range.up_to = range.after + MAX_POSITIONS;
	return az_follow_read(follower->db, &range, batch, follower->scratch, error);
}

static void
plan_next(AzFollower *follower, bool has_holders)
{
	int64_t		wait_us = follower->poll_us;

	if (!has_holders)
		follower->pause_ms = 0;
	else if (follower->pause_ms == 0)
		follower->pause_ms = 1;
	else if (follower->pause_ms < MAX_PAUSE_MS / 2)
		follower->pause_ms *= 2;
	else
		follower->pause_ms = MAX_PAUSE_MS;
	if (has_holders && follower->pause_ms * US_PER_MS < wait_us)
		wait_us = follower->pause_ms * US_PER_MS;
	az_schedule_wait(&follower->schedule, wait_us);
}
