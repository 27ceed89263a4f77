/* Tests of reading what a query asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "pipeline/selection.h"

static AzArena *arena;
static AzError error;
static AzSelection selection;
static PbQuery query;
static PbCover cover;
static PbUUID root;
static uint8_t root_bytes[AZ_UUID_SIZE] = {7};

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memset(&selection, 0, sizeof(selection));
	arena = az_arena_create();
	pb_query_init(&query);
	pb_cover_init(&cover);
	pb_uuid_init(&root);
	root.value.data = root_bytes;
	root.value.len = AZ_UUID_SIZE;
	cover.root = &root;
	cover.domain = (char *) "order";
	query.cover = &cover;
	return arena == NULL;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static void
read_query(void)
{
	assert_true(az_selection_read(&query, &selection, arena, &error));
}

static void
a_query_by_root_is_everything_behind_the_newest_snapshot(void **state)
{
	AzLoadWish	load = {.max_bytes = 5};

	read_query();
	assert_true(az_selection_is_plain(&query));
	assert_true(selection.has_root);
	assert_true(selection.use_snapshot);
	az_selection_load(&selection, &load);
	assert_string_equal(load.aggregate.domain, "order");
	assert_memory_equal(load.aggregate.root, root_bytes, AZ_UUID_SIZE);
	assert_true(load.use_snapshot);
	assert_int_equal(load.lower, 0);
	assert_int_equal(load.upper, AZ_EVERY_SEQUENCE);
	assert_false(load.has_as_of);
	assert_int_equal(load.max_bytes, 5);
}

static void
a_range_has_no_snapshot_and_its_upper_end_may_be_open(void **state)
{
	PbSequenceRange range = PB_SEQUENCE_RANGE_INIT;

	query.selection_case = PB_QUERY_RANGE;
	query.range = &range;
	range.lower = 4;
	read_query();
	assert_false(selection.use_snapshot);
	assert_int_equal(selection.lower, 4);
	assert_int_equal(selection.upper, AZ_EVERY_SEQUENCE);
	range._upper_case = PB_SEQUENCE_RANGE_UPPER;
	range.upper = 0;
	read_query();
	assert_int_equal(selection.upper, 0);
	assert_true(az_selection_is_plain(&query));
}

static void
sequences_are_sorted_and_each_is_there_once(void **state)
{
	PbSequenceSet set = PB_SEQUENCE_SET_INIT;
	uint32_t	values[] = {9, 4294967295, 1, 9, 0, 1};

	query.selection_case = PB_QUERY_SEQUENCES;
	query.sequences = &set;
	set.values = values;
	set.n_values = 6;
	read_query();
	assert_false(az_selection_is_plain(&query));
	assert_int_equal(selection.n_sequences, 4);
	assert_int_equal(selection.sequences[0], 0);
	assert_int_equal(selection.sequences[1], 1);
	assert_int_equal(selection.sequences[2], 9);
	assert_int_equal(selection.sequences[3], 4294967295);
	assert_false(selection.use_snapshot);
	assert_int_equal(selection.upper, AZ_EVERY_SEQUENCE);
}

static void
an_empty_set_asks_for_no_page(void **state)
{
	PbSequenceSet set = PB_SEQUENCE_SET_INIT;

	query.selection_case = PB_QUERY_SEQUENCES;
	query.sequences = &set;
	read_query();
	assert_int_equal(selection.n_sequences, 0);
	assert_true(selection.upper < selection.lower);
}

static void
points_in_time_use_the_snapshot_of_that_point(void **state)
{
	PbTemporalQuery temporal = PB_TEMPORAL_QUERY_INIT;
	PbTimestamp time = PB_TIMESTAMP_INIT;
	AzLoadWish	load = {0};

	query.selection_case = PB_QUERY_TEMPORAL;
	query.temporal = &temporal;
	temporal.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_SEQUENCE;
	temporal.as_of_sequence = 7;
	read_query();
	assert_true(selection.use_snapshot);
	assert_int_equal(selection.upper, 7);
	assert_false(selection.has_as_of);
	temporal.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_TIME;
	temporal.as_of_time = &time;
	time.seconds = 5;
	time.nanos = 1999;
	memset(&selection, 0, sizeof(selection));
	read_query();
	assert_true(selection.use_snapshot);
	assert_int_equal(selection.upper, AZ_EVERY_SEQUENCE);
	assert_true(selection.has_as_of);
	assert_int_equal(selection.as_of_us, 5000001);
	az_selection_load(&selection, &load);
	assert_true(load.has_as_of);
	assert_int_equal(load.as_of_us, 5000001);
}

static void
a_load_can_be_of_a_point_or_of_now(void **state)
{
	PbTemporalQuery point = PB_TEMPORAL_QUERY_INIT;
	AzLoadWish	load = {.aggregate = {.domain = "order",.edition = "x"},
	.upper = 3,.max_bytes = 9};

	az_selection_load_point(NULL, &load);
	assert_true(load.use_snapshot);
	assert_int_equal(load.upper, AZ_EVERY_SEQUENCE);
	assert_string_equal(load.aggregate.edition, "x");
	point.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_SEQUENCE;
	point.as_of_sequence = 2;
	az_selection_load_point(&point, &load);
	assert_true(load.use_snapshot);
	assert_int_equal(load.upper, 2);
	assert_int_equal(load.max_bytes, 9);
}

static void
a_correlation_id_has_no_snapshot_and_may_have_no_root(void **state)
{
	cover.correlation_id = (char *) "c-1";
	cover.root = NULL;
	cover.domain = (char *) "";
	read_query();
	assert_false(az_selection_is_plain(&query));
	assert_false(selection.has_root);
	assert_false(selection.use_snapshot);
	assert_string_equal(selection.correlation_id, "c-1");
	assert_string_equal(selection.aggregate.domain, "");
}

static void
the_first_divergence_of_each_domain_counts_and_main_has_none(void **state)
{
	PbEdition	edition = PB_EDITION_INIT;
	PbDomainDivergence said[4];
	PbDomainDivergence *list[] = {&said[0], &said[1], &said[2], &said[3]};
	const char *const domains[] = {"order", "cart", "order", "cart"};

	for (int i = 0; i < 4; i++)
	{
		pb_domain_divergence_init(&said[i]);
		said[i].domain = (char *) domains[i];
		said[i].sequence = (uint32_t) i + 1;
	}
	edition.name = (char *) "what-if";
	edition.divergences = list;
	edition.n_divergences = 4;
	cover.edition = &edition;
	read_query();
	assert_int_equal(selection.n_divergences, 2);
	assert_string_equal(selection.divergences[0].domain, "cart");
	assert_int_equal(selection.divergences[0].sequence, 2);
	assert_int_equal(az_selection_divergence(&selection, "order")->sequence, 1);
	assert_null(az_selection_divergence(&selection, "card"));
	assert_true(selection.aggregate.has_divergence);
	assert_int_equal(selection.aggregate.divergence, 1);
	edition.name = (char *) "angzarr";
	memset(&selection, 0, sizeof(selection));
	read_query();
	assert_int_equal(selection.n_divergences, 0);
	assert_false(selection.aggregate.has_divergence);
}

/* Compared each with each they would take minutes. */
static void
divergences_that_fill_a_message_are_read_in_no_time(void **state)
{
	size_t		count = 400000;
	PbEdition	edition = PB_EDITION_INIT;
	PbDomainDivergence *said = az_arena_array(arena, count, sizeof(*said));
	PbDomainDivergence **list = az_arena_array(arena, count, sizeof(*list));
	clock_t		begun = clock();

	assert_non_null(said);
	assert_non_null(list);
	for (size_t i = 0; i < count; i++)
	{
		pb_domain_divergence_init(&said[i]);
		said[i].domain = az_arena_format(arena, "d%zu", i);
		said[i].sequence = (uint32_t) i;
		list[i] = &said[i];
	}
	edition.name = (char *) "what-if";
	edition.divergences = list;
	edition.n_divergences = count;
	cover.edition = &edition;
	read_query();
	assert_int_equal(selection.n_divergences, count);
	assert_int_equal(az_selection_divergence(&selection, "d7")->sequence, 7);
	assert_true((clock() - begun) / CLOCKS_PER_SEC < 10);
}

static void
without_memory_it_says_so(void **state)
{
	PbSequenceSet set = PB_SEQUENCE_SET_INIT;
	uint32_t	values[2000] = {0};
	int			failures = 0;

	query.selection_case = PB_QUERY_SEQUENCES;
	query.sequences = &set;
	set.values = values;
	set.n_values = 2000;
	for (int n = 0;; n++)
	{
		bool		done;

		memset(&selection, 0, sizeof(selection));
		fail_malloc_after(n);
		done = az_selection_read(&query, &selection, arena, &error);
		fail_malloc_after(-1);
		if (done)
			break;
		failures++;
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	}
	assert_true(failures > 0);
	assert_true(az_selection_is_plain(&(PbQuery) PB_QUERY_INIT));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_query_by_root_is_everything_behind_the_newest_snapshot),
		TEST(a_range_has_no_snapshot_and_its_upper_end_may_be_open),
		TEST(sequences_are_sorted_and_each_is_there_once),
		TEST(an_empty_set_asks_for_no_page),
		TEST(points_in_time_use_the_snapshot_of_that_point),
		TEST(a_load_can_be_of_a_point_or_of_now),
		TEST(a_correlation_id_has_no_snapshot_and_may_have_no_root),
		TEST(the_first_divergence_of_each_domain_counts_and_main_has_none),
		TEST(divergences_that_fill_a_message_are_read_in_no_time),
		TEST(without_memory_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
