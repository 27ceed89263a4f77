/* Tests of server reflection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "failing_malloc.h"
#include "fake_call.h"

#define V1 "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define V1ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

static AzServices *services;
static AzServerCall *call;

static int
set_up(void **state)
{
	services = fake_services();
	call = fake_call(services, V1);
	return services == NULL || call == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	fail_malloc_after(-1);
	fake_hang_up(services, call);
	az_services_free(services);
	return 0;
}

/* Sends a question, and gives back the answer to it. */
static PbServerReflectionResponse *
ask(PbServerReflectionRequest *request, int what)
{
	PbServerReflectionResponse *response;
	size_t		before = call->n_sent;
	AzBytes		bytes;

	request->message_request_case = what;
	assert_true(az_encode(request, call->arena, &bytes, NULL));
	az_service_events.message(services, call, bytes);
	assert_false(call->finished);
	assert_int_equal(call->n_sent, before + 1);
	response = az_decode(&pb_server_reflection_response_descriptor,
						 call->sent[before], call->arena, NULL);
	assert_non_null(response);
	return response;
}

static PbServerReflectionResponse *
ask_symbol(const char *symbol)
{
	PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;

	request.file_containing_symbol = (char *) symbol;
	return ask(&request,
			   PB_SERVER_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL);
}

static PbServerReflectionResponse *
ask_file(const char *name)
{
	PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;

	request.file_by_filename = (char *) name;
	return ask(&request, PB_SERVER_REFLECTION_REQUEST_FILE_BY_FILENAME);
}

/* One of the files in an answer. */
static PbFileDescriptorProto *
file_in(const PbServerReflectionResponse *response, size_t i)
{
	PbFileDescriptorResponse *files = response->file_descriptor_response;
	AzBytes		bytes;

	assert_int_equal(response->message_response_case,
					 PB_SERVER_REFLECTION_RESPONSE_FILE_DESCRIPTOR_RESPONSE);
	assert_true(i < files->n_file_descriptor_proto);
	bytes.data = files->file_descriptor_proto[i].data;
	bytes.len = files->file_descriptor_proto[i].len;
	return az_decode(&pb_file_descriptor_proto_descriptor, bytes, call->arena,
					 NULL);
}

static void
assert_declared_in(const char *symbol, const char *file)
{
	assert_string_equal(file_in(ask_symbol(symbol), 0)->name, file);
}

static void
assert_not_found(const PbServerReflectionResponse *response)
{
	assert_int_equal(response->message_response_case,
					 PB_SERVER_REFLECTION_RESPONSE_ERROR_RESPONSE);
	assert_int_equal(response->error_response->error_code, AZ_NOT_FOUND);
}

static void
exactly_the_served_services_are_listed(void **state)
{
	PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;
	PbServerReflectionResponse *response;
	PbListServiceResponse *list;
	size_t		count = 0;

	request.list_services = "";
	response = ask(&request, PB_SERVER_REFLECTION_REQUEST_LIST_SERVICES);
	assert_int_equal(response->message_response_case,
					 PB_SERVER_REFLECTION_RESPONSE_LIST_SERVICES_RESPONSE);
	list = response->list_services_response;
	while (az_services[count] != NULL)
		count++;
	assert_int_equal(list->n_service, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list->service[i]->name, az_services[i]->name);
}

static void
every_served_service_and_method_is_declared_somewhere(void **state)
{
	for (size_t i = 0; az_services[i] != NULL; i++)
		for (const AzMethod *method = az_services[i]->methods;
			 method->name != NULL; method++)
		{
			char		symbol[256];

			snprintf(symbol, sizeof(symbol), "%s.%s", az_services[i]->name,
					 method->name);
			assert_non_null(file_in(ask_symbol(az_services[i]->name), 0));
			assert_non_null(file_in(ask_symbol(symbol), 0));
			fake_hang_up(services, call);
			call = fake_call(services, V1);
		}
}

static void
symbols_of_every_kind_are_found(void **state)
{
	assert_declared_in("io.angzarr.v1.EventBook", "io/angzarr/v1/types.proto");
	assert_declared_in("io.angzarr.v1.EventBook.pages",
					   "io/angzarr/v1/types.proto");
	assert_declared_in("io.angzarr.v1.EventPage.payload",
					   "io/angzarr/v1/types.proto");
	assert_declared_in("io.angzarr.v1.SyncMode", "io/angzarr/v1/types.proto");
	assert_declared_in("io.angzarr.v1.SYNC_MODE_CASCADE",
					   "io/angzarr/v1/types.proto");
	assert_declared_in("io.angzarr.v1.AngzarrDeadLetter.MetadataEntry.key",
					   "io/angzarr/v1/types.proto");
	assert_declared_in("grpc.health.v1.HealthCheckResponse.ServingStatus",
					   "grpc/health/v1/health.proto");
	assert_declared_in("grpc.health.v1.HealthCheckResponse.SERVING",
					   "grpc/health/v1/health.proto");
	assert_declared_in("io.angzarr.v1.EventQueryService.GetEventBook",
					   "io/angzarr/v1/query.proto");
	assert_declared_in("io.angzarr.status.v1.DlqAdminService",
					   "io/angzarr/status/v1/dlq_admin.proto");
	assert_declared_in("angzarr.timer.v1.TimeoutElapsed",
					   "angzarr/timer/v1/timer.proto");
	assert_declared_in("google.protobuf.Any", "google/protobuf/any.proto");
}

static void
names_that_are_no_symbols_are_not_found(void **state)
{
	static const char *const names[] = {
		"", "io", "io.angzarr.v1", "io.angzarr.v1.", "io.angzarr.v1.Event",
		"io.angzarr.v1.EventBook.", "io.angzarr.v1.EventBook.nothing",
		"io.angzarr.v1.EventBooks", "EventBook", ".io.angzarr.v1.EventBook",
		"io.angzarr.v1.EventQueryService.Nothing",
		"io.angzarr.v1.SyncMode.SYNC_MODE_CASCADE",
		"io.angzarr.v1.EventBook.pages.header"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_not_found(ask_symbol(names[i]));
}

static void
a_file_comes_with_all_it_imports_each_once(void **state)
{
	PbServerReflectionResponse *response =
	ask_file("io/angzarr/v1/command_handler.proto");
	static const char *const imported[] = {
		"io/angzarr/v1/query.proto", "io/angzarr/v1/types.proto",
		"google/protobuf/any.proto", "google/protobuf/empty.proto",
		"google/protobuf/timestamp.proto"
	};
	size_t		n = response->file_descriptor_response->n_file_descriptor_proto;

	assert_int_equal(n, 6);
	assert_string_equal(file_in(response, 0)->name,
						"io/angzarr/v1/command_handler.proto");
	for (size_t i = 0; i < 5; i++)
	{
		int			times = 0;

		for (size_t j = 1; j < n; j++)
			times += strcmp(file_in(response, j)->name, imported[i]) == 0;
		assert_int_equal(times, 1);
	}
}

static void
an_optional_field_is_shown_as_one(void **state)
{
	PbFileDescriptorProto *file = file_in(ask_file("io/angzarr/v1/query.proto"), 0);

	for (size_t i = 0; i < file->n_message_type; i++)
	{
		PbDescriptorProto *message = file->message_type[i];

		if (strcmp(message->name, "SequenceRange") != 0)
			continue;
		assert_string_equal(message->field[1]->name, "upper");
		assert_true(message->field[1]->has_proto3_optional);
		assert_true(message->field[1]->proto3_optional);
		return;
	}
	fail_msg("no SequenceRange");
}

static void
an_unknown_file_is_not_found_naming_it(void **state)
{
	PbServerReflectionResponse *response = ask_file("a/b.proto");

	assert_not_found(response);
	assert_string_equal(response->error_response->error_message,
						"not found: a/b.proto");
}

static void
there_are_no_extensions(void **state)
{
	PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;
	PbExtensionRequest extension = PB_EXTENSION_REQUEST_INIT;
	PbServerReflectionResponse *response;

	extension.containing_type = "io.angzarr.v1.EventBook";
	extension.extension_number = 100;
	request.file_containing_extension = &extension;
	assert_not_found(ask(&request,
						 PB_SERVER_REFLECTION_REQUEST_FILE_CONTAINING_EXTENSION));
	request.all_extension_numbers_of_type = "io.angzarr.v1.EventBook";
	response = ask(&request,
				   PB_SERVER_REFLECTION_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE);
	assert_int_equal(response->message_response_case,
					 PB_SERVER_REFLECTION_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE);
	assert_string_equal(response->all_extension_numbers_response->base_type_name,
						"io.angzarr.v1.EventBook");
	assert_int_equal(response->all_extension_numbers_response->n_extension_number, 0);
	request.all_extension_numbers_of_type = "io.angzarr.v1.Nothing";
	assert_not_found(ask(&request,
						 PB_SERVER_REFLECTION_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE));
}

static void
an_answer_repeats_the_question(void **state)
{
	PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;
	PbServerReflectionResponse *response;

	request.host = "db.example";
	request.file_by_filename = "google/protobuf/any.proto";
	response = ask(&request, PB_SERVER_REFLECTION_REQUEST_FILE_BY_FILENAME);
	assert_string_equal(response->valid_host, "db.example");
	assert_string_equal(response->original_request->file_by_filename,
						"google/protobuf/any.proto");
}

static void
a_question_without_content_is_an_error_of_its_own(void **state)
{
	PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;
	PbServerReflectionResponse *response = ask(&request, 0);

	assert_int_equal(response->message_response_case,
					 PB_SERVER_REFLECTION_RESPONSE_ERROR_RESPONSE);
	assert_int_equal(response->error_response->error_code, AZ_INVALID_ARGUMENT);
	assert_non_null(ask_symbol("google.protobuf.Any"));
}

static void
the_call_ends_when_the_client_has_asked_everything(void **state)
{
	ask_symbol("google.protobuf.Any");
	az_service_events.half_closed(services, call);
	assert_true(call->finished);
	assert_int_equal(call->code, AZ_OK);
}

static void
bytes_that_do_not_decode_end_the_call(void **state)
{
	static const uint8_t bad[] = {0x1A, 0x01, 0xFF};
	AzBytes		bytes = {bad, sizeof(bad)};

	az_service_events.message(services, call, bytes);
	assert_int_equal(call->n_sent, 0);
	assert_int_equal(call->code, AZ_INVALID_ARGUMENT);
	assert_string_equal(call->message,
						"cannot decode grpc.reflection.v1.ServerReflectionRequest: not UTF-8, at file_by_filename");
}

static void
the_older_version_answers_the_same(void **state)
{
	AzBytes		answer;
	PbServerReflectionResponse *response;

	response = ask_symbol("io.angzarr.v1.EventBook");
	assert_true(az_encode(response, call->arena, &answer, NULL));
	assert_true(az_bytes_equal(answer, call->sent[0]));
	answer = call->sent[0];
	call->n_sent = 0;
	fake_hang_up(services, call);
	call = fake_call(services, V1ALPHA);
	ask_symbol("io.angzarr.v1.EventBook");
	assert_true(az_bytes_equal(answer, call->sent[0]));
	free((void *) answer.data);
}

static void
asking_without_end_does_not_fill_memory(void **state)
{
	size_t		size;

	ask_symbol("io.angzarr.v1.EventBook");
	size = az_arena_size(call->arena);
	for (int i = 0; i < 50; i++)
	{
		PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;
		uint8_t		bytes[64];
		AzBytes		slice = {bytes, 0};

		request.message_request_case =
			PB_SERVER_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL;
		request.file_containing_symbol = "io.angzarr.v1.EventBook";
		slice.len = protobuf_c_message_pack(&request.base, bytes);
		az_service_events.message(services, call, slice);
	}
	assert_int_equal(call->n_sent, 51);
	assert_int_equal(az_arena_size(call->arena), size);
}

static void
each_allocation_may_fail(void **state)
{
	static const int questions[] = {
		PB_SERVER_REFLECTION_REQUEST_FILE_BY_FILENAME,
		PB_SERVER_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL,
		PB_SERVER_REFLECTION_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE,
		PB_SERVER_REFLECTION_REQUEST_LIST_SERVICES
	};

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
	{
		PbServerReflectionRequest request = PB_SERVER_REFLECTION_REQUEST_INIT;
		uint8_t		bytes[64];
		AzBytes		slice = {bytes, 0};
		bool		failed = true;

		request.message_request_case = questions[i];
		request.file_by_filename = "io/angzarr/v1/types.proto";
		slice.len = protobuf_c_message_pack(&request.base, bytes);
		for (int n = 0; failed; n++)
		{
			fake_hang_up(services, call);
			call = fake_call(services, V1);
			fail_malloc_after(n);
			az_service_events.message(services, call, slice);
			failed = malloc_has_failed();
			fail_malloc_after(-1);
			/* The fake's own copy may be what failed: nothing is said then. */
			if (failed && call->finished)
				assert_int_equal(call->code, AZ_RESOURCE_EXHAUSTED);
			assert_int_equal(call->n_sent, failed ? 0 : 1);
		}
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(exactly_the_served_services_are_listed),
		TEST(every_served_service_and_method_is_declared_somewhere),
		TEST(symbols_of_every_kind_are_found),
		TEST(names_that_are_no_symbols_are_not_found),
		TEST(a_file_comes_with_all_it_imports_each_once),
		TEST(an_optional_field_is_shown_as_one),
		TEST(an_unknown_file_is_not_found_naming_it),
		TEST(there_are_no_extensions),
		TEST(an_answer_repeats_the_question),
		TEST(a_question_without_content_is_an_error_of_its_own),
		TEST(the_call_ends_when_the_client_has_asked_everything),
		TEST(bytes_that_do_not_decode_end_the_call),
		TEST(the_older_version_answers_the_same),
		TEST(asking_without_end_does_not_fill_memory),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
