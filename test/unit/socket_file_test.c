/* Tests of the file of a listening Unix socket. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/socket_file.h"

static char directory[64];
static char path[100];
static char lock_path[110];

static int
setup(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/socket_file_XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	unlink(lock_path);
	return rmdir(directory);
}

/* A socket bound there that nobody listens on any more. */
static void
leave_stale_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)),
					 0);
	close(fd);
}

static bool
can_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool		connected;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	connected = connect(fd, (struct sockaddr *) &address,
						sizeof(address)) == 0;
	close(fd);
	return connected;
}

static void
a_socket_listens_with_its_mode_and_leaves_nothing_behind(void **state)
{
	AzSocketFile file;
	struct stat made;
	int			fd = az_socket_file_listen(&file, path, 0660);

	assert_true(fd >= 0);
	assert_true(can_connect());
	assert_int_equal(stat(path, &made), 0);
	assert_int_equal(made.st_mode & 0777, 0660);
	close(fd);
	az_socket_file_remove(&file);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(lock_path, F_OK), -1);
}

static void
a_path_must_fit(void **state)
{
	char		text[109];

	memset(text, 'p', sizeof(text));
	text[108] = '\0';
	assert_false(az_socket_file_fits(text));
	text[107] = '\0';
	assert_true(az_socket_file_fits(text));
	assert_false(az_socket_file_fits(""));
}

static void
a_stale_socket_is_replaced(void **state)
{
	AzSocketFile file;
	int			fd;

	leave_stale_socket();
	assert_false(can_connect());
	fd = az_socket_file_listen(&file, path, 0600);
	assert_true(fd >= 0);
	assert_true(can_connect());
	close(fd);
	az_socket_file_remove(&file);
}

static void
a_second_server_on_the_same_path_is_refused(void **state)
{
	AzSocketFile first;
	AzSocketFile second;
	int			fd = az_socket_file_listen(&first, path, 0600);

	assert_true(fd >= 0);
	assert_int_equal(az_socket_file_listen(&second, path, 0600), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_true(can_connect());
	close(fd);
	az_socket_file_remove(&first);
}

static void
a_socket_of_a_foreign_program_is_not_taken(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AzSocketFile file;
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)),
					 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(az_socket_file_listen(&file, path, 0600), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_true(can_connect());
	assert_int_equal(access(lock_path, F_OK), -1);
	close(fd);
}

static void
a_file_that_is_no_socket_is_not_removed(void **state)
{
	AzSocketFile file;
	int			fd = open(path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	assert_int_equal(az_socket_file_listen(&file, path, 0600), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

static void
a_file_that_another_made_meanwhile_stays(void **state)
{
	AzSocketFile file;
	int			fd = az_socket_file_listen(&file, path, 0600);

	unlink(path);
	leave_stale_socket();
	close(fd);
	az_socket_file_remove(&file);
	assert_int_equal(access(path, F_OK), 0);
}

static void
a_directory_that_is_not_there_is_told(void **state)
{
	AzSocketFile file;

	assert_int_equal(az_socket_file_listen(&file, "/nowhere/at/all", 0600),
					 -1);
	assert_int_equal(errno, ENOENT);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_socket_listens_with_its_mode_and_leaves_nothing_behind),
		FILE_TEST(a_path_must_fit),
		FILE_TEST(a_stale_socket_is_replaced),
		FILE_TEST(a_second_server_on_the_same_path_is_refused),
		FILE_TEST(a_socket_of_a_foreign_program_is_not_taken),
		FILE_TEST(a_file_that_is_no_socket_is_not_removed),
		FILE_TEST(a_file_that_another_made_meanwhile_stays),
		FILE_TEST(a_directory_that_is_not_there_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
