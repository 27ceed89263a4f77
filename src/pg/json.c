/* What SQL calls: payloads as JSON, and JSON as payloads. */
#include "postgres.h"

#include "common/base64.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "descriptor/json.h"
#include "pg/compat.h"
#include "pg/types_cache.h"

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_to_json);
PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_shown_json);
PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_from_json);

/* What to do, and what came of it, in the current memory context. */
typedef struct Turned
{
	AzBytes		bytes;			/* ended by a zero byte */
	AzCode		code;			/* AZ_OK when it went well */
	char	   *message;
} Turned;

typedef bool (*Turn) (const AzTypes *types, const char *type, AzBytes from,
					  AzArena *arena, AzBytes *to, AzError *error);

static Datum print_json(FunctionCallInfo fcinfo, bool is_strict);
static Turned turn(Turn how, const AzTypes *types, const char *type,
				   AzBytes from);
static void copy_out(Turned *turned, const AzError *error, AzBytes made);
static Datum as_bytes(const char *type_url, AzBytes payload,
					  const char *fault);
static void push_text(JsonbParseState * *state, JsonbIteratorToken place,
					  const char *text);
static const char *base64_of(AzBytes bytes);
static Datum jsonb_of(char *text, size_t len);
static const char *name_of(const char *type_url);
static AzBytes bytes_of(const bytea *value);
static void raise_error(const Turned *turned, bool is_print, const char *type)
			pg_attribute_noreturn();

/* to_json(type_url, payload) -> jsonb */
Datum
angzarr_to_json(PG_FUNCTION_ARGS)
{
	return print_json(fcinfo, true);
}

/* _shown_json(type_url, payload): the same, but what does not decode is shown. */
Datum
angzarr_shown_json(PG_FUNCTION_ARGS)
{
	return print_json(fcinfo, false);
}

/* from_json(type, value jsonb) -> bytea */
Datum
angzarr_from_json(PG_FUNCTION_ARGS)
{
	const char *type = name_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Jsonb	   *value = PG_GETARG_JSONB_P(1);
	char	   *json = JsonbToCString(NULL, &value->root, VARSIZE(value));
	Turned		turned;
	bytea	   *payload;

	json = pg_server_to_any(json, (int) strlen(json), PG_UTF8);
	turned = turn(az_json_parse, az_types_cache_get(), type,
				  az_bytes_of(json));
	if (turned.code == AZ_NOT_FOUND)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type \"%s\" is not registered", type),
				 errhint("Give the full name of a message, such as shop.OrderCreated, and register its file with register_descriptors.")));
	if (turned.code != AZ_OK)
		raise_error(&turned, false, type);
	payload = palloc(VARHDRSZ + turned.bytes.len);
	SET_VARSIZE(payload, VARHDRSZ + turned.bytes.len);
	memcpy(VARDATA(payload), turned.bytes.data, turned.bytes.len);
	PG_RETURN_BYTEA_P(payload);
}

static Datum
print_json(FunctionCallInfo fcinfo, bool is_strict)
{
	char	   *type_url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	AzBytes		payload = bytes_of(PG_GETARG_BYTEA_PP(1));
	Turned		turned = turn(az_json_print, az_types_cache_get(),
							  name_of(type_url), payload);

	if (turned.code == AZ_NOT_FOUND)
		return as_bytes(type_url, payload, NULL);
	if (turned.code == AZ_INVALID_ARGUMENT && !is_strict)
		return as_bytes(type_url, payload, turned.message);
	if (turned.code != AZ_OK)
		raise_error(&turned, true, name_of(type_url));
	return jsonb_of((char *) turned.bytes.data, turned.bytes.len);
}

/*
 * The engine's part.  While it has its arena nothing raises an error, or
 * the arena would be lost.
 */
static Turned
turn(Turn how, const AzTypes *types, const char *type, AzBytes from)
{
	Turned		turned = {0};
	AzError		error = {0};
	AzBytes		made = {0};
	AzArena    *arena = az_arena_create();

	if (arena == NULL)
		az_error_out_of_memory(&error);
	else
		how(types, type, from, arena, &made, &error);
	copy_out(&turned, &error, made);
	az_arena_free(arena);
	if (turned.code == AZ_OK && turned.bytes.data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a value of %zu bytes is too large", made.len),
				 errdetail("A value has at most %zu bytes.",
						   (size_t) MaxAllocSize)));
	return turned;
}

static void
copy_out(Turned *turned, const AzError *error, AzBytes made)
{
	const char *message = error->message == NULL ? "" : error->message;
	char	   *copy;

	turned->code = error->code;
	turned->message = MemoryContextAllocExtended(CurrentMemoryContext,
												 strlen(message) + 1,
												 MCXT_ALLOC_NO_OOM);
	if (turned->message == NULL)
		turned->code = AZ_RESOURCE_EXHAUSTED;
	else
		memcpy(turned->message, message, strlen(message) + 1);
	if (turned->code != AZ_OK || made.len > MaxAllocSize - VARHDRSZ - 1)
		return;
	copy = MemoryContextAllocExtended(CurrentMemoryContext, made.len + 1,
									  MCXT_ALLOC_NO_OOM);
	if (copy == NULL)
	{
		turned->code = AZ_RESOURCE_EXHAUSTED;
		return;
	}
	if (made.len > 0)
		memcpy(copy, made.data, made.len);
	copy[made.len] = '\0';
	turned->bytes.data = (const uint8_t *) copy;
	turned->bytes.len = made.len;
}

/* {"@type": ..., "value_b64": ...}, and why, if there is a reason. */
static Datum
as_bytes(const char *type_url, AzBytes payload, const char *fault)
{
	const char *names[] = {"@type", "value_b64", "error"};
	const char *texts[] = {type_url, base64_of(payload), fault};
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (size_t i = 0; i < lengthof(names); i++)
	{
		if (texts[i] == NULL)
			continue;
		push_text(&state, WJB_KEY, names[i]);
		push_text(&state, WJB_VALUE, texts[i]);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state,
														   WJB_END_OBJECT,
														   NULL)));
}

static void
push_text(JsonbParseState * *state, JsonbIteratorToken place, const char *text)
{
	JsonbValue	value;
	size_t		len = strlen(text);

	if (len > JENTRY_OFFLENMASK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a text of %zu bytes is too long for jsonb", len),
				 errdetail("A text in jsonb has at most %d bytes.",
						   JENTRY_OFFLENMASK)));
	value.type = jbvString;
	value.val.string.val = (char *) text;
	value.val.string.len = (int) len;
	pushJsonbValue(state, place, &value);
}

static const char *
base64_of(AzBytes bytes)
{
	int			size = pg_b64_enc_len((int) bytes.len);
	char	   *text;

	/* Four characters for three bytes may be more than a value has. */
	if (bytes.len > MaxAllocSize / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a payload of %zu bytes is too large to be shown",
						bytes.len)));
	text = palloc(size + 1);
	size = pg_b64_encode((const char *) bytes.data, (int) bytes.len, text,
						 size);
	text[Max(size, 0)] = '\0';
	return text;
}

/* The engine's text is UTF-8, the server's what the database has. */
static Datum
jsonb_of(char *text, size_t len)
{
	return DirectFunctionCall1(jsonb_in,
							   CStringGetDatum(pg_any_to_server(text,
																(int) len,
																PG_UTF8)));
}

/* What is after the last slash of a URL, or all of it. */
static const char *
name_of(const char *type_url)
{
	const char *slash = strrchr(type_url, '/');

	return slash == NULL ? type_url : slash + 1;
}

static AzBytes
bytes_of(const bytea *value)
{
	AzBytes		bytes;

	bytes.data = (const uint8_t *) VARDATA_ANY(value);
	bytes.len = VARSIZE_ANY_EXHDR(value);
	return bytes;
}

static void
raise_error(const Turned *turned, bool is_print, const char *type)
{
	const char *state = az_code_sqlstate(turned->code);
	const char *message = turned->message == NULL ? "out of memory" :
	pg_any_to_server(turned->message, (int) strlen(turned->message),
					 PG_UTF8);

	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3],
								   state[4])),
			 is_print ?
			 errmsg("cannot show the payload as \"%s\": %s", type, message) :
			 errmsg("cannot make a \"%s\" of the JSON: %s", type, message),
			 turned->code != AZ_INVALID_ARGUMENT ? 0 :
			 is_print ?
			 errhint("The payload was not written as this type, or it was cut; the view events_json shows its bytes.") :
			 errhint("See the message in its .proto file: names are lowerCamelCase, 64-bit numbers and bytes (base64) may be strings.")));
	pg_unreachable();
}
