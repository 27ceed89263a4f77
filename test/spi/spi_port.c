/*
 * The checks of test/t/013_spi_port.pl: a worker that uses the database port
 * over SPI with statements of its own, and logs what holds.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "db/db.h"
#include "pg/compat.h"
#include "pg/spi_db.h"

PG_MODULE_MAGIC;

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_check_spi_port);
PGDLLEXPORT void angzarr_check_main(Datum arg);

typedef enum Statement
{
	ECHO,						/* gives back its arrays as columns */
	DIVIDE,
	DEFERRED,					/* fails at commit */
	BIG,						/* a value out of line, and scalars */
	GROUPS						/* three of ten rows, 100 bytes each */
}			Statement;

static const AzStatement statements[] = {
	[ECHO] = {"echo",
		"SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)",
	"b*i*I*t*T*B*U*", "biItTBU"},
	[DIVIDE] = {"divide", "SELECT 1 / $1", "I", "I"},
	[DEFERRED] = {"insert", "INSERT INTO public.child VALUES ($1)", "I", ""},
	[BIG] = {"big",
		"SELECT payload, $1, $2, 'infinity'::timestamptz, '-infinity'::timestamptz"
		" FROM public.big WHERE $3 OR $1 IS NULL",
	"TUb", "BTUtt"},
	[GROUPS] = {"groups",
		"SELECT i / 10, i::int8, decode(repeat(to_hex(CASE WHEN $1 THEN 16 ELSE i + 16 END), 100), 'hex')"
		" FROM generate_series(0, 29) AS i",
	"b", "iIB"}
};

static AzDb *db;
static AzArena *arena;

const AzStatement *
az_statement(AzStatementId id)
{
	return &statements[id];
}

static void
check(bool holds, const char *what)
{
	ereport(LOG,
			(errmsg_internal("check %s: %s", holds ? "passed" : "failed", what)));
}

static uint64
generation(void)
{
	return 42;
}

static uint64
log_generation(void)
{
	return 43;
}

/* Runs one statement in a transaction of its own. */
static bool
run(Statement statement, const AzDbParam *params, AzRows *rows, AzError *error)
{
	memset(error, 0, sizeof(*error));
	if (!az_db_begin(db, arena, error))
		return false;
	if (!az_db_execute(db, (AzStatementId) statement, params, arena, rows,
					   error))
	{
		az_db_rollback(db);
		return false;
	}
	return az_db_commit(db, arena, error);
}

static AzDbParam
ints(AzDbType type, int64_t *values, size_t count, bool *nulls)
{
	return (AzDbParam)
	{
		{
			type, count, values, NULL, nulls
		}, true
	};
}

static AzDbParam
bytes(AzDbType type, AzBytes *values, size_t count, bool *nulls)
{
	return (AzDbParam)
	{
		{
			type, count, NULL, values, nulls
		}, true
	};
}

static void
check_values(void)
{
	int64_t		bools[] = {1, 0, 0};
	int64_t		int4s[] = {PG_INT32_MIN, 0, PG_INT32_MAX};
	int64_t		int8s[] = {PG_INT64_MIN, 0, PG_INT64_MAX};
	int64_t		times[] = {-1, 0, 1763895600123456};
	AzBytes		texts[] = {{(const uint8_t *) "gr\303\274n", 5}, {NULL, 0}, {NULL, 0}};
	AzBytes		byteas[] = {{(const uint8_t *) "\0\1\377", 3}, {NULL, 0}, {NULL, 0}};
	AzBytes		uuids[3];
	uint8_t		uuid[16] = {0, 255, 7};
	bool		last_is_null[] = {false, false, true};
	AzRows		rows;
	AzError		error;

	for (int i = 0; i < 3; i++)
		uuids[i] = (AzBytes)
	{
		uuid, sizeof(uuid)
	};
	{
		AzDbParam	params[] = {
			ints(AZ_DB_BOOL, bools, 3, last_is_null),
			ints(AZ_DB_INT4, int4s, 3, NULL),
			ints(AZ_DB_INT8, int8s, 3, NULL),
			ints(AZ_DB_TIME, times, 3, NULL),
			bytes(AZ_DB_TEXT, texts, 3, last_is_null),
			bytes(AZ_DB_BYTEA, byteas, 3, NULL),
			bytes(AZ_DB_UUID, uuids, 3, last_is_null)
		};

		check(run(ECHO, params, &rows, &error) && rows.count == 3,
			  "arrays of every type go out and come back as rows");
		check(az_rows_int(&rows, 0, 0) == 1 && az_rows_int(&rows, 1, 0) == 0 &&
			  az_rows_is_null(&rows, 2, 0) && !az_rows_is_null(&rows, 1, 0),
			  "booleans, with a null");
		check(az_rows_int(&rows, 0, 1) == PG_INT32_MIN &&
			  az_rows_int(&rows, 2, 1) == PG_INT32_MAX &&
			  az_rows_int(&rows, 0, 2) == PG_INT64_MIN &&
			  az_rows_int(&rows, 2, 2) == PG_INT64_MAX,
			  "integers up to their ends");
		check(az_rows_int(&rows, 0, 3) == -1 && az_rows_int(&rows, 1, 3) == 0 &&
			  az_rows_int(&rows, 2, 3) == times[2],
			  "times to the microsecond, also before 1970");
		check(strcmp(az_rows_text(&rows, 0, 4), "gr\303\274n") == 0 &&
			  az_rows_bytes(&rows, 1, 4).len == 0 &&
			  az_rows_is_null(&rows, 2, 4),
			  "texts, empty ones and nulls are told apart");
		check(az_rows_bytes(&rows, 0, 5).len == 3 &&
			  memcmp(az_rows_bytes(&rows, 0, 5).data, "\0\1\377", 3) == 0,
			  "bytes, zeros among them");
		check(az_rows_bytes(&rows, 1, 6).len == 16 &&
			  memcmp(az_rows_bytes(&rows, 1, 6).data, uuid, 16) == 0,
			  "uuids");

		for (size_t i = 0; i < LEN(params); i++)
			params[i].column.count = 0;
		check(run(ECHO, params, &rows, &error) && rows.count == 0 &&
			  rows.n_columns == 7, "empty arrays give no rows");

		uuids[0].len = 15;
		params[6].column.count = 1;
		check(!run(ECHO, params, &rows, &error) &&
			  strcmp(error.sqlstate, "22P03") == 0,
			  "a uuid of another length is an error");
		times[0] = PG_INT64_MIN;
		params[6].column.count = 0;
		params[3].column.count = 1;
		check(!run(ECHO, params, &rows, &error) &&
			  strcmp(error.sqlstate, "22008") == 0,
			  "a time out of range is an error");
		int4s[0] = INT64CONST(1) << 40;
		params[3].column.count = 0;
		params[1].column.count = 1;
		check(!run(ECHO, params, &rows, &error) &&
			  strcmp(error.sqlstate, "22003") == 0,
			  "so is an integer out of range");
		params[1].is_array = false;
		check(!run(ECHO, params, &rows, &error),
			  "so is a parameter that the statement does not take");
	}
}

/* A single value, null or not. */
static AzDbParam
single(AzDbParam param)
{
	param.is_array = false;
	return param;
}

static void
check_scalars(void)
{
	AzBytes		text = {(const uint8_t *) "x", 1};
	uint8_t		id[16] = {9};
	AzBytes		uuid = {id, 16};
	int64_t		yes = 1;
	bool		is_null = true;
	AzRows		rows;
	AzError		error;
	AzDbParam	params[] = {
		single(bytes(AZ_DB_TEXT, &text, 1, &is_null)),
		single(bytes(AZ_DB_UUID, &uuid, 1, NULL)),
		single(ints(AZ_DB_BOOL, &yes, 1, NULL))
	};

	check(run(BIG, params, &rows, &error) && rows.count == 1 &&
		  az_rows_bytes(&rows, 0, 0).len == 1000000,
		  "a value that is stored out of line comes whole");
	check(az_rows_is_null(&rows, 0, 1) && !az_rows_is_null(&rows, 0, 2),
		  "single values can be null");
	check(az_rows_int(&rows, 0, 3) == PG_INT64_MAX &&
		  az_rows_int(&rows, 0, 4) == PG_INT64_MIN,
		  "the infinities of time are the ends of the scale");
}

static void
check_errors(void)
{
	int64_t		zero = 0;
	int64_t		two = 2;
	AzDbParam	divisor = single(ints(AZ_DB_INT8, &zero, 1, NULL));
	AzDbParam	parent = single(ints(AZ_DB_INT8, &two, 1, NULL));
	AzRows		rows;
	AzError		error;
	uint64_t	commits = db->commits;

	for (int i = 0; i < 1000; i++)
		if (run(DIVIDE, &divisor, &rows, &error))
			break;
	check(strcmp(error.sqlstate, "22012") == 0 &&
		  strcmp(error.message, "division by zero") == 0 &&
		  error.code == az_code_of_sqlstate("22012"),
		  "an error of the server comes back with SQLSTATE and message");
	check(!IsTransactionState(), "and the transaction is gone");
	check(db->commits == commits, "failed transactions count as no commit");
	zero = 1;
	check(run(DIVIDE, &divisor, &rows, &error) &&
		  az_rows_int(&rows, 0, 0) == 1 && db->commits == commits + 1,
		  "after a thousand errors statements still run");
	check(!run(DEFERRED, &parent, &rows, &error) &&
		  strcmp(error.sqlstate, "23503") == 0 && error.detail != NULL &&
		  !IsTransactionState(),
		  "what fails at commit is an error too, with its detail");
	two = 1;
	check(run(DEFERRED, &parent, &rows, &error) && rows.n_columns == 0,
		  "a statement without result has no columns");
	two = 1;
	check(az_db_begin(db, arena, &error) &&
		  az_db_execute(db, (AzStatementId) DEFERRED, &parent, arena, &rows,
						&error),
		  "a transaction can hold a statement");
	az_db_rollback(db);
	check(!IsTransactionState(), "and be rolled back");
}

/* What a group of rows may take is bounded, without ending the others. */
static void
check_bounds(void)
{
	int64_t		same = 0;
	AzDbParam	param = single(ints(AZ_DB_BOOL, &same, 1, NULL));
	AzRows		rows;
	AzError		error;
	bool		holds;

	check(run(GROUPS, &param, &rows, &error) && rows.count == 30,
		  "without a bound all rows come");
	db->max_group_bytes = 250;
	holds = run(GROUPS, &param, &rows, &error) && rows.count == 12;
	for (size_t row = 0; holds && row < 12; row++)
		holds = az_rows_int(&rows, row, 0) == (int64_t) (row / 4) &&
			az_rows_int(&rows, row, 1) == (int64_t) (row / 4 * 10 + row % 4) &&
			az_rows_is_null(&rows, row, 2) == (row % 4 == 3) &&
			az_rows_bytes(&rows, row, 2).len == (row % 4 == 3 ? 0 : 100);
	check(holds,
		  "a group that has had its bytes ends with a row without them");
	db->max_group_bytes = 300;
	check(run(GROUPS, &param, &rows, &error) && rows.count == 15 &&
		  !az_rows_is_null(&rows, 3, 2) && az_rows_is_null(&rows, 4, 2),
		  "but not before it has had more than it may");
	db->max_group_bytes = 250;
	same = 1;
	check(run(GROUPS, &param, &rows, &error) && rows.count == 30 &&
		  az_rows_bytes(&rows, 29, 2).len == 100,
		  "what each row has like the row before it counts once");
	db->max_group_bytes = 0;
}

/* A request to cancel that comes between statements hits none. */
static void
check_cancel(void)
{
	int64_t		one_value = 1;
	AzDbParam	divisor = single(ints(AZ_DB_INT8, &one_value, 1, NULL));
	AzRows		rows;
	AzError		error;

	kill(MyProcPid, SIGINT);
	CHECK_FOR_INTERRUPTS();
	check(true, "a request to cancel does not end an idle process");
	check(run(DIVIDE, &divisor, &rows, &error), "nor hits a later statement");
}

/* The memory of the process does not grow with use. */
static void
check_memory(void)
{
	int64_t		value = 1;
	AzDbParam	divisor = single(ints(AZ_DB_INT8, &value, 1, NULL));
	Size		before = 0;
	AzRows		rows;
	AzError		error;

	for (int i = 0; i < 20000; i++)
	{
		value = i % 2;
		(void) run(DIVIDE, &divisor, &rows, &error);
		az_arena_reset(arena);
		if (i == 1000)
			before = MemoryContextMemAllocated(TopMemoryContext, true);
	}
	check(MemoryContextMemAllocated(TopMemoryContext, true) <= before + 64 * 1024,
		  "20,000 transactions, half of them failing, leave no memory behind");
}

void
angzarr_check_main(Datum arg)
{
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg),
											  InvalidOid, 0);
	db = az_spi_db_create(generation, log_generation);
	arena = az_arena_create();
	check(az_db_components_generation(db) == 42,
		  "the generation of components is asked for");
	check(az_db_log_generation(db) == 43,
		  "the generation of the log is asked for");
	check_values();
	check_scalars();
	check_errors();
	check_bounds();
	check_cancel();
	check_memory();
	ereport(LOG, (errmsg_internal("all checks done")));
	proc_exit(0);
}

/* Starts the worker. */
Datum
angzarr_check_spi_port(PG_FUNCTION_ARGS)
{
	BackgroundWorker worker = {0};

	strlcpy(worker.bgw_name, "spi port checks", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	strlcpy(worker.bgw_library_name, "spi_port", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "angzarr_check_main", BGW_MAXLEN);
	PG_RETURN_BOOL(RegisterDynamicBackgroundWorker(&worker, NULL));
}
