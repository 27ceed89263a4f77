/* Sockets to peers: socket addresses, and connecting without waiting. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/socket.h"

static bool is_link_local_ip4(const uint8_t bytes[4]);

/* fd00:ec2::254, where one cloud keeps its instances' credentials. */
static const uint8_t metadata_ip6[16] = {
	0xfd, 0x00, 0x0e, 0xc2,[14] = 0x02,[15] = 0x54
};

bool
az_socket_address_set(AzSocketAddress *address, const struct sockaddr *value,
					  socklen_t len)
{
	if (value->sa_family != AF_INET && value->sa_family != AF_INET6)
		return false;
	if (len > sizeof(address->value))
		return false;
	memset(address, 0, sizeof(*address));
	memcpy(&address->value, value, len);
	address->len = len;
	return true;
}

void
az_socket_address_set_path(AzSocketAddress *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->value.local.sun_family = AF_UNIX;
	snprintf(address->value.local.sun_path,
			 sizeof(address->value.local.sun_path), "%s", path);
	address->len = sizeof(address->value.local);
}

bool
az_socket_address_equal(const AzSocketAddress *a, const AzSocketAddress *b)
{
	return a->len == b->len && memcmp(&a->value, &b->value, a->len) == 0;
}

void
az_socket_address_text(const AzSocketAddress *address,
					   char text[AZ_SOCKET_TEXT_SIZE])
{
	char		host[INET6_ADDRSTRLEN] = "?";

	switch (address->value.any.sa_family)
	{
		case AF_INET:
			inet_ntop(AF_INET, &address->value.ip4.sin_addr, host, sizeof(host));
			snprintf(text, AZ_SOCKET_TEXT_SIZE, "%s:%d", host,
					 ntohs(address->value.ip4.sin_port));
			break;
		case AF_INET6:
			inet_ntop(AF_INET6, &address->value.ip6.sin6_addr, host,
					  sizeof(host));
			snprintf(text, AZ_SOCKET_TEXT_SIZE, "[%s]:%d", host,
					 ntohs(address->value.ip6.sin6_port));
			break;
		default:
			snprintf(text, AZ_SOCKET_TEXT_SIZE, "%s",
					 address->value.local.sun_path);
	}
}

bool
az_socket_address_is_allowed(const AzSocketAddress *address)
{
	const uint8_t *bytes = address->value.ip6.sin6_addr.s6_addr;

	if (address->value.any.sa_family == AF_INET)
		return !is_link_local_ip4((const uint8_t *)
								  &address->value.ip4.sin_addr);
	if (address->value.any.sa_family != AF_INET6)
		return true;
	if (IN6_IS_ADDR_V4MAPPED(&address->value.ip6.sin6_addr) ||
		IN6_IS_ADDR_V4COMPAT(&address->value.ip6.sin6_addr))
		return !is_link_local_ip4(bytes + 12);
	if (memcmp(bytes, metadata_ip6, sizeof(metadata_ip6)) == 0)
		return false;
	return !IN6_IS_ADDR_LINKLOCAL(&address->value.ip6.sin6_addr);
}

/* 169.254.0.0/16 */
static bool
is_link_local_ip4(const uint8_t bytes[4])
{
	return bytes[0] == 169 && bytes[1] == 254;
}

int
az_socket_connect(const AzSocketAddress *address)
{
	int			family = address->value.any.sa_family;
	int			fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int			yes = 1;

	if (fd < 0)
		return -1;
	/* A small request must not wait for the answer to an earlier one. */
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(fd, &address->value.any, address->len) != 0 &&
		errno != EINPROGRESS)
	{
		int			cause = errno;

		close(fd);
		errno = cause;
		return -1;
	}
	return fd;
}

int
az_socket_error(int fd)
{
	int			cause = 0;
	socklen_t	len = sizeof(cause);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) != 0)
		return errno;
	return cause;
}
