/*
 * The database port over SPI.
 *
 * Memory: "transaction" lives from begin to the end of the transaction and
 * holds nothing but what one execute needs; it is reset after each.  Results
 * and error texts are copied into the caller's arena, by way of "failure".  Kept plans belong to
 * the server and stay for the life of the process.
 *
 * Interrupts: outside of a statement a request to cancel is held back, since
 * nobody could catch the error; within one it fails that statement.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/spi_db.h"
#include "pg/spi_rows.h"
#include "pg/spi_values.h"

#define MAX_PARAMS 32

typedef struct AzSpiDb
{
	AzDb		base;			/* must come first */
	bool		is_open;		/* a transaction that is not spoiled */
	MemoryContext transaction;
	MemoryContext failure;		/* reset after each */
	uint64		(*components_generation) (void);
	uint64		(*log_generation) (void);
	SPIPlanPtr	plans[AZ_STATEMENT_COUNT];
} AzSpiDb;

/* What one guarded call works on. */
typedef struct AzSpiCall
{
	AzSpiDb    *db;
	const AzStatement *statement;
	AzStatementId id;
	const AzDbParam *params;
	AzArena    *arena;
	AzRows	   *rows;
} AzSpiCall;

static bool begin(AzDb *base, AzArena *arena, AzError *error);
static bool execute(AzDb *base, AzStatementId id, const AzDbParam *params,
					AzArena *arena, AzRows *rows, AzError *error);
static bool commit(AzDb *base, AzArena *arena, AzError *error);
static void rollback(AzDb *base);
static uint64_t components_generation(AzDb *base);
static uint64_t log_generation(AzDb *base);
static bool guard(void (*body) (AzSpiCall *call), AzSpiCall *call,
				  AzError *error);
static void abort_transaction(AzSpiDb *db);
static void start(AzSpiCall *call);
static void run(AzSpiCall *call);
static void finish(AzSpiCall *call);
static SPIPlanPtr plan_of(AzSpiCall *call);
static void set_error(const ErrorData *data, AzArena *arena, AzError *error);
static const char *copy_text(AzArena *arena, const char *text);

static const AzDbPort spi_port = {
	.begin = begin,
	.execute = execute,
	.commit = commit,
	.rollback = rollback,
	.components_generation = components_generation,
	.log_generation = log_generation
};

AzDb *
az_spi_db_create(uint64 (*of_components) (void), uint64 (*of_log) (void))
{
	AzSpiDb    *db = MemoryContextAllocZero(TopMemoryContext, sizeof(AzSpiDb));

	db->base.port = &spi_port;
	db->components_generation = of_components;
	db->log_generation = of_log;
	db->failure = AllocSetContextCreate(TopMemoryContext, "angzarr failure",
										ALLOCSET_SMALL_SIZES);
	HOLD_CANCEL_INTERRUPTS();
	return &db->base;
}

long
az_spi_db_report_stats(bool force)
{
	return pgstat_report_stat(force);
}

void
az_spi_db_run(const char *name, void (*body) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, name);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	body(arg);
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(caller);
}

bool
az_spi_db_try(const char *name, void (*body) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		az_spi_db_run(name, body, arg);
		done = true;
	}
	PG_CATCH();
	{
		/* Raising the error has set the counter to zero. */
		HOLD_CANCEL_INTERRUPTS();
		MemoryContextSwitchTo(caller);
		EmitErrorReport();
		FlushErrorState();
	}
	PG_END_TRY();

	if (!done)
	{
		AbortCurrentTransaction();
		pgstat_report_activity(STATE_IDLE, NULL);
		MemoryContextSwitchTo(caller);
	}
	return done;
}

static bool
begin(AzDb *base, AzArena *arena, AzError *error)
{
	AzSpiCall	call = {.db = (AzSpiDb *) base,.arena = arena};

	return guard(start, &call, error);
}

static bool
execute(AzDb *base, AzStatementId id, const AzDbParam *params, AzArena *arena,
		AzRows *rows, AzError *error)
{
	AzSpiCall	call = {
		.db = (AzSpiDb *) base,
		.statement = az_statement(id),
		.id = id,
		.params = params,
		.arena = arena,
		.rows = rows
	};

	return guard(run, &call, error);
}

static bool
commit(AzDb *base, AzArena *arena, AzError *error)
{
	AzSpiCall	call = {.db = (AzSpiDb *) base,.arena = arena};

	return guard(finish, &call, error);
}

static void
rollback(AzDb *base)
{
	abort_transaction((AzSpiDb *) base);
}

static uint64_t
components_generation(AzDb *base)
{
	return ((AzSpiDb *) base)->components_generation();
}

static uint64_t
log_generation(AzDb *base)
{
	return ((AzSpiDb *) base)->log_generation();
}

/*
 * Runs "body"; an error of the server aborts the transaction and comes back
 * as an AzError.  The memory context is the caller's again afterwards.
 */
static bool
guard(void (*body) (AzSpiCall *call), AzSpiCall *call, AzError *error)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		RESUME_CANCEL_INTERRUPTS();
		body(call);
		HOLD_CANCEL_INTERRUPTS();
		done = true;
	}
	PG_CATCH();
	{
		/* Raising the error has set the counter to zero. */
		HOLD_CANCEL_INTERRUPTS();
		/* FreeErrorData would leave something behind. */
		MemoryContextSwitchTo(call->db->failure);
		set_error(CopyErrorData(), call->arena, error);
		FlushErrorState();
		MemoryContextReset(call->db->failure);
	}
	PG_END_TRY();

	if (!done)
		abort_transaction(call->db);
	MemoryContextSwitchTo(caller);
	return done;
}

static void
abort_transaction(AzSpiDb *db)
{
	MemoryContext caller = CurrentMemoryContext;

	if (!db->is_open)
		return;
	db->is_open = false;
	db->transaction = NULL;
	AbortCurrentTransaction();
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(caller);
}

static void
start(AzSpiCall *call)
{
	AzSpiDb    *db = call->db;

	/* Meant for the statement that ran when it was sent, if one did. */
	QueryCancelPending = false;
	SetCurrentStatementStartTimestamp();
	db->is_open = true;
	StartTransactionCommand();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	/* Reading toasted results wants a snapshot that outlives the statement. */
	PushActiveSnapshot(GetTransactionSnapshot());
	db->transaction = AllocSetContextCreate(TopTransactionContext,
											"angzarr statement",
											ALLOCSET_DEFAULT_SIZES);
}

static void
run(AzSpiCall *call)
{
	AzSpiDb    *db = call->db;
	const char *letters = call->statement->params;
	int			n_params = az_spi_values_count(letters);
	SPIExecuteOptions options = {0};
	AzSpiRows	taken;
	int			result;

	pgstat_report_activity(STATE_RUNNING, call->statement->name);
	MemoryContextSwitchTo(db->transaction);
	if (n_params > MAX_PARAMS)
		elog(ERROR, "statement \"%s\" has %d parameters",
			 call->statement->name, n_params);
	options.params = makeParamList(n_params);
	az_spi_values_build(letters, call->params, options.params);
	az_spi_rows_init(&taken, call->statement->results, db->base.max_group_bytes,
					 call->arena, call->rows);
	options.dest = &taken.base;
	options.must_return_tuples = call->rows->n_columns > 0;
	result = SPI_execute_plan_extended(plan_of(call), &options);
	if (result < 0)
		elog(ERROR, "statement \"%s\" failed: %s", call->statement->name,
			 SPI_result_code_string(result));
	MemoryContextReset(db->transaction);
}

static void
finish(AzSpiCall *call)
{
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
	call->db->is_open = false;
	call->db->transaction = NULL;
	pgstat_report_activity(STATE_IDLE, NULL);
	/* Told to die while waiting for a standby: nothing may be answered. */
	if (ProcDiePending)
		CHECK_FOR_INTERRUPTS();
}

/* Prepared at first use, kept for the life of the process. */
static SPIPlanPtr
plan_of(AzSpiCall *call)
{
	SPIPlanPtr *plan = &call->db->plans[call->id];
	Oid			types[MAX_PARAMS];

	if (*plan == NULL)
	{
		SPIPlanPtr	made;

		az_spi_values_types(call->statement->params, types);
		made = SPI_prepare(call->statement->sql,
						   az_spi_values_count(call->statement->params),
						   types);
		if (made == NULL)
			elog(ERROR, "could not prepare statement \"%s\": %s",
				 call->statement->name, SPI_result_code_string(SPI_result));
		SPI_keepplan(made);
		*plan = made;
	}
	return *plan;
}

static void
set_error(const ErrorData *data, AzArena *arena, AzError *error)
{
	const char *sqlstate = unpack_sql_state(data->sqlerrcode);

	az_error_set(error, arena, az_code_of_sqlstate(sqlstate), "%s",
				 data->message != NULL ? data->message : "unknown error");
	if (error == NULL)
		return;
	strlcpy(error->sqlstate, sqlstate, sizeof(error->sqlstate));
	error->detail = copy_text(arena, data->detail);
	error->hint = copy_text(arena, data->hint);
}

/* NULL stays NULL; so does what there is no memory for. */
static const char *
copy_text(AzArena *arena, const char *text)
{
	return text != NULL ? az_arena_string(arena, text) : NULL;
}
