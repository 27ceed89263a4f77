/* The trailers that tell a client how its call ended. */
#include <string.h>

#include "net/trailers.h"
#include "wire/text.h"

#define LONGEST_MESSAGE 1024
#define LARGEST_DETAILS 12288

static const char *const status_numbers[] = {
	"0", "1", "2", "3", "4", "5", "6", "7", "8",
	"9", "10", "11", "12", "13", "14", "15", "16"
};

static void add(AzTrailers *trailers, const char *name, const char *value);
static const char *status_number(AzCode code);
static char *status_message(const AzError *status, AzArena *arena);
static void cut(char *message);

void
az_trailers_build(AzTrailers *trailers, const AzError *status, AzArena *arena)
{
	trailers->count = 0;
	add(trailers, "grpc-status", status_number(status->code));
	if (status->code == AZ_OK)
		return;
	add(trailers, "grpc-message", status_message(status, arena));
	if (status->details.len > 0 && status->details.len <= LARGEST_DETAILS)
		add(trailers, "grpc-status-details-bin",
			az_base64_encode(arena, status->details));
}

static void
add(AzTrailers *trailers, const char *name, const char *value)
{
	if (value == NULL)
		return;
	trailers->headers[trailers->count].name = name;
	trailers->headers[trailers->count].value = value;
	trailers->count++;
}

static const char *
status_number(AzCode code)
{
	if ((size_t) code < sizeof(status_numbers) / sizeof(status_numbers[0]))
		return status_numbers[code];
	return status_numbers[AZ_UNKNOWN];
}

/* How an error reads for a person: message, then detail, then hint. */
static char *
status_message(const AzError *status, AzArena *arena)
{
	const char *detail = status->detail == NULL ? "" : status->detail;
	const char *hint = status->hint == NULL ? "" : status->hint;
	char	   *message;

	if (status->message == NULL)
		return NULL;
	message = az_arena_format(arena, "%s%s%s%s%s", status->message,
							  *detail || *hint ? ". " : "", detail,
							  *detail && *hint ? " " : "", hint);
	if (message == NULL)
		return NULL;
	cut(message);
	return az_percent_encode(arena, message);
}

/* Ends a long message before the character that does not fit. */
static void
cut(char *message)
{
	size_t		len = strlen(message);

	if (len <= LONGEST_MESSAGE)
		return;
	len = LONGEST_MESSAGE;
	while (len > 0 && ((uint8_t) message[len] & 0xC0) == 0x80)
		len--;
	message[len] = '\0';
}
