/*
 * The messages of a call as they come in.  Only for the server's own files.
 */
#ifndef AZ_NET_SERVER_INPUT_H
#define AZ_NET_SERVER_INPUT_H

#include "net/server_call.h"

/*
 * Takes bytes of the stream: delivers whole messages, keeps the rest, lets
 * the client send on.  The call fails on what is not gRPC's framing.
 */
extern void az_server_input_take(AzServerCall *call, AzBytes data);

extern bool az_server_input_is_unfinished(const AzServerCall *call);

/* Forgets an unfinished message. */
extern void az_server_input_drop(AzServerCall *call);

#endif
