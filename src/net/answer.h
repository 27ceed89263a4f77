/* The answer to a unary gRPC call as it comes in: headers, message, status. */
#ifndef AZ_NET_ANSWER_H
#define AZ_NET_ANSWER_H

#include "base/error.h"

typedef struct AzAnswer
{
	AzArena    *arena;			/* the caller's, where the result lives */
	const char *address;		/* who answers, for messages */
	size_t		max_header_bytes;
	size_t		max_message_bytes;

	/* Its own. */
	size_t		header_bytes;
	int			http_status;	/* 0 = none came */
	bool		has_status;		/* grpc-status came */
	AzError		status;			/* what the peer said */
	AzBuffer	input;			/* of a message that is not whole yet */
	size_t		n_messages;
	AzBytes		message;		/* the first one, in the arena */
	AzError		failure;		/* why the answer is of no use, if it is not */
} AzAnswer;

/* Ready for a new answer; the first four members are kept. */
extern void az_answer_reset(AzAnswer *answer);

/* Gives back what is not in the arena; needed once, at the end. */
extern void az_answer_free(AzAnswer *answer);

/*
 * Take what comes.  False when the rest is not worth waiting for: a limit is
 * passed, memory is out, or the bytes are not what gRPC allows.
 */
extern bool az_answer_header(AzAnswer *answer, AzBytes name, AzBytes value);
extern bool az_answer_data(AzAnswer *answer, AzBytes data);

/* Whether anything of it has come. */
extern bool az_answer_has_begun(const AzAnswer *answer);

/*
 * What it comes to, once it is whole or given up: true with the message, or
 * false with the peer's status or what was wrong with the answer, which then
 * has sqlstate AZ_SQLSTATE_UNREACHABLE.
 */
extern bool az_answer_result(AzAnswer *answer, AzBytes *message,
							 AzError *status);

#endif
