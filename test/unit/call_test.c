/* Tests of net/call.c: what becomes of one call. */
#include <string.h>
#include <stdlib.h>
#include <stdio.h>

#include "base/clock.h"
#include "client_world.h"
#include "wire/text.h"

static World world;

static int
open_world(void **state)
{
	world_open(&world, NULL);
	return 0;
}

static int
close_world(void **state)
{
	world_close(&world);
	return 0;
}

/* ---- what a call carries ---- */

static char seen[2048];

static void
note_headers(H2Request *request, void *owner)
{
	char	   *to = seen;

	for (size_t i = 0; i < request->headers.count; i++)
		to += snprintf(to, sizeof(seen) - (size_t) (to - seen), "%s=%s\n",
					   request->headers.entries[i].name,
					   (const char *) request->headers.entries[i].value.data);
	h2_echo(request);
}

static void
an_answer_comes_back_as_it_was_sent(void **state)
{
	Ask			asked;

	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_OK);
	assert_string_equal(asked.answer, "hello");
	assert_int_equal(asked.times, 1);
	ask_free(&asked);
}

static void
an_empty_message_travels_both_ways(void **state)
{
	Ask			asked;

	ask_and_wait(&world, &asked, "");
	assert_int_equal(asked.code, AZ_OK);
	assert_int_equal(asked.answer_len, 0);
	ask_free(&asked);
}

static void
a_request_has_the_headers_grpc_asks_for(void **state)
{
	Ask			asked;
	char		authority[128];
	const char *timeout;
	int64_t		timeout_us;

	h2_service_script(world.service)->requested = note_headers;
	ask_and_wait(&world, &asked, "hello");
	snprintf(authority, sizeof(authority), ":authority=%s\n",
			 world.address + strlen("grpc://"));
	assert_contains(seen, ":method=POST\n");
	assert_contains(seen, ":scheme=http\n");
	assert_contains(seen, ":path=/test.Service/Do\n");
	assert_contains(seen, authority);
	assert_contains(seen, "te=trailers\n");
	assert_contains(seen, "content-type=application/grpc\n");
	assert_contains(seen, "user-agent=angzarr/");
	timeout = strstr(seen, "grpc-timeout=");
	assert_non_null(timeout);
	*strchr(timeout, '\n') = '\0';
	assert_true(az_timeout_parse(timeout + strlen("grpc-timeout="), &timeout_us));
	assert_true(timeout_us > 2000000 && timeout_us <= 3000000);
	ask_free(&asked);
}

static void
a_call_without_a_deadline_says_no_timeout(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = note_headers;
	ask(&world, &asked, world.address, "hello", INT64_MAX);
	WAIT_UNTIL(&world, asked.times > 0);
	assert_null(strstr(seen, "grpc-timeout"));
	ask_free(&asked);
}

static void
custom_metadata_travels_with_the_call(void **state)
{
	Ask			asked;
	AzCallRequest request = {
		.path = "/test.Service/Do",.deadline_us = INT64_MAX
	};

	h2_service_script(world.service)->requested = note_headers;
	az_metadata_add(&request.metadata, world.arena,
					az_bytes_of("x-correlation-id"), az_bytes_of("abc"));
	az_metadata_add(&request.metadata, world.arena,
					az_bytes_of("trace-bin"), az_bytes_of("AQI"));
	ask_with(&world, &asked, world.address, &request);
	WAIT_UNTIL(&world, asked.times > 0);
	assert_contains(seen, "x-correlation-id=abc\n");
	assert_contains(seen, "trace-bin=AQI\n");
	ask_free(&asked);
}

static void
a_request_larger_than_the_windows_arrives_whole(void **state)
{
	Ask			asked;
	size_t		len = 60000;
	char	   *large = malloc(len + 1);

	memset(large, 'x', len);
	large[len] = '\0';
	ask_and_wait(&world, &asked, large);
	assert_int_equal(asked.code, AZ_OK);
	assert_int_equal(asked.answer_len, len);
	ask_free(&asked);
	free(large);
}

/* ---- statuses ---- */

static void
refuse_order(H2Request *request, void *owner)
{
	h2_refuse(request, "9", "order%20is closed%3A 100%25");
}

static void
a_refusal_keeps_its_code_and_its_decoded_message(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = refuse_order;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_FAILED_PRECONDITION);
	assert_string_equal(asked.message, "order is closed: 100%");
	assert_int_equal(asked.answer_len, 0);
	ask_free(&asked);
}

static void
refuse_with_details(H2Request *request, void *owner)
{
	static const char *const trailers[] = {
		"grpc-status", "3", "grpc-message", "bad",
		"grpc-status-details-bin", "CAMSA2JhZA", NULL
	};

	h2_answer(request, NULL, NULL, 0, trailers);
}

static void
a_refusal_keeps_its_details(void **state)
{
	static const uint8_t expected[] = {8, 3, 0x12, 3, 'b', 'a', 'd'};
	Ask			asked;

	h2_service_script(world.service)->requested = refuse_with_details;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_INVALID_ARGUMENT);
	assert_int_equal(asked.details.len, sizeof(expected));
	assert_memory_equal(asked.details.data, expected, sizeof(expected));
	ask_free(&asked);
}

static void
reset_with_cancel(H2Request *request, void *owner)
{
	h2_reset(request, 8);
}

static void
a_reset_call_fails_with_the_code_the_reset_stands_for(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = reset_with_cancel;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_CANCELLED);
	assert_contains(asked.message, world.address);
	assert_contains(asked.message, "CANCEL");
	assert_contains(asked.message, "while waiting for its answer");
	ask_free(&asked);
}

static void
answer_and_reset(H2Request *request, void *owner)
{
	h2_echo(request);
	az_loop_flush(world.loop);
	h2_reset(request, 0);
}

static void
a_reset_after_a_whole_answer_changes_nothing(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = answer_and_reset;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_OK);
	assert_string_equal(asked.answer, "hello");
	ask_free(&asked);
}

/* ---- deadlines and giving up ---- */

static H2Request *held;

static void
hold(H2Request *request, void *owner)
{
	held = request;
}

static void
a_call_unanswered_at_its_deadline_is_reset_and_fails(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = hold;
	ask(&world, &asked, world.address, "hello", 200000);
	WAIT_UNTIL(&world, asked.times > 0);
	assert_int_equal(asked.code, AZ_DEADLINE_EXCEEDED);
	assert_contains(asked.message, world.address);
	assert_contains(asked.message, "waiting for an answer");
	WAIT_UNTIL(&world, h2_service_resets(world.service) == 1);
	assert_true(held->reset);
	ask_free(&asked);
}

static void
a_peer_that_gives_up_at_the_deadline_is_named_all_the_same(void **state)
{
	Ask			asked;
	int64_t		deadline_us = az_clock_monotonic_us() + 200000;

	held = NULL;
	h2_service_script(world.service)->requested = hold;
	ask(&world, &asked, world.address, "hello", 200000);
	WAIT_UNTIL(&world, held != NULL);
	h2_refuse(held, "4", "Deadline Exceeded");
	while (az_clock_monotonic_us() <= deadline_us + 1000)
		continue;
	WAIT_UNTIL(&world, asked.times > 0);
	assert_int_equal(asked.times, 1);
	assert_int_equal(asked.code, AZ_DEADLINE_EXCEEDED);
	assert_contains(asked.message, world.address);
	ask_free(&asked);
}

static void
a_deadline_of_the_peer_s_own_goes_through_as_it_is(void **state)
{
	Ask			asked;

	held = NULL;
	h2_service_script(world.service)->requested = hold;
	ask(&world, &asked, world.address, "hello", 60000000);
	WAIT_UNTIL(&world, held != NULL);
	h2_refuse(held, "4", "the warehouse was too slow");
	WAIT_UNTIL(&world, asked.times > 0);
	assert_int_equal(asked.code, AZ_DEADLINE_EXCEEDED);
	assert_string_equal(asked.message, "the warehouse was too slow");
	ask_free(&asked);
}

static void
a_deadline_while_connecting_says_so(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->mute = true;
	ask(&world, &asked, world.address, "hello", 100000);
	WAIT_UNTIL(&world, asked.times > 0);
	assert_int_equal(asked.code, AZ_DEADLINE_EXCEEDED);
	assert_contains(asked.message, "connecting to grpc://127.0.0.1");
	ask_free(&asked);
}

static void
a_deadline_while_queued_says_so(void **state)
{
	Ask			first;
	Ask			second;

	world.limits.max_inflight = 1;
	az_channels_set_limits(world.channels, &world.limits);
	h2_service_script(world.service)->requested = hold;
	ask(&world, &first, world.address, "first", 2000000);
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 1);
	ask(&world, &second, world.address, "second", 50000);
	WAIT_UNTIL(&world, second.times > 0);
	assert_int_equal(second.code, AZ_DEADLINE_EXCEEDED);
	assert_contains(second.message, "queued for grpc://127.0.0.1");
	assert_int_equal(first.times, 0);
	h2_echo(held);
	WAIT_UNTIL(&world, first.times > 0);
	assert_int_equal(first.code, AZ_OK);
	ask_free(&first);
	ask_free(&second);
}

static void
a_call_whose_deadline_is_past_is_never_sent(void **state)
{
	Ask			asked;
	Ask			other;

	ask(&world, &asked, world.address, "hello", -1);
	WAIT_UNTIL(&world, asked.times > 0);
	assert_int_equal(asked.code, AZ_DEADLINE_EXCEEDED);
	ask_and_wait(&world, &other, "other");
	assert_int_equal(h2_service_requests(world.service), 1);
	ask_free(&asked);
	ask_free(&other);
}

static void
a_cancelled_call_is_reset_and_never_done(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = hold;
	ask(&world, &asked, world.address, "hello", INT64_MAX);
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 1);
	az_call_cancel(asked.call);
	ask_free(&asked);
	WAIT_UNTIL(&world, h2_service_resets(world.service) == 1);
	assert_int_equal(asked.times, 0);
}

static void
a_call_cancelled_before_it_is_sent_leaves_no_trace(void **state)
{
	Ask			asked;
	Ask			other;

	ask(&world, &asked, world.address, "hello", 1000000);
	az_call_cancel(asked.call);
	ask_free(&asked);
	ask_and_wait(&world, &other, "other");
	assert_int_equal(h2_service_requests(world.service), 1);
	assert_int_equal(asked.times, 0);
	ask_free(&other);
}

static void
a_call_cancelled_between_queueing_and_writing_is_not_processed(void **state)
{
	Ask			first;
	Ask			asked;
	Ask			other;

	ask_and_wait(&world, &first, "first");
	ask(&world, &asked, world.address, "hello", 1000000);
	az_call_cancel(asked.call);
	ask_free(&asked);
	ask_and_wait(&world, &other, "other");
	assert_int_equal(h2_service_requests(world.service), 2);
	ask_free(&first);
	ask_free(&other);
}

/* ---- inside done ---- */

static Ask	next_asked;
static AzCall *to_cancel;

static void
free_all_and_go_on(void *owner, AzBytes answer, const AzError *status)
{
	Ask		   *asked = owner;

	asked->times++;
	ask_free(asked);
	if (to_cancel != NULL)
		az_call_cancel(to_cancel);
	ask(&world, &next_asked, world.address, "next", 2000000);
}

static void
done_may_free_the_arena_cancel_and_start_calls(void **state)
{
	Ask			asked = {.arena = az_arena_create()};
	Ask			waiting;
	AzError		error;
	AzCallRequest request = {
		.path = "/test.Service/Do",
		.deadline_us = INT64_MAX,
		.arena = asked.arena,
		.done = free_all_and_go_on,
		.owner = &asked
	};

	h2_service_script(world.service)->requested = NULL;
	assert_non_null(az_call_start(az_channels_get(world.channels, world.address,
												  world.arena, &error),
								  &request, &error));
	ask(&world, &waiting, world.address, "waiting", INT64_MAX);
	to_cancel = waiting.call;
	WAIT_UNTIL(&world, asked.times == 1);
	to_cancel = NULL;
	WAIT_UNTIL(&world, next_asked.times == 1);
	assert_string_equal(next_asked.answer, "next");
	assert_int_equal(waiting.times, 0);
	ask_free(&next_asked);
	ask_free(&waiting);
}

/* ---- repeating what the peer has not done ---- */

static int	refusals;

static void
refuse_streams(H2Request *request, void *owner)
{
	if (refusals-- > 0)
		h2_reset(request, 7);
	else
		h2_echo(request);
}

static void
a_refused_stream_is_sent_once_more(void **state)
{
	Ask			asked;

	refusals = 1;
	h2_service_script(world.service)->requested = refuse_streams;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_OK);
	assert_int_equal(h2_service_requests(world.service), 2);
	ask_free(&asked);
}

static void
a_stream_refused_twice_fails_unavailable(void **state)
{
	Ask			asked;

	refusals = 2;
	h2_service_script(world.service)->requested = refuse_streams;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	assert_contains(asked.message, "refused the call twice");
	assert_contains(asked.message, "waiting for its answer");
	assert_int_equal(h2_service_requests(world.service), 2);
	ask_free(&asked);
}

static bool said_goodbye;

static void
leave_without_doing_it(H2Request *request, void *owner)
{
	if (said_goodbye)
		h2_echo(request);
	else
		h2_goaway(request->connection, 0);
	said_goodbye = true;
}

static void
a_call_the_leaving_peer_did_not_process_is_sent_elsewhere(void **state)
{
	Ask			asked;

	said_goodbye = false;
	h2_service_script(world.service)->requested = leave_without_doing_it;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_OK);
	assert_string_equal(asked.answer, "hello");
	assert_int_equal(h2_service_requests(world.service), 2);
	ask_free(&asked);
}

static void
leave_and_answer(H2Request *request, void *owner)
{
	h2_goaway(request->connection, request->id);
	h2_echo(request);
}

static void
a_leaving_peer_may_still_answer_what_it_processes(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = leave_and_answer;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_OK);
	assert_int_equal(h2_service_requests(world.service), 1);
	ask_free(&asked);
}

static void
drop_connection(H2Request *request, void *owner)
{
	h2_close(request->connection);
}

static void
a_call_sent_and_lost_with_its_connection_is_not_repeated(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = drop_connection;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	assert_contains(asked.message, "lost the connection to grpc://127.0.0.1");
	assert_contains(asked.message, "while waiting for its answer");
	assert_contains(asked.message, "closed the connection");
	assert_int_equal(h2_service_requests(world.service), 1);
	ask_free(&asked);
}

static void
answer_garbage(H2Request *request, void *owner)
{
	h2_write_raw(request->connection, "\377\377\377\377\377\377\377\377\377\377", 10);
}

static void
garbage_instead_of_http2_fails_internal(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = answer_garbage;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_INTERNAL);
	assert_contains(asked.message, world.address);
	assert_contains(asked.message, "does not speak HTTP/2");
	ask_free(&asked);
}

static void
answer_over_the_limit(H2Request *request, void *owner)
{
	static const uint8_t header[] = {0, 0, 1, 0, 1, 'x'};
	static const char *const trailers[] = {"grpc-status", "0", NULL};

	h2_answer(request, NULL, header, sizeof(header), trailers);
}

static void
a_message_over_the_limit_is_refused_before_it_has_come(void **state)
{
	Ask			asked;

	h2_service_script(world.service)->requested = answer_over_the_limit;
	ask_and_wait(&world, &asked, "hello");
	assert_int_equal(asked.code, AZ_RESOURCE_EXHAUSTED);
	assert_contains(asked.message, "could not read the answer");
	assert_contains(asked.message, "65537 bytes; 65536 are allowed");
	ask_free(&asked);
}

/* ---- half an answer ---- */

static void (*then) (H2Request *request);

static void
answer_by_half(H2Request *request, void *owner)
{
	/* By hand, since nghttp2 would send the rest: status 200, three bytes. */
	uint8_t		frames[] = {
		0, 0, 1, 1, 4, 0, 0, 0, 0, 0x88, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0
	};

	frames[8] = frames[18] = (uint8_t) request->id;
	h2_write_raw(request->connection, frames, sizeof(frames));
	az_loop_flush(world.loop);
	if (then != NULL)
		then(request);
}

static void
reset_now(H2Request *request)
{
	h2_reset(request, 2);
}

static void
close_now(H2Request *request)
{
	h2_close(request->connection);
}

static void
ask_for_half(Ask *asked, void (*afterwards) (H2Request *request))
{
	then = afterwards;
	h2_service_script(world.service)->requested = answer_by_half;
	ask(&world, asked, world.address, "hello", 300000);
	WAIT_UNTIL(&world, asked->times > 0);
	assert_contains(asked->message, world.address);
}

static void
a_call_whose_answer_has_begun_fails_while_reading_it(void **state)
{
	Ask			asked;

	ask_for_half(&asked, reset_now);
	assert_int_equal(asked.code, AZ_INTERNAL);
	assert_contains(asked.message, "INTERNAL_ERROR) while reading its answer");
	ask_free(&asked);
	ask_for_half(&asked, NULL);
	assert_int_equal(asked.code, AZ_DEADLINE_EXCEEDED);
	assert_contains(asked.message, "while reading the answer of");
	ask_free(&asked);
}

static void
a_connection_lost_within_an_answer_is_lost_while_reading_it(void **state)
{
	Ask			asked;

	ask_for_half(&asked, close_now);
	assert_int_equal(asked.code, AZ_UNAVAILABLE);
	assert_contains(asked.message, "while reading its answer");
	ask_free(&asked);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_comes_back_as_it_was_sent),
		TEST(an_empty_message_travels_both_ways),
		TEST(a_request_has_the_headers_grpc_asks_for),
		TEST(a_call_without_a_deadline_says_no_timeout),
		TEST(custom_metadata_travels_with_the_call),
		TEST(a_request_larger_than_the_windows_arrives_whole),
		TEST(a_refusal_keeps_its_code_and_its_decoded_message),
		TEST(a_refusal_keeps_its_details),
		TEST(a_reset_call_fails_with_the_code_the_reset_stands_for),
		TEST(a_reset_after_a_whole_answer_changes_nothing),
		TEST(a_call_unanswered_at_its_deadline_is_reset_and_fails),
		TEST(a_peer_that_gives_up_at_the_deadline_is_named_all_the_same),
		TEST(a_deadline_of_the_peer_s_own_goes_through_as_it_is),
		TEST(a_deadline_while_connecting_says_so),
		TEST(a_deadline_while_queued_says_so),
		TEST(a_call_whose_deadline_is_past_is_never_sent),
		TEST(a_cancelled_call_is_reset_and_never_done),
		TEST(a_call_cancelled_before_it_is_sent_leaves_no_trace),
		TEST(a_call_cancelled_between_queueing_and_writing_is_not_processed),
		TEST(done_may_free_the_arena_cancel_and_start_calls),
		TEST(a_refused_stream_is_sent_once_more),
		TEST(a_stream_refused_twice_fails_unavailable),
		TEST(a_call_the_leaving_peer_did_not_process_is_sent_elsewhere),
		TEST(a_leaving_peer_may_still_answer_what_it_processes),
		TEST(a_call_sent_and_lost_with_its_connection_is_not_repeated),
		TEST(garbage_instead_of_http2_fails_internal),
		TEST(a_message_over_the_limit_is_refused_before_it_has_come),
		TEST(a_call_whose_answer_has_begun_fails_while_reading_it),
		TEST(a_connection_lost_within_an_answer_is_lost_while_reading_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
