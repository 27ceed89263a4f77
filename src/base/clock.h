/* The only source of time, so that tests can turn it by hand. */
#ifndef AZ_BASE_CLOCK_H
#define AZ_BASE_CLOCK_H

#include <stdint.h>

typedef struct AzClock
{
	int64_t		(*monotonic_us) (void); /* never goes back; for waiting */
	int64_t		(*wall_us) (void);	/* since 1970-01-01 UTC; for stamping */
} AzClock;

/* Microseconds from the clock in force. */
extern int64_t az_clock_monotonic_us(void);
extern int64_t az_clock_wall_us(void);

/* Puts another clock in force; NULL brings back the system's. */
extern void az_clock_set(const AzClock *clock);

#endif
