/* What a failed delivery means: try again, and when, or give up. */
#include "pipeline/failure.h"

#include <string.h>

#include "base/clock.h"
#include "codec/details.h"

static bool is_permanent_code(AzCode code);
static bool is_of_database(const AzError *error);
static int64_t random_part(int64_t below);

bool
az_failure_is_permanent(const AzError *error, AzArena *arena)
{
	if (!is_permanent_code(error->code) || is_of_database(error))
		return false;
	return strcmp(error->sqlstate, AZ_SQLSTATE_SEQUENCE_MISMATCH) == 0 ||
		!az_details_may_retry(error, arena);
}

static bool
is_permanent_code(AzCode code)
{
	switch (code)
	{
		case AZ_INVALID_ARGUMENT:
		case AZ_NOT_FOUND:
		case AZ_ALREADY_EXISTS:
		case AZ_FAILED_PRECONDITION:
		case AZ_ABORTED:
		case AZ_OUT_OF_RANGE:
		case AZ_UNIMPLEMENTED:
		case AZ_PERMISSION_DENIED:
		case AZ_UNAUTHENTICATED:
			return true;
		default:
			return false;
	}
}

/* The SQLSTATEs of everybody else begin with ZA, or there is none. */
static bool
is_of_database(const AzError *error)
{
	return error->sqlstate[0] != '\0' &&
		strncmp(error->sqlstate, "ZA", 2) != 0;
}

/* The random part is less than what the next pause is longer. */
int64_t
az_failure_delay_us(const AzJobSettings *settings, int attempts)
{
	int64_t		delay_us = settings->retry_delay_us;
	int64_t		limit_us = settings->max_retry_delay_us;
	int64_t		step_us = limit_us / 100 + 2;
	int			done = 1;

	while (done < attempts && delay_us <= limit_us / 2)
	{
		delay_us *= 2;
		done++;
	}
	if (done < attempts)
		return delay_us + delay_us / 2 + (attempts - done) * step_us +
			random_part(step_us - 1);
	return delay_us + random_part(delay_us / 2);
}

/* 0 .. below: so that not everybody comes again at the same time. */
static int64_t
random_part(int64_t below)
{
	uint64_t	bits = (uint64_t) az_clock_monotonic_us();

	bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
	return below > 0 ? (int64_t) ((bits >> 33) % (uint64_t) below) : 0;
}
