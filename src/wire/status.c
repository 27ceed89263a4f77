/* How HTTP and HTTP/2 outcomes read as gRPC status codes. */
#include "wire/status.h"

/* The error codes of RFC 9113, section 7, that do not mean INTERNAL. */
#define REFUSED_STREAM 0x7
#define CANCEL 0x8
#define ENHANCE_YOUR_CALM 0xb
#define INADEQUATE_SECURITY 0xc

AzCode
az_status_parse(AzBytes text)
{
	int			code = 0;

	if (text.len == 0 || text.len > 2)
		return AZ_UNKNOWN;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9')
			return AZ_UNKNOWN;
		code = code * 10 + (text.data[i] - '0');
	}
	return code <= AZ_UNAUTHENTICATED ? (AzCode) code : AZ_UNKNOWN;
}

AzCode
az_status_of_http(int http_status)
{
	switch (http_status)
	{
		case 400:
			return AZ_INTERNAL;
		case 401:
			return AZ_UNAUTHENTICATED;
		case 403:
			return AZ_PERMISSION_DENIED;
		case 404:
			return AZ_UNIMPLEMENTED;
		case 429:
		case 502:
		case 503:
		case 504:
			return AZ_UNAVAILABLE;
		default:
			return AZ_UNKNOWN;
	}
}

AzCode
az_status_of_http2_error(uint32_t error_code)
{
	switch (error_code)
	{
		case REFUSED_STREAM:
			return AZ_UNAVAILABLE;
		case CANCEL:
			return AZ_CANCELLED;
		case ENHANCE_YOUR_CALM:
			return AZ_RESOURCE_EXHAUSTED;
		case INADEQUATE_SECURITY:
			return AZ_PERMISSION_DENIED;
		default:
			return AZ_INTERNAL;
	}
}
