/*
 * The event loop: one epoll descriptor, a heap of timers, deferred work.
 *
 * Nothing here owns a watch, a timer or deferred work.  So that any of them
 * may vanish inside any callback, every entry is looked up again before it is
 * called: stopping a watch takes it out of the events of the turn that goes
 * on, timers are always taken from the top of the heap, and deferred work
 * from the front of its list.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"

#define MAX_READY 256

struct AzLoop
{
	int			epoll_fd;
	struct epoll_event ready[MAX_READY];
	int			n_ready;		/* events of this turn */
	int			next_ready;		/* first of them not yet called */
	AzTimer   **heap;			/* the earliest is first */
	size_t		n_timers;
	size_t		capacity;
	AzDeferred	deferred;		/* ring; this is its head */
};

static void forget_ready(AzLoop *loop, const AzWatch *watch);
static bool reserve_place(AzLoop *loop);
static void put_timer(AzLoop *loop, size_t place, AzTimer *timer);
static void sift_up(AzLoop *loop, size_t place);
static void sift_down(AzLoop *loop, size_t place);
static int	wait_ms(const AzLoop *loop, int timeout_ms);
static void call_ready(AzLoop *loop);
static void call_due(AzLoop *loop);

AzLoop *
az_loop_create(void)
{
	AzLoop	   *loop = calloc(1, sizeof(AzLoop));

	if (loop == NULL)
		return NULL;
	loop->deferred.next = &loop->deferred;
	loop->deferred.previous = &loop->deferred;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
	{
		free(loop);
		return NULL;
	}
	return loop;
}

void
az_loop_free(AzLoop *loop)
{
	if (loop == NULL)
		return;
	close(loop->epoll_fd);
	free(loop->heap);
	free(loop);
}

int
az_loop_fd(const AzLoop *loop)
{
	return loop->epoll_fd;
}

/* ---- watches ---- */

bool
az_loop_watch(AzLoop *loop, AzWatch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events,.data.ptr = watch};
	int			op = watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (events == watch->events)
		return true;
	if (events == 0)
	{
		az_loop_unwatch(loop, watch);
		return true;
	}
	if (epoll_ctl(loop->epoll_fd, op, watch->fd, &event) != 0)
		return false;
	watch->events = events;
	return true;
}

void
az_loop_unwatch(AzLoop *loop, AzWatch *watch)
{
	if (watch->events == 0)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->events = 0;
	forget_ready(loop, watch);
}

/* Takes a watch out of what this turn has still to call. */
static void
forget_ready(AzLoop *loop, const AzWatch *watch)
{
	for (int i = loop->next_ready; i < loop->n_ready; i++)
	{
		if (loop->ready[i].data.ptr == watch)
			loop->ready[i].data.ptr = NULL;
	}
}

/* ---- timers ---- */

bool
az_loop_start_timer(AzLoop *loop, AzTimer *timer, int64_t due_us)
{
	if (timer->index == 0)
	{
		if (!reserve_place(loop))
			return false;
		put_timer(loop, loop->n_timers++, timer);
	}
	timer->due_us = due_us;
	sift_up(loop, timer->index - 1);
	sift_down(loop, timer->index - 1);
	return true;
}

void
az_loop_stop_timer(AzLoop *loop, AzTimer *timer)
{
	size_t		place = timer->index - 1;
	AzTimer    *last;

	if (timer->index == 0)
		return;
	timer->index = 0;
	last = loop->heap[--loop->n_timers];
	if (last == timer)
		return;
	put_timer(loop, place, last);
	sift_up(loop, place);
	sift_down(loop, last->index - 1);
}

/* Room for one more timer. */
static bool
reserve_place(AzLoop *loop)
{
	size_t		capacity = loop->capacity == 0 ? 64 : loop->capacity * 2;
	AzTimer   **heap;

	if (loop->n_timers < loop->capacity)
		return true;
	heap = realloc(loop->heap, capacity * sizeof(AzTimer *));
	if (heap == NULL)
		return false;
	loop->heap = heap;
	loop->capacity = capacity;
	return true;
}

static void
put_timer(AzLoop *loop, size_t place, AzTimer *timer)
{
	loop->heap[place] = timer;
	timer->index = place + 1;
}

static void
sift_up(AzLoop *loop, size_t place)
{
	AzTimer    *timer = loop->heap[place];

	while (place > 0)
	{
		size_t		parent = (place - 1) / 2;

		if (loop->heap[parent]->due_us <= timer->due_us)
			break;
		put_timer(loop, place, loop->heap[parent]);
		place = parent;
	}
	put_timer(loop, place, timer);
}

static void
sift_down(AzLoop *loop, size_t place)
{
	AzTimer    *timer = loop->heap[place];
	size_t		child;

	while ((child = 2 * place + 1) < loop->n_timers)
	{
		if (child + 1 < loop->n_timers &&
			loop->heap[child + 1]->due_us < loop->heap[child]->due_us)
			child++;
		if (loop->heap[child]->due_us >= timer->due_us)
			break;
		put_timer(loop, place, loop->heap[child]);
		place = child;
	}
	put_timer(loop, place, timer);
}

/* ---- deferred work ---- */

void
az_loop_defer(AzLoop *loop, AzDeferred *deferred)
{
	AzDeferred *last = loop->deferred.previous;

	if (deferred->waiting)
		return;
	deferred->previous = last;
	deferred->next = &loop->deferred;
	last->next = deferred;
	loop->deferred.previous = deferred;
	deferred->waiting = true;
}

void
az_loop_undefer(AzLoop *loop, AzDeferred *deferred)
{
	if (!deferred->waiting)
		return;
	deferred->previous->next = deferred->next;
	deferred->next->previous = deferred->previous;
	deferred->previous = NULL;
	deferred->next = NULL;
	deferred->waiting = false;
}

void
az_loop_flush(AzLoop *loop)
{
	while (loop->deferred.next != &loop->deferred)
	{
		AzDeferred *first = loop->deferred.next;

		az_loop_undefer(loop, first);
		first->run(first);
	}
}

/* ---- a turn ---- */

void
az_loop_turn(AzLoop *loop, int timeout_ms)
{
	int			n = epoll_wait(loop->epoll_fd, loop->ready, MAX_READY,
							   wait_ms(loop, timeout_ms));

	/* A signal ends the wait like a timeout: the host looks what it meant. */
	loop->n_ready = n < 0 ? 0 : n;
	loop->next_ready = 0;
	call_ready(loop);
	call_due(loop);
}

int
az_loop_timeout_ms(const AzLoop *loop)
{
	int64_t		left_us;

	if (loop->deferred.next != &loop->deferred)
		return 0;
	if (loop->n_timers == 0)
		return -1;
	if (loop->heap[0]->due_us == INT64_MAX)
		return -1;
	left_us = loop->heap[0]->due_us - az_clock_monotonic_us();
	if (left_us <= 0)
		return 0;
	if (left_us > (int64_t) INT_MAX * 1000 - 1000)
		return INT_MAX;
	return (int) ((left_us + 999) / 1000);
}

/* The shorter of what the caller allows and the next timer. */
static int
wait_ms(const AzLoop *loop, int timeout_ms)
{
	int			until_timer = az_loop_timeout_ms(loop);

	if (until_timer < 0)
		return timeout_ms;
	if (timeout_ms < 0 || until_timer < timeout_ms)
		return until_timer;
	return timeout_ms;
}

static void
call_ready(AzLoop *loop)
{
	while (loop->next_ready < loop->n_ready)
	{
		struct epoll_event *event = &loop->ready[loop->next_ready++];
		AzWatch    *watch = event->data.ptr;
		uint32_t	events;

		if (watch == NULL)
			continue;
		/* A callback before this one may have narrowed what is asked for. */
		events = event->events & (watch->events | EPOLLERR | EPOLLHUP);
		if (events != 0)
			watch->ready(watch, events);
	}
	loop->n_ready = 0;
	loop->next_ready = 0;
}

/* Ends even if timers start themselves again at once. */
static void
call_due(AzLoop *loop)
{
	int64_t		now_us = az_clock_monotonic_us();
	size_t		most = loop->n_timers;

	while (most-- > 0 && loop->n_timers > 0 && loop->heap[0]->due_us <= now_us)
	{
		AzTimer    *timer = loop->heap[0];

		az_loop_stop_timer(loop, timer);
		timer->due(timer);
	}
}
