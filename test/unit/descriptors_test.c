/* Tests of the files that are built in; who asks for them is reflection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/descriptors.h"
#include "failing_malloc.h"

static AzArena *arena;
static const PbFileDescriptorSet *set;

static int
set_up(void **state)
{
	arena = az_arena_create();
	set = arena == NULL ? NULL : az_descriptors_decode(arena, NULL);
	return set == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static void
every_file_of_the_contract_is_built_in(void **state)
{
	static const char *const names[] = {
		"angzarr/timer/v1/timer.proto", "google/protobuf/any.proto",
		"google/protobuf/duration.proto", "google/protobuf/empty.proto",
		"google/protobuf/timestamp.proto", "google/rpc/error_details.proto",
		"google/rpc/status.proto", "grpc/health/v1/health.proto",
		"grpc/reflection/v1/reflection.proto",
		"grpc/reflection/v1alpha/reflection.proto",
		"io/angzarr/status/v1/dlq_admin.proto",
		"io/angzarr/v1/cloudevents.proto",
		"io/angzarr/v1/command_handler.proto", "io/angzarr/v1/meta.proto",
		"io/angzarr/v1/process_manager.proto", "io/angzarr/v1/projector.proto",
		"io/angzarr/v1/query.proto", "io/angzarr/v1/saga.proto",
		"io/angzarr/v1/stream.proto", "io/angzarr/v1/types.proto",
		"io/angzarr/v1/upcaster.proto"
	};
	size_t		count = sizeof(names) / sizeof(names[0]);

	assert_int_equal(set->n_file, count);
	for (size_t i = 0; i < count; i++)
	{
		const PbFileDescriptorProto *file = az_descriptors_file(set, names[i]);

		assert_non_null(file);
		assert_string_equal(file->name, names[i]);
	}
	assert_null(az_descriptors_file(set, "io/angzarr/v1"));
}

static void
files_are_given_out_as_they_were_built_in(void **state)
{
	AzBytes		bytes;

	assert_true(az_encode(set, arena, &bytes, NULL));
	assert_int_equal(bytes.len, az_descriptor_set_len);
	assert_memory_equal(bytes.data, az_descriptor_set, bytes.len);
}

static void
every_import_is_built_in(void **state)
{
	for (size_t i = 0; i < set->n_file; i++)
		for (size_t j = 0; j < set->file[i]->n_dependency; j++)
			assert_non_null(az_descriptors_file(set,
												set->file[i]->dependency[j]));
}

static void
a_file_without_imports_comes_alone(void **state)
{
	AzBytes    *files;
	size_t		count;

	assert_true(az_descriptors_closure(set,
									   az_descriptors_file(set, "google/protobuf/any.proto"),
									   arena, &files, &count, NULL));
	assert_int_equal(count, 1);
}

static void
each_allocation_of_decoding_may_fail(void **state)
{
	bool		failed = true;
	int			failures = 0;

	for (int n = 0; failed; n++)
	{
		AzArena    *own = az_arena_create();
		AzError		error = {0};
		const void *decoded;

		fail_malloc_after(n);
		decoded = az_descriptors_decode(own, &error);
		failed = malloc_has_failed();
		fail_malloc_after(-1);
		assert_true(failed == (decoded == NULL));
		if (failed)
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		failures += failed;
		az_arena_free(own);
	}
	assert_in_range(failures, 2, 1000);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_file_of_the_contract_is_built_in),
		TEST(files_are_given_out_as_they_were_built_in),
		TEST(every_import_is_built_in),
		TEST(a_file_without_imports_comes_alone),
		TEST(each_allocation_of_decoding_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
