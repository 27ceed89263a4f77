/* How HTTP and HTTP/2 outcomes read as gRPC status codes. */
#ifndef AZ_WIRE_STATUS_H
#define AZ_WIRE_STATUS_H

#include "base/error.h"

/* A grpc-status value; UNKNOWN for what is not a number from 0 to 16. */
extern AzCode az_status_parse(AzBytes text);

/* The code for an HTTP status without grpc-status (gRPC's mapping). */
extern AzCode az_status_of_http(int http_status);

/* The code for an HTTP/2 error code of RST_STREAM or GOAWAY. */
extern AzCode az_status_of_http2_error(uint32_t error_code);

#endif
