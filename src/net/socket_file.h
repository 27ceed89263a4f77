/*
 * The file of a listening Unix socket.  Only for the listener.
 *
 * Beside it lies a lock file ("PATH.lock"), locked as long as we listen, so
 * that of two servers that find the same stale socket file only one replaces
 * it.
 */
#ifndef AZ_NET_SOCKET_FILE_H
#define AZ_NET_SOCKET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>

typedef struct AzSocketFile
{
	struct sockaddr_un address;
	int			lock_fd;
	struct stat made;			/* to know the file again */
} AzSocketFile;

/* Whether a socket and its lock can have that path. */
extern bool az_socket_file_fits(const char *path);

/*
 * A descriptor that listens there, or -1 with errno.  A socket file nobody
 * listens on is replaced; any other file is EADDRINUSE and stays.
 */
extern int	az_socket_file_listen(AzSocketFile *file, const char *path,
								  int mode);

/* Removes the file, if it is still the one we made, and the lock. */
extern void az_socket_file_remove(AzSocketFile *file);

#endif
