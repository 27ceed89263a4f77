/* Building the array parameters of set-based statements, row by row. */
#include "store/columns.h"

#include <string.h>

static AzDbType type_of(char letter);
static bool create_column(AzDbParam *param, char letter, size_t rows,
						  AzArena *arena);

AzDbParam *
az_columns_create(AzStatementId statement, size_t rows, AzArena *arena)
{
	const char *types = az_statement(statement)->params;
	AzDbParam  *params = az_arena_array(arena, strlen(types) + 1,
										sizeof(AzDbParam));
	size_t		n = 0;

	if (params == NULL)
		return NULL;
	for (; *types != '\0'; types++)
	{
		if (*types == '*')
			params[n - 1].is_array = true;
		else if (!create_column(&params[n++], *types, rows, arena))
			return NULL;
	}
	return params;
}

void
az_columns_set_int(AzDbParam *param, size_t row, int64_t value)
{
	param->column.ints[row] = value;
}

void
az_columns_set_ints(AzDbParam *param, int64_t *values, size_t count)
{
	param->column.ints = values;
	param->column.count = count;
	param->column.nulls = NULL;
}

void
az_columns_set_text(AzDbParam *param, size_t row, const char *text)
{
	if (text == NULL)
		az_columns_set_null(param, row);
	else
		param->column.bytes[row] = az_bytes_of(text);
}

void
az_columns_set_bytes(AzDbParam *param, size_t row, AzBytes bytes)
{
	param->column.bytes[row] = bytes;
}

void
az_columns_set_null(AzDbParam *param, size_t row)
{
	param->column.nulls[row] = true;
}

static bool
create_column(AzDbParam *param, char letter, size_t rows, AzArena *arena)
{
	AzDbColumn *column = &param->column;

	column->type = type_of(letter);
	column->count = rows;
	column->nulls = az_arena_array(arena, rows + 1, sizeof(bool));
	if (column->type >= AZ_DB_TEXT)
		column->bytes = az_arena_array(arena, rows + 1, sizeof(AzBytes));
	else
		column->ints = az_arena_array(arena, rows + 1, sizeof(int64_t));
	return column->nulls != NULL &&
		(column->bytes != NULL || column->ints != NULL);
}

static AzDbType
type_of(char letter)
{
	switch (letter)
	{
		case 'b':
			return AZ_DB_BOOL;
		case 'i':
			return AZ_DB_INT4;
		case 'I':
			return AZ_DB_INT8;
		case 't':
			return AZ_DB_TIME;
		case 'T':
			return AZ_DB_TEXT;
		case 'B':
			return AZ_DB_BYTEA;
		default:
			return AZ_DB_UUID;
	}
}
