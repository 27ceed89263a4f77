/* Makes the nth allocation from here fail, to test what happens then. */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

/* The allocation after "successes" more ones fails, once; -1: none does. */
extern void fail_malloc_after(int successes);

/* While held, allocations neither fail nor count: those of a test's peers. */
extern void hold_failing_malloc(int hold);

/* Whether a failure that was asked for has happened since. */
extern int	malloc_has_failed(void);

#endif
