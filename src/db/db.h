/*
 * The database as the engine sees it: a port that a host implements over
 * SPI, over libpq, or in memory for tests.
 *
 * Statements are prepared by the host at first use and known by number
 * (db/statements.h).  Values are column vectors, in parameters (arrays) and
 * in results, so that one statement serves many jobs.
 */
#ifndef AZ_DB_DB_H
#define AZ_DB_DB_H

#include "base/arena.h"
#include "base/error.h"
#include "db/statements.h"

typedef enum AzDbType
{
	AZ_DB_BOOL,					/* in "ints": 0 or 1 */
	AZ_DB_INT4,					/* in "ints" */
	AZ_DB_INT8,					/* in "ints" */
	AZ_DB_TIME,					/* in "ints": microseconds since 1970 UTC */
	AZ_DB_TEXT,					/* in "bytes": UTF-8, ends in a zero byte */
	AZ_DB_BYTEA,				/* in "bytes" */
	AZ_DB_UUID					/* in "bytes": 16 of them */
} AzDbType;

/* "count" values of one type. */
typedef struct AzDbColumn
{
	AzDbType	type;
	size_t		count;
	int64_t    *ints;
	AzBytes    *bytes;
	bool	   *nulls;			/* NULL when no value is null */
} AzDbColumn;

/* A parameter: one value (count 1), or an array of any count. */
typedef struct AzDbParam
{
	AzDbColumn	column;
	bool		is_array;
} AzDbParam;

typedef struct AzRows
{
	size_t		count;
	int			n_columns;
	AzDbColumn *columns;
} AzRows;

typedef struct AzDb AzDb;

/* What a host provides.  All but "rollback" return false with the error set. */
typedef struct AzDbPort
{
	bool		(*begin) (AzDb *db, AzArena *arena, AzError *error);
	bool		(*execute) (AzDb *db, AzStatementId statement,
							const AzDbParam *params, AzArena *arena,
							AzRows *rows, AzError *error);
	/* On failure the transaction is gone as if rolled back. */
	bool		(*commit) (AzDb *db, AzArena *arena, AzError *error);
	void		(*rollback) (AzDb *db);
	/* Rises whenever the registered components may have changed. */
	uint64_t	(*components_generation) (AzDb *db);
	/* Rises whenever the log may have moved, since it was last asked. */
	uint64_t	(*log_generation) (AzDb *db);
} AzDbPort;

/* The head of every implementation; hosts embed it first. */
struct AzDb
{
	const AzDbPort *port;
	/* Kept by the functions below. */
	bool		in_transaction;
	bool		failed;			/* only a rollback can follow */

	/*
	 * Bounds what one execute may take, 0 = nothing does.  The first column,
	 * an int4, numbers groups of rows that follow each other.  When a group
	 * has more bytes than this, without those that one row has as the row
	 * before it, its next row comes with nulls for texts and bytes, and the
	 * rest of it not at all.
	 */
	size_t		max_group_bytes;
	uint64_t	commits;		/* transactions committed through here */
};

/*
 * One transaction at a time.  "arena" takes result rows and error texts.
 * After a failed execute only rollback is allowed; errors carry the SQLSTATE
 * and the status code that stands for it.  A call out of this order is an
 * INTERNAL error (a rollback without a transaction does nothing); a commit
 * that fails for whatever reason has rolled back.  Results that are not what
 * the statement's table says are an INTERNAL error too.
 */
extern bool az_db_begin(AzDb *db, AzArena *arena, AzError *error);
extern bool az_db_execute(AzDb *db, AzStatementId statement,
						  const AzDbParam *params, AzArena *arena,
						  AzRows *rows, AzError *error);
extern bool az_db_commit(AzDb *db, AzArena *arena, AzError *error);
extern void az_db_rollback(AzDb *db);

/*
 * Commits when all has gone well so far; else rolls back, false, and the
 * error stays.
 */
extern bool az_db_end(AzDb *db, bool is_fine, AzArena *arena, AzError *error);
extern uint64_t az_db_components_generation(AzDb *db);
extern uint64_t az_db_log_generation(AzDb *db);

/*
 * Reading results; row and column count from 0.  A null, and what is not
 * there, reads as 0, an empty slice and "".
 */
extern bool az_rows_is_null(const AzRows *rows, size_t row, int column);
extern int64_t az_rows_int(const AzRows *rows, size_t row, int column);
extern AzBytes az_rows_bytes(const AzRows *rows, size_t row, int column);
extern const char *az_rows_text(const AzRows *rows, size_t row, int column);

/*
 * For hosts: room for "count" rows of a statement's result types, all zeros,
 * no value null; false when memory is out.
 */
extern bool az_rows_create(AzRows *rows, AzStatementId statement,
						   size_t count, AzArena *arena);

#endif
