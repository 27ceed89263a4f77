/* Tests of the event loop. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/loop.h"

#include "failing_malloc.h"

#define MANY 200

static int64_t fake_now;

static int64_t
fake_monotonic(void)
{
	return fake_now;
}

static const AzClock fake_clock = {fake_monotonic, fake_monotonic};

static AzLoop *loop;
static int	order[MANY * 2];
static int	n_called;

static int
setup(void **state)
{
	fake_now = 1000000;
	az_clock_set(&fake_clock);
	n_called = 0;
	loop = az_loop_create();
	return loop == NULL;
}

static int
teardown(void **state)
{
	az_loop_free(loop);
	az_clock_set(NULL);
	return 0;
}

/* ---- timers ---- */

static void
note_timer(AzTimer *timer)
{
	order[n_called++] = (int) (intptr_t) timer->owner;
}

static void
timers_are_called_in_the_order_of_their_moments(void **state)
{
	AzTimer		timers[MANY] = {0};

	for (int i = 0; i < MANY; i++)
	{
		int			rank = (i * 77) % MANY;

		timers[i].due = note_timer;
		timers[i].owner = (void *) (intptr_t) rank;
		assert_true(az_loop_start_timer(loop, &timers[i],
										fake_now + rank * 10));
	}
	fake_now += 10 * MANY / 2 - 1;
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, MANY / 2);
	fake_now += 10 * MANY;
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(order[i], i);
}

static void
a_stopped_timer_is_not_called_and_the_others_keep_their_order(void **state)
{
	AzTimer		timers[MANY] = {0};

	for (int i = 0; i < MANY; i++)
	{
		timers[i].due = note_timer;
		timers[i].owner = (void *) (intptr_t) ((i * 77) % MANY);
		az_loop_start_timer(loop, &timers[i], fake_now + (i * 77) % MANY);
	}
	for (int i = 0; i < MANY; i += 3)
	{
		az_loop_stop_timer(loop, &timers[i]);
		az_loop_stop_timer(loop, &timers[i]);
		assert_int_equal(timers[i].index, 0);
	}
	fake_now += MANY;
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, MANY - (MANY + 2) / 3);
	for (int i = 1; i < n_called; i++)
		assert_true(order[i - 1] < order[i]);
}

static void
a_started_timer_moves_when_it_is_started_again(void **state)
{
	AzTimer		a = {.due = note_timer,.owner = (void *) 1};
	AzTimer		b = {.due = note_timer,.owner = (void *) 2};

	az_loop_start_timer(loop, &a, fake_now + 10);
	az_loop_start_timer(loop, &b, fake_now + 20);
	az_loop_start_timer(loop, &a, fake_now + 30);
	fake_now += 25;
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, 1);
	assert_int_equal(order[0], 2);
	az_loop_start_timer(loop, &a, fake_now - 5);
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, 2);
}

static AzTimer *victim;

static void
stop_victim(AzTimer *timer)
{
	note_timer(timer);
	az_loop_stop_timer(loop, victim);
	free(victim);
	victim = NULL;
}

static void
a_timer_may_stop_and_free_another_that_is_due(void **state)
{
	AzTimer		killer = {.due = stop_victim,.owner = (void *) 1};

	victim = calloc(1, sizeof(AzTimer));
	victim->due = note_timer;
	victim->owner = (void *) 2;
	az_loop_start_timer(loop, victim, fake_now + 1);
	az_loop_start_timer(loop, &killer, fake_now);
	fake_now += 10;
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, 1);
	assert_int_equal(az_loop_timeout_ms(loop), -1);
}

static void
restart(AzTimer *timer)
{
	note_timer(timer);
	az_loop_start_timer(loop, timer, fake_now);
}

static void
a_timer_that_is_always_due_does_not_hold_the_turn(void **state)
{
	AzTimer		timer = {.due = restart};

	az_loop_start_timer(loop, &timer, fake_now);
	az_loop_turn(loop, -1);
	assert_int_equal(n_called, 1);
	assert_int_equal(az_loop_timeout_ms(loop), 0);
	az_loop_turn(loop, -1);
	assert_int_equal(n_called, 2);
}

static void
the_timeout_is_rounded_up_and_bounded(void **state)
{
	AzTimer		timer = {.due = note_timer};

	assert_int_equal(az_loop_timeout_ms(loop), -1);
	az_loop_start_timer(loop, &timer, fake_now + 1001);
	assert_int_equal(az_loop_timeout_ms(loop), 2);
	az_loop_start_timer(loop, &timer, fake_now + 1000);
	assert_int_equal(az_loop_timeout_ms(loop), 1);
	az_loop_start_timer(loop, &timer, fake_now);
	assert_int_equal(az_loop_timeout_ms(loop), 0);
	az_loop_start_timer(loop, &timer, fake_now - 5000);
	assert_int_equal(az_loop_timeout_ms(loop), 0);
	az_loop_start_timer(loop, &timer, INT64_MAX - 1);
	assert_int_equal(az_loop_timeout_ms(loop), INT_MAX);
	az_loop_start_timer(loop, &timer, INT64_MAX);
	assert_int_equal(az_loop_timeout_ms(loop), -1);
}

static void
a_turn_ends_when_the_next_timer_is_due(void **state)
{
	AzTimer		timer = {.due = note_timer};

	az_clock_set(NULL);
	az_loop_start_timer(loop, &timer, az_clock_monotonic_us() + 2000);
	az_loop_turn(loop, -1);
	assert_int_equal(n_called, 1);
}

static void
a_timer_that_finds_no_memory_is_not_started(void **state)
{
	AzTimer		timers[65] = {0};

	for (int i = 0; i < 64; i++)
		assert_true(az_loop_start_timer(loop, &timers[i], fake_now + i));
	fail_malloc_after(0);
	assert_false(az_loop_start_timer(loop, &timers[64], fake_now));
	assert_int_equal(timers[64].index, 0);
	fail_malloc_after(-1);
	assert_true(az_loop_start_timer(loop, &timers[64], fake_now));
}

static void
a_loop_without_memory_is_null(void **state)
{
	fail_malloc_after(0);
	assert_null(az_loop_create());
	fail_malloc_after(-1);
	az_loop_free(NULL);
}

/* ---- watches ---- */

typedef struct Pair
{
	AzWatch		watch;
	int			other;
	uint32_t	seen;
	int			n;
} Pair;

static void
note_ready(AzWatch *watch, uint32_t events)
{
	Pair	   *pair = watch->owner;

	pair->seen = events;
	pair->n++;
}

static void
open_pair(Pair *pair, void (*ready) (AzWatch *, uint32_t))
{
	int			fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
					 0);
	memset(pair, 0, sizeof(Pair));
	pair->watch.fd = fds[0];
	pair->watch.ready = ready;
	pair->watch.owner = pair;
	pair->other = fds[1];
}

static void
close_pair(Pair *pair)
{
	az_loop_unwatch(loop, &pair->watch);
	close(pair->watch.fd);
	close(pair->other);
}

static void
a_watch_is_called_for_what_it_asks_for(void **state)
{
	Pair		pair;

	open_pair(&pair, note_ready);
	assert_true(az_loop_watch(loop, &pair.watch, EPOLLIN));
	assert_true(az_loop_watch(loop, &pair.watch, EPOLLIN));
	az_loop_turn(loop, 0);
	assert_int_equal(pair.n, 0);
	assert_int_equal(write(pair.other, "x", 1), 1);
	az_loop_turn(loop, -1);
	assert_int_equal(pair.n, 1);
	assert_int_equal(pair.seen, EPOLLIN);
	assert_true(az_loop_watch(loop, &pair.watch, EPOLLOUT));
	az_loop_turn(loop, -1);
	assert_int_equal(pair.seen, EPOLLOUT);
	assert_true(az_loop_watch(loop, &pair.watch, 0));
	assert_int_equal(pair.watch.events, 0);
	az_loop_turn(loop, 0);
	assert_int_equal(pair.n, 2);
	close_pair(&pair);
}

static void
the_loops_descriptor_is_readable_when_a_watch_is_ready(void **state)
{
	AzLoop	   *inner = az_loop_create();
	Pair		pair;
	AzWatch		on_inner = {.ready = note_ready};
	Pair		outer = {0};

	open_pair(&pair, note_ready);
	on_inner.fd = az_loop_fd(inner);
	on_inner.owner = &outer;
	assert_true(az_loop_watch(inner, &pair.watch, EPOLLIN));
	assert_true(az_loop_watch(loop, &on_inner, EPOLLIN));
	az_loop_turn(loop, 0);
	assert_int_equal(outer.n, 0);
	assert_int_equal(write(pair.other, "x", 1), 1);
	az_loop_turn(loop, 0);
	assert_int_equal(outer.n, 1);
	az_loop_unwatch(loop, &on_inner);
	az_loop_unwatch(inner, &pair.watch);
	az_loop_free(inner);
	close_pair(&pair);
}

static void
a_refused_watch_says_why(void **state)
{
	AzWatch		watch = {.fd = -1};

	assert_false(az_loop_watch(loop, &watch, EPOLLIN));
	assert_int_equal(errno, EBADF);
	assert_int_equal(watch.events, 0);
	az_loop_unwatch(loop, &watch);
}

static Pair *pairs[3];

/* Whichever is called first takes the others down. */
static void
kill_others(AzWatch *watch, uint32_t events)
{
	n_called++;
	for (int i = 0; i < 3; i++)
	{
		if (pairs[i] != NULL && pairs[i] != watch->owner)
		{
			close_pair(pairs[i]);
			free(pairs[i]);
			pairs[i] = NULL;
		}
	}
}

static void
a_watch_that_was_ready_in_the_same_turn_may_be_stopped_and_freed(void **state)
{
	for (int i = 0; i < 3; i++)
	{
		pairs[i] = calloc(1, sizeof(Pair));
		open_pair(pairs[i], kill_others);
		az_loop_watch(loop, &pairs[i]->watch, EPOLLIN);
		assert_int_equal(write(pairs[i]->other, "x", 1), 1);
	}
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, 1);
	for (int i = 0; i < 3; i++)
	{
		if (pairs[i] != NULL)
			close_pair(pairs[i]);
		free(pairs[i]);
	}
}

/* Whichever is called first stops the others from reading. */
static void
narrow_others(AzWatch *watch, uint32_t events)
{
	n_called++;
	for (int i = 0; i < 2; i++)
	{
		if (pairs[i] != watch->owner)
			az_loop_watch(loop, &pairs[i]->watch, EPOLLOUT);
	}
}

static void
a_watch_narrowed_in_the_same_turn_is_not_called_for_what_it_dropped(void **state)
{
	Pair		two[2];

	for (int i = 0; i < 2; i++)
	{
		pairs[i] = &two[i];
		open_pair(&two[i], narrow_others);
		az_loop_watch(loop, &two[i].watch, EPOLLIN);
		assert_int_equal(write(two[i].other, "x", 1), 1);
	}
	az_loop_turn(loop, 0);
	assert_int_equal(n_called, 1);
	close_pair(&two[0]);
	close_pair(&two[1]);
}

/* ---- deferred work ---- */

static AzDeferred works[3];

static void
note_work(AzDeferred *deferred)
{
	order[n_called++] = (int) (deferred - works);
}

static void
defer_last(AzDeferred *deferred)
{
	note_work(deferred);
	az_loop_defer(loop, &works[2]);
}

static void
drop_next(AzDeferred *deferred)
{
	note_work(deferred);
	az_loop_undefer(loop, &works[1]);
}

static void
deferred_work_runs_once_and_in_order_also_what_it_defers(void **state)
{
	memset(works, 0, sizeof(works));
	works[0].run = defer_last;
	works[1].run = note_work;
	works[2].run = note_work;
	az_loop_defer(loop, &works[0]);
	az_loop_defer(loop, &works[1]);
	az_loop_defer(loop, &works[0]);
	az_loop_flush(loop);
	assert_int_equal(n_called, 3);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(order[i], i);
		assert_false(works[i].waiting);
	}
	az_loop_flush(loop);
	assert_int_equal(n_called, 3);
}

static void
deferred_work_may_be_dropped_by_other_deferred_work(void **state)
{
	memset(works, 0, sizeof(works));
	works[0].run = drop_next;
	works[1].run = note_work;
	az_loop_defer(loop, &works[0]);
	az_loop_defer(loop, &works[1]);
	az_loop_flush(loop);
	assert_int_equal(n_called, 1);
	az_loop_undefer(loop, &works[1]);
}

static void
a_loop_with_deferred_work_does_not_wait(void **state)
{
	memset(works, 0, sizeof(works));
	works[0].run = note_work;
	az_loop_defer(loop, &works[0]);
	assert_int_equal(az_loop_timeout_ms(loop), 0);
	az_loop_turn(loop, -1);
	assert_int_equal(n_called, 0);
	az_loop_flush(loop);
	assert_int_equal(n_called, 1);
	assert_int_equal(az_loop_timeout_ms(loop), -1);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timers_are_called_in_the_order_of_their_moments),
		LOOP_TEST(a_stopped_timer_is_not_called_and_the_others_keep_their_order),
		LOOP_TEST(a_started_timer_moves_when_it_is_started_again),
		LOOP_TEST(a_timer_may_stop_and_free_another_that_is_due),
		LOOP_TEST(a_timer_that_is_always_due_does_not_hold_the_turn),
		LOOP_TEST(the_timeout_is_rounded_up_and_bounded),
		LOOP_TEST(a_turn_ends_when_the_next_timer_is_due),
		LOOP_TEST(a_timer_that_finds_no_memory_is_not_started),
		LOOP_TEST(a_loop_without_memory_is_null),
		LOOP_TEST(a_watch_is_called_for_what_it_asks_for),
		LOOP_TEST(the_loops_descriptor_is_readable_when_a_watch_is_ready),
		LOOP_TEST(a_refused_watch_says_why),
		LOOP_TEST(a_watch_that_was_ready_in_the_same_turn_may_be_stopped_and_freed),
		LOOP_TEST(a_watch_narrowed_in_the_same_turn_is_not_called_for_what_it_dropped),
		LOOP_TEST(deferred_work_runs_once_and_in_order_also_what_it_defers),
		LOOP_TEST(deferred_work_may_be_dropped_by_other_deferred_work),
		LOOP_TEST(a_loop_with_deferred_work_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
