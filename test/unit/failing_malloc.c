/* Makes the nth allocation from here fail, to test what happens then. */
#include <stddef.h>

#include "failing_malloc.h"

void	   *__real_malloc(size_t size);
void	   *__real_calloc(size_t count, size_t size);
void	   *__real_realloc(void *old, size_t size);
void	   *__wrap_malloc(size_t size);
void	   *__wrap_calloc(size_t count, size_t size);
void	   *__wrap_realloc(void *old, size_t size);

static int	remaining = -1;
static int	failed = 0;
static int	held = 0;

static int
must_fail(void)
{
	if (held || remaining < 0 || remaining-- > 0)
		return 0;
	failed = 1;
	return 1;
}

void
fail_malloc_after(int successes)
{
	remaining = successes;
	failed = 0;
}

void
hold_failing_malloc(int hold)
{
	held = hold;
}

int
malloc_has_failed(void)
{
	return failed;
}

void *
__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return must_fail() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return must_fail() ? NULL : __real_realloc(old, size);
}
