/* The answer to a unary gRPC call as it comes in: headers, message, status. */
#include <string.h>

#include "net/answer.h"
#include "wire/frame.h"
#include "wire/status.h"
#include "wire/text.h"

#define HEADER_OVERHEAD 32		/* of one header, as HTTP/2 counts it */
#define GRPC_TYPE "application/grpc"
#define SHOWN_TYPE 40			/* bytes of another content-type in a message */

static bool take_header(AzAnswer *answer, AzBytes name, AzBytes value);
static bool take_http_status(AzAnswer *answer, AzBytes value);
static bool take_content_type(AzAnswer *answer, AzBytes value);
static bool take_grpc_status(AzAnswer *answer, AzBytes value);
static bool take_grpc_message(AzAnswer *answer, AzBytes value);
static bool take_details(AzAnswer *answer, AzBytes value);
static bool take_message(AzAnswer *answer, AzBytes input, size_t *used);
static bool keep_message(AzAnswer *answer, AzBytes message);
static bool fail_too_large(AzAnswer *answer, AzBytes input);
static bool fail_out_of_memory(AzAnswer *answer);
static bool find_message(AzAnswer *answer, AzBytes *message, AzError *status);
static bool fail_without_status(const AzAnswer *answer, AzError *status);

/* Headers that mean something to us; all others are dropped. */
static const struct
{
	const char *name;
	bool		(*take) (AzAnswer *answer, AzBytes value);
}			known[] = {
	{":status", take_http_status},
	{"content-type", take_content_type},
	{"grpc-status", take_grpc_status},
	{"grpc-message", take_grpc_message},
	{"grpc-status-details-bin", take_details},
};

void
az_answer_reset(AzAnswer *answer)
{
	AzAnswer	fresh = {
		.arena = answer->arena,
		.address = answer->address,
		.max_header_bytes = answer->max_header_bytes,
		.max_message_bytes = answer->max_message_bytes
	};

	az_buffer_free(&answer->input);
	*answer = fresh;
}

void
az_answer_free(AzAnswer *answer)
{
	az_buffer_free(&answer->input);
}

bool
az_answer_header(AzAnswer *answer, AzBytes name, AzBytes value)
{
	if (answer->failure.code != AZ_OK)
		return false;
	answer->header_bytes += name.len + value.len + HEADER_OVERHEAD;
	if (answer->header_bytes > answer->max_header_bytes)
		return az_error_set(&answer->failure, answer->arena,
							AZ_RESOURCE_EXHAUSTED,
							"%s answered with more than %zu bytes of headers",
							answer->address, answer->max_header_bytes);
	if (take_header(answer, name, value))
		return true;
	return answer->failure.code == AZ_OK ? fail_out_of_memory(answer) : false;
}

/* False when memory is out, or when it set why the answer is of no use. */
static bool
take_header(AzAnswer *answer, AzBytes name, AzBytes value)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		if (az_bytes_equal(name, az_bytes_of(known[i].name)))
			return known[i].take(answer, value);
	}
	return true;
}

/* HTTP/2 has made sure that it is three digits. */
static bool
take_http_status(AzAnswer *answer, AzBytes value)
{
	int			status = 0;

	for (size_t i = 0; i < value.len && i < 3; i++)
		status = status * 10 + (value.data[i] - '0');
	answer->http_status = status;
	return true;
}

/* Something else with HTTP's OK: a web server, or a proxy's page. */
static bool
take_content_type(AzAnswer *answer, AzBytes value)
{
	AzBytes		ours = az_bytes_of(GRPC_TYPE);

	if (answer->http_status != 200 ||
		(value.len >= ours.len && memcmp(value.data, ours.data, ours.len) == 0))
		return true;
	return az_error_set(&answer->failure, answer->arena, AZ_UNKNOWN,
						"%s answered with content-type \"%.*s\", which is not gRPC's",
						answer->address,
						(int) (value.len < SHOWN_TYPE ? value.len : SHOWN_TYPE),
						(const char *) value.data);
}

static bool
take_grpc_status(AzAnswer *answer, AzBytes value)
{
	answer->has_status = true;
	answer->status.code = az_status_parse(value);
	return true;
}

static bool
take_grpc_message(AzAnswer *answer, AzBytes value)
{
	answer->status.message = az_percent_decode(answer->arena, value);
	return answer->status.message != NULL;
}

/* Details that are not base64 are dropped: the status counts without them. */
static bool
take_details(AzAnswer *answer, AzBytes value)
{
	AzBytes		details;

	if (az_base64_decode(answer->arena, value, &details))
		answer->status.details = details;
	return true;
}

bool
az_answer_data(AzAnswer *answer, AzBytes data)
{
	size_t		used = 0;

	if (answer->failure.code != AZ_OK)
		return false;
	/* What an error page of a proxy contains is of no interest. */
	if (answer->http_status != 200)
		return true;
	if (az_buffer_bytes(&answer->input).len == 0 &&
		!take_message(answer, data, &used))
		return false;
	data.data += used;
	data.len -= used;
	if (data.len == 0)
		return true;
	/* It grows to one message of the allowed size, and by one read more. */
	if (!az_buffer_append(&answer->input, data.data, data.len))
		return fail_out_of_memory(answer);
	if (!take_message(answer, az_buffer_bytes(&answer->input), &used))
		return false;
	az_buffer_consume(&answer->input, used);
	return true;
}

/* Takes one message if it is whole; a second one is one too many. */
static bool
take_message(AzAnswer *answer, AzBytes input, size_t *used)
{
	AzBytes		message;

	*used = 0;
	if (input.len == 0)
		return true;
	if (answer->n_messages > 0)
		return az_error_set(&answer->failure, answer->arena, AZ_INTERNAL,
							"%s answered with more than one message",
							answer->address);
	switch (az_frame_decode(input, answer->max_message_bytes, &message, used))
	{
		case AZ_FRAME_WHOLE:
			return keep_message(answer, message);
		case AZ_FRAME_PARTIAL:
			*used = 0;
			return true;
		case AZ_FRAME_TOO_LARGE:
			return fail_too_large(answer, input);
		case AZ_FRAME_COMPRESSED:
			return az_error_set(&answer->failure, answer->arena, AZ_INTERNAL,
								"%s answered with a compressed message",
								answer->address);
		case AZ_FRAME_BROKEN:
			break;
	}
	return az_error_set(&answer->failure, answer->arena, AZ_INTERNAL,
						"%s answered with bytes that are no gRPC message",
						answer->address);
}

static bool
keep_message(AzAnswer *answer, AzBytes message)
{
	if (!az_arena_copy(answer->arena, message, &answer->message))
		return fail_out_of_memory(answer);
	answer->n_messages++;
	return true;
}

static bool
fail_too_large(AzAnswer *answer, AzBytes input)
{
	const uint8_t *len = input.data + 1;

	return az_error_set(&answer->failure, answer->arena, AZ_RESOURCE_EXHAUSTED,
						"%s answered with a message of %u bytes; %zu are allowed",
						answer->address,
						(unsigned) len[0] << 24 | (unsigned) len[1] << 16 |
						(unsigned) len[2] << 8 | len[3],
						answer->max_message_bytes);
}

static bool
fail_out_of_memory(AzAnswer *answer)
{
	return az_error_out_of_memory(&answer->failure);
}

bool
az_answer_has_begun(const AzAnswer *answer)
{
	return answer->header_bytes > 0;
}

bool
az_answer_result(AzAnswer *answer, AzBytes *message, AzError *status)
{
	memset(message, 0, sizeof(*message));
	*status = answer->failure;
	if (status->code == AZ_OK && answer->has_status &&
		answer->status.code != AZ_OK)
	{
		*status = answer->status;
		if (status->message == NULL)
			status->message = "";
		return false;
	}
	if (status->code == AZ_OK && find_message(answer, message, status))
		return true;
	memcpy(status->sqlstate, AZ_SQLSTATE_UNREACHABLE, sizeof(status->sqlstate));
	return false;
}

/* The one message of an answer that says it is well. */
static bool
find_message(AzAnswer *answer, AzBytes *message, AzError *status)
{
	if (!answer->has_status)
		return fail_without_status(answer, status);
	if (az_buffer_bytes(&answer->input).len > 0)
		return az_error_set(status, answer->arena, AZ_INTERNAL,
							"%s answered with half a message", answer->address);
	if (answer->n_messages == 0)
		return az_error_set(status, answer->arena, AZ_INTERNAL,
							"%s answered without a message", answer->address);
	*message = answer->message;
	return true;
}

static bool
fail_without_status(const AzAnswer *answer, AzError *status)
{
	if (answer->http_status != 0 && answer->http_status != 200)
		return az_error_set(status, answer->arena,
							az_status_of_http(answer->http_status),
							"%s answered with HTTP status %d", answer->address,
							answer->http_status);
	return az_error_set(status, answer->arena, AZ_INTERNAL,
						"%s answered without a status", answer->address);
}
