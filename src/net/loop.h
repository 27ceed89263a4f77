/*
 * The event loop: one epoll descriptor that holds every socket, a heap of
 * timers, and work put off to the end of the turn.
 *
 * Watches, timers and deferred work are embedded in their owners; the loop
 * allocates nothing for them but its heap of timers.  Any of them may be
 * stopped, and its owner freed, from inside any callback: what was ready in
 * the same turn is then not called any more.
 */
#ifndef AZ_NET_LOOP_H
#define AZ_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct AzLoop AzLoop;

/* One descriptor. */
typedef struct AzWatch
{
	int			fd;
	uint32_t	events;			/* EPOLLIN, EPOLLOUT asked for; 0 = not
								 * watched */
	void		(*ready) (struct AzWatch *watch, uint32_t events);
	void	   *owner;
} AzWatch;

/* One moment. */
typedef struct AzTimer
{
	int64_t		due_us;			/* by the monotonic clock */
	size_t		index;			/* place in the heap + 1; 0 = not running */
	void		(*due) (struct AzTimer *timer);
	void	   *owner;
} AzTimer;

/* Something to do once at the end of the turn, such as writing a socket. */
typedef struct AzDeferred
{
	struct AzDeferred *previous;
	struct AzDeferred *next;
	bool		waiting;
	void		(*run) (struct AzDeferred *deferred);
	void	   *owner;
} AzDeferred;

extern AzLoop *az_loop_create(void);	/* NULL: out of memory, descriptors */
extern void az_loop_free(AzLoop *loop);

/* The one descriptor to wait on; readable when a watch is ready. */
extern int	az_loop_fd(const AzLoop *loop);

/* Begins or changes a watch; false with errno when the kernel refuses. */
extern bool az_loop_watch(AzLoop *loop, AzWatch *watch, uint32_t events);
extern void az_loop_unwatch(AzLoop *loop, AzWatch *watch);

/* Starts (or moves) a timer; false when memory is out. */
extern bool az_loop_start_timer(AzLoop *loop, AzTimer *timer, int64_t due_us);
extern void az_loop_stop_timer(AzLoop *loop, AzTimer *timer);

extern void az_loop_defer(AzLoop *loop, AzDeferred *deferred);
extern void az_loop_undefer(AzLoop *loop, AzDeferred *deferred);

/*
 * Waits at most "timeout_ms" (0 = only looks, -1 = without end) or until the
 * next timer, then calls what is ready, then what is due.
 */
extern void az_loop_turn(AzLoop *loop, int timeout_ms);

/* Runs what was deferred, also what that defers in turn. */
extern void az_loop_flush(AzLoop *loop);

/* Milliseconds until the next timer, rounded up; 0 = due, -1 = none. */
extern int	az_loop_timeout_ms(const AzLoop *loop);

#endif
