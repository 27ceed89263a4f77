/* Log lines: the engine writes them, its host decides where they go. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define LINE_SIZE 1024

static void write_to_stderr(AzLogLevel level, const char *message);
static void make_one_line(char *line);
static void cut_at_character(char *line);

/* One for the whole process, on purpose: its host has one log. */
static AzLogSink sink_in_force = write_to_stderr;

void
az_log_set_sink(AzLogSink sink)
{
	sink_in_force = sink != NULL ? sink : write_to_stderr;
}

void
az_log(AzLogLevel level, const char *format,...)
{
	char		line[LINE_SIZE];
	va_list		args;
	int			len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t) len >= sizeof(line))
		cut_at_character(line);
	make_one_line(line);
	sink_in_force(level, line);
}

static void
write_to_stderr(AzLogLevel level, const char *message)
{
	static const char *const names[] = {
		[AZ_LOG_DEBUG] = "debug",
		[AZ_LOG_INFO] = "info",
		[AZ_LOG_WARNING] = "warning"
	};

	fprintf(stderr, "%s: %s\n", names[level], message);
}

/* Drops the bytes of a UTF-8 character that was cut in half. */
static void
cut_at_character(char *line)
{
	size_t		end = strlen(line);
	size_t		lead = end;
	size_t		width;

	while (lead > 0 && end - lead < 3
		   && ((unsigned char) line[lead - 1] & 0xC0) == 0x80)
		lead--;
	if (lead == 0)
		return;
	lead--;
	if (((unsigned char) line[lead] & 0xE0) == 0xC0)
		width = 2;
	else if (((unsigned char) line[lead] & 0xF0) == 0xE0)
		width = 3;
	else if (((unsigned char) line[lead] & 0xF8) == 0xF0)
		width = 4;
	else
		return;
	if (end - lead < width)
		line[lead] = '\0';
}

/* What peers say is logged too: it must not forge lines of its own. */
static void
make_one_line(char *line)
{
	for (; *line != '\0'; line++)
	{
		if ((unsigned char) *line < 0x20 || *line == 0x7F)
			*line = ' ';
	}
}
