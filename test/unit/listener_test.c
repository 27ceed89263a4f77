/* Tests of listening sockets. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/listener.h"

#include "failing_malloc.h"
#include "h2_peer.h"

static AzLoop *loop;
static AzListener *listener;
static AzArena *arena;
static AzError error;
static int	accepted[256];
static int	n_accepted;
static char lines[4096];
static int64_t now_us;

static void
take(void *owner, int fd)
{
	assert_ptr_equal(owner, &lines);
	accepted[n_accepted++] = fd;
}

static void
keep_log(AzLogLevel level, const char *message)
{
	size_t		len = strlen(lines);

	snprintf(lines + len, sizeof(lines) - len, "%s\n", message);
}

static int64_t
still(void)
{
	return now_us;
}

static const AzClock still_clock = {still, still};

static int
setup(void **state)
{
	now_us = 1000000000;
	az_clock_set(&still_clock);
	az_log_set_sink(keep_log);
	lines[0] = '\0';
	n_accepted = 0;
	memset(&error, 0, sizeof(error));
	arena = az_arena_create();
	loop = az_loop_create();
	listener = az_listener_create(loop, take, &lines);
	return listener == NULL;
}

static int
teardown(void **state)
{
	az_listener_free(listener);
	for (int i = 0; i < n_accepted; i++)
		close(accepted[i]);
	az_loop_free(loop);
	az_arena_free(arena);
	az_log_set_sink(NULL);
	az_clock_set(NULL);
	return 0;
}

static int
listen_tcp(const char *host, int port)
{
	if (!az_listener_open_tcp(listener, host, port, arena, &error))
		return -1;
	return az_listener_port(listener);
}

static int
dial_family(int family, int port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	int			fd = socket(family, SOCK_STREAM, 0);
	int			rc;

	v4.sin_port = htons(port);
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v6.sin6_port = htons(port);
	v6.sin6_addr = in6addr_loopback;
	if (family == AF_INET)
		rc = connect(fd, (struct sockaddr *) &v4, sizeof(v4));
	else
		rc = connect(fd, (struct sockaddr *) &v6, sizeof(v6));
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
has_ipv6(void)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	int			fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool		can;

	v6.sin6_addr = in6addr_loopback;
	can = fd >= 0 && bind(fd, (struct sockaddr *) &v6, sizeof(v6)) == 0;
	close(fd);
	return can;
}

static void
accepted_sockets_do_not_block_and_have_no_delay(void **state)
{
	int			port = listen_tcp("127.0.0.1", 0);
	int			client = h2_peer_dial(port);
	int			on = 0;
	socklen_t	len = sizeof(on);

	assert_true(port > 0);
	az_loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 1);
	assert_true(fcntl(accepted[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC);
	getsockopt(accepted[0], IPPROTO_TCP, TCP_NODELAY, &on, &len);
	assert_true(on);
	close(client);
}

static void
many_clients_are_accepted_over_several_turns(void **state)
{
	int			clients[100];
	int			port = listen_tcp("127.0.0.1", 0);

	for (int i = 0; i < 100; i++)
		clients[i] = h2_peer_dial(port);
	az_loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 64);
	az_loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 100);
	for (int i = 0; i < 100; i++)
		close(clients[i]);
}

static void
a_name_is_served_on_each_of_its_addresses_and_the_log_says_so(void **state)
{
	int			port = listen_tcp("localhost", 0);
	char		line[64];
	int			client = dial_family(AF_INET, port);

	snprintf(line, sizeof(line), "serving gRPC on localhost:%d (", port);
	assert_non_null(strstr(lines, line));
	assert_non_null(strstr(lines, "127.0.0.1"));
	assert_true(client >= 0);
	close(client);
	if (strstr(lines, "::1") != NULL)
	{
		client = dial_family(AF_INET6, port);
		assert_true(client >= 0);
		close(client);
	}
}

static void
a_star_means_every_address(void **state)
{
	int			port = listen_tcp("*", 0);
	int			client = dial_family(AF_INET, port);

	assert_true(client >= 0);
	close(client);
	if (has_ipv6())
	{
		client = dial_family(AF_INET6, port);
		assert_true(client >= 0);
		close(client);
		assert_non_null(strstr(lines, "(0.0.0.0, ::)"));
	}
	assert_non_null(strstr(lines, "serving gRPC on *:"));
}

static void
a_port_in_use_is_an_error_that_names_address_and_port(void **state)
{
	AzListener *second = az_listener_create(loop, take, &lines);
	int			port = listen_tcp("127.0.0.1", 0);
	char		expected[100];

	assert_false(az_listener_open_tcp(second, "127.0.0.1", port, arena,
									  &error));
	assert_int_equal(error.code, AZ_UNAVAILABLE);
	snprintf(expected, sizeof(expected), "could not listen on 127.0.0.1, "
			 "port %d: Address already in use", port);
	assert_string_equal(error.message, expected);
	assert_non_null(strstr(error.hint, "angzarr.listen_port"));
	assert_int_equal(az_listener_port(second), 0);
	az_listener_free(second);
}

/* Takes as take does, and counts those of the second listener. */
static int	n_second;

static void
take_second(void *owner, int fd)
{
	n_second++;
	take(owner, fd);
}

static AzListener *
create_second(bool joins)
{
	AzListener *second = az_listener_create(loop, take_second, &lines);

	n_second = 0;
	az_listener_share(second, joins);
	return second;
}

/* Lets 64 clients connect; how many of them the second listener got. */
static int
dial_many(int port)
{
	int			clients[64];
	int			before = n_accepted;

	n_second = 0;
	for (int i = 0; i < 64; i++)
	{
		clients[i] = h2_peer_dial(port);
		assert_true(clients[i] >= 0);
	}
	while (n_accepted < before + 64)
		az_loop_turn(loop, 1000);
	for (int i = 0; i < 64; i++)
		close(clients[i]);
	return n_second;
}

static void
who_joins_a_shared_port_gets_a_part_of_the_connections(void **state)
{
	AzListener *second = create_second(true);
	int			port;
	int			got;

	az_listener_share(listener, false);
	port = listen_tcp("127.0.0.1", 0);
	assert_true(az_listener_open_tcp(second, "127.0.0.1", port, arena,
									 &error));
	got = dial_many(port);
	assert_in_range(got, 1, 63);
	az_listener_free(listener);
	listener = NULL;
	assert_int_equal(dial_many(port), 64);
	listener = az_listener_create(loop, take, &lines);
	az_listener_share(listener, true);
	assert_int_equal(listen_tcp("127.0.0.1", port), port);
	assert_in_range(dial_many(port), 1, 63);
	az_listener_free(second);
}

static void
a_shared_port_is_still_in_use_for_who_does_not_join(void **state)
{
	AzListener *second = create_second(false);
	AzListener *stranger = az_listener_create(loop, take, &lines);
	int			port;

	az_listener_share(listener, false);
	port = listen_tcp("127.0.0.1", 0);
	assert_false(az_listener_open_tcp(second, "127.0.0.1", port, arena,
									  &error));
	assert_non_null(strstr(error.message, "Address already in use"));
	assert_false(az_listener_open_tcp(stranger, "127.0.0.1", port, arena,
									  &error));
	az_listener_free(second);
	az_listener_free(stranger);
}

static void
a_port_is_joined_only_after_who_has_it_shares_it(void **state)
{
	AzListener *second = create_second(true);
	int			port = listen_tcp("127.0.0.1", 0);

	assert_false(az_listener_open_tcp(second, "127.0.0.1", port, arena,
									  &error));
	assert_non_null(strstr(error.message, "Address already in use"));
	az_listener_share(listener, false);
	assert_true(az_listener_open_tcp(second, "127.0.0.1", port, arena,
									 &error));
	az_listener_free(second);
}

static void
an_address_of_another_machine_is_an_error(void **state)
{
	assert_int_equal(listen_tcp("192.0.2.1", 0), -1);
	assert_int_equal(error.code, AZ_UNAVAILABLE);
	assert_non_null(strstr(error.message, "192.0.2.1"));
	assert_string_equal(lines, "");
}

static void
a_name_nobody_knows_is_an_error(void **state)
{
	assert_int_equal(listen_tcp("no such host", 0), -1);
	assert_int_equal(error.code, AZ_UNAVAILABLE);
	assert_non_null(strstr(error.message, "\"no such host\""));
	assert_false(az_listener_open_tcp(listener, "no such host", 0, arena,
									  NULL));
}

static void
a_port_out_of_range_is_an_error(void **state)
{
	assert_int_equal(listen_tcp("127.0.0.1", 65536), -1);
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_int_equal(listen_tcp("127.0.0.1", -1), -1);
}

static void
there_is_an_end_to_the_number_of_sockets(void **state)
{
	for (int i = 0; i < 16; i++)
		assert_true(listen_tcp("127.0.0.1", 0) > 0);
	assert_int_equal(listen_tcp("127.0.0.1", 0), -1);
	assert_int_equal(error.code, AZ_UNAVAILABLE);
}

static void
out_of_descriptors_accepting_rests_for_a_moment(void **state)
{
	struct rlimit old;
	struct rlimit none;
	int			port = listen_tcp("127.0.0.1", 0);
	int			client = h2_peer_dial(port);

	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	az_loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 0);
	assert_non_null(strstr(lines, "could not accept a connection: "
						   "Too many open files"));
	/* It does not spin: nothing is ready although the client waits. */
	lines[0] = '\0';
	assert_int_equal(az_loop_timeout_ms(loop), 100);
	az_loop_turn(loop, 0);
	now_us += 100000;
	az_loop_turn(loop, 0);
	az_loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 0);
	/* And it does not complain each time. */
	assert_string_equal(lines, "");

	setrlimit(RLIMIT_NOFILE, &old);
	now_us += 100000;
	az_loop_turn(loop, 0);
	az_loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 1);
	close(client);
}

static void
a_unix_socket_is_served_and_removed_at_the_end(void **state)
{
	char		directory[] = "/tmp/listener_XXXXXX";
	char		path[64];
	char		line[128];
	H2Peer	   *peer;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	assert_true(az_listener_open_unix(listener, path, 0600, arena, &error));
	snprintf(line, sizeof(line), "serving gRPC on Unix socket \"%s\"\n", path);
	assert_string_equal(lines, line);
	assert_int_equal(az_listener_port(listener), 0);
	peer = h2_peer_connect_unix(path);
	assert_non_null(peer);
	az_loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 1);
	h2_peer_free(peer);

	assert_false(az_listener_open_unix(listener, path, 0600, arena, &error));
	assert_int_equal(error.code, AZ_UNAVAILABLE);
	assert_non_null(strstr(error.message, path));
	az_listener_free(listener);
	listener = NULL;
	assert_int_equal(rmdir(directory), 0);
}

static void
a_path_too_long_is_an_error(void **state)
{
	char		path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_false(az_listener_open_unix(listener, path, 0600, arena, &error));
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_false(az_listener_open_unix(listener, "", 0600, arena, &error));
}

static void
a_unix_socket_too_many_leaves_no_file(void **state)
{
	char		directory[] = "/tmp/listener_XXXXXX";
	char		path[64];

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	for (int i = 0; i < 16; i++)
		assert_true(listen_tcp("127.0.0.1", 0) > 0);
	assert_false(az_listener_open_unix(listener, path, 0600, arena, &error));
	assert_int_equal(rmdir(directory), 0);
}

static void
a_listener_without_memory_is_null(void **state)
{
	fail_malloc_after(0);
	assert_null(az_listener_create(loop, take, &lines));
	fail_malloc_after(-1);
	az_listener_free(NULL);
}

#define LISTENER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(accepted_sockets_do_not_block_and_have_no_delay),
		LISTENER_TEST(many_clients_are_accepted_over_several_turns),
		LISTENER_TEST(a_name_is_served_on_each_of_its_addresses_and_the_log_says_so),
		LISTENER_TEST(a_star_means_every_address),
		LISTENER_TEST(a_port_in_use_is_an_error_that_names_address_and_port),
		LISTENER_TEST(who_joins_a_shared_port_gets_a_part_of_the_connections),
		LISTENER_TEST(a_shared_port_is_still_in_use_for_who_does_not_join),
		LISTENER_TEST(a_port_is_joined_only_after_who_has_it_shares_it),
		LISTENER_TEST(an_address_of_another_machine_is_an_error),
		LISTENER_TEST(a_name_nobody_knows_is_an_error),
		LISTENER_TEST(a_port_out_of_range_is_an_error),
		LISTENER_TEST(there_is_an_end_to_the_number_of_sockets),
		LISTENER_TEST(out_of_descriptors_accepting_rests_for_a_moment),
		LISTENER_TEST(a_unix_socket_is_served_and_removed_at_the_end),
		LISTENER_TEST(a_path_too_long_is_an_error),
		LISTENER_TEST(a_unix_socket_too_many_leaves_no_file),
		LISTENER_TEST(a_listener_without_memory_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
