/*
 * Every statement the engine runs: its name, text and types, in one table.
 */
#ifndef AZ_DB_STATEMENTS_H
#define AZ_DB_STATEMENTS_H

typedef enum AzStatementId
{
	AZ_STATEMENT_COMPONENTS,	/* all registered components */
	AZ_STATEMENT_DESCRIPTORS,	/* all registered files of payload types */
	AZ_STATEMENT_LOAD_BOOKS,	/* snapshot and pages of many aggregates */
	AZ_STATEMENT_READ_PLAN,		/* of what a book consists */
	AZ_STATEMENT_READ_PAGES,	/* its next pages */
	AZ_STATEMENT_CORRELATED,	/* aggregates with a correlation id */
	AZ_STATEMENT_ROOTS,			/* aggregates, page by page */
	AZ_STATEMENT_HEADS,			/* where many streams end */
	AZ_STATEMENT_APPEND_PROBED, /* append_batch in its waiting-free form */
	AZ_STATEMENT_APPEND,		/* append_batch in plain SQL */
	AZ_STATEMENT_FIND_KEYS,		/* what was done under each key */
	AZ_STATEMENT_KEEP_KEYS,		/* what is done now under each */
	AZ_STATEMENT_KEEP_SNAPSHOTS,	/* states of many aggregates */
	AZ_STATEMENT_BRANCH_STATES,
	AZ_STATEMENT_HOLD_BRANCHES,
	AZ_STATEMENT_DELETE_EDITION_PART,
	AZ_STATEMENT_FILE_DEAD_LETTERS,
	AZ_STATEMENT_SETTLE_KEYS,	/* KEEP_KEYS of what may be kept already */
	AZ_STATEMENT_RECORD_OBLIGATIONS,	/* what must be delivered */
	AZ_STATEMENT_READ_OBLIGATIONS,
	AZ_STATEMENT_POSTPONE_OBLIGATIONS,
	AZ_STATEMENT_CLOSE_OBLIGATIONS,
	AZ_STATEMENT_LIST_DEAD_LETTERS,
	AZ_STATEMENT_FIND_DEAD_LETTER,
	AZ_STATEMENT_DELETE_DEAD_LETTER,
	AZ_STATEMENT_MARK_REPLAYED, /* in a dead letter */
	AZ_STATEMENT_NEXT_SEQUENCE, /* of one stream */
	AZ_STATEMENT_HORIZON,		/* how far the log is settled */
	AZ_STATEMENT_READ_LOG,		/* events of the log, in order */
	AZ_STATEMENT_TAKE_LEASES,	/* of components that nobody delivers to */
	AZ_STATEMENT_DROP_LEASES,
	AZ_STATEMENT_SUBSCRIPTIONS, /* how far components have come */
	AZ_STATEMENT_HELD_STREAMS,	/* of which something waits */
	AZ_STATEMENT_READ_DELIVERIES,	/* events for many components */
	AZ_STATEMENT_READ_HELD,		/* the next event of held streams */
	AZ_STATEMENT_WRITE_CURSORS,
	AZ_STATEMENT_WRITE_EXCEPTIONS,
	AZ_STATEMENT_RESERVE,		/* deliveries for the request that appends */
	AZ_STATEMENT_TURNS,			/* what is to be delivered before */
	AZ_STATEMENT_END_RESERVED,
	AZ_STATEMENT_KEEP_TIMERS,	/* set, move, cancel them */
	AZ_STATEMENT_DROP_TIMERS,	/* that have elapsed */
	AZ_STATEMENT_STANDING_TIMERS,	/* neither moved nor cancelled */
	AZ_STATEMENT_DUE_TIMERS,	/* of many process managers */
	AZ_STATEMENT_COUNT
} AzStatementId;

/* Types are spelled as letters, in order, a "*" after one for an array:
 * b bool, i int4, I int8, t timestamptz, T text, B bytea, U uuid. */
typedef struct AzStatement
{
	const char *name;			/* for logs and activity displays */
	const char *sql;
	const char *params;			/* "U*T*T*I*" */
	const char *results;		/* "IUTT" */
} AzStatement;

/* NULL for a number that stands for none. */
extern const AzStatement *az_statement(AzStatementId id);

#endif
