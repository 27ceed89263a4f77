/* Tests of health checking. */
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

static AzServices *services;
static AzServerCall *call;

static void
ask(const char *method, const char *service)
{
	PbHealthCheckRequest request = PB_HEALTH_CHECK_REQUEST_INIT;
	AzBytes		bytes;

	call = fake_call(services, method);
	request.service = (char *) service;
	assert_true(az_encode(&request, call->arena, &bytes, NULL));
	az_service_events.message(services, call, bytes);
}

static void
check(const char *service)
{
	ask("/grpc.health.v1.Health/Check", service);
}

static void
watch(const char *service)
{
	ask("/grpc.health.v1.Health/Watch", service);
}

/* The status in one answer. */
static int
status_of(size_t place)
{
	PbHealthCheckResponse *response;

	response = az_decode(&pb_health_check_response_descriptor,
						 call->sent[place], call->arena, NULL);
	assert_non_null(response);
	return response->status;
}

/* The status in the only answer. */
static int
status(void)
{
	assert_int_equal(call->n_sent, 1);
	return status_of(0);
}

static int
set_up(void **state)
{
	services = fake_services();
	call = NULL;
	return services == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	fail_malloc_after(-1);
	if (call != NULL)
		fake_hang_up(services, call);
	az_services_free(services);
	return 0;
}

static void
the_server_as_a_whole_serves(void **state)
{
	check("");
	assert_int_equal(status(), PB_SERVING_STATUS_SERVING);
	assert_true(call->finished);
	assert_int_equal(call->code, AZ_OK);
}

static void
every_served_service_serves(void **state)
{
	for (size_t i = 0; az_services[i] != NULL; i++)
	{
		check(az_services[i]->name);
		assert_int_equal(status(), PB_SERVING_STATUS_SERVING);
		assert_int_equal(call->code, AZ_OK);
		fake_hang_up(services, call);
		call = NULL;
	}
}

static void
a_check_of_an_unknown_service_is_not_found_naming_it(void **state)
{
	check("a.B");
	assert_int_equal(call->n_sent, 0);
	assert_true(call->finished);
	assert_int_equal(call->code, AZ_NOT_FOUND);
	assert_string_equal(call->message, "service \"a.B\" is not served here");
}

static void
a_watch_says_the_state_and_stays_open(void **state)
{
	watch("io.angzarr.v1.EventQueryService");
	assert_int_equal(status(), PB_SERVING_STATUS_SERVING);
	az_service_events.half_closed(services, call);
	assert_false(call->finished);
}

static void
a_watch_hears_that_the_server_stops_and_ends(void **state)
{
	watch("");
	assert_int_equal(call->n_sent, 1);
	az_services_stop(services);
	assert_int_equal(call->n_sent, 2);
	assert_int_equal(status_of(1), PB_SERVING_STATUS_NOT_SERVING);
	assert_true(call->finished);
	assert_int_equal(call->code, AZ_UNAVAILABLE);
}

static void
a_call_that_begins_while_the_server_stops_is_turned_away(void **state)
{
	az_services_stop(services);
	check("");
	assert_true(call->finished);
	assert_int_equal(call->code, AZ_UNAVAILABLE);
}

static void
a_watch_of_an_unknown_service_says_so_and_stays_open(void **state)
{
	watch("io.angzarr.v1.Nothing");
	assert_int_equal(status(), PB_SERVING_STATUS_SERVICE_UNKNOWN);
	az_service_events.half_closed(services, call);
	assert_false(call->finished);
}

static void
a_request_that_does_not_decode_is_refused(void **state)
{
	static const uint8_t bad[] = {0x0A, 0x05, 'x'};
	static const char *const methods[] = {
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
	};

	for (int i = 0; i < 2; i++)
	{
		AzBytes		bytes = {bad, sizeof(bad)};

		call = fake_call(services, methods[i]);
		az_service_events.message(services, call, bytes);
		assert_int_equal(call->n_sent, 0);
		assert_int_equal(call->code, AZ_INVALID_ARGUMENT);
		assert_string_equal(call->message,
							"cannot decode grpc.health.v1.HealthCheckRequest: malformed or cut off");
		fake_hang_up(services, call);
		call = NULL;
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_server_as_a_whole_serves),
		TEST(every_served_service_serves),
		TEST(a_check_of_an_unknown_service_is_not_found_naming_it),
		TEST(a_watch_says_the_state_and_stays_open),
		TEST(a_watch_hears_that_the_server_stops_and_ends),
		TEST(a_call_that_begins_while_the_server_stops_is_turned_away),
		TEST(a_watch_of_an_unknown_service_says_so_and_stays_open),
		TEST(a_request_that_does_not_decode_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
