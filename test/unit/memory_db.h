/*
 * A database port in memory: the engine's statements with their real
 * meaning, transactions that roll back, and faults on request; but editions
 * are streams of their own here.
 *
 * Its own allocations can be made to fail like all others; a statement then
 * fails with SQLSTATE 53200, as a server's would.
 */
#ifndef MEMORY_DB_H
#define MEMORY_DB_H

#include "base/map.h"
#include "codec/event.h"
#include "db/db.h"
#include "store/letters.h"

#define MEMORY_DB_MAX_COMPONENTS 16

/* A row of angzarr._components(); NULL texts are nulls. */
typedef struct MemoryComponent
{
	const char *name;
	const char *kind;
	const char *domain;
	const char *address;
	int64_t		deadline_ms;	/* 0 = null */
	bool		full_books;		/* registered with send_snapshots => false */
	bool		disabled;
	const char *inputs;			/* separated by commas */
	int			max_attempts;	/* 0 = null */
	int			max_in_flight;	/* 0 = null */
} MemoryComponent;

/* A row of angzarr.processed; the key itself stands for its digest. */
typedef struct MemoryKey
{
	AzAggregate aggregate;
	const char *kind;
	AzBytes		key;
	bool		has_events;
	int64_t		first;
	int64_t		last;
	AzBytes		answer;
} MemoryKey;

/* What was kept beside events; beyond "committed" by the open transaction. */
typedef struct MemoryKept
{
	MemoryKey	keys[64];
	size_t		n_keys;
	size_t		committed_keys;
	struct
	{
		AzAggregate aggregate;
		AzSnapshot	snapshot;
	}			snapshots[64];
	size_t		n_snapshots;
	size_t		committed_snapshots;
	AzBytes		letters[64];	/* encoded AngzarrDeadLetter */
	AzStoredLetter stored[64];	/* the same, as rows; id = index + 1 */
	bool		is_deleted[64];
	bool		was_replayed[64];
	size_t		n_letters;
	size_t		committed_letters;
} MemoryKept;

/* A row of angzarr.outbox; the key itself stands for its digest. */
typedef struct MemoryObligation
{
	int64_t		id;
	const char *kind;
	const char *component;
	AzAggregate target;
	AzBytes		key;
	AzBytes		envelope;
	int32_t		depth;
	int			attempts;
	int64_t		next_attempt_us;	/* 0 until it is postponed */
	const char *last_error;
} MemoryObligation;

typedef struct MemoryOutbox
{
	MemoryObligation rows[64];	/* in order of recording */
	size_t		count;
} MemoryOutbox;
#define MEMORY_DB_EXCEPTIONS 64

/* A row of angzarr.subscriptions. */
typedef struct MemorySubscription
{
	const char *component;
	int32_t		epoch;
	int64_t		position;
	char		status[16];
	int			failures;
	char		last_error[256];
	int			writes;			/* of its cursor; not in the row */
} MemorySubscription;

/* A row of angzarr.exceptions. */
typedef struct MemoryException
{
	const char *component;
	int64_t		position;
	AzAggregate aggregate;
	char		state[16];
	int			attempts;
	int64_t		due_us;			/* 0 = null */
	char		last_error[256];
} MemoryException;

typedef struct MemoryDeliveries
{
	MemorySubscription subscriptions[MEMORY_DB_MAX_COMPONENTS];
	size_t		n_subscriptions;
	MemoryException exceptions[MEMORY_DB_EXCEPTIONS];
	size_t		n_exceptions;
} MemoryDeliveries;

/* A row of angzarr.timers. */
typedef struct MemoryTimer
{
	const char *component;
	const char *edition;
	uint8_t		root[AZ_UUID_SIZE];
	const char *name;
	int64_t		due_us;
	AzBytes		payload;
	int64_t		sequence;
	bool		is_handled;
} MemoryTimer;

typedef struct MemoryTimers
{
	MemoryTimer rows[64];		/* in no order */
	size_t		count;
} MemoryTimers;

/* A row of angzarr.descriptors; borrowed. */
typedef struct MemoryFile
{
	const char *name;
	AzBytes		bytes;
} MemoryFile;

/* A SQLSTATE to fail with at the nth time from now; 0 = never. */
typedef struct MemoryFault
{
	int			countdown;
	char		sqlstate[6];
} MemoryFault;

typedef struct MemoryDb
{
	AzDb		db;				/* must come first */

	/*
	 * Called before each statement, to let somebody else write first; NULL
	 * for nobody.  What it puts is committed at once.
	 */
	void		(*before) (struct MemoryDb *memory, AzStatementId statement);
	void	   *owner;

	/* Where every edition diverges, as its row says; -1: there is none. */
	int64_t		fixed;

	/*
	 * What the parts of a deletion answer, a letter each: b for busy, m for
	 * more; then "done".  And which edition of which domain was asked for
	 * last.
	 */
	const char *parts;
	char		deleted_edition[80];
	char		deleted_domain[80];

	/* A component that another engine delivers to, or "". */
	char		leased_elsewhere[80];

	/* Counters; a test may set them back. */
	int			begun;
	int			committed;
	int			rolled_back;	/* failed commits too */
	int			executed[AZ_STATEMENT_COUNT];	/* failed ones too */
	size_t		pages[AZ_STATEMENT_COUNT];	/* array elements given to each */

	/* The log: where it is settled, if not up to its end; who is open. */
	int64_t		floor;			/* -1 = at its end */
	int			holders;
	uint64_t	moves;			/* its generation; rises with each commit */

	/* Its own. */
	struct MemoryLogEntry *log;
	size_t		log_count;
	size_t		log_capacity;
	int64_t		transaction;	/* the open one, or the last */
	uint64_t	generation;
	MemoryComponent components[MEMORY_DB_MAX_COMPONENTS];
	size_t		n_components;
	MemoryFile	files[8];		/* of descriptors; a test may fill them */
	size_t		n_files;
	AzArena    *arena;			/* all that is stored; freed at the end */
	AzMap	   *streams;		/* by aggregate: struct MemoryStream */
	MemoryKept	kept;			/* a test may read what was committed */
	MemoryOutbox outbox;		/* likewise; what the open transaction sees */
	MemoryOutbox committed_outbox;
	int64_t		outbox_id;		/* drawn last */
	MemoryDeliveries deliveries;
	MemoryDeliveries committed_deliveries;
	MemoryTimers timers;		/* as the outbox */
	MemoryTimers committed_timers;
	struct MemoryStream *first; /* of all of them */
	struct MemoryStream *last;
	int64_t		n_streams;
	struct MemoryStream *touched;	/* by the open transaction */
	MemoryFault begin_fault;
	MemoryFault commit_fault;
	MemoryFault faults[AZ_STATEMENT_COUNT];
} MemoryDb;

/* NULL when memory is out. */
extern MemoryDb *memory_db_create(void);
extern void memory_db_free(MemoryDb *memory);

/* ---- what is there before the test; committed at once ---- */

/*
 * Texts must stay.  Raises the generation.  What reacts has a cursor at 0,
 * until it is unregistered.
 */
extern void memory_db_register(MemoryDb *memory, MemoryComponent component);
extern void memory_db_unregister(MemoryDb *memory, const char *name);

/* Appends an event behind the last one: type and payload given. */
extern void memory_db_put_event(MemoryDb *memory,
								const AzAggregate *aggregate,
								const char *type_url, const char *payload);

/*
 * The same as a part of an append: with a correlation id, and a transaction
 * shared by events of one append; isolated ones are "isolated".
 */
extern void memory_db_put_append(MemoryDb *memory,
								 const AzAggregate *aggregate,
								 const char *correlation_id, int events,
								 bool isolated);

/* As when its edition is deleted: the event is not in the log any more. */
extern void memory_db_drop_event(MemoryDb *memory, int64_t position);

/* The position drawn last. */
extern int64_t memory_db_last_position(const MemoryDb *memory);

/* The same with a correlation id and a time of its own. */
extern void memory_db_put_correlated(MemoryDb *memory,
									 const AzAggregate *aggregate,
									 const char *correlation_id,
									 int64_t created_at_us);

/* All events of an aggregate are gone. */
extern void memory_db_delete(MemoryDb *memory, const AzAggregate *aggregate);

/* A snapshot at a sequence; events up to there need not exist. */
extern void memory_db_put_snapshot(MemoryDb *memory,
								   const AzAggregate *aggregate,
								   int64_t sequence, const char *state);

/* Its cursor is set back, or its status set, by somebody else. */
extern void memory_db_reset(MemoryDb *memory, const char *component,
							int64_t position);
extern void memory_db_set_status(MemoryDb *memory, const char *component,
								 const char *status);

/* An exception that somebody else keeps, of an event that is there. */
extern MemoryException *memory_db_put_exception(MemoryDb *memory,
												const char *component,
												int64_t position,
												const char *state,
												int64_t due_us);
extern void memory_db_end_exception(MemoryDb *memory, const char *component,
									int64_t position, const char *state);

/* ---- what is there after it ---- */

/* Its cursor, or NULL; what is waiting of an event for it, or NULL. */
extern MemorySubscription *memory_db_subscription(MemoryDb *memory,
												  const char *component);
extern const MemoryException *memory_db_exception(MemoryDb *memory,
												  const char *component,
												  int64_t position);

/* The events of an aggregate in order, uncommitted ones too. */
extern const AzEvent *memory_db_events(MemoryDb *memory,
									   const AzAggregate *aggregate,
									   size_t *count);

/* ---- faults ---- */

/* The nth execution from now (1 = the next) fails, and only that one. */
extern void memory_db_fail_statement(MemoryDb *memory, AzStatementId statement,
									 int nth, const char *sqlstate);
extern void memory_db_fail_begin(MemoryDb *memory, int nth,
								 const char *sqlstate);
extern void memory_db_fail_commit(MemoryDb *memory, int nth,
								  const char *sqlstate);

/* Probed appends to the aggregate are "busy", so many times. */
extern void memory_db_be_busy(MemoryDb *memory, const AzAggregate *aggregate,
							  int times);

/* Every statement that touches the aggregate fails; NULL heals it. */
extern void memory_db_poison(MemoryDb *memory, const AzAggregate *aggregate,
							 const char *sqlstate);

#endif
