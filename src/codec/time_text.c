/* Times as people write them: RFC 3339. */
#include "codec/time_text.h"

#include <stddef.h>

#define MICROSECONDS 1000000

static bool read_number(const char **text, int digits, int *number);
static bool read_fraction(const char **text, int *microseconds);
static bool read_offset(const char **text, int *seconds);
static bool skip(const char **text, char expected);
static int	days_of_month(int year, int month);
static int64_t days_since_1970(int year, int month, int day);

bool
az_time_text_read(const char *text, int64_t *time_us)
{
	int			year,
				month,
				day,
				hour,
				minute,
				second,
				microseconds,
				offset;

	if (!read_number(&text, 4, &year) || !skip(&text, '-') ||
		!read_number(&text, 2, &month) || !skip(&text, '-') ||
		!read_number(&text, 2, &day) || !skip(&text, 'T') ||
		!read_number(&text, 2, &hour) || !skip(&text, ':') ||
		!read_number(&text, 2, &minute) || !skip(&text, ':') ||
		!read_number(&text, 2, &second) ||
		!read_fraction(&text, &microseconds) ||
		!read_offset(&text, &offset) || *text != '\0')
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > days_of_month(year, month) || hour > 23 || minute > 59 ||
		second > 59)
		return false;
	*time_us = ((days_since_1970(year, month, day) * 24 + hour) * 3600 +
				minute * 60 + second - offset) * MICROSECONDS + microseconds;
	return true;
}

static bool
read_number(const char **text, int digits, int *number)
{
	*number = 0;
	for (; digits > 0; digits--, (*text)++)
	{
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return true;
}

static bool
read_fraction(const char **text, int *microseconds)
{
	int			unit = MICROSECONDS / 10;

	*microseconds = 0;
	if (!skip(text, '.'))
		return true;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		*microseconds += (**text - '0') * unit;
	return true;
}

static bool
read_offset(const char **text, int *seconds)
{
	int			sign = 1,
				hours,
				minutes;

	*seconds = 0;
	if (skip(text, 'Z'))
		return true;
	if (!skip(text, '+'))
	{
		if (!skip(text, '-'))
			return false;
		sign = -1;
	}
	if (!read_number(text, 2, &hours) || !skip(text, ':') ||
		!read_number(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* A letter may be in lower case. */
static bool
skip(const char **text, char expected)
{
	char		found = **text;

	if (found >= 'a' && found <= 'z')
		found = (char) (found - 'a' + 'A');
	if (found != expected)
		return false;
	(*text)++;
	return true;
}

static int
days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* Years begin in March here, so that a leap day is the last one. */
static int64_t
days_since_1970(int year, int month, int day)
{
	int64_t		years = month > 2 ? year : year - 1;
	int			months = (month + 9) % 12;

	return years * 365 + years / 4 - years / 100 + years / 400 +
		(months * 153 + 2) / 5 + day - 1 - 719468;
}
