/*
 * Errors as values, and the one table of codes: gRPC status codes and the
 * SQLSTATEs they stand for.
 */
#include <string.h>

#include "base/error.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What a SQL client is told about each status code. */
static const struct
{
	const char *name;
	const char *sqlstate;
}			codes[] = {
	[AZ_OK] = {"OK", "00000"},
	[AZ_CANCELLED] = {"CANCELLED", "57014"},
	[AZ_UNKNOWN] = {"UNKNOWN", "XX000"},
	[AZ_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", "22023"},
	[AZ_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", "57014"},
	[AZ_NOT_FOUND] = {"NOT_FOUND", AZ_SQLSTATE_UNKNOWN_COMPONENT},
	[AZ_ALREADY_EXISTS] = {"ALREADY_EXISTS", "23505"},
	[AZ_PERMISSION_DENIED] = {"PERMISSION_DENIED", "42501"},
	[AZ_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", "54000"},
	[AZ_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", "55000"},
	[AZ_ABORTED] = {"ABORTED", "40001"},
	[AZ_OUT_OF_RANGE] = {"OUT_OF_RANGE", "22003"},
	[AZ_UNIMPLEMENTED] = {"UNIMPLEMENTED", "0A000"},
	[AZ_INTERNAL] = {"INTERNAL", "XX000"},
	[AZ_UNAVAILABLE] = {"UNAVAILABLE", AZ_SQLSTATE_UNREACHABLE},
	[AZ_DATA_LOSS] = {"DATA_LOSS", "XX001"},
	[AZ_UNAUTHENTICATED] = {"UNAUTHENTICATED", "28000"},
};

/* What a gRPC client is told about a SQLSTATE that begins so; first wins. */
static const struct
{
	const char *prefix;
	AzCode		code;
}			sqlstates[] = {
	{AZ_SQLSTATE_SEQUENCE_MISMATCH, AZ_FAILED_PRECONDITION},
	{AZ_SQLSTATE_REJECTED, AZ_FAILED_PRECONDITION},
	{AZ_SQLSTATE_UNREACHABLE, AZ_UNAVAILABLE},
	{AZ_SQLSTATE_UNKNOWN_COMPONENT, AZ_NOT_FOUND},
	{AZ_SQLSTATE_PROTECTED, AZ_FAILED_PRECONDITION},
	{"00", AZ_OK},
	{"08", AZ_UNAVAILABLE},		/* connection lost */
	{"0A", AZ_UNIMPLEMENTED},
	{"22003", AZ_OUT_OF_RANGE},
	{"22008", AZ_OUT_OF_RANGE}, /* a time beyond what can be stored */
	{"22", AZ_INVALID_ARGUMENT},
	{"23505", AZ_ALREADY_EXISTS},
	{"25006", AZ_FAILED_PRECONDITION},	/* read-only */
	{"28", AZ_UNAUTHENTICATED},
	{"40", AZ_ABORTED},			/* serialization failure, deadlock */
	{"42501", AZ_PERMISSION_DENIED},
	{"42704", AZ_NOT_FOUND},	/* undefined object */
	{"53", AZ_RESOURCE_EXHAUSTED},	/* memory, disk, connections */
	{"54", AZ_RESOURCE_EXHAUSTED},	/* a limit of the server */
	{"55000", AZ_FAILED_PRECONDITION},
	{"55P03", AZ_UNAVAILABLE},	/* lock not available */
	{"57014", AZ_CANCELLED},
	{"57P0", AZ_UNAVAILABLE},	/* shutting down, starting up */
	{"P0002", AZ_NOT_FOUND},	/* no data found */
	{"XX001", AZ_DATA_LOSS},	/* data corrupted */
	{"XX002", AZ_DATA_LOSS},	/* index corrupted */
};

bool
az_error_set(AzError *error, AzArena *arena, AzCode code,
			 const char *format,...)
{
	va_list		args;

	if (error == NULL)
		return false;
	memset(error, 0, sizeof(*error));
	error->code = code;
	if (arena == NULL)
	{
		error->message = format;
		return false;
	}
	va_start(args, format);
	error->message = az_arena_vformat(arena, format, args);
	va_end(args);
	if (error->message == NULL)
		error->message = "out of memory for the text of this error";
	return false;
}

bool
az_error_out_of_memory(AzError *error)
{
	if (error == NULL)
		return false;
	memset(error, 0, sizeof(*error));
	error->code = AZ_RESOURCE_EXHAUSTED;
	error->message = "out of memory";
	return false;
}

bool
az_error_copy(AzError *to, const AzError *from, AzArena *arena)
{
	const char *const *const texts[] = {
		&from->message, &from->detail, &from->hint
	};
	const char **const copies[] = {&to->message, &to->detail, &to->hint};

	*to = *from;
	for (size_t i = 0; i < LENGTH_OF(texts); i++)
	{
		if (*texts[i] != NULL)
			*copies[i] = az_arena_string(arena, *texts[i]);
		if (*texts[i] != NULL && *copies[i] == NULL)
			return az_error_out_of_memory(to);
	}
	return az_arena_copy(arena, from->details, &to->details) ||
		az_error_out_of_memory(to);
}

const char *
az_code_name(AzCode code)
{
	if ((size_t) code >= LENGTH_OF(codes))
		return codes[AZ_UNKNOWN].name;
	return codes[code].name;
}

const char *
az_code_sqlstate(AzCode code)
{
	if ((size_t) code >= LENGTH_OF(codes))
		return codes[AZ_UNKNOWN].sqlstate;
	return codes[code].sqlstate;
}

AzCode
az_code_of_sqlstate(const char *sqlstate)
{
	for (size_t i = 0; i < LENGTH_OF(sqlstates); i++)
	{
		const char *prefix = sqlstates[i].prefix;

		if (strncmp(sqlstate, prefix, strlen(prefix)) == 0)
			return sqlstates[i].code;
	}
	return AZ_INTERNAL;
}
