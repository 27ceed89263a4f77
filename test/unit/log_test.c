/* Tests of log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

static char line[2048];
static AzLogLevel line_level;
static int	n_lines;

static void
keep_line(AzLogLevel level, const char *message)
{
	n_lines++;
	line_level = level;
	snprintf(line, sizeof(line), "%s", message);
}

static int
setup(void **state)
{
	n_lines = 0;
	az_log_set_sink(keep_line);
	return 0;
}

static int
teardown(void **state)
{
	az_log_set_sink(NULL);
	return 0;
}

static void
the_sink_gets_level_and_text(void **state)
{
	az_log(AZ_LOG_WARNING, "%s is at %d", "order", 7);
	assert_int_equal(n_lines, 1);
	assert_int_equal(line_level, AZ_LOG_WARNING);
	assert_string_equal(line, "order is at 7");
}

static void
a_long_line_is_cut_to_1023_bytes(void **state)
{
	az_log(AZ_LOG_INFO, "%1023d", 1);
	assert_int_equal(strlen(line), 1023);
	assert_int_equal(line[1022], '1');
	az_log(AZ_LOG_INFO, "%1024d", 1);
	assert_int_equal(strlen(line), 1023);
	assert_int_equal(line[1022], ' ');
}

/* Characters of 2, 3 and 4 bytes, ending where the line does or beyond. */
static void
a_cut_never_halves_a_character(void **state)
{
	static const char *const characters[] = {
		"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"
	};

	for (int i = 0; i < 3; i++)
	{
		size_t		width = strlen(characters[i]);

		for (size_t kept = 0; kept <= width; kept++)
		{
			az_log(AZ_LOG_INFO, "%*s%s%s", (int) (1023 - kept), "",
				   characters[i], "tail");
			assert_int_equal(strlen(line), kept == width ? 1023 : 1023 - kept);
		}
	}
}

static void
a_line_of_stray_bytes_is_cut_without_harm(void **state)
{
	char		stray[1100];

	memset(stray, 0x80, sizeof(stray));
	stray[sizeof(stray) - 1] = '\0';
	az_log(AZ_LOG_INFO, "%s", stray);
	assert_int_equal(strlen(line), 1023);
}

static void
what_is_logged_cannot_begin_a_line_of_its_own(void **state)
{
	az_log(AZ_LOG_INFO, "peer says: %s", "a\nb\r\tc\x1b[1m\x7f");
	assert_string_equal(line, "peer says: a b  c [1m ");
}

/* Standard error goes into a pipe for a moment. */
static void
without_a_sink_lines_go_to_standard_error(void **state)
{
	char		text[100] = {0};
	int			ends[2];
	int			standard_error = dup(STDERR_FILENO);

	assert_int_equal(pipe(ends), 0);
	az_log_set_sink(NULL);
	dup2(ends[1], STDERR_FILENO);
	az_log(AZ_LOG_WARNING, "look here");
	dup2(standard_error, STDERR_FILENO);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "warning: look here\n");
	assert_int_equal(n_lines, 0);
	close(ends[0]);
	close(ends[1]);
	close(standard_error);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_sink_gets_level_and_text),
		TEST(a_long_line_is_cut_to_1023_bytes),
		TEST(a_cut_never_halves_a_character),
		TEST(a_line_of_stray_bytes_is_cut_without_harm),
		TEST(what_is_logged_cannot_begin_a_line_of_its_own),
		TEST(without_a_sink_lines_go_to_standard_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
