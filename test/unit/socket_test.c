/* Tests of net/socket.c: socket addresses and connecting. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "h2_service.h"
#include "net/socket.h"

static AzSocketAddress
ip(const char *text, int port)
{
	AzSocketAddress address;
	struct sockaddr_in ip4 = {.sin_family = AF_INET,.sin_port = htons((uint16_t) port)};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6,.sin6_port = htons((uint16_t) port)};

	if (inet_pton(AF_INET, text, &ip4.sin_addr) == 1)
		assert_true(az_socket_address_set(&address, (struct sockaddr *) &ip4, sizeof(ip4)));
	else
	{
		assert_int_equal(inet_pton(AF_INET6, text, &ip6.sin6_addr), 1);
		assert_true(az_socket_address_set(&address, (struct sockaddr *) &ip6, sizeof(ip6)));
	}
	return address;
}

static void
addresses_are_told_as_people_write_them(void **state)
{
	char		text[AZ_SOCKET_TEXT_SIZE];
	AzSocketAddress address = ip("10.0.0.1", 50051);

	az_socket_address_text(&address, text);
	assert_string_equal(text, "10.0.0.1:50051");
	address = ip("::1", 1);
	az_socket_address_text(&address, text);
	assert_string_equal(text, "[::1]:1");
	az_socket_address_set_path(&address, "/run/a.sock");
	az_socket_address_text(&address, text);
	assert_string_equal(text, "/run/a.sock");
}

static void
addresses_are_equal_when_host_and_port_are(void **state)
{
	AzSocketAddress a = ip("10.0.0.1", 1);
	AzSocketAddress b = ip("10.0.0.1", 1);
	AzSocketAddress other_port = ip("10.0.0.1", 2);
	AzSocketAddress other_host = ip("10.0.0.2", 1);
	AzSocketAddress other_family = ip("::1", 1);

	assert_true(az_socket_address_equal(&a, &b));
	assert_false(az_socket_address_equal(&a, &other_port));
	assert_false(az_socket_address_equal(&a, &other_host));
	assert_false(az_socket_address_equal(&a, &other_family));
}

static void
families_we_do_not_know_are_not_taken(void **state)
{
	AzSocketAddress address;
	struct sockaddr_storage odd = {.ss_family = AF_PACKET};

	assert_false(az_socket_address_set(&address, (struct sockaddr *) &odd, sizeof(odd)));
	odd.ss_family = AF_INET;
	assert_false(az_socket_address_set(&address, (struct sockaddr *) &odd, sizeof(odd)));
}

static void
link_local_and_metadata_addresses_are_refused(void **state)
{
	static const char *const refused[] = {
		"169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::1",
		"febf::1", "::ffff:169.254.169.254", "::169.254.169.254",
		"fd00:ec2::254"
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		AzSocketAddress address = ip(refused[i], 80);

		if (az_socket_address_is_allowed(&address))
			fail_msg("%s is allowed", refused[i]);
	}
}

static void
other_addresses_are_allowed(void **state)
{
	static const char *const allowed[] = {
		"127.0.0.1", "10.0.0.1", "169.253.255.255", "169.255.0.0", "::1",
		"fd00:ec2::253", "fec0::1", "::ffff:10.0.0.1", "2001:db8::1"
	};
	AzSocketAddress address;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
	{
		address = ip(allowed[i], 80);
		if (!az_socket_address_is_allowed(&address))
			fail_msg("%s is refused", allowed[i]);
	}
	az_socket_address_set_path(&address, "/run/a.sock");
	assert_true(az_socket_address_is_allowed(&address));
}

static void
connecting_does_not_wait_and_small_writes_go_at_once(void **state)
{
	AzLoop	   *loop = az_loop_create();
	H2Service  *service = h2_service_start(loop, "127.0.0.1", 0);
	AzSocketAddress address = ip("127.0.0.1", h2_service_port(service));
	int			fd = az_socket_connect(&address);
	int			no_delay = 0;
	socklen_t	len = sizeof(no_delay);

	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
	assert_true(no_delay);
	assert_int_equal(az_socket_error(fd), 0);
	close(fd);
	h2_service_stop(service);
	az_loop_free(loop);
}

static void
a_refused_connection_tells_the_reason(void **state)
{
	AzSocketAddress address;
	int			fd;

	az_socket_address_set_path(&address, "/nowhere/a.sock");
	assert_int_equal(az_socket_connect(&address), -1);
	assert_int_equal(errno, ENOENT);
	/* Refused later, as over a network, or at once. */
	address = ip("127.0.0.1", 1);
	fd = az_socket_connect(&address);
	assert_int_equal(fd < 0 ? errno : az_socket_error(fd), ECONNREFUSED);
	if (fd >= 0)
		close(fd);
}

static void
what_is_no_socket_has_an_error(void **state)
{
	assert_int_equal(az_socket_error(-1), EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_told_as_people_write_them),
		cmocka_unit_test(addresses_are_equal_when_host_and_port_are),
		cmocka_unit_test(families_we_do_not_know_are_not_taken),
		cmocka_unit_test(link_local_and_metadata_addresses_are_refused),
		cmocka_unit_test(other_addresses_are_allowed),
		cmocka_unit_test(connecting_does_not_wait_and_small_writes_go_at_once),
		cmocka_unit_test(a_refused_connection_tells_the_reason),
		cmocka_unit_test(what_is_no_socket_has_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
