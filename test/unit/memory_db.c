/*
 * A database port in memory: transactions that roll back, and faults on
 * request.  What the statements mean is in memory_statements.c.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_statements.h"

static bool begin(AzDb *db, AzArena *arena, AzError *error);
static bool execute(AzDb *db, AzStatementId statement, const AzDbParam *params,
					AzArena *arena, AzRows *rows, AzError *error);
static bool commit(AzDb *db, AzArena *arena, AzError *error);
static void rollback(AzDb *db);
static uint64_t components_generation(AzDb *db);
static uint64_t log_generation(AzDb *db);
static void put(MemoryDb *memory, const AzAggregate *aggregate,
				AzEvent *event);
static bool strikes(MemoryFault *fault, AzError *error);
static bool check_params(AzStatementId statement, const AzDbParam *params,
						 AzError *error);
static bool check_texts(const AzDbColumn *column, AzError *error);
static void forget_touched(MemoryDb *memory, bool keep);
static void set_fault(MemoryFault *fault, int nth, const char *sqlstate);
static void must(bool succeeded);

static const AzDbPort port = {
	.begin = begin,
	.execute = execute,
	.commit = commit,
	.rollback = rollback,
	.components_generation = components_generation,
	.log_generation = log_generation
};

MemoryDb *
memory_db_create(void)
{
	MemoryDb   *memory = calloc(1, sizeof(MemoryDb));

	if (memory == NULL)
		return NULL;
	memory->db.port = &port;
	memory->generation = 1;
	memory->floor = -1;
	memory->fixed = -1;
	memory->arena = az_arena_create();
	memory->streams = az_map_create();
	if (memory->arena == NULL || memory->streams == NULL)
	{
		memory_db_free(memory);
		return NULL;
	}
	return memory;
}

void
memory_db_free(MemoryDb *memory)
{
	if (memory == NULL)
		return;
	az_map_free(memory->streams);
	az_arena_free(memory->arena);
	free(memory);
}

/* ---- what is there before the test ---- */

void
memory_db_register(MemoryDb *memory, MemoryComponent component)
{
	must(memory->n_components < MEMORY_DB_MAX_COMPONENTS);
	memory->components[memory->n_components++] = component;
	memory_subscribe(memory, &component);
	memory->generation++;
}

void
memory_db_unregister(MemoryDb *memory, const char *name)
{
	size_t		kept = 0;

	for (size_t i = 0; i < memory->n_components; i++)
	{
		if (strcmp(memory->components[i].name, name) != 0)
			memory->components[kept++] = memory->components[i];
	}
	memory->n_components = kept;
	memory_unsubscribe(memory, name);
	memory->generation++;
}

void
memory_db_put_event(MemoryDb *memory, const AzAggregate *aggregate,
					const char *type_url, const char *payload)
{
	AzEvent		event = {.correlation_id = "",.created_at_us = 1};

	event.type_url = az_arena_string(memory->arena, type_url);
	must(event.type_url != NULL
		 && az_arena_copy(memory->arena, az_bytes_of(payload), &event.payload));
	memory->transaction++;
	put(memory, aggregate, &event);
}

void
memory_db_put_append(MemoryDb *memory, const AzAggregate *aggregate,
					 const char *correlation_id, int events, bool isolated)
{
	memory->transaction++;
	for (int i = 0; i < events; i++)
	{
		AzEvent		event = {.created_at_us = 1,.isolated = isolated};

		event.type_url = "/t.Added";
		event.payload = az_bytes_of("payload");
		event.correlation_id = az_arena_string(memory->arena, correlation_id);
		must(event.correlation_id != NULL);
		put(memory, aggregate, &event);
	}
}

/* At the end of its stream and of the log, committed at once. */
static void
put(MemoryDb *memory, const AzAggregate *aggregate, AzEvent *event)
{
	MemoryStream *stream = memory_stream(memory, aggregate);

	must(stream != NULL && !stream->is_touched);
	event->sequence = memory_stream_next(stream);
	must(memory_stream_push(memory, stream, event)
		 && memory_log_push(memory, aggregate, event, false));
	stream->committed = stream->count;
	memory->moves++;
}

void
memory_db_put_correlated(MemoryDb *memory, const AzAggregate *aggregate,
						 const char *correlation_id, int64_t created_at_us)
{
	MemoryStream *stream = memory_stream(memory, aggregate);
	AzEvent    *event;

	memory_db_put_event(memory, aggregate, "/t.Added", correlation_id);
	event = &stream->events[stream->count - 1];
	event->created_at_us = created_at_us;
	event->correlation_id = az_arena_string(memory->arena, correlation_id);
	must(event->correlation_id != NULL);
}

void
memory_db_delete(MemoryDb *memory, const AzAggregate *aggregate)
{
	MemoryStream *stream = memory_stream(memory, aggregate);

	must(stream != NULL && !stream->is_touched);
	stream->count = 0;
	stream->committed = 0;
}

void
memory_db_put_snapshot(MemoryDb *memory, const AzAggregate *aggregate,
					   int64_t sequence, const char *state)
{
	MemoryStream *stream = memory_stream(memory, aggregate);
	AzSnapshot *snapshots;

	must(stream != NULL);
	snapshots = az_arena_array(memory->arena, stream->n_snapshots + 1,
							   sizeof(AzSnapshot));
	must(snapshots != NULL);
	if (stream->n_snapshots > 0)
		memcpy(snapshots, stream->snapshots,
			   stream->n_snapshots * sizeof(AzSnapshot));
	stream->snapshots = snapshots;
	snapshots += stream->n_snapshots++;
	snapshots->sequence = sequence;
	snapshots->created_at_us = 1;
	snapshots->type_url = "/test.State";
	must(az_arena_copy(memory->arena, az_bytes_of(state), &snapshots->state));
}

/* ---- what is there after it ---- */

const AzEvent *
memory_db_events(MemoryDb *memory, const AzAggregate *aggregate,
				 size_t *count)
{
	MemoryStream *stream = memory_stream(memory, aggregate);

	must(stream != NULL);
	*count = stream->count;
	return stream->events;
}

/* ---- faults ---- */

static void
set_fault(MemoryFault *fault, int nth, const char *sqlstate)
{
	fault->countdown = nth;
	memcpy(fault->sqlstate, sqlstate, sizeof(fault->sqlstate));
}

void
memory_db_fail_statement(MemoryDb *memory, AzStatementId statement, int nth,
						 const char *sqlstate)
{
	set_fault(&memory->faults[statement], nth, sqlstate);
}

void
memory_db_fail_begin(MemoryDb *memory, int nth, const char *sqlstate)
{
	set_fault(&memory->begin_fault, nth, sqlstate);
}

void
memory_db_fail_commit(MemoryDb *memory, int nth, const char *sqlstate)
{
	set_fault(&memory->commit_fault, nth, sqlstate);
}

void
memory_db_be_busy(MemoryDb *memory, const AzAggregate *aggregate, int times)
{
	MemoryStream *stream = memory_stream(memory, aggregate);

	must(stream != NULL);
	stream->busy = times;
}

void
memory_db_poison(MemoryDb *memory, const AzAggregate *aggregate,
				 const char *sqlstate)
{
	MemoryStream *stream = memory_stream(memory, aggregate);

	must(stream != NULL);
	memset(stream->poison, 0, sizeof(stream->poison));
	if (sqlstate != NULL)
		memcpy(stream->poison, sqlstate, sizeof(stream->poison));
}

/* ---- the port ---- */

static bool
begin(AzDb *db, AzArena *arena, AzError *error)
{
	MemoryDb   *memory = (MemoryDb *) db;

	if (strikes(&memory->begin_fault, error))
		return false;
	memory->begun++;
	return true;
}

static bool
execute(AzDb *db, AzStatementId statement, const AzDbParam *params,
		AzArena *arena, AzRows *rows, AzError *error)
{
	MemoryDb   *memory = (MemoryDb *) db;

	if (memory->before != NULL)
		memory->before(memory, statement);
	memory->executed[statement]++;
	if (strikes(&memory->faults[statement], error)
		|| !check_params(statement, params, error))
		return false;
	if (params != NULL)
		memory->pages[statement] += params[0].column.count;
	switch (statement)
	{
		case AZ_STATEMENT_COMPONENTS:
			return memory_components(memory, arena, rows, error);
		case AZ_STATEMENT_DESCRIPTORS:
			return memory_descriptors(memory, arena, rows, error);
		case AZ_STATEMENT_LOAD_BOOKS:
			return memory_load(memory, params, arena, rows, error);
		case AZ_STATEMENT_HEADS:
			return memory_heads(memory, params, arena, rows, error);
		case AZ_STATEMENT_FIND_KEYS:
			return memory_find_keys(memory, params, arena, rows, error);
		case AZ_STATEMENT_KEEP_KEYS:
		case AZ_STATEMENT_SETTLE_KEYS:
			return memory_keep_keys(memory, statement, params, arena, rows,
									error);
		case AZ_STATEMENT_RECORD_OBLIGATIONS:
		case AZ_STATEMENT_READ_OBLIGATIONS:
		case AZ_STATEMENT_POSTPONE_OBLIGATIONS:
		case AZ_STATEMENT_CLOSE_OBLIGATIONS:
			return memory_outbox(memory, statement, params, arena, rows,
								 error);
		case AZ_STATEMENT_KEEP_TIMERS:
		case AZ_STATEMENT_DROP_TIMERS:
		case AZ_STATEMENT_STANDING_TIMERS:
		case AZ_STATEMENT_DUE_TIMERS:
			return memory_timers(memory, statement, params, arena, rows,
								 error);
		case AZ_STATEMENT_KEEP_SNAPSHOTS:
			return memory_keep_snapshots(memory, params, arena, rows, error);
		case AZ_STATEMENT_BRANCH_STATES:
		case AZ_STATEMENT_HOLD_BRANCHES:
			return memory_branch_states(memory, statement, params, arena,
										rows, error);
		case AZ_STATEMENT_DELETE_EDITION_PART:
			return memory_delete_part(memory, params, arena, rows, error);
		case AZ_STATEMENT_FILE_DEAD_LETTERS:
			return memory_file_letters(memory, params, arena, rows, error);
		case AZ_STATEMENT_LIST_DEAD_LETTERS:
			return memory_list_letters(memory, params, arena, rows, error);
		case AZ_STATEMENT_FIND_DEAD_LETTER:
			return memory_find_letter(memory, params, arena, rows, error);
		case AZ_STATEMENT_DELETE_DEAD_LETTER:
			return memory_delete_letter(memory, params, arena, rows, error);
		case AZ_STATEMENT_MARK_REPLAYED:
			return memory_mark_replayed(memory, params, arena, rows, error);
		case AZ_STATEMENT_NEXT_SEQUENCE:
			return memory_next_sequence(memory, params, arena, rows, error);
		case AZ_STATEMENT_TAKE_LEASES:
			return memory_take_leases(memory, params, arena, rows, error);
		case AZ_STATEMENT_DROP_LEASES:
			return memory_drop_leases(memory, params, arena, rows, error);
		case AZ_STATEMENT_SUBSCRIPTIONS:
			return memory_subscriptions(memory, params, arena, rows, error);
		case AZ_STATEMENT_HELD_STREAMS:
			return memory_held_streams(memory, params, arena, rows, error);
		case AZ_STATEMENT_READ_DELIVERIES:
			return memory_read_deliveries(memory, params, arena, rows, error);
		case AZ_STATEMENT_READ_HELD:
			return memory_read_held(memory, params, arena, rows, error);
		case AZ_STATEMENT_WRITE_CURSORS:
			return memory_write_cursors(memory, params, arena, rows, error);
		case AZ_STATEMENT_WRITE_EXCEPTIONS:
			return memory_write_exceptions(memory, params, arena, rows, error);
		case AZ_STATEMENT_RESERVE:
		case AZ_STATEMENT_TURNS:
		case AZ_STATEMENT_END_RESERVED:
			return memory_reserve(memory, statement, params, arena, rows,
								  error);
		case AZ_STATEMENT_HORIZON:
			return memory_horizon(memory, arena, rows, error);
		case AZ_STATEMENT_READ_LOG:
			return memory_read_log(memory, params, arena, rows, error);
		case AZ_STATEMENT_READ_PLAN:
			return memory_read_plan(memory, params, arena, rows, error);
		case AZ_STATEMENT_READ_PAGES:
			return memory_read_pages(memory, params, arena, rows, error);
		case AZ_STATEMENT_CORRELATED:
			return memory_correlated(memory, params, arena, rows, error);
		case AZ_STATEMENT_ROOTS:
			return memory_roots(memory, params, arena, rows, error);
		default:
			return memory_append(memory,
								 statement == AZ_STATEMENT_APPEND_PROBED,
								 params, arena, rows, error);
	}
}

static bool
commit(AzDb *db, AzArena *arena, AzError *error)
{
	MemoryDb   *memory = (MemoryDb *) db;

	if (strikes(&memory->commit_fault, error))
	{
		rollback(db);
		return false;
	}
	forget_touched(memory, true);
	memory_end_kept(memory, true);
	memory_end_outbox(memory, true);
	memory_end_deliveries(memory, true);
	memory_end_timers(memory, true);
	memory->committed++;
	return true;
}

static void
rollback(AzDb *db)
{
	MemoryDb   *memory = (MemoryDb *) db;

	forget_touched(memory, false);
	memory_end_kept(memory, false);
	memory_end_outbox(memory, false);
	memory_end_deliveries(memory, false);
	memory_end_timers(memory, false);
	memory->rolled_back++;
}

static uint64_t
components_generation(AzDb *db)
{
	return ((MemoryDb *) db)->generation;
}

static uint64_t
log_generation(AzDb *db)
{
	return ((MemoryDb *) db)->moves;
}

static bool
strikes(MemoryFault *fault, AzError *error)
{
	if (fault->countdown == 0 || --fault->countdown > 0)
		return false;
	memory_fail(error, fault->sqlstate);
	return true;
}

/* A real host would crash or refuse; a test shall learn why. */
static bool
check_params(AzStatementId statement, const AzDbParam *params, AzError *error)
{
	static const char letters[] = "biItTBU";
	const char *types = az_statement(statement)->params;

	for (int i = 0; *types != '\0'; i++)
	{
		const AzDbColumn *column = &params[i].column;

		if (*types++ != letters[column->type])
			return az_error_set(error, NULL, AZ_INTERNAL,
								"a parameter has another type");
		if (params[i].is_array != (*types == '*')
			|| (params[0].is_array && column->count != params[0].column.count)
			|| (!params[i].is_array && column->count != 1))
			return az_error_set(error, NULL, AZ_INTERNAL,
								"a parameter has another count");
		if (*types == '*')
			types++;
		if (!check_texts(column, error))
			return false;
	}
	return true;
}

static bool
check_texts(const AzDbColumn *column, AzError *error)
{
	for (size_t row = 0; row < column->count; row++)
	{
		if (column->nulls != NULL && column->nulls[row])
			continue;
		if (column->type == AZ_DB_TEXT
			&& column->bytes[row].data[column->bytes[row].len] != 0)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"a text does not end in a zero byte");
		if (column->type == AZ_DB_UUID
			&& column->bytes[row].len != AZ_UUID_SIZE)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"a uuid has not 16 bytes");
	}
	return true;
}

static void
forget_touched(MemoryDb *memory, bool keep)
{
	memory_log_end(memory, keep);
	while (memory->touched != NULL)
	{
		MemoryStream *stream = memory->touched;

		if (keep)
			stream->committed = stream->count;
		else
			stream->count = stream->committed;
		stream->is_touched = false;
		memory->touched = stream->next_touched;
	}
}

/* For what a test prepares: it cannot go on without. */
static void
must(bool succeeded)
{
	if (!succeeded)
		abort();
}
