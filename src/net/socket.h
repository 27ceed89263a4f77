/* Sockets to peers: socket addresses, and connecting without waiting. */
#ifndef AZ_NET_SOCKET_H
#define AZ_NET_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* One place to connect to. */
typedef struct AzSocketAddress
{
	union
	{
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		struct sockaddr_un local;
	}			value;
	socklen_t	len;
} AzSocketAddress;

/* Enough for any az_socket_address_text. */
#define AZ_SOCKET_TEXT_SIZE 128

/* Takes over an address of a family we know; false for any other. */
extern bool az_socket_address_set(AzSocketAddress *address,
								  const struct sockaddr *value, socklen_t len);

/* The address of a Unix socket; "path" fits. */
extern void az_socket_address_set_path(AzSocketAddress *address,
									   const char *path);

extern bool az_socket_address_equal(const AzSocketAddress *a,
									const AzSocketAddress *b);

/* "10.0.0.1:50051", "[::1]:50051" or the path. */
extern void az_socket_address_text(const AzSocketAddress *address,
								   char text[AZ_SOCKET_TEXT_SIZE]);

/*
 * False for link-local addresses and the metadata services of clouds, also
 * when an IPv6 address stands for them: nothing that a name resolves to may
 * send us there.
 */
extern bool az_socket_address_is_allowed(const AzSocketAddress *address);

/*
 * Starts to connect without waiting; the descriptor becomes writable when it
 * is decided.  -1 with errno.
 */
extern int	az_socket_connect(const AzSocketAddress *address);

/* What became of it: 0, or the errno. */
extern int	az_socket_error(int fd);

#endif
