/*
 * A stage for tests of the gRPC server: a server whose owner does what the
 * path of a call asks for, peers over real sockets, and a clock to turn.
 *
 *	/echo	sends the first message back and finishes
 *	/chat	sends every message back, finishes when the client ends
 *	/hold	does nothing; the test goes on with stage.held
 *	/refuse	finishes with NOT_FOUND at once
 *	/stop	finishes with ABORTED at the first message
 *	/early	sends headers at once
 *	/blocks	sends stage.to_send blocks of 64 kB, one when the last is gone
 */
#ifndef SERVER_STAGE_H
#define SERVER_STAGE_H

#include "net/server.h"

#include "h2_peer.h"

#define KB 1024
#define MB (1024 * 1024)
#define SECOND 1000000
#define WAIT_SECONDS 20

typedef struct Stage
{
	AzLoop	   *loop;
	AzServer   *server;
	AzArena    *arena;
	H2Peer	   *peer;
	H2Peer	   *other;
	int64_t		clock_offset;	/* how far the test has turned the clock */
	char		log[4096];		/* lines of the server's log */

	char		events[8192];	/* what the owner was told, in order */
	AzServerCall *held;			/* the last call it was told of */
	int			n_open;			/* calls it knows */
	int			n_closed;
	int			n_early;		/* of those closed */
	size_t		message_bytes;	/* of all messages it got */
	size_t		n_messages;
	int			to_send;		/* blocks to send yet */
} Stage;

extern Stage stage;
extern const AzServerLimits usual_limits;

/* A server with the usual limits; and the end, which fails on a lost call. */
extern int	set_stage(void **state);
extern int	clear_stage(void **state);

/* Another server in place of the usual one. */
extern void restart_with(const AzServerLimits *limits);

/* One turn of everything; several; and one that only the server takes. */
extern void turn(void);
extern void turns(int n);
extern void turn_server(void);

/* stage.peer is connected, and both have the other's SETTINGS. */
extern void connect_peer(void);

/* Begins a call on stage.peer; with one whole message. */
extern H2Stream *begin_call(const char *path);
extern H2Stream *call_with(const char *path, const char *message);

/* Finishes stage.held. */
extern void finish_held(AzCode code, const char *message);
extern int64_t real_us(void);
extern void wait_failed(const char *condition);

/* Turns everything until "condition" holds. */
#define TURN_UNTIL(condition) \
	do { \
		int64_t		until_ = real_us() + WAIT_SECONDS * SECOND; \
		while (!(condition)) \
		{ \
			turn(); \
			if (real_us() > until_) \
				wait_failed(#condition); \
		} \
	} while (0)

#define STAGE_TEST(f) cmocka_unit_test_setup_teardown(f, set_stage, clear_stage)

#endif
