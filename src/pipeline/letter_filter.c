/*
 * The filter language of lists of dead letters.
 *
 * A term is a field, "=" and a value in quotes; AND is between terms.  Field
 * names and AND are words of letters and "_"; blanks are free.
 */
#include "pipeline/letter_filter.h"

#include <string.h>

#include "codec/messages.h"
#include "codec/time_text.h"

#define FIELDS "domain, correlation_id, rejection_type, source_component, " \
	"occurred_after or occurred_before"
#define TYPES "\"sequence_mismatch\", \"event_processing_failed\", " \
	"\"payload_retrieval_failed\" or \"compensation_delivery_failed\""
#define ONCE "each field once"
#define MAX_SHOWN 40			/* bytes of what was found */

typedef enum AzFilterField
{
	FIELD_DOMAIN,
	FIELD_CORRELATION_ID,
	FIELD_SOURCE_COMPONENT,
	FIELD_TYPE,
	FIELD_AFTER,
	FIELD_BEFORE,
	FIELD_UNKNOWN
} AzFilterField;

typedef struct AzFilterReader
{
	const char *start;
	const char *next;
	AzLetterFilter *filter;
	AzArena    *arena;
	AzError    *error;
} AzFilterReader;

static const struct
{
	const char *name;
	int			number;
}			types[] = {
	{"sequence_mismatch", PB_REJECTION_TYPE_SEQUENCE_MISMATCH},
	{"event_processing_failed", PB_REJECTION_TYPE_EVENT_PROCESSING_FAILED},
	{"payload_retrieval_failed", PB_REJECTION_TYPE_PAYLOAD_RETRIEVAL_FAILED},
	{"compensation_delivery_failed", PB_REJECTION_TYPE_UNSPECIFIED}
};

static bool read_term(AzFilterReader *reader);
static bool read_and(AzFilterReader *reader);
static void skip_blanks(AzFilterReader *reader);
static AzBytes read_word(AzFilterReader *reader);
static bool read_value(AzFilterReader *reader, const char **value);
static AzFilterField find_field(AzBytes word);
static bool set_field(AzFilterReader *reader, AzFilterField field,
					  const char *value, const char *at);
static bool set_text(AzFilterReader *reader, const char **text,
					 const char *value, const char *at);
static bool set_once(AzFilterReader *reader, bool *is_set, const char *at);
static bool check_type(AzFilterReader *reader, const char *value,
					   const char *at);
static bool set_time(AzFilterReader *reader, const char *value,
					 const char *at, int64_t *time_us);
static bool is_word(AzBytes word, const char *text);
static bool fail(const AzFilterReader *reader, const char *at,
				 const char *wanted);

bool
az_letter_filter_read(const char *text, AzLetterFilter *filter,
					  AzArena *arena, AzError *error)
{
	AzFilterReader reader = {text, text, filter, arena, error};

	memset(filter, 0, sizeof(*filter));
	skip_blanks(&reader);
	if (*reader.next == '\0')
		return true;
	do
	{
		if (!read_term(&reader))
			return false;
		skip_blanks(&reader);
		if (*reader.next == '\0')
			return true;
	} while (read_and(&reader));
	return false;
}

int
az_letter_type_number(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].number;
	return PB_REJECTION_TYPE_UNSPECIFIED;
}

static bool
read_term(AzFilterReader *reader)
{
	const char *at;
	AzFilterField field;
	const char *value = NULL;

	skip_blanks(reader);
	at = reader->next;
	field = find_field(read_word(reader));
	if (field == FIELD_UNKNOWN)
		return fail(reader, at, FIELDS);
	skip_blanks(reader);
	if (*reader->next != '=')
		return fail(reader, reader->next, "=");
	reader->next++;
	skip_blanks(reader);
	if (!read_value(reader, &value))
		return false;
	return set_field(reader, field, value, at);
}

static bool
read_and(AzFilterReader *reader)
{
	const char *at = reader->next;

	return is_word(read_word(reader), "AND") || fail(reader, at, "AND");
}

static void
skip_blanks(AzFilterReader *reader)
{
	while (*reader->next != '\0' && strchr(" \t\r\n", *reader->next) != NULL)
		reader->next++;
}

static AzBytes
read_word(AzFilterReader *reader)
{
	AzBytes		word = {(const uint8_t *) reader->next, 0};

	for (;; reader->next++, word.len++)
	{
		char		c = *reader->next;

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_')
			return word;
	}
}

static bool
read_value(AzFilterReader *reader, const char **value)
{
	const char *at = reader->next;
	char	   *text;

	if (*at != '"')
		return fail(reader, at, "a value in double quotes");
	text = az_arena_alloc(reader->arena, strlen(at));
	if (text == NULL)
		return az_error_out_of_memory(reader->error);
	*value = text;
	for (reader->next++; *reader->next != '"'; reader->next++)
	{
		if (*reader->next == '\\' && reader->next[1] != '\0' &&
			strchr("\"\\", reader->next[1]) != NULL)
			reader->next++;
		else if (*reader->next == '\0')
			return fail(reader, reader->next, "the value's closing quote");
		*text++ = *reader->next;
	}
	reader->next++;
	return true;
}

static AzFilterField
find_field(AzBytes word)
{
	static const char *const names[] = {
		[FIELD_DOMAIN] = "domain",
		[FIELD_CORRELATION_ID] = "correlation_id",
		[FIELD_SOURCE_COMPONENT] = "source_component",
		[FIELD_TYPE] = "rejection_type",
		[FIELD_AFTER] = "occurred_after",
		[FIELD_BEFORE] = "occurred_before"
	};
	int			field = 0;

	while (field < FIELD_UNKNOWN && !is_word(word, names[field]))
		field++;
	return (AzFilterField) field;
}

static bool
set_field(AzFilterReader *reader, AzFilterField field, const char *value,
		  const char *at)
{
	AzLetterFilter *filter = reader->filter;

	switch (field)
	{
		case FIELD_DOMAIN:
			return set_text(reader, &filter->domain, value, at);
		case FIELD_CORRELATION_ID:
			return set_text(reader, &filter->correlation_id, value, at);
		case FIELD_SOURCE_COMPONENT:
			return set_text(reader, &filter->source_component, value, at);
		case FIELD_TYPE:
			return set_text(reader, &filter->rejection_type, value, at) &&
				check_type(reader, value, at);
		case FIELD_AFTER:
			return set_once(reader, &filter->has_after, at) &&
				set_time(reader, value, at, &filter->after_us);
		default:
			return set_once(reader, &filter->has_before, at) &&
				set_time(reader, value, at, &filter->before_us);
	}
}

static bool
set_text(AzFilterReader *reader, const char **text, const char *value,
		 const char *at)
{
	if (*text != NULL)
		return fail(reader, at, ONCE);
	*text = value;
	return true;
}

static bool
set_once(AzFilterReader *reader, bool *is_set, const char *at)
{
	if (*is_set)
		return fail(reader, at, ONCE);
	*is_set = true;
	return true;
}

static bool
check_type(AzFilterReader *reader, const char *value, const char *at)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, value) == 0)
			return true;
	return fail(reader, at, "rejection_type = " TYPES);
}

static bool
set_time(AzFilterReader *reader, const char *value, const char *at,
		 int64_t *time_us)
{
	return az_time_text_read(value, time_us) ||
		fail(reader, at, "a time like \"2026-01-31T12:00:00Z\"");
}

static bool
is_word(AzBytes word, const char *text)
{
	return az_bytes_equal(word, az_bytes_of(text));
}

/* Positions count characters, from 1. */
static bool
fail(const AzFilterReader *reader, const char *at, const char *wanted)
{
	int			position = 1;
	int			shown = 0;

	for (const char *c = reader->start; c < at; c++)
		position += ((unsigned char) *c & 0xC0) != 0x80 ? 1 : 0;
	while (shown < MAX_SHOWN && at[shown] != '\0')
		shown++;
	while (shown > 0 && ((unsigned char) at[shown] & 0xC0) == 0x80)
		shown--;
	if (shown == 0)
		return az_error_set(reader->error, reader->arena, AZ_INVALID_ARGUMENT,
							"filter: it ends at position %d, where %s is expected",
							position, wanted);
	return az_error_set(reader->error, reader->arena, AZ_INVALID_ARGUMENT,
						"filter: found \"%.*s\" at position %d, where %s is expected",
						shown, at, position, wanted);
}
