/*
 * The rows of a statement, taken from the executor one by one.
 *
 * A value that the row before has too is not copied again: types, ids and
 * exts of the events of a book are mostly the same.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "common/int.h"
#include "executor/tuptable.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "pg/spi_rows.h"
#include "pg/spi_values.h"

#define FIRST_CAPACITY 64

static void start(DestReceiver *self, int operation, TupleDesc desc);
static bool take_row(TupleTableSlot *slot, DestReceiver *self);
static void stop(DestReceiver *self);
static void make_columns(AzSpiRows *taken);
static void grow(AzSpiRows *taken);
static void *grown(AzArena *arena, const void *old, size_t count,
				   size_t capacity, size_t size);
static bool is_too_much(AzSpiRows *taken, TupleTableSlot *slot);
static void take_value(AzSpiRows *taken, AzDbColumn *column, Datum value);
static AzBytes take_bytes(AzSpiRows *taken, const AzDbColumn *column,
						  Datum value);
static int64_t take_time(TimestampTz value);
static AzBytes keep_bytes(AzSpiRows *taken, const AzDbColumn *column,
						  AzBytes bytes);
static void take_null(AzSpiRows *taken, AzDbColumn *column);
static void *allocated(void *memory);

void
az_spi_rows_init(AzSpiRows *taken, const char *letters,
				 size_t max_group_bytes, AzArena *arena, AzRows *rows)
{
	memset(taken, 0, sizeof(*taken));
	taken->base.receiveSlot = take_row;
	taken->base.rStartup = start;
	taken->base.rShutdown = stop;
	taken->base.rDestroy = stop;
	taken->base.mydest = DestNone;
	taken->letters = letters;
	taken->max_group_bytes = max_group_bytes;
	taken->arena = arena;
	taken->rows = rows;
	rows->count = 0;
	rows->n_columns = az_spi_values_count(letters);
	make_columns(taken);
}

/* Checks what the executor will give against what the statement should. */
static void
start(DestReceiver *self, int operation, TupleDesc desc)
{
	AzSpiRows  *taken = (AzSpiRows *) self;

	if (taken->rows->n_columns == 0)
		return;
	if (desc->natts != taken->rows->n_columns)
		elog(ERROR, "a result has %d columns, not %d", desc->natts,
			 taken->rows->n_columns);
	for (int i = 0; i < desc->natts; i++)
	{
		AzDbType	type;

		if (TupleDescAttr(desc, i)->atttypid !=
			az_spi_values_type(taken->letters[i], &type))
			elog(ERROR, "result column \"%s\" is of another type",
				 NameStr(TupleDescAttr(desc, i)->attname));
	}
}

static bool
take_row(TupleTableSlot *slot, DestReceiver *self)
{
	AzSpiRows  *taken = (AzSpiRows *) self;
	AzRows	   *rows = taken->rows;
	bool		too_much;

	if (rows->n_columns == 0)
		return true;
	slot_getallattrs(slot);
	too_much = is_too_much(taken, slot);
	if (too_much && taken->is_cut)
		return true;
	taken->is_cut = too_much;
	if (rows->count == taken->capacity)
		grow(taken);
	for (int i = 0; i < rows->n_columns; i++)
	{
		AzDbColumn *column = &rows->columns[i];

		if (slot->tts_isnull[i] || (too_much && column->type >= AZ_DB_TEXT))
			take_null(taken, column);
		else
			take_value(taken, column, slot->tts_values[i]);
	}
	rows->count++;
	for (int i = 0; i < rows->n_columns; i++)
		rows->columns[i].count = rows->count;
	return true;
}

static void
stop(DestReceiver *self)
{
}

static void
make_columns(AzSpiRows *taken)
{
	AzRows	   *rows = taken->rows;

	rows->columns = allocated(az_arena_array(taken->arena, rows->n_columns + 1,
											 sizeof(AzDbColumn)));
	for (int i = 0; i < rows->n_columns; i++)
		(void) az_spi_values_type(taken->letters[i], &rows->columns[i].type);
}

/* Room for more rows. */
static void
grow(AzSpiRows *taken)
{
	size_t		count = taken->rows->count;
	size_t		capacity = count == 0 ? FIRST_CAPACITY : count * 2;

	for (int i = 0; i < taken->rows->n_columns; i++)
	{
		AzDbColumn *column = &taken->rows->columns[i];

		if (column->nulls != NULL)
			column->nulls = grown(taken->arena, column->nulls, count, capacity,
								  sizeof(bool));
		if (column->type <= AZ_DB_TIME)
			column->ints = grown(taken->arena, column->ints, count, capacity,
								 sizeof(int64_t));
		else
			column->bytes = grown(taken->arena, column->bytes, count, capacity,
								  sizeof(AzBytes));
	}
	taken->capacity = capacity;
}

/* The values in a larger array; the old one is the arena's to forget. */
static void *
grown(AzArena *arena, const void *old, size_t count, size_t capacity,
	  size_t size)
{
	void	   *larger = allocated(az_arena_array(arena, capacity, size));

	if (count > 0)
		memcpy(larger, old, count * size);
	return larger;
}

/* Whether the row's group has had all the bytes that it may. */
static bool
is_too_much(AzSpiRows *taken, TupleTableSlot *slot)
{
	int64_t		group;

	if (taken->max_group_bytes == 0 || slot->tts_isnull[0] ||
		taken->rows->columns[0].type != AZ_DB_INT4)
		return false;
	group = DatumGetInt32(slot->tts_values[0]);
	if (taken->rows->count == 0 || group != taken->group)
	{
		taken->group = group;
		taken->group_bytes = 0;
		taken->is_cut = false;
	}
	return taken->group_bytes > taken->max_group_bytes;
}

static void
take_value(AzSpiRows *taken, AzDbColumn *column, Datum value)
{
	size_t		row = taken->rows->count;

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
			column->ints[row] = take_time(DatumGetTimestampTz(value));
			break;
		default:
			column->bytes[row] = take_bytes(taken, column, value);
	}
}

static AzBytes
take_bytes(AzSpiRows *taken, const AzDbColumn *column, Datum value)
{
	struct varlena *flat;
	AzBytes		bytes;

	if (column->type == AZ_DB_UUID)
	{
		bytes.data = DatumGetUUIDP(value)->data;
		bytes.len = UUID_LEN;
		return keep_bytes(taken, column, bytes);
	}
	flat = PG_DETOAST_DATUM_PACKED(value);
	bytes.data = (const uint8_t *) VARDATA_ANY(flat);
	bytes.len = VARSIZE_ANY_EXHDR(flat);
	bytes = keep_bytes(taken, column, bytes);
	if ((Pointer) flat != DatumGetPointer(value))
		pfree(flat);
	return bytes;
}

/* The infinities become the ends of the scale. */
static int64_t
take_time(TimestampTz value)
{
	int64_t		us;

	if (TIMESTAMP_NOT_FINITE(value) ||
		pg_add_s64_overflow(value, AZ_SPI_EPOCH_US, &us))
		return TIMESTAMP_IS_NOBEGIN(value) ? PG_INT64_MIN : PG_INT64_MAX;
	return us;
}

/* A copy in the arena, or the one that the row before has. */
static AzBytes
keep_bytes(AzSpiRows *taken, const AzDbColumn *column, AzBytes bytes)
{
	size_t		row = taken->rows->count;
	AzBytes		copy;

	if (row > 0 && column->bytes[row - 1].data != NULL &&
		az_bytes_equal(column->bytes[row - 1], bytes))
		return column->bytes[row - 1];
	if (!az_arena_copy(taken->arena, bytes, &copy))
		allocated(NULL);
	taken->group_bytes += bytes.len;
	return copy;
}

static void
take_null(AzSpiRows *taken, AzDbColumn *column)
{
	if (column->nulls == NULL)
		column->nulls = allocated(az_arena_array(taken->arena, taken->capacity,
												 sizeof(bool)));
	column->nulls[taken->rows->count] = true;
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
