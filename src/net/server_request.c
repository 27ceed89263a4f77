/* What the headers of a stream ask for, and whether it is gRPC that we speak. */
#include <string.h>

#include "net/server_request.h"
#include "wire/text.h"

#define ENTRY_OVERHEAD 32		/* RFC 9113, 6.5.2 */
#define SHOWN 64				/* bytes of a foreign value in a message */

typedef void (*TakeHeader) (AzServerRequest *request, AzBytes value);

static void take_method(AzServerRequest *request, AzBytes value);
static void take_path(AzServerRequest *request, AzBytes value);
static void take_content_type(AzServerRequest *request, AzBytes value);
static void take_timeout(AzServerRequest *request, AzBytes value);
static void take_encoding(AzServerRequest *request, AzBytes value);
static void take_custom(AzServerRequest *request, AzBytes name, AzBytes value);
static bool is_over_limit(AzServerRequest *request, AzBytes name,
						  AzBytes value);

/* What gRPC itself reads. */
static const struct
{
	const char *name;
	TakeHeader	take;
}			known[] = {
	{":method", take_method},
	{":path", take_path},
	{"content-type", take_content_type},
	{"grpc-timeout", take_timeout},
	{"grpc-encoding", take_encoding},
};

void
az_server_request_init(AzServerRequest *request, AzArena *arena,
					   size_t max_header_bytes)
{
	memset(request, 0, sizeof(*request));
	request->arena = arena;
	request->max_header_bytes = max_header_bytes;
	request->path = "";
	request->timeout_us = INT64_MAX;
}

void
az_server_request_take(AzServerRequest *request, AzBytes name, AzBytes value)
{
	if (is_over_limit(request, name, value))
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		if (az_bytes_equal(name, az_bytes_of(known[i].name)))
		{
			known[i].take(request, value);
			return;
		}
	}
	take_custom(request, name, value);
}

const char *
az_server_request_http_status(const AzServerRequest *request)
{
	/* Headers over the limit were not all looked at. */
	if (request->header_bytes > request->max_header_bytes)
		return "200";
	if (!request->is_post)
		return "405";
	return request->is_grpc ? "200" : "415";
}

/* Once over the limit, nothing more is stored. */
static bool
is_over_limit(AzServerRequest *request, AzBytes name, AzBytes value)
{
	bool		was_over = request->header_bytes > request->max_header_bytes;

	request->header_bytes += name.len + value.len + ENTRY_OVERHEAD;
	if (request->header_bytes <= request->max_header_bytes)
		return false;
	if (!was_over)
		az_error_set(&request->refusal, request->arena, AZ_RESOURCE_EXHAUSTED,
					 "request headers are over the limit of %zu bytes",
					 request->max_header_bytes);
	return true;
}

static void
take_method(AzServerRequest *request, AzBytes value)
{
	request->is_post = az_bytes_equal(value, az_bytes_of("POST"));
}

static void
take_path(AzServerRequest *request, AzBytes value)
{
	request->path = az_arena_string_of(request->arena, value);
	if (request->path != NULL)
		return;
	request->path = "";
	az_error_out_of_memory(&request->refusal);
}

/* "application/grpc", alone or with "+proto", "; charset=…" behind it. */
static void
take_content_type(AzServerRequest *request, AzBytes value)
{
	AzBytes		grpc = az_bytes_of("application/grpc");

	if (value.len < grpc.len || memcmp(value.data, grpc.data, grpc.len) != 0)
		return;
	request->is_grpc = value.len == grpc.len ||
		strchr("+; ", value.data[grpc.len]) != NULL;
}

static void
take_timeout(AzServerRequest *request, AzBytes value)
{
	if (az_timeout_parse((const char *) value.data, &request->timeout_us))
		return;
	request->timeout_us = INT64_MAX;
	az_error_set(&request->refusal, request->arena, AZ_INVALID_ARGUMENT,
				 "grpc-timeout \"%.*s\" is not 1 to 8 digits and a unit",
				 SHOWN, (const char *) value.data);
}

static void
take_encoding(AzServerRequest *request, AzBytes value)
{
	if (az_bytes_equal(value, az_bytes_of("identity")))
		return;
	request->is_coded = true;
	az_error_set(&request->refusal, request->arena, AZ_UNIMPLEMENTED,
				 "grpc-encoding \"%.*s\" is not supported, only identity is",
				 SHOWN, (const char *) value.data);
}

static void
take_custom(AzServerRequest *request, AzBytes name, AzBytes value)
{
	if (name.data[0] == ':' ||
		!az_metadata_is_custom((const char *) name.data))
		return;
	if (!az_metadata_add(&request->metadata, request->arena, name, value))
		az_error_out_of_memory(&request->refusal);
}
