/* What SQL calls about descriptors: whether a set of files may be registered. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "codec/messages.h"
#include "descriptor/types.h"
#include "pg/compat.h"

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_checked_descriptors);

/* Files by name, in an arena. */
typedef struct Files
{
	AzTypesFile *files;
	size_t		count;
} Files;

static bool check(AzArena *arena, const Files *stored, AzBytes set,
				  Files *fresh, AzError *error);
static bool overlay(AzArena *arena, const Files *stored, const Files *fresh,
					Files *all, AzError *error);
static bool has_file(const Files *files, const char *name);
static bool may_follow(AzArena *arena, const Files *before, const Files *after,
					   AzError *error);
static Files read_files(ArrayType *names, ArrayType *bytes);
static AzBytes bytes_of(Datum datum);
static AzBytes known(void);
static void raise_error(const AzError *error);

/* _checked_descriptors(names, files, descriptor_set) -> the files of the set */
Datum
angzarr_checked_descriptors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Files		stored = read_files(PG_GETARG_ARRAYTYPE_P(0),
									PG_GETARG_ARRAYTYPE_P(1));
	AzBytes		set = bytes_of(PG_GETARG_DATUM(2));
	Files		fresh = {0};
	AzError		error = {0};
	AzArena    *arena;
	bool		is_well;

	/*
	 * Between these two nothing raises an error: what the arena holds would
	 * be lost.
	 */
	InitMaterializedSRF(fcinfo, 0);
	arena = az_arena_create();
	is_well = arena != NULL ? check(arena, &stored, set, &fresh, &error) :
		az_error_out_of_memory(&error);
	if (!is_well)
	{
		error.message = pstrdup(error.message);
		az_arena_free(arena);
		raise_error(&error);
	}
	for (size_t i = 0; i < fresh.count; i++)
	{
		AzBytes		bytes = fresh.files[i].bytes;
		Datum		values[2];
		bool		nulls[2] = {0};

		values[0] = CStringGetTextDatum(fresh.files[i].name);
		values[1] = PointerGetDatum(cstring_to_text_with_len((const char *) bytes.data,
															 (int) bytes.len));
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	az_arena_free(arena);
	return (Datum) 0;
}

static bool
check(AzArena *arena, const Files *stored, AzBytes set, Files *fresh,
	  AzError *error)
{
	Files		all = {0};

	return az_types_split(known(), set, arena, &fresh->files, &fresh->count,
						  error) &&
		overlay(arena, stored, fresh, &all, error) &&
		may_follow(arena, stored, &all, error);
}

/* The stored files, with the fresh ones in place of their namesakes. */
static bool
overlay(AzArena *arena, const Files *stored, const Files *fresh, Files *all,
		AzError *error)
{
	all->files = az_arena_array(arena, stored->count + fresh->count + 1,
								sizeof(AzTypesFile));
	if (all->files == NULL)
		return az_error_out_of_memory(error);
	all->count = 0;
	for (size_t i = 0; i < fresh->count; i++)
		all->files[all->count++] = fresh->files[i];
	for (size_t i = 0; i < stored->count; i++)
		if (!has_file(fresh, stored->files[i].name))
			all->files[all->count++] = stored->files[i];
	return true;
}

static bool
has_file(const Files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->files[i].name, name) == 0)
			return true;
	return false;
}

static bool
may_follow(AzArena *arena, const Files *before, const Files *after,
		   AzError *error)
{
	AzTypes    *old = az_types_create(known(), before->files, before->count,
									  arena, error);
	AzTypes    *now = old == NULL ? NULL :
	az_types_create(known(), after->files, after->count, arena, error);
	bool		may = now != NULL && az_types_can_follow(old, now, arena, error);

	az_types_free(now);
	az_types_free(old);
	return may;
}

static Files
read_files(ArrayType *names, ArrayType *bytes)
{
	Files		files = {0};
	Datum	   *name_values;
	Datum	   *byte_values;
	bool	   *name_nulls;
	bool	   *byte_nulls;
	int			n_names;
	int			n_bytes;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &name_values,
					  &name_nulls, &n_names);
	deconstruct_array(bytes, BYTEAOID, -1, false, TYPALIGN_INT, &byte_values,
					  &byte_nulls, &n_bytes);
	if (n_names != n_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d names for %d files", n_names, n_bytes)));
	files.files = palloc0(sizeof(AzTypesFile) * Max(n_names, 1));
	for (int i = 0; i < n_names; i++)
	{
		if (name_nulls[i] || byte_nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a file of descriptors is null")));
		files.files[i].name = TextDatumGetCString(name_values[i]);
		files.files[i].bytes = bytes_of(byte_values[i]);
		files.count++;
	}
	return files;
}

static AzBytes
bytes_of(Datum datum)
{
	bytea	   *value = DatumGetByteaPP(datum);
	AzBytes		bytes;

	bytes.data = (const uint8_t *) VARDATA_ANY(value);
	bytes.len = VARSIZE_ANY_EXHDR(value);
	return bytes;
}

/* Ours, and what they import. */
static AzBytes
known(void)
{
	AzBytes		bytes;

	bytes.data = az_descriptor_set;
	bytes.len = az_descriptor_set_len;
	return bytes;
}

static void
raise_error(const AzError *error)
{
	const char *state = az_code_sqlstate(error->code);
	bool		is_change = error->code == AZ_FAILED_PRECONDITION;

	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3],
								   state[4])),
			 errmsg("cannot register the descriptors: %s", error->message),
			 errhint(is_change ?
					 "Add a field with a number of its own, or a message with another name: events are stored as they were." :
					 "Make the set with protoc --include_imports --descriptor_set_out.")));
}
