/* Tests of the registered components as the engine knows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/catalog.h"

static MemoryDb *memory;
static AzCatalog *catalog;
static AzArena *arena;
static AzError error;

static const MemoryComponent orders = {
	.name = "orders",
	.kind = "aggregate",
	.domain = "order",
	.address = "grpc://localhost:50051",
	.deadline_ms = 1500
};

static const MemoryComponent shipping = {
	.name = "shipping",
	.kind = "saga",
	.address = "unix:/run/shipping",
	.full_books = true,
	.disabled = true
};

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memory = memory_db_create();
	catalog = az_catalog_create();
	arena = az_arena_create();
	return memory == NULL || catalog == NULL || arena == NULL;
}

static int
teardown(void **state)
{
	memory_db_free(memory);
	az_catalog_free(catalog);
	az_arena_free(arena);
	return 0;
}

/* Rows and error texts are gone afterwards. */
static bool
read_catalog(void)
{
	bool		was_read;

	assert_true(az_db_begin(&memory->db, arena, &error));
	was_read = az_catalog_read(catalog, &memory->db, &error, arena);
	az_db_rollback(&memory->db);
	az_arena_reset(arena);
	return was_read;
}

static void
a_catalog_is_stale_until_it_is_read_and_when_there_is_news(void **state)
{
	assert_true(az_catalog_is_stale(catalog, &memory->db));
	assert_true(read_catalog());
	assert_false(az_catalog_is_stale(catalog, &memory->db));
	memory_db_register(memory, orders);
	assert_true(az_catalog_is_stale(catalog, &memory->db));
	assert_true(read_catalog());
	assert_false(az_catalog_is_stale(catalog, &memory->db));
}

static void
register_during(MemoryDb *db, AzStatementId statement)
{
	memory_db_register(db, orders);
	db->before = NULL;
}

static void
news_during_the_reading_makes_it_stale_again(void **state)
{
	memory->before = register_during;
	assert_true(read_catalog());
	assert_true(az_catalog_is_stale(catalog, &memory->db));
}

static void
the_aggregate_that_owns_a_domain_is_found(void **state)
{
	const AzComponent *component;

	assert_null(az_catalog_aggregate(catalog, "order"));
	memory_db_register(memory, shipping);
	memory_db_register(memory, orders);
	assert_true(read_catalog());
	assert_int_equal(az_catalog_count(catalog), 2);
	component = az_catalog_aggregate(catalog, "order");
	assert_non_null(component);
	assert_string_equal(component->name, "orders");
	assert_string_equal(component->kind, "aggregate");
	assert_string_equal(component->domain, "order");
	assert_string_equal(component->address, "grpc://localhost:50051");
	assert_int_equal(component->deadline_us, 1500000);
	assert_true(component->send_snapshots);
	assert_true(component->enabled);
	assert_null(az_catalog_aggregate(catalog, "orders"));
	assert_null(az_catalog_aggregate(catalog, ""));
}

static void
owner_and_upcaster_of_a_domain_are_told_apart(void **state)
{
	MemoryComponent upcaster = {
		.name = "old-orders",.kind = "upcaster",.domain = "order",
		.address = "unix:/run/up",.deadline_ms = 70
	};

	memory_db_register(memory, upcaster);
	assert_true(read_catalog());
	assert_null(az_catalog_aggregate(catalog, "order"));
	memory_db_register(memory, orders);
	assert_true(read_catalog());
	assert_string_equal(az_catalog_aggregate(catalog, "order")->name,
						"orders");
	assert_string_equal(az_catalog_upcaster(catalog, "order")->name,
						"old-orders");
	assert_int_equal(az_catalog_upcaster(catalog, "order")->deadline_us,
					 70000);
	assert_null(az_catalog_upcaster(catalog, "old-orders"));
}

static void
components_are_found_by_name_and_by_the_domain_they_own(void **state)
{
	MemoryComponent checkout = {
		.name = "checkouts",.kind = "process_manager",.domain = "checkout",
		.inputs = "order,payment"
	};
	MemoryComponent saga = {.name = "ships",.kind = "saga",.domain = "order",
	.inputs = "order"};

	memory_db_register(memory, checkout);
	memory_db_register(memory, orders);
	memory_db_register(memory, saga);
	assert_true(read_catalog());
	assert_string_equal(az_catalog_named(catalog, "ships")->kind, "saga");
	assert_null(az_catalog_named(catalog, "order"));
	assert_string_equal(az_catalog_owner(catalog, "order")->name, "orders");
	assert_string_equal(az_catalog_owner(catalog, "checkout")->name,
						"checkouts");
	assert_null(az_catalog_owner(catalog, "payment"));
}

static void
a_component_listens_to_its_inputs_or_to_everything(void **state)
{
	MemoryComponent some = {.name = "some",.kind = "projector",.domain = "",
	.inputs = "order,payment"};
	MemoryComponent all = {.name = "all",.kind = "projector",.domain = "",
	.inputs = ""};
	const AzComponent *component;

	memory_db_register(memory, some);
	memory_db_register(memory, all);
	memory_db_register(memory, orders);
	assert_true(read_catalog());
	component = az_catalog_named(catalog, "some");
	assert_true(az_component_reacts(component));
	assert_true(az_component_listens(component, "order"));
	assert_true(az_component_listens(component, "payment"));
	assert_false(az_component_listens(component, "pay"));
	assert_false(az_component_listens(component, ""));
	component = az_catalog_named(catalog, "all");
	assert_true(az_component_listens(component, "order"));
	assert_false(az_component_reacts(az_catalog_named(catalog, "orders")));
	assert_false(az_component_listens(az_catalog_named(catalog, "orders"),
									  "order"));
}

static void
the_version_rises_with_each_reading_that_succeeds(void **state)
{
	uint64_t	version = az_catalog_version(catalog);

	assert_true(read_catalog());
	assert_true(az_catalog_version(catalog) > version);
	version = az_catalog_version(catalog);
	memory_db_fail_statement(memory, AZ_STATEMENT_COMPONENTS, 1, "42501");
	assert_false(read_catalog());
	assert_int_equal(az_catalog_version(catalog), version);
}

static void
what_a_registration_leaves_out_reads_as_its_default(void **state)
{
	MemoryComponent bare = {.name = "bare",.kind = "aggregate",.disabled = true,
	.full_books = true};
	const AzComponent *component;

	memory_db_register(memory, bare);
	assert_true(read_catalog());
	component = az_catalog_aggregate(catalog, "");
	assert_non_null(component);
	assert_string_equal(component->domain, "");
	assert_string_equal(component->address, "");
	assert_int_equal(component->deadline_us, 0);
	assert_false(component->send_snapshots);
	assert_false(component->enabled);
}

static void
an_unregistered_component_is_gone_after_reading(void **state)
{
	memory_db_register(memory, orders);
	assert_true(read_catalog());
	memory_db_unregister(memory, "orders");
	assert_non_null(az_catalog_aggregate(catalog, "order"));
	assert_true(read_catalog());
	assert_null(az_catalog_aggregate(catalog, "order"));
	assert_int_equal(az_catalog_count(catalog), 0);
}

static void
a_failed_reading_keeps_the_old_components(void **state)
{
	memory_db_register(memory, orders);
	assert_true(read_catalog());
	memory_db_unregister(memory, "orders");
	memory_db_fail_statement(memory, AZ_STATEMENT_COMPONENTS, 1, "42501");
	assert_false(read_catalog());
	assert_int_equal(error.code, AZ_PERMISSION_DENIED);
	assert_non_null(az_catalog_aggregate(catalog, "order"));
	assert_true(az_catalog_is_stale(catalog, &memory->db));
}

static void
a_reading_without_memory_keeps_the_old_components(void **state)
{
	char		address[3000];
	MemoryComponent wordy = orders;
	int			n_failed = 0;

	memset(address, 'a', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	wordy.address = address;
	memory_db_register(memory, orders);
	assert_true(read_catalog());
	memory_db_unregister(memory, "orders");
	for (int i = 0; i < 5; i++)
		memory_db_register(memory, wordy);
	for (int n = 0;; n++)
	{
		bool		was_read;

		fail_malloc_after(n);
		was_read = read_catalog();
		fail_malloc_after(-1);
		if (was_read)
			break;
		n_failed++;
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		assert_int_equal(az_catalog_count(catalog), 1);
		assert_string_equal(az_catalog_aggregate(catalog, "order")->address,
							"grpc://localhost:50051");
	}
	assert_true(n_failed >= 5);
	assert_int_equal(az_catalog_count(catalog), 5);
}

static void
a_catalog_without_memory_is_null(void **state)
{
	fail_malloc_after(0);
	assert_null(az_catalog_create());
	fail_malloc_after(-1);
	az_catalog_free(NULL);
	assert_int_equal(az_catalog_count(catalog), 0);
}

/* note.proto: package shop; message Note { string text = 1; } */
static const uint8_t note_file[] = {
	0x0a, 0x0a, 0x6e, 0x6f, 0x74, 0x65, 0x2e, 0x70, 0x72, 0x6f, 0x74,
	0x6f, 0x12, 0x04, 0x73, 0x68, 0x6f, 0x70, 0x22, 0x1a, 0x0a, 0x04,
	0x4e, 0x6f, 0x74, 0x65, 0x12, 0x12, 0x0a, 0x04, 0x74, 0x65, 0x78,
	0x74, 0x18, 0x01, 0x20, 0x01, 0x28, 0x09, 0x52, 0x04, 0x74, 0x65,
	0x78, 0x74, 0x62, 0x06, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x33
};

static void
payload_types_are_known_once_their_files_were_read(void **state)
{
	memory->files[0].name = "note.proto";
	memory->files[0].bytes.data = note_file;
	memory->files[0].bytes.len = sizeof(note_file);
	assert_null(az_catalog_types(catalog));
	assert_true(read_catalog());
	assert_null(az_catalog_types(catalog));
	memory->n_files = 1;
	assert_true(read_catalog());
	assert_string_equal(az_types_field_name(az_catalog_types(catalog),
											"shop.Note", 1), "text");
}

static void
files_that_do_not_go_together_leave_payloads_opaque(void **state)
{
	memory->files[0].name = "note.proto";
	memory->files[0].bytes = az_bytes_of("no file");
	memory->n_files = 1;
	memory_db_register(memory, orders);
	assert_true(read_catalog());
	assert_null(az_catalog_types(catalog));
	assert_int_equal(az_catalog_count(catalog), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_catalog_is_stale_until_it_is_read_and_when_there_is_news),
		TEST(news_during_the_reading_makes_it_stale_again),
		TEST(the_aggregate_that_owns_a_domain_is_found),
		TEST(owner_and_upcaster_of_a_domain_are_told_apart),
		TEST(components_are_found_by_name_and_by_the_domain_they_own),
		TEST(a_component_listens_to_its_inputs_or_to_everything),
		TEST(the_version_rises_with_each_reading_that_succeeds),
		TEST(what_a_registration_leaves_out_reads_as_its_default),
		TEST(an_unregistered_component_is_gone_after_reading),
		TEST(a_failed_reading_keeps_the_old_components),
		TEST(a_reading_without_memory_keeps_the_old_components),
		TEST(a_catalog_without_memory_is_null),
		TEST(payload_types_are_known_once_their_files_were_read),
		TEST(files_that_do_not_go_together_leave_payloads_opaque),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
