/* The file of a listening Unix socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket_file.h"

#define STREAM (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define LOCK_SUFFIX ".lock"
#define PATH_SIZE sizeof(((struct sockaddr_un *) NULL)->sun_path)
#define LOCK_PATH_SIZE (PATH_SIZE + sizeof(LOCK_SUFFIX))

static int	lock_beside(const char *path);
static int	listen_to_file(const struct sockaddr_un *address, int mode);
static bool bind_file(int fd, const struct sockaddr_un *address);
static bool remove_stale(const struct sockaddr_un *address);
static bool is_same_file(const struct stat *a, const struct stat *b);

bool
az_socket_file_fits(const char *path)
{
	return path[0] != '\0' && strlen(path) < PATH_SIZE;
}

int
az_socket_file_listen(AzSocketFile *file, const char *path, int mode)
{
	int			fd;
	int			cause;

	memset(file, 0, sizeof(*file));
	file->address.sun_family = AF_UNIX;
	snprintf(file->address.sun_path, PATH_SIZE, "%s", path);
	file->lock_fd = lock_beside(path);
	if (file->lock_fd < 0)
		return -1;
	fd = listen_to_file(&file->address, mode);
	cause = errno;
	if (fd < 0)
		az_socket_file_remove(file);
	else
		stat(path, &file->made);
	errno = cause;
	return fd;
}

void
az_socket_file_remove(AzSocketFile *file)
{
	char		lock[LOCK_PATH_SIZE];
	struct stat now;

	if (stat(file->address.sun_path, &now) == 0 &&
		is_same_file(&now, &file->made))
		unlink(file->address.sun_path);
	snprintf(lock, sizeof(lock), "%s" LOCK_SUFFIX, file->address.sun_path);
	unlink(lock);
	close(file->lock_fd);
}

/* The locked lock file, or -1 with errno; EADDRINUSE: another has it. */
static int
lock_beside(const char *path)
{
	char		lock[LOCK_PATH_SIZE];
	struct stat opened;
	struct stat named;
	int			fd;

	snprintf(lock, sizeof(lock), "%s" LOCK_SUFFIX, path);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;

	/* Who had it may have removed the file before we locked it. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &opened) == 0 &&
		stat(lock, &named) == 0 && is_same_file(&opened, &named))
		return fd;
	close(fd);
	errno = EADDRINUSE;
	return -1;
}

/* A descriptor listening on the file, or -1 with errno. */
static int
listen_to_file(const struct sockaddr_un *address, int mode)
{
	int			fd = socket(AF_UNIX, STREAM, 0);
	bool		bound;
	int			cause;

	if (fd < 0)
		return -1;
	bound = bind_file(fd, address);
	if (bound && chmod(address->sun_path, mode) == 0 &&
		listen(fd, SOMAXCONN) == 0)
		return fd;
	cause = errno;
	if (bound)
		unlink(address->sun_path);
	close(fd);
	errno = cause;
	return -1;
}

/* Makes the file, open to nobody else yet. */
static bool
bind_file(int fd, const struct sockaddr_un *address)
{
	const struct sockaddr *any = (const struct sockaddr *) address;
	mode_t		old_mask = umask(0177);
	bool		bound = bind(fd, any, sizeof(*address)) == 0;

	if (!bound && errno == EADDRINUSE && remove_stale(address))
		bound = bind(fd, any, sizeof(*address)) == 0;
	umask(old_mask);
	return bound;
}

/* Removes a socket file nobody listens on; else false with EADDRINUSE. */
static bool
remove_stale(const struct sockaddr_un *address)
{
	struct stat file;
	int			fd;
	bool		stale;

	errno = EADDRINUSE;
	if (lstat(address->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
		return false;
	fd = socket(AF_UNIX, STREAM, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *) address,
					sizeof(*address)) != 0 && errno == ECONNREFUSED;
	close(fd);
	errno = EADDRINUSE;
	return stale && unlink(address->sun_path) == 0;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}
