/* The order of calls on a database port, and reading what it answers. */
#include <string.h>

#include "db/db.h"

static bool refuse(AzError *error, AzArena *arena, const char *what);
static bool has_result_types(const AzRows *rows, const AzStatement *statement);
static bool type_of_letter(char letter, AzDbType *type);
static bool has_value(const AzRows *rows, size_t row, int column);

bool
az_db_begin(AzDb *db, AzArena *arena, AzError *error)
{
	if (db->in_transaction)
		return refuse(error, arena, "begin inside a transaction");
	if (!db->port->begin(db, arena, error))
		return false;
	db->in_transaction = true;
	db->failed = false;
	return true;
}

bool
az_db_execute(AzDb *db, AzStatementId id, const AzDbParam *params,
			  AzArena *arena, AzRows *rows, AzError *error)
{
	const AzStatement *statement = az_statement(id);

	memset(rows, 0, sizeof(*rows));
	if (statement == NULL)
		return refuse(error, arena, "execute an unknown statement");
	if (!db->in_transaction)
		return refuse(error, arena, "execute outside a transaction");
	if (db->failed)
		return refuse(error, arena, "execute in a failed transaction");
	if (!db->port->execute(db, id, params, arena, rows, error))
	{
		db->failed = true;
		memset(rows, 0, sizeof(*rows));
		return false;
	}
	if (!has_result_types(rows, statement))
	{
		db->failed = true;
		memset(rows, 0, sizeof(*rows));
		return az_error_set(error, arena, AZ_INTERNAL,
							"statement \"%s\" answered other columns than "
							"it should", statement->name);
	}
	return true;
}

bool
az_db_commit(AzDb *db, AzArena *arena, AzError *error)
{
	if (!db->in_transaction)
		return refuse(error, arena, "commit outside a transaction");
	if (db->failed)
	{
		az_db_rollback(db);
		return refuse(error, arena, "commit a failed transaction");
	}
	db->in_transaction = false;
	if (!db->port->commit(db, arena, error))
		return false;
	db->commits++;
	return true;
}

void
az_db_rollback(AzDb *db)
{
	if (!db->in_transaction)
		return;
	db->in_transaction = false;
	db->failed = false;
	db->port->rollback(db);
}

bool
az_db_end(AzDb *db, bool is_fine, AzArena *arena, AzError *error)
{
	if (is_fine)
		return az_db_commit(db, arena, error);
	az_db_rollback(db);
	return false;
}

uint64_t
az_db_components_generation(AzDb *db)
{
	return db->port->components_generation(db);
}

uint64_t
az_db_log_generation(AzDb *db)
{
	return db->port->log_generation(db);
}

bool
az_rows_is_null(const AzRows *rows, size_t row, int column)
{
	return !has_value(rows, row, column);
}

int64_t
az_rows_int(const AzRows *rows, size_t row, int column)
{
	if (!has_value(rows, row, column) || rows->columns[column].ints == NULL)
		return 0;
	return rows->columns[column].ints[row];
}

AzBytes
az_rows_bytes(const AzRows *rows, size_t row, int column)
{
	AzBytes		nothing = {0};

	if (!has_value(rows, row, column) || rows->columns[column].bytes == NULL)
		return nothing;
	return rows->columns[column].bytes[row];
}

const char *
az_rows_text(const AzRows *rows, size_t row, int column)
{
	AzBytes		bytes = az_rows_bytes(rows, row, column);

	return bytes.data != NULL ? (const char *) bytes.data : "";
}

bool
az_rows_create(AzRows *rows, AzStatementId id, size_t count, AzArena *arena)
{
	const char *letters = az_statement(id)->results;
	size_t		n_columns = strlen(letters);

	rows->count = count;
	rows->n_columns = (int) n_columns;
	rows->columns = az_arena_array(arena, n_columns, sizeof(AzDbColumn));
	if (rows->columns == NULL)
		return false;
	for (size_t i = 0; i < n_columns; i++)
	{
		AzDbColumn *column = &rows->columns[i];

		(void) type_of_letter(letters[i], &column->type);
		column->count = count;
		column->nulls = az_arena_array(arena, count, sizeof(bool));
		if (column->type <= AZ_DB_TIME)
			column->ints = az_arena_array(arena, count, sizeof(int64_t));
		else
			column->bytes = az_arena_array(arena, count, sizeof(AzBytes));
		if (column->nulls == NULL
			|| (column->ints == NULL && column->bytes == NULL))
			return false;
	}
	return true;
}

static bool
refuse(AzError *error, AzArena *arena, const char *what)
{
	return az_error_set(error, arena, AZ_INTERNAL,
						"the engine tried to %s", what);
}

static bool
has_result_types(const AzRows *rows, const AzStatement *statement)
{
	const char *letters = statement->results;

	if (rows->n_columns != (int) strlen(letters))
		return false;
	for (int i = 0; i < rows->n_columns; i++)
	{
		AzDbType	type;

		if (!type_of_letter(letters[i], &type)
			|| rows->columns[i].type != type
			|| rows->columns[i].count < rows->count)
			return false;
	}
	return true;
}

static bool
type_of_letter(char letter, AzDbType *type)
{
	static const char letters[] = {
		[AZ_DB_BOOL] = 'b',
		[AZ_DB_INT4] = 'i',
		[AZ_DB_INT8] = 'I',
		[AZ_DB_TIME] = 't',
		[AZ_DB_TEXT] = 'T',
		[AZ_DB_BYTEA] = 'B',
		[AZ_DB_UUID] = 'U'
	};

	for (size_t i = 0; i < sizeof(letters); i++)
	{
		if (letters[i] != letter)
			continue;
		*type = (AzDbType) i;
		return true;
	}
	return false;
}

static bool
has_value(const AzRows *rows, size_t row, int column)
{
	const AzDbColumn *values;

	if (row >= rows->count || column < 0 || column >= rows->n_columns)
		return false;
	values = &rows->columns[column];
	return values->nulls == NULL || !values->nulls[row];
}
