/* Tests of net/connection.c: one connection over a real socket. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_world.h"
#include "failing_malloc.h"
#include "net/connection.h"

static World world;
static AzConnectionLimits limits;
static AzConnection *connection;
static int	changes;
static int	losses;
static AzCode lost_code;
static char lost_reason[128];
static AzMetadata no_metadata;

typedef struct Sent
{
	AzHttp2Stream stream;
	AzAnswer	answer;
	int			times;
	AzHttp2Outcome outcome;
} Sent;

static void
note_change(void *owner)
{
	changes++;
}

static void
note_loss(void *owner, const AzError *why)
{
	losses++;
	lost_code = why->code;
	snprintf(lost_reason, sizeof(lost_reason), "%s", why->message);
	az_connection_free(connection);
	connection = NULL;
}

static const AzConnectionEvents events = {note_change, note_loss};

static void
note_end(AzHttp2Stream *stream, const AzHttp2End *end)
{
	Sent	   *sent = stream->owner;

	sent->times++;
	sent->outcome = end->outcome;
}

static int
open_world(void **state)
{
	AzConnectionLimits usual = {
		.max_header_bytes = 4096,
		.connect_timeout_us = 1000000,
		.keepalive_us = 100000,
		.keepalive_timeout_us = 100000,
		.idle_timeout_us = 0
	};

	world_open(&world, NULL);
	limits = usual;
	connection = NULL;
	changes = losses = 0;
	return 0;
}

static int
close_world(void **state)
{
	az_connection_free(connection);
	world_close(&world);
	return 0;
}

static bool
begin(int port, AzError *error)
{
	AzSocketAddress address;
	struct sockaddr_in ip = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t) port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};

	az_socket_address_set(&address, (struct sockaddr *) &ip, sizeof(ip));
	connection = az_connection_open(world.loop, &address, &limits, &events,
									&world, error);
	return connection != NULL;
}

static void
open_connection(void)
{
	AzError		error;

	assert_true(begin(h2_service_port(world.service), &error));
	assert_true(az_connection_is_opening(connection));
	assert_false(az_connection_is_open(connection));
	assert_int_equal(az_connection_room(connection), 0);
	WAIT_UNTIL(&world, changes > 0 || losses > 0);
	assert_true(az_connection_is_open(connection));
	assert_false(az_connection_is_opening(connection));
}

static void
send_request(Sent *sent, AzBytes message)
{
	AzHttp2Request request = {
		.path = "/a.B/C",
		.authority = "a:1",
		.metadata = &no_metadata,
		.message = message,
		.timeout_us = INT64_MAX
	};

	memset(sent, 0, sizeof(*sent));
	sent->answer.arena = az_arena_create();
	sent->answer.address = "a";
	sent->answer.max_header_bytes = 10000;
	sent->answer.max_message_bytes = 10 * 1024 * 1024;
	sent->stream.answer = &sent->answer;
	sent->stream.ended = note_end;
	sent->stream.owner = sent;
	assert_true(az_connection_send(connection, &sent->stream, &request));
}

static void
free_sent(Sent *sent)
{
	if (sent->stream.client != NULL)
		az_connection_reset(&sent->stream);
	az_answer_free(&sent->answer);
	az_arena_free(sent->answer.arena);
}

static void
ignore(H2Request *request, void *owner)
{
}

static void
it_is_open_when_the_peer_has_greeted(void **state)
{
	open_connection();
	assert_int_equal(changes, 1);
	assert_true(az_connection_room(connection) > 1000);
	assert_int_equal(az_connection_streams(connection), 0);
}

static void
a_refused_connection_is_lost_with_the_reason(void **state)
{
	int			port = h2_service_port(world.service);
	AzError		error = {0};

	h2_service_stop(world.service);
	world.service = NULL;
	if (begin(port, &error))
	{
		WAIT_UNTIL(&world, losses > 0);
		assert_int_equal(lost_code, AZ_UNAVAILABLE);
		assert_string_equal(lost_reason, "Connection refused");
	}
	else
		assert_string_equal(error.message, "Connection refused");
}

static void
a_peer_that_hangs_up_before_it_greets_is_lost(void **state)
{
	AzError		error;

	h2_service_script(world.service)->hang_up = true;
	assert_true(begin(h2_service_port(world.service), &error));
	WAIT_UNTIL(&world, losses > 0);
	assert_int_equal(lost_code, AZ_UNAVAILABLE);
	assert_true(strstr(lost_reason, "closed") != NULL ||
				strstr(lost_reason, "reset") != NULL);
}

static void
a_peer_that_never_greets_is_given_up_in_time(void **state)
{
	AzError		error;
	int64_t		began_us = az_clock_monotonic_us();
	int64_t		took_us;

	limits.connect_timeout_us = 100000;
	h2_service_script(world.service)->mute = true;
	assert_true(begin(h2_service_port(world.service), &error));
	WAIT_UNTIL(&world, losses > 0);
	took_us = az_clock_monotonic_us() - began_us;
	assert_int_equal(lost_code, AZ_UNAVAILABLE);
	assert_string_equal(lost_reason, "no greeting within 100 ms");
	assert_in_range(took_us, 100000, 1000000);
}

static void
a_peer_of_another_protocol_is_lost_as_internal(void **state)
{
	AzError		error;

	h2_service_script(world.service)->greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
	assert_true(begin(h2_service_port(world.service), &error));
	WAIT_UNTIL(&world, losses > 0);
	assert_int_equal(lost_code, AZ_INTERNAL);
	assert_contains(lost_reason, "does not speak HTTP/2");
}

static void
requests_of_one_turn_are_written_at_once(void **state)
{
	Sent		sent[50];
	size_t		reads;

	open_connection();
	TURN_FOR(&world, 20000);
	reads = h2_service_reads(world.service);
	for (int i = 0; i < 50; i++)
		send_request(&sent[i], az_bytes_of("hello"));
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 50);
	assert_int_equal(h2_service_reads(world.service), reads + 1);
	WAIT_UNTIL(&world, az_connection_streams(connection) == 0);
	for (int i = 0; i < 50; i++)
	{
		assert_int_equal(sent[i].times, 1);
		assert_int_equal(sent[i].outcome, AZ_HTTP2_ANSWERED);
		free_sent(&sent[i]);
	}
}

static void
a_silent_peer_is_noticed_within_the_keepalive_times(void **state)
{
	Sent		sent;
	int64_t		began_us;
	int64_t		took_us;

	open_connection();
	h2_service_script(world.service)->requested = ignore;
	send_request(&sent, az_bytes_of("hello"));
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 1);
	h2_service_silence(world.service);
	began_us = az_clock_monotonic_us();
	WAIT_UNTIL(&world, losses > 0);
	took_us = az_clock_monotonic_us() - began_us;
	assert_in_range(took_us, 100000, 300000);
	assert_int_equal(lost_code, AZ_UNAVAILABLE);
	assert_contains(lost_reason, "it was silent for ");
	assert_int_equal(sent.times, 1);
	assert_int_equal(sent.outcome, AZ_HTTP2_LOST);
	free_sent(&sent);
}

static void
a_slow_peer_that_answers_pings_is_kept(void **state)
{
	Sent		sent;

	open_connection();
	h2_service_script(world.service)->requested = ignore;
	send_request(&sent, az_bytes_of("hello"));
	WAIT_UNTIL(&world, h2_service_pings(world.service) >= 3);
	assert_int_equal(losses, 0);
	assert_int_equal(sent.times, 0);
	free_sent(&sent);
}

static void
no_ping_is_sent_while_no_call_is_open(void **state)
{
	Sent		sent;

	open_connection();
	send_request(&sent, az_bytes_of("hello"));
	WAIT_UNTIL(&world, sent.times > 0);
	TURN_FOR(&world, 300000);
	assert_int_equal(h2_service_pings(world.service), 0);
	assert_int_equal(losses, 0);
	free_sent(&sent);
}

static void
a_connection_without_keepalive_waits_for_ever(void **state)
{
	Sent		sent;

	limits.keepalive_us = 0;
	open_connection();
	h2_service_script(world.service)->requested = ignore;
	send_request(&sent, az_bytes_of("hello"));
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 1);
	h2_service_silence(world.service);
	TURN_FOR(&world, 300000);
	assert_int_equal(losses, 0);
	free_sent(&sent);
}

static void
an_idle_connection_is_closed_in_good_order(void **state)
{
	Sent		sent;
	int64_t		began_us;

	limits.idle_timeout_us = 150000;
	open_connection();
	TURN_FOR(&world, 80000);
	send_request(&sent, az_bytes_of("hello"));
	WAIT_UNTIL(&world, sent.times > 0);
	began_us = az_clock_monotonic_us();
	WAIT_UNTIL(&world, losses > 0);
	assert_true(az_clock_monotonic_us() - began_us > 130000);
	assert_int_equal(lost_code, AZ_OK);
	assert_string_equal(lost_reason, "it was idle");
	WAIT_UNTIL(&world, h2_service_connections(world.service) == 0);
	free_sent(&sent);
}

static H2Request *held;

static void
hold(H2Request *request, void *owner)
{
	held = request;
}

static void
a_leaving_connection_takes_no_streams_and_ends_with_its_last(void **state)
{
	Sent		sent;
	int			before;

	open_connection();
	h2_service_script(world.service)->requested = hold;
	send_request(&sent, az_bytes_of("hello"));
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 1);
	before = changes;
	h2_goaway(held->connection, held->id);
	WAIT_UNTIL(&world, changes > before);
	assert_false(az_connection_is_open(connection));
	assert_false(az_connection_is_opening(connection));
	assert_int_equal(az_connection_room(connection), 0);
	assert_int_equal(losses, 0);
	h2_echo(held);
	WAIT_UNTIL(&world, losses > 0);
	assert_int_equal(sent.outcome, AZ_HTTP2_ANSWERED);
	assert_string_equal(lost_reason, "it said goodbye");
	free_sent(&sent);
}

static void
a_peer_that_leaves_while_greeting_is_lost(void **state)
{
	AzError		error;

	/* SETTINGS and GOAWAY in one piece. */
	h2_service_script(world.service)->mute = true;
	assert_true(begin(h2_service_port(world.service), &error));
	WAIT_UNTIL(&world, h2_service_accepted(world.service) == 1);
	h2_service_write(world.service, "\0\0\0\4\0\0\0\0\0"
					 "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 26);
	WAIT_UNTIL(&world, losses > 0);
	assert_int_equal(lost_code, AZ_UNAVAILABLE);
	assert_string_equal(lost_reason, "it said goodbye");
}

static void
large_messages_go_through_a_slow_socket(void **state)
{
	Sent		sent[4];
	size_t		len = 2 * 1024 * 1024;
	uint8_t    *large = malloc(len);
	AzBytes		message = {large, len};

	limits.keepalive_us = 0;
	memset(large, 'x', len);
	open_connection();
	for (int i = 0; i < 4; i++)
		send_request(&sent[i], message);
	/* More than fits into the socket, whose other end does not read yet. */
	az_loop_flush(world.loop);
	for (int i = 0; i < 4; i++)
	{
		AzBytes		answer;
		AzError		status;

		WAIT_UNTIL(&world, sent[i].times > 0);
		assert_true(az_answer_result(&sent[i].answer, &answer, &status));
		assert_int_equal(answer.len, len);
		free_sent(&sent[i]);
	}
	free(large);
}

static void
what_the_peer_said_last_is_heard_when_writing_fails(void **state)
{
	Sent		sent[3];

	open_connection();
	h2_service_script(world.service)->requested = hold;
	send_request(&sent[0], az_bytes_of("first"));
	WAIT_UNTIL(&world, h2_service_requests(world.service) == 1);
	h2_echo(held);
	az_loop_flush(world.loop);
	/* The peer ends without having read this, so the next write fails. */
	send_request(&sent[1], az_bytes_of("second"));
	az_loop_flush(world.loop);
	h2_service_drop(world.service);
	send_request(&sent[2], az_bytes_of("third"));
	az_loop_flush(world.loop);
	assert_int_equal(losses, 1);
	assert_int_equal(lost_code, AZ_UNAVAILABLE);
	assert_int_equal(sent[0].outcome, AZ_HTTP2_ANSWERED);
	assert_int_equal(sent[1].outcome, AZ_HTTP2_LOST);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(sent[i].times, 1);
		free_sent(&sent[i]);
	}
}

static void
freeing_while_connecting_and_while_open_leaves_nothing(void **state)
{
	AzError		error;
	Sent		sent;

	assert_true(begin(h2_service_port(world.service), &error));
	az_connection_free(connection);
	open_connection();
	send_request(&sent, az_bytes_of("x"));
	az_connection_free(connection);
	connection = NULL;
	assert_null(sent.stream.client);
	TURN_FOR(&world, 30000);
	assert_int_equal(losses, 0);
	free_sent(&sent);
}

static void
memory_running_out_loses_the_connection_not_the_process(void **state)
{
	int			port;
	int			peer = start_echo_process(&port);
	bool		opened = false;
	AzError		error = {0};

	assert_int_not_equal(peer, 0);
	for (int n = 0; !opened; n++)
	{
		changes = losses = 0;
		fail_malloc_after(n);
		if (begin(port, &error))
			WAIT_UNTIL(&world, changes > 0 || losses > 0);
		if (changes == 0)
		{
			assert_true(malloc_has_failed());
			assert_int_equal(losses > 0 ? lost_code : error.code,
							 AZ_RESOURCE_EXHAUSTED);
		}
		opened = changes > 0 && !malloc_has_failed();
		fail_malloc_after(-1);
		az_connection_free(connection);
		connection = NULL;
	}
	stop_echo_process(peer);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(it_is_open_when_the_peer_has_greeted),
		TEST(a_refused_connection_is_lost_with_the_reason),
		TEST(a_peer_that_hangs_up_before_it_greets_is_lost),
		TEST(a_peer_that_never_greets_is_given_up_in_time),
		TEST(a_peer_of_another_protocol_is_lost_as_internal),
		TEST(requests_of_one_turn_are_written_at_once),
		TEST(a_silent_peer_is_noticed_within_the_keepalive_times),
		TEST(a_slow_peer_that_answers_pings_is_kept),
		TEST(no_ping_is_sent_while_no_call_is_open),
		TEST(a_connection_without_keepalive_waits_for_ever),
		TEST(an_idle_connection_is_closed_in_good_order),
		TEST(a_leaving_connection_takes_no_streams_and_ends_with_its_last),
		TEST(a_peer_that_leaves_while_greeting_is_lost),
		TEST(large_messages_go_through_a_slow_socket),
		TEST(what_the_peer_said_last_is_heard_when_writing_fails),
		TEST(freeing_while_connecting_and_while_open_leaves_nothing),
		TEST(memory_running_out_loses_the_connection_not_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
