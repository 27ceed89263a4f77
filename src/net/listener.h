/*
 * Listening sockets: TCP and Unix.  Only for the server's own files.
 *
 * Accepted sockets are non-blocking, closed on exec and, over TCP, without
 * Nagle's delay.  When the process is out of descriptors, accepting rests
 * for a moment instead of spinning.
 */
#ifndef AZ_NET_LISTENER_H
#define AZ_NET_LISTENER_H

#include "base/error.h"
#include "net/loop.h"

typedef struct AzListener AzListener;

/* Gets each accepted socket and owns it from then on. */
typedef void (*AzAccepted) (void *owner, int fd);

/* One listener holds all sockets of a server; NULL when memory is out. */
extern AzListener *az_listener_create(AzLoop *loop, AzAccepted accepted,
									  void *owner);

/* Closes all sockets and removes the socket files that are still ours. */
extern void az_listener_free(AzListener *listener);

/* As az_server_share_ports. */
extern void az_listener_share(AzListener *listener, bool joins);

/* As az_server_listen_tcp and az_server_listen_unix. */
extern bool az_listener_open_tcp(AzListener *listener, const char *host,
								 int port, AzArena *arena, AzError *error);
extern bool az_listener_open_unix(AzListener *listener, const char *path,
								  int mode, AzArena *arena, AzError *error);

/* The port of the first TCP socket, or 0. */
extern int	az_listener_port(const AzListener *listener);

#endif
