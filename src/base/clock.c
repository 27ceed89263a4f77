/* The only source of time, so that tests can turn it by hand. */
#include <stddef.h>
#include <time.h>

#include "base/clock.h"

static int64_t system_monotonic_us(void);
static int64_t system_wall_us(void);

static const AzClock system_clock = {
	.monotonic_us = system_monotonic_us,
	.wall_us = system_wall_us
};

/* One for the whole process, on purpose: there is one time. */
static AzClock in_force = {
	.monotonic_us = system_monotonic_us,
	.wall_us = system_wall_us
};

int64_t
az_clock_monotonic_us(void)
{
	return in_force.monotonic_us();
}

int64_t
az_clock_wall_us(void)
{
	return in_force.wall_us();
}

void
az_clock_set(const AzClock *clock)
{
	in_force = clock != NULL ? *clock : system_clock;
}

static int64_t
now_us(clockid_t id)
{
	struct timespec now;

	/* It cannot fail for the two clocks that every Linux has. */
	(void) clock_gettime(id, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
system_monotonic_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

static int64_t
system_wall_us(void)
{
	return now_us(CLOCK_REALTIME);
}
