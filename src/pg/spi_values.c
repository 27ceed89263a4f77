/* Column vectors of the port as values of the server. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "pg/spi_values.h"

/* A type of the port as the server knows it. */
typedef struct AzSpiType
{
	char		letter;
	AzDbType	type;
	Oid			oid;
	Oid			array_oid;
	int16		len;
	bool		by_value;
	char		align;
} AzSpiType;

static const AzSpiType types_known[] = {
	{'b', AZ_DB_BOOL, BOOLOID, BOOLARRAYOID, 1, true, TYPALIGN_CHAR},
	{'i', AZ_DB_INT4, INT4OID, INT4ARRAYOID, 4, true, TYPALIGN_INT},
	{'I', AZ_DB_INT8, INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL,
	TYPALIGN_DOUBLE},
	{'t', AZ_DB_TIME, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 8,
	FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},
	{'T', AZ_DB_TEXT, TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},
	{'B', AZ_DB_BYTEA, BYTEAOID, BYTEAARRAYOID, -1, false, TYPALIGN_INT},
	{'U', AZ_DB_UUID, UUIDOID, UUIDARRAYOID, UUID_LEN, false, TYPALIGN_CHAR},
	{'\0'}
};

static const AzSpiType *next_type(const char **letters, bool *is_array);
static Datum build_array(const AzSpiType *type, const AzDbColumn *column);
static Datum build_value(const AzDbColumn *column, size_t i);
static Datum build_time(int64_t us);
static Datum build_varlena(AzBytes bytes);
static Datum build_uuid(AzBytes bytes);
static bool is_null(const AzDbColumn *column, size_t i);

Oid
az_spi_values_type(char letter, AzDbType *type)
{
	const char	letters[] = {letter, '\0'};
	const char *next = letters;
	bool		is_array;
	const AzSpiType *found = next_type(&next, &is_array);

	*type = found->type;
	return found->oid;
}

int
az_spi_values_count(const char *letters)
{
	int			count = 0;

	for (; *letters != '\0'; letters++)
		if (*letters != '*')
			count++;
	return count;
}

void
az_spi_values_types(const char *letters, Oid *types)
{
	while (*letters != '\0')
	{
		bool		is_array;
		const AzSpiType *type = next_type(&letters, &is_array);

		*types++ = is_array ? type->array_oid : type->oid;
	}
}

void
az_spi_values_build(const char *letters, const AzDbParam *params,
					ParamListInfo list)
{
	for (int i = 0; *letters != '\0'; i++)
	{
		bool		is_array;
		const AzSpiType *type = next_type(&letters, &is_array);
		const AzDbColumn *column = &params[i].column;

		if (type->type != column->type || is_array != params[i].is_array ||
			(!is_array && column->count != 1))
			elog(ERROR, "parameter %d is not what the statement takes", i + 1);
		list->params[i].ptype = is_array ? type->array_oid : type->oid;
		list->params[i].pflags = PARAM_FLAG_CONST;
		list->params[i].isnull = !is_array && is_null(column, 0);
		list->params[i].value = (Datum) 0;
		if (is_array)
			list->params[i].value = build_array(type, column);
		else if (!list->params[i].isnull)
			list->params[i].value = build_value(column, 0);
	}
}

/* The type of the next letter; moves past it and its star. */
static const AzSpiType *
next_type(const char **letters, bool *is_array)
{
	char		letter = *(*letters)++;
	const AzSpiType *type = types_known;

	*is_array = **letters == '*';
	if (*is_array)
		(*letters)++;
	while (type->letter != '\0' && type->letter != letter)
		type++;
	if (type->letter == '\0')
		elog(ERROR, "no type has the letter \"%c\"", letter);
	return type;
}

static Datum
build_array(const AzSpiType *type, const AzDbColumn *column)
{
	Datum	   *elements;
	int			dims[1];
	int			lower_bounds[1] = {1};

	if (column->count == 0)
		return PointerGetDatum(construct_empty_array(type->oid));
	if (column->count > MaxArraySize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("array of %zu values is too long", column->count)));
	elements = palloc(sizeof(Datum) * column->count);
	for (size_t i = 0; i < column->count; i++)
		elements[i] = is_null(column, i) ? (Datum) 0 : build_value(column, i);
	dims[0] = (int) column->count;
	return PointerGetDatum(construct_md_array(elements, column->nulls, 1,
											  dims, lower_bounds, type->oid,
											  type->len, type->by_value,
											  type->align));
}

static Datum
build_value(const AzDbColumn *column, size_t i)
{
	switch (column->type)
	{
		case AZ_DB_BOOL:
			return BoolGetDatum(column->ints[i] != 0);
		case AZ_DB_INT4:
			if (column->ints[i] < PG_INT32_MIN || column->ints[i] > PG_INT32_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("integer out of range")));
			return Int32GetDatum((int32) column->ints[i]);
		case AZ_DB_INT8:
			return Int64GetDatum(column->ints[i]);
		case AZ_DB_TIME:
			return build_time(column->ints[i]);
		case AZ_DB_TEXT:
		case AZ_DB_BYTEA:
			return build_varlena(column->bytes[i]);
		case AZ_DB_UUID:
			return build_uuid(column->bytes[i]);
	}
	elog(ERROR, "unknown type %d of the port", (int) column->type);
	return (Datum) 0;
}

static Datum
build_time(int64_t us)
{
	TimestampTz time;

	if (pg_sub_s64_overflow(us, AZ_SPI_EPOCH_US, &time) ||
		!IS_VALID_TIMESTAMP(time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return TimestampTzGetDatum(time);
}

static Datum
build_varlena(AzBytes bytes)
{
	if (bytes.len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value of %zu bytes is too long", bytes.len)));
	return PointerGetDatum(cstring_to_text_with_len(bytes.len > 0 ?
													(const char *) bytes.data : "",
													(int) bytes.len));
}

static Datum
build_uuid(AzBytes bytes)
{
	pg_uuid_t  *uuid;

	if (bytes.len != UUID_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("a uuid has %d bytes, not %zu", UUID_LEN, bytes.len)));
	uuid = palloc(sizeof(pg_uuid_t));
	memcpy(uuid->data, bytes.data, UUID_LEN);
	return UUIDPGetDatum(uuid);
}

static bool
is_null(const AzDbColumn *column, size_t i)
{
	return column->nulls != NULL && column->nulls[i];
}
