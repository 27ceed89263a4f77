/* The well-known types that are strings in JSON: times, durations, masks. */
#include "descriptor/json_forms.hpp"

#include <cstdio>

namespace az_descriptor
{

namespace
{

const int64_t FIRST_SECOND = -62135596800;	/* 0001-01-01T00:00:00Z */
const int64_t LAST_SECOND = 253402300799;	/* 9999-12-31T23:59:59Z */
const int64_t LONGEST = 315576000000;	/* seconds, 10,000 years */
const int32_t SECOND = 1000000000;	/* in nanoseconds */
const int64_t DAY = 86400;

struct Date
{
	int64_t		year;
	int64_t		month;
	int64_t		day;
};

/* Days from 1970-01-01; years begin in March here, eras have 400 of them. */
int64_t
days_of(Date date)
{
	int64_t		year = date.year - (date.month <= 2);
	int64_t		era = year / 400;
	int64_t		of_era = year - era * 400;
	int64_t		of_year = (153 * ((date.month + 9) % 12) + 2) / 5 +
		date.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
		719468;
}

Date
date_of(int64_t days)
{
	int64_t		shifted = days + 719468;
	int64_t		era = shifted / 146097;
	int64_t		of_era = shifted - era * 146097;
	int64_t		year = (of_era - of_era / 1460 + of_era / 36524 -
						of_era / 146096) / 365;
	int64_t		of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t		month = (5 * of_year + 2) / 153;
	Date		date;

	date.day = of_year - (153 * month + 2) / 5 + 1;
	date.month = month < 10 ? month + 3 : month - 9;
	date.year = era * 400 + year + (date.month <= 2);
	return date;
}

/* "", ".001", ".000001" or ".000000001". */
std::string
fraction_text(int32_t nanos)
{
	char		text[16];

	if (nanos == 0)
		return "";
	if (nanos % 1000000 == 0)
		std::snprintf(text, sizeof(text), ".%03d", (int) nanos / 1000000);
	else if (nanos % 1000 == 0)
		std::snprintf(text, sizeof(text), ".%06d", (int) nanos / 1000);
	else
		std::snprintf(text, sizeof(text), ".%09d", (int) nanos);
	return text;
}

/* Reads a text from the front. */
class Reader
{
public:
	explicit Reader(const std::string &read) : text(read)
	{
	}

	bool
	take(char wanted)
	{
		if (at == text.size() || text[at] != wanted)
			return false;
		at++;
		return true;
	}

	/* Between "least" and "most" digits. */
	bool
	take_digits(size_t least, size_t most, int64_t *number)
	{
		size_t		first = at;

		*number = 0;
		while (at < text.size() && at - first < most && text[at] >= '0' &&
			   text[at] <= '9')
			*number = *number * 10 + (text[at++] - '0');
		taken = at - first;
		return taken >= least;
	}

	/* ".5" as nanoseconds; nothing is none. */
	bool
	take_fraction(int32_t *nanos)
	{
		int64_t		number;

		*nanos = 0;
		if (!take('.'))
			return true;
		if (!take_digits(1, 9, &number))
			return false;
		for (size_t i = taken; i < 9; i++)
			number *= 10;
		*nanos = (int32_t) number;
		return true;
	}

	bool
	is_done() const
	{
		return at == text.size();
	}

private:
	const std::string &text;
	size_t		at = 0;
	size_t		taken = 0;
};

bool
take_date(Reader *reader, int64_t *seconds)
{
	Date		date;

	if (!reader->take_digits(4, 4, &date.year) || !reader->take('-') ||
		!reader->take_digits(2, 2, &date.month) || !reader->take('-') ||
		!reader->take_digits(2, 2, &date.day) || date.year < 1 ||
		date.month < 1 || date.month > 12)
		return false;
	const Date	same = date_of(days_of(date));

	*seconds = days_of(date) * DAY;
	return same.month == date.month && same.day == date.day;
}

bool
take_clock(Reader *reader, int64_t *seconds)
{
	int64_t		hour;
	int64_t		minute;
	int64_t		second;

	if (!reader->take_digits(2, 2, &hour) || !reader->take(':') ||
		!reader->take_digits(2, 2, &minute) || !reader->take(':') ||
		!reader->take_digits(2, 2, &second))
		return false;
	*seconds += hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second < 60;
}

/* "Z", or how much the clock is ahead of it. */
bool
take_zone(Reader *reader, int64_t *seconds)
{
	int64_t		hour;
	int64_t		minute;
	int			sign;

	if (reader->take('Z'))
		return true;
	sign = reader->take('-') ? 1 : reader->take('+') ? -1 : 0;
	if (sign == 0 || !reader->take_digits(2, 2, &hour) ||
		!reader->take(':') || !reader->take_digits(2, 2, &minute))
		return false;
	*seconds += sign * (hour * 3600 + minute * 60);
	return hour < 24 && minute < 60;
}

bool
is_timestamp(Instant instant)
{
	return instant.seconds >= FIRST_SECOND && instant.seconds <= LAST_SECOND &&
		instant.nanos >= 0 && instant.nanos < SECOND;
}

bool
is_duration(Instant instant)
{
	return instant.seconds >= -LONGEST && instant.seconds <= LONGEST &&
		instant.nanos > -SECOND && instant.nanos < SECOND &&
		!(instant.seconds > 0 && instant.nanos < 0) &&
		!(instant.seconds < 0 && instant.nanos > 0);
}

bool
is_lower(char character)
{
	return character >= 'a' && character <= 'z';
}

bool
is_upper(char character)
{
	return character >= 'A' && character <= 'Z';
}

}								/* namespace */

bool
timestamp_text(Instant instant, std::string *text)
{
	char		start[64];

	if (!is_timestamp(instant))
		return false;
	const int64_t shifted = instant.seconds - FIRST_SECOND;
	const int64_t clock = shifted % DAY;
	const Date	date = date_of(shifted / DAY + FIRST_SECOND / DAY);

	std::snprintf(start, sizeof(start), "%04d-%02d-%02dT%02d:%02d:%02d",
				  (int) date.year, (int) date.month, (int) date.day,
				  (int) (clock / 3600), (int) (clock / 60 % 60),
				  (int) (clock % 60));
	*text = start + fraction_text(instant.nanos) + "Z";
	return true;
}

bool
read_timestamp(const std::string &text, Instant *instant)
{
	Reader		reader(text);

	return take_date(&reader, &instant->seconds) && reader.take('T') &&
		take_clock(&reader, &instant->seconds) &&
		reader.take_fraction(&instant->nanos) &&
		take_zone(&reader, &instant->seconds) && reader.is_done() &&
		is_timestamp(*instant);
}

bool
duration_text(Instant instant, std::string *text)
{
	const bool	is_negative = instant.seconds < 0 || instant.nanos < 0;

	if (!is_duration(instant))
		return false;
	*text = is_negative ? "-" : "";
	*text += std::to_string(is_negative ? -instant.seconds : instant.seconds);
	*text += fraction_text(is_negative ? -instant.nanos : instant.nanos) + "s";
	return true;
}

bool
read_duration(const std::string &text, Instant *instant)
{
	Reader		reader(text);
	const bool	is_negative = reader.take('-');

	if (!reader.take_digits(1, 12, &instant->seconds) ||
		!reader.take_fraction(&instant->nanos) || !reader.take('s') ||
		!reader.is_done())
		return false;
	if (is_negative)
	{
		instant->seconds = -instant->seconds;
		instant->nanos = -instant->nanos;
	}
	return is_duration(*instant);
}

bool
camel_path(const std::string &path, std::string *camel)
{
	bool		after_underscore = false;

	camel->clear();
	for (char character : path)
	{
		if (is_upper(character) || (after_underscore && !is_lower(character)))
			return false;
		if (character == '_')
			after_underscore = true;
		else
		{
			camel->push_back(after_underscore ?
							 (char) (character - 'a' + 'A') : character);
			after_underscore = false;
		}
	}
	return !after_underscore;
}

bool
snake_path(const std::string &camel, std::string *path)
{
	path->clear();
	for (char character : camel)
	{
		if (character == '_')
			return false;
		if (is_upper(character))
		{
			path->push_back('_');
			path->push_back((char) (character - 'A' + 'a'));
		}
		else
			path->push_back(character);
	}
	return true;
}

}								/* namespace az_descriptor */
