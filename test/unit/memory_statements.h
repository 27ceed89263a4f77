/* The statements of the database in memory, and the streams they work on. */
#ifndef MEMORY_STATEMENTS_H
#define MEMORY_STATEMENTS_H

#include "memory_db.h"

/* Events beyond "committed" belong to the open transaction. */
typedef struct MemoryStream
{
	AzAggregate aggregate;		/* texts are the database's */
	int64_t		number;			/* in the order of first use, from 0 */
	struct MemoryStream *next;	/* made after this one */
	AzEvent    *events;
	size_t		count;
	size_t		committed;
	size_t		capacity;
	AzSnapshot *snapshots;		/* oldest first */
	size_t		n_snapshots;
	int			busy;			/* times to say so */
	char		poison[6];
	struct MemoryStream *next_touched;
	bool		is_touched;
} MemoryStream;

/* The stream, made empty where there is none; NULL when memory is out. */
extern MemoryStream *memory_stream(MemoryDb *memory,
								   const AzAggregate *aggregate);
extern int64_t memory_stream_next(const MemoryStream *stream);
extern bool memory_stream_push(MemoryDb *memory, MemoryStream *stream,
							   const AzEvent *event);

/*
 * An event of the log; "is_open" until its transaction ends, and gone then if
 * that rolls back.
 */
typedef struct MemoryLogEntry
{
	AzAggregate aggregate;
	AzEvent		event;
	int64_t		position;
	int64_t		transaction;
	bool		is_open;
	bool		is_gone;
} MemoryLogEntry;

/* The next position, in the transaction that is the last one. */
extern bool memory_log_push(MemoryDb *memory, const AzAggregate *aggregate,
							const AzEvent *event, bool is_open);
extern void memory_log_end(MemoryDb *memory, bool committed);

/* Sets the error a server would give with this SQLSTATE; returns false. */
extern bool memory_fail(AzError *error, const char *sqlstate);

/* Each answers in copies of its own, made in "arena". */
extern bool memory_components(MemoryDb *memory, AzArena *arena, AzRows *rows,
							  AzError *error);
extern bool memory_descriptors(MemoryDb *memory, AzArena *arena, AzRows *rows,
							   AzError *error);
extern bool memory_load(MemoryDb *memory, const AzDbParam *params,
						AzArena *arena, AzRows *rows, AzError *error);

/* Positions: those of a stream made earlier come first (memory_reads.c). */
extern bool memory_read_plan(MemoryDb *memory, const AzDbParam *params,
							 AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_read_pages(MemoryDb *memory, const AzDbParam *params,
							  AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_correlated(MemoryDb *memory, const AzDbParam *params,
							  AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_roots(MemoryDb *memory, const AzDbParam *params,
						 AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_append(MemoryDb *memory, bool probed,
						  const AzDbParam *params, AzArena *arena,
						  AzRows *rows, AzError *error);
extern bool memory_horizon(MemoryDb *memory, AzArena *arena, AzRows *rows,
						   AzError *error);
extern bool memory_read_log(MemoryDb *memory, const AzDbParam *params,
							AzArena *arena, AzRows *rows, AzError *error);

/* Keys, snapshots, dead letters and heads, in memory_kept.c. */
extern bool memory_heads(MemoryDb *memory, const AzDbParam *params,
						 AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_find_keys(MemoryDb *memory, const AzDbParam *params,
							 AzArena *arena, AzRows *rows, AzError *error);

/* KEEP_KEYS fails where a key is kept, SETTLE_KEYS leaves it as it is. */
extern bool memory_keep_keys(MemoryDb *memory, AzStatementId statement,
							 const AzDbParam *params, AzArena *arena,
							 AzRows *rows, AzError *error);
extern bool memory_keep_snapshots(MemoryDb *memory, const AzDbParam *params,
								  AzArena *arena, AzRows *rows,
								  AzError *error);
extern bool memory_file_letters(MemoryDb *memory, const AzDbParam *params,
								AzArena *arena, AzRows *rows, AzError *error);

/* Dead letters once they are filed, in memory_letters.c. */
extern bool memory_keep_letter(MemoryDb *memory, const AzDbParam *params,
							   size_t row);
extern bool memory_list_letters(MemoryDb *memory, const AzDbParam *params,
								AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_find_letter(MemoryDb *memory, const AzDbParam *params,
							   AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_delete_letter(MemoryDb *memory, const AzDbParam *params,
								 AzArena *arena, AzRows *rows,
								 AzError *error);
extern bool memory_mark_replayed(MemoryDb *memory, const AzDbParam *params,
								 AzArena *arena, AzRows *rows,
								 AzError *error);
extern bool memory_next_sequence(MemoryDb *memory, const AzDbParam *params,
								 AzArena *arena, AzRows *rows,
								 AzError *error);

extern bool memory_branch_states(MemoryDb *memory, AzStatementId statement,
								 const AzDbParam *params, AzArena *arena,
								 AzRows *rows, AzError *error);
extern bool memory_delete_part(MemoryDb *memory, const AzDbParam *params,
							   AzArena *arena, AzRows *rows, AzError *error);
extern void memory_end_kept(MemoryDb *memory, bool keep);

/* The outbox, in memory_outbox.c. */
extern bool memory_outbox(MemoryDb *memory, AzStatementId statement,
						  const AzDbParam *params, AzArena *arena,
						  AzRows *rows, AzError *error);
extern void memory_end_outbox(MemoryDb *memory, bool keep);

/* Subscriptions, in memory_deliveries.c. */
extern bool memory_take_leases(MemoryDb *memory, const AzDbParam *params,
							   AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_drop_leases(MemoryDb *memory, const AzDbParam *params,
							   AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_subscriptions(MemoryDb *memory, const AzDbParam *params,
								 AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_held_streams(MemoryDb *memory, const AzDbParam *params,
								AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_read_deliveries(MemoryDb *memory, const AzDbParam *params,
								   AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_read_held(MemoryDb *memory, const AzDbParam *params,
							 AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_write_cursors(MemoryDb *memory, const AzDbParam *params,
								 AzArena *arena, AzRows *rows, AzError *error);
extern bool memory_write_exceptions(MemoryDb *memory, const AzDbParam *params,
									AzArena *arena, AzRows *rows, AzError *error);

/* Deliveries that requests keep for themselves, in memory_reserve.c. */
extern bool memory_reserve(MemoryDb *memory, AzStatementId statement,
						   const AzDbParam *params, AzArena *arena,
						   AzRows *rows, AzError *error);
extern void memory_subscribe(MemoryDb *memory,
							 const MemoryComponent *component);
extern void memory_unsubscribe(MemoryDb *memory, const char *component);
extern void memory_end_deliveries(MemoryDb *memory, bool keep);

/* Timers, in memory_timers.c. */
extern bool memory_timers(MemoryDb *memory, AzStatementId statement,
						  const AzDbParam *params, AzArena *arena,
						  AzRows *rows, AzError *error);
extern void memory_end_timers(MemoryDb *memory, bool committed);

/* Root, domain and edition are the first three parameters of most. */
extern AzAggregate memory_aggregate(const AzDbParam *params, size_t row);

#endif
