/* Tests of finding aggregates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/find.h"

static MemoryDb *memory;
static AzArena *arena;
static AzArena *scratch;
static AzError error;
static const AzAggregate order = {"order", "", {1}};
static const AzAggregate cart = {"cart", "", {2}};
static AzSelection selection;
static AzFindWish find;
static AzRootsWish roots;

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memset(&selection, 0, sizeof(selection));
	memset(&find, 0, sizeof(find));
	memset(&roots, 0, sizeof(roots));
	memory = memory_db_create();
	arena = az_arena_create();
	scratch = az_arena_create();
	selection.aggregate.domain = "";
	selection.aggregate.edition = "";
	selection.correlation_id = "c";
	find.wish.arena = arena;
	find.selection = &selection;
	find.end_position = INT64_MAX;
	find.max_rows = 10;
	roots.wish.arena = arena;
	roots.max_rows = 10;
	if (memory == NULL || arena == NULL || scratch == NULL)
		return 1;
	memory_db_put_correlated(memory, &order, "c", 1);
	memory_db_put_correlated(memory, &cart, "other", 1);
	memory_db_put_correlated(memory, &cart, "c", 1);
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	memory_db_free(memory);
	az_arena_free(arena);
	az_arena_free(scratch);
	return 0;
}

static bool
run(const AzWishKind *kind, AzWish *wish)
{
	bool		done;

	memset(&wish->error, 0, sizeof(wish->error));
	assert_true(az_db_begin(&memory->db, scratch, &error));
	done = kind->run(&memory->db, &wish, 1, scratch, &error);
	az_db_rollback(&memory->db);
	az_arena_reset(scratch);
	return done;
}

static void
found(size_t count)
{
	assert_true(run(&az_find_kind, &find.wish));
	assert_int_equal(find.wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(find.count, count);
}

static void
aggregates_with_a_correlation_id_come_with_their_places(void **state)
{
	found(2);
	assert_string_equal(find.found[0].aggregate.domain, "order");
	assert_memory_equal(find.found[0].aggregate.root, order.root, 16);
	assert_false(find.found[0].aggregate.has_divergence);
	assert_string_equal(find.found[1].aggregate.domain, "cart");
	assert_true(find.found[0].first_position < find.found[1].first_position);
	assert_int_equal(find.newest_position, find.found[1].end_position);
	find.after_position = find.found[0].first_position;
	found(1);
	assert_string_equal(find.found[0].aggregate.domain, "cart");
	find.after_position = find.found[0].first_position;
	found(0);
}

static void
domain_and_root_narrow_it(void **state)
{
	selection.aggregate.domain = "cart";
	found(1);
	selection.has_root = true;
	memcpy(selection.aggregate.root, cart.root, 16);
	found(1);
	memcpy(selection.aggregate.root, order.root, 16);
	found(0);
	selection.correlation_id = "nobody";
	found(0);
	assert_int_equal(find.newest_position, 0);
}

static void
what_covers_say_goes_along(void **state)
{
	const AzDivergence said[] = {{"order", 3}};

	selection.divergences = said;
	selection.n_divergences = 1;
	found(2);
	assert_true(find.found[0].aggregate.has_divergence);
	assert_int_equal(find.found[0].aggregate.divergence, 3);
}

static void
roots_come_from_after_one_on(void **state)
{
	assert_true(run(&az_roots_kind, &roots.wish));
	assert_int_equal(roots.count, 2);
	assert_string_equal(roots.roots[0].domain, "order");
	assert_string_equal(roots.roots[0].edition, "");
	assert_memory_equal(roots.roots[1].root, cart.root, 16);
	roots.after = &order;
	assert_true(run(&az_roots_kind, &roots.wish));
	assert_int_equal(roots.count, 1);
	roots.after = NULL;
	roots.max_rows = 1;
	assert_true(run(&az_roots_kind, &roots.wish));
	assert_int_equal(roots.count, 1);
	assert_string_equal(roots.roots[0].domain, "order");
}

static void
a_failing_statement_spoils_the_transaction(void **state)
{
	memory_db_fail_statement(memory, AZ_STATEMENT_CORRELATED, 1, "57014");
	assert_false(run(&az_find_kind, &find.wish));
	assert_int_equal(error.code, AZ_CANCELLED);
	memory_db_fail_statement(memory, AZ_STATEMENT_ROOTS, 1, "57014");
	assert_false(run(&az_roots_kind, &roots.wish));
}

static void
without_memory_the_wish_or_the_batch_fails(void **state)
{
	for (int i = 0; i < 2; i++)
	{
		AzWish	   *wish = i == 0 ? &find.wish : &roots.wish;
		int			failures = 0;

		for (int n = 0;; n++)
		{
			bool		done;

			az_arena_alloc(arena, 3900);
			az_arena_alloc(scratch, 3900);
			fail_malloc_after(n);
			done = run(i == 0 ? &az_find_kind : &az_roots_kind, wish)
				&& wish->outcome == AZ_WISH_FULFILLED;
			fail_malloc_after(-1);
			if (done)
				break;
			failures++;
		}
		assert_true(failures > 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(aggregates_with_a_correlation_id_come_with_their_places),
		TEST(domain_and_root_narrow_it),
		TEST(what_covers_say_goes_along),
		TEST(roots_come_from_after_one_on),
		TEST(a_failing_statement_spoils_the_transaction),
		TEST(without_memory_the_wish_or_the_batch_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
