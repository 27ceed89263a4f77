/* Column vectors of the port and values of the server. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "pg/spi_values.h"

/* Microseconds from 1970 to 2000, where the server counts from. */
#define EPOCH_DISTANCE_US \
	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

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
static void check_result(const char *letters, TupleDesc desc);
static void make_columns(const char *letters, AzArena *arena, AzRows *rows);
static void read_value(AzDbColumn *column, size_t row, Datum value,
					   AzArena *arena);
static int64_t read_time(TimestampTz value);
static AzBytes read_bytes(const void *data, size_t len, AzArena *arena);
static void read_null(AzDbColumn *column, size_t row, AzArena *arena);
static void *allocated(void *memory);

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
					Datum *values, char *nulls)
{
	for (int i = 0; *letters != '\0'; i++)
	{
		bool		is_array;
		const AzSpiType *type = next_type(&letters, &is_array);
		const AzDbColumn *column = &params[i].column;

		if (type->type != column->type || is_array != params[i].is_array ||
			(!is_array && column->count != 1))
			elog(ERROR, "parameter %d is not what the statement takes", i + 1);
		nulls[i] = ' ';
		values[i] = (Datum) 0;
		if (is_array)
			values[i] = build_array(type, column);
		else if (is_null(column, 0))
			nulls[i] = 'n';
		else
			values[i] = build_value(column, 0);
	}
}

void
az_spi_values_read(const char *letters, const SPITupleTable *table,
				   AzArena *arena, AzRows *rows)
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;

	rows->count = table != NULL ? table->numvals : 0;
	rows->n_columns = az_spi_values_count(letters);
	make_columns(letters, arena, rows);
	if (rows->n_columns == 0)
		return;
	if (table == NULL)
		elog(ERROR, "a statement that should have a result has none");
	desc = table->tupdesc;
	check_result(letters, desc);
	values = palloc(sizeof(Datum) * desc->natts);
	nulls = palloc(sizeof(bool) * desc->natts);
	for (size_t row = 0; row < rows->count; row++)
	{
		heap_deform_tuple(table->vals[row], desc, values, nulls);
		for (int i = 0; i < rows->n_columns; i++)
		{
			if (nulls[i])
				read_null(&rows->columns[i], row, arena);
			else
				read_value(&rows->columns[i], row, values[i], arena);
		}
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

	if (pg_sub_s64_overflow(us, EPOCH_DISTANCE_US, &time) ||
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

static void
check_result(const char *letters, TupleDesc desc)
{
	int			n_columns = az_spi_values_count(letters);

	if (desc->natts != n_columns)
		elog(ERROR, "a result has %d columns, not %d", desc->natts, n_columns);
	for (int i = 0; i < n_columns; i++)
	{
		bool		is_array;
		const AzSpiType *type = next_type(&letters, &is_array);

		if (is_array || TupleDescAttr(desc, i)->atttypid != type->oid)
			elog(ERROR, "result column \"%s\" is of another type",
				 NameStr(TupleDescAttr(desc, i)->attname));
	}
}

static void
make_columns(const char *letters, AzArena *arena, AzRows *rows)
{
	rows->columns = NULL;
	if (rows->n_columns == 0)
		return;
	rows->columns = allocated(az_arena_array(arena, rows->n_columns,
											 sizeof(AzDbColumn)));
	for (int i = 0; i < rows->n_columns; i++)
	{
		AzDbColumn *column = &rows->columns[i];
		bool		is_array;

		column->type = next_type(&letters, &is_array)->type;
		column->count = rows->count;
		if (rows->count == 0)
			continue;
		if (column->type <= AZ_DB_TIME)
			column->ints = allocated(az_arena_array(arena, rows->count,
													sizeof(int64_t)));
		else
			column->bytes = allocated(az_arena_array(arena, rows->count,
													 sizeof(AzBytes)));
	}
}

static void
read_value(AzDbColumn *column, size_t row, Datum value, AzArena *arena)
{
	switch (column->type)
	{
		case AZ_DB_BOOL:
			column->ints[row] = DatumGetBool(value);
			break;
		case AZ_DB_INT4:
			column->ints[row] = DatumGetInt32(value);
			break;
		case AZ_DB_INT8:
			column->ints[row] = DatumGetInt64(value);
			break;
		case AZ_DB_TIME:
			column->ints[row] = read_time(DatumGetTimestampTz(value));
			break;
		case AZ_DB_TEXT:
		case AZ_DB_BYTEA:
			{
				struct varlena *flat = PG_DETOAST_DATUM_PACKED(value);

				column->bytes[row] = read_bytes(VARDATA_ANY(flat),
												VARSIZE_ANY_EXHDR(flat),
												arena);
				if ((Pointer) flat != DatumGetPointer(value))
					pfree(flat);
			}
			break;
		case AZ_DB_UUID:
			column->bytes[row] = read_bytes(DatumGetUUIDP(value)->data,
											UUID_LEN, arena);
			break;
	}
}

/* The infinities become the ends of the scale. */
static int64_t
read_time(TimestampTz value)
{
	int64_t		us;

	if (TIMESTAMP_NOT_FINITE(value) ||
		pg_add_s64_overflow(value, EPOCH_DISTANCE_US, &us))
		return TIMESTAMP_IS_NOBEGIN(value) ? PG_INT64_MIN : PG_INT64_MAX;
	return us;
}

static AzBytes
read_bytes(const void *data, size_t len, AzArena *arena)
{
	AzBytes		from = {data, len};
	AzBytes		copy;

	if (!az_arena_copy(arena, from, &copy))
		allocated(NULL);
	return copy;
}

static void
read_null(AzDbColumn *column, size_t row, AzArena *arena)
{
	if (column->nulls == NULL)
		column->nulls = allocated(az_arena_array(arena, column->count,
												 sizeof(bool)));
	column->nulls[row] = true;
}

/* The memory, unless there was none. */
static void *
allocated(void *memory)
{
	if (memory == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return memory;
}
