/*
 * The outbox: a source of jobs, one for each attempt to deliver.
 *
 * A row that is being delivered is left out of the next look, by its id; when
 * the attempt is over it is closed or put off, and the next look sees it as
 * it is then.
 */
#include "engine/outbox.h"

#include <string.h>

#include "base/clock.h"
#include "pipeline/obligation.h"
#include "store/deliveries.h"
#include "store/outbox.h"

/* Its lease is kept beside those of components; none can have this name. */
#define LEASE ":outbox"
#define RETRY_US 1000000		/* after the database failed */

static bool wants_lease(const AzOutbox *outbox);
static bool take_lease(AzOutbox *outbox, AzError *error);
static bool in_transaction(AzOutbox *outbox, AzOutboxPage *page,
						   AzError *error);
static bool look(AzOutbox *outbox, AzOutboxPage *page, AzError *error);
static void start_due(AzOutbox *outbox, const AzOutboxPage *page);
static bool start(AzOutbox *outbox, const AzOutboxEntry *entry,
				  AzError *error);
static void attempt_done(AzJob *job);

bool
az_outbox_init(AzOutbox *outbox, AzDb *db, AzJobs *jobs, int64_t poll_us)
{
	memset(outbox, 0, sizeof(*outbox));
	outbox->db = db;
	outbox->jobs = jobs;
	outbox->poll_us = poll_us;
	az_schedule_init(&outbox->schedule, jobs->loop, "work on the outbox");
	outbox->schedule.is_due = true;
	outbox->scratch = az_arena_create();
	return outbox->scratch != NULL;
}

void
az_outbox_free(AzOutbox *outbox)
{
	if (outbox->jobs != NULL)
		az_outbox_stop(outbox);
	az_arena_free(outbox->scratch);
	memset(outbox, 0, sizeof(*outbox));
}

void
az_outbox_stop(AzOutbox *outbox)
{
	outbox->is_stopped = true;
	az_schedule_stop(&outbox->schedule);
	while (outbox->n_running > 0)
		az_job_cancel(outbox->running[--outbox->n_running]);
}

/* A lease is the session's: whoever ends gives it back, however it ends. */
bool
az_outbox_may_run(const AzOutbox *outbox)
{
	return !outbox->is_stopped && outbox->has_lease;
}

/* Before the components are read nobody could be found to deliver to. */
bool
az_outbox_wants_turn(const AzOutbox *outbox)
{
	if (outbox->is_stopped ||
		!az_catalog_was_read(outbox->jobs->catalog) ||
		outbox->n_running == AZ_OUTBOX_BUSY)
		return false;
	if (!outbox->has_lease)
		return wants_lease(outbox);
	return outbox->schedule.is_due ||
		(outbox->jobs->outbox_news && !outbox->schedule.has_failed);
}

/* It may be free since the components were last read. */
static bool
wants_lease(const AzOutbox *outbox)
{
	return outbox->schedule.has_failed ? outbox->schedule.is_due :
		outbox->lease_version != az_catalog_version(outbox->jobs->catalog);
}

void
az_outbox_turn(AzOutbox *outbox)
{
	AzOutboxPage page = {
		.busy = outbox->ids,
		.n_busy = outbox->n_running,
		.most = AZ_OUTBOX_BUSY - (int) outbox->n_running
	};
	AzError		error = {0};

	if (!az_outbox_wants_turn(outbox))
		return;
	/* Before the look: what is recorded from now on makes us look again. */
	outbox->jobs->outbox_news = false;
	outbox->schedule.is_due = false;
	if (look(outbox, &page, &error))
	{
		outbox->schedule.has_failed = false;
		if (outbox->has_lease)
			start_due(outbox, &page);
	}
	else
		az_schedule_failed(&outbox->schedule, &error, RETRY_US);
	az_arena_reset(outbox->scratch);
}

static bool
look(AzOutbox *outbox, AzOutboxPage *page, AzError *error)
{
	return az_db_begin(outbox->db, outbox->scratch, error) &&
		az_db_end(outbox->db, in_transaction(outbox, page, error),
				  outbox->scratch, error);
}

static bool
in_transaction(AzOutbox *outbox, AzOutboxPage *page, AzError *error)
{
	if (!outbox->has_lease && !take_lease(outbox, error))
		return false;
	return !outbox->has_lease ||
		az_outbox_read(outbox->db, page, outbox->scratch, error);
}

/* True with or without it; it stays even if the transaction does not. */
static bool
take_lease(AzOutbox *outbox, AzError *error)
{
	const char *name = LEASE;

	if (!az_deliveries_take(outbox->db, &name, 1, &outbox->has_lease,
							outbox->scratch, error))
		return false;
	outbox->lease_version = az_catalog_version(outbox->jobs->catalog);
	return true;
}

static void
start_due(AzOutbox *outbox, const AzOutboxPage *page)
{
	int64_t		now_us = az_clock_wall_us();
	int64_t		wait_us = outbox->poll_us;

	for (size_t i = 0; i < page->count; i++)
	{
		const AzOutboxEntry *entry = &page->entries[i];
		AzError		error = {0};

		if (entry->next_attempt_us > now_us)
		{
			if (entry->next_attempt_us - now_us < wait_us)
				wait_us = entry->next_attempt_us - now_us;
			break;
		}
		if (!start(outbox, entry, &error))
		{
			az_schedule_failed(&outbox->schedule, &error, RETRY_US);
			return;
		}
	}
	az_schedule_wait(&outbox->schedule, wait_us);
}

static bool
start(AzOutbox *outbox, const AzOutboxEntry *entry, AzError *error)
{
	AzJob	   *job = az_obligation_create(outbox->jobs, entry, error);

	if (job == NULL)
		return false;
	job->done = attempt_done;
	job->owner = outbox;
	job->deadline_us = INT64_MAX;
	outbox->running[outbox->n_running] = job;
	outbox->ids[outbox->n_running++] = entry->id;
	az_job_start(job);
	return true;
}

/* One that nothing was recorded of is there as before, but not at once. */
static void
attempt_done(AzJob *job)
{
	AzOutbox   *outbox = job->owner;
	size_t		i = 0;

	while (outbox->running[i] != job)
		i++;
	outbox->n_running--;
	outbox->running[i] = outbox->running[outbox->n_running];
	outbox->ids[i] = outbox->ids[outbox->n_running];
	if (job->error.code != AZ_OK)
		az_schedule_failed(&outbox->schedule, &job->error, RETRY_US);
	else if (!outbox->schedule.has_failed)
		outbox->schedule.is_due = true;
}
