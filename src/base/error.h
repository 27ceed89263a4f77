/*
 * Errors as values, and the one table of codes: gRPC status codes and the
 * SQLSTATEs they stand for.
 */
#ifndef AZ_BASE_ERROR_H
#define AZ_BASE_ERROR_H

#include <stdarg.h>

#include "base/arena.h"

/* The gRPC status codes, with their numbers on the wire. */
typedef enum AzCode
{
	AZ_OK = 0,
	AZ_CANCELLED = 1,
	AZ_UNKNOWN = 2,
	AZ_INVALID_ARGUMENT = 3,
	AZ_DEADLINE_EXCEEDED = 4,
	AZ_NOT_FOUND = 5,
	AZ_ALREADY_EXISTS = 6,
	AZ_PERMISSION_DENIED = 7,
	AZ_RESOURCE_EXHAUSTED = 8,
	AZ_FAILED_PRECONDITION = 9,
	AZ_ABORTED = 10,
	AZ_OUT_OF_RANGE = 11,
	AZ_UNIMPLEMENTED = 12,
	AZ_INTERNAL = 13,
	AZ_UNAVAILABLE = 14,
	AZ_DATA_LOSS = 15,
	AZ_UNAUTHENTICATED = 16
} AzCode;

/*
 * SQLSTATEs of our own: only what a client must branch on.
 *
 *	ZA001 sequence mismatch				FAILED_PRECONDITION
 *	ZA002 command rejected by business logic	(the code it answered)
 *	ZA003 business logic unreachable		UNAVAILABLE
 *	ZA004 unknown domain or component		NOT_FOUND
 *	ZA005 protected: main timeline, persisted event	FAILED_PRECONDITION
 */
#define AZ_SQLSTATE_SEQUENCE_MISMATCH	"ZA001"
#define AZ_SQLSTATE_REJECTED			"ZA002"
#define AZ_SQLSTATE_UNREACHABLE			"ZA003"
#define AZ_SQLSTATE_UNKNOWN_COMPONENT	"ZA004"
#define AZ_SQLSTATE_PROTECTED			"ZA005"

/*
 * What went wrong.  All zeros means nothing did.  Texts live in the arena
 * given to az_error_set, or are constants.
 */
typedef struct AzError
{
	AzCode		code;
	char		sqlstate[6];	/* "" when it did not come from SQL */
	const char *message;		/* one line, lower case, no full stop */
	const char *detail;			/* facts, whole sentences; or NULL */
	const char *hint;			/* advice, whole sentences; or NULL */
	AzBytes		details;		/* encoded google.rpc.Status, or empty */
} AzError;

/*
 * Fills "error" and returns false, so that a failing function can end in
 * "return az_error_set(...)".  "error" may be NULL.  Without an arena the
 * format is the message, which must be constant then.  When memory is out
 * for the text the message says so; the code stays.
 */
extern bool az_error_set(AzError *error, AzArena *arena, AzCode code,
						 const char *format,...)
			__attribute__((format(printf, 4, 5)));

/* RESOURCE_EXHAUSTED "out of memory"; allocates nothing; returns false. */
extern bool az_error_out_of_memory(AzError *error);

/*
 * A copy whose texts and details are in another arena; false when memory is
 * out, which "to" then says.
 */
extern bool az_error_copy(AzError *to, const AzError *from, AzArena *arena);

/* "INVALID_ARGUMENT" and so on; "CODE_99" is never NULL: "UNKNOWN". */
extern const char *az_code_name(AzCode code);

/* The SQLSTATE that tells a SQL client about a status code. */
extern const char *az_code_sqlstate(AzCode code);

/* The status code that tells a gRPC client about a SQLSTATE. */
extern AzCode az_code_of_sqlstate(const char *sqlstate);

#endif
