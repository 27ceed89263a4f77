/* What the client's tests share: a loop, channels, one service, calls. */
#ifndef CLIENT_WORLD_H
#define CLIENT_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "h2_service.h"
#include "net/channels.h"

typedef struct World
{
	AzLoop	   *loop;
	AzClientLimits limits;
	AzChannels *channels;
	AzArena    *arena;
	H2Service  *service;		/* listens at 127.0.0.1 */
	char		address[64];	/* of the service */
} World;

/* One call and what became of it. */
typedef struct Ask
{
	AzCall	   *call;
	AzArena    *arena;
	int			times;			/* "done" came so often */
	char		answer[256];	/* begin of the answer, as text */
	size_t		answer_len;
	AzCode		code;
	char		message[512];
	char		detail[256];
	AzBytes		details;		/* in the arena */
	AzError		refused;		/* when it could not be started */
} Ask;

/* Limits that suit tests: short waits, small sizes. */
extern AzClientLimits world_limits(void);

/* Makes channels (with "limits") and a service that echoes. */
extern void world_open(World *world, const AzClientLimits *limits);
extern void world_close(World *world);

/* One turn of the loop, at most some milliseconds long. */
extern void world_turn(World *world);

/* Starts a unary call of "/test.Service/Do". */
extern void ask(World *world, Ask *asked, const char *address,
				const char *message, int64_t timeout_us);

/* The same with a prepared request; its arena, done and owner are set. */
extern void ask_with(World *world, Ask *asked, const char *address,
					 AzCallRequest *request);

/* Like ask, where memory may be out: asked->call may be NULL. */
extern void ask_try(World *world, Ask *asked, const char *address,
					const char *message, int64_t timeout_us);
extern void ask_free(Ask *asked);

/* Asks the world's service and waits for the end. */
extern void ask_and_wait(World *world, Ask *asked, const char *message);

/* A child process with an echoing service; 0 when it is gone. */
extern int	start_echo_process(int *port);
extern void stop_echo_process(int pid);

/* Turns the loop until something is true; fails after five seconds. */
#define WAIT_UNTIL(world, condition) \
	do { \
		int64_t until_us = az_clock_monotonic_us() + 5000000; \
		while (!(condition)) \
		{ \
			if (az_clock_monotonic_us() > until_us) \
				fail_msg("waited in vain until %s", #condition); \
			world_turn(world); \
		} \
	} while (0)

/* Turns the loop for a while, to see that something does not happen. */
#define TURN_FOR(world, span_us) \
	do { \
		int64_t until_us = az_clock_monotonic_us() + (span_us); \
		while (az_clock_monotonic_us() < until_us) \
			world_turn(world); \
	} while (0)

#define assert_contains(text, part) \
	do { \
		if (strstr((text), (part)) == NULL) \
			fail_msg("\"%s\" does not contain \"%s\"", (text), (part)); \
	} while (0)

#endif
