/* Numbers as the text they are in JSON, both ways. */
#include "descriptor/json_number.hpp"

#include <charconv>
#include <cmath>

namespace az_descriptor
{

namespace
{

/* Digits from "at" on; false when there is none. */
bool
skip_digits(const std::string &text, size_t *at)
{
	size_t		first = *at;

	while (*at < text.size() && text[*at] >= '0' && text[*at] <= '9')
		++*at;
	return *at > first;
}

/* The parts of a number: all digits, and the power of ten they stand for. */
struct Decimal
{
	bool		is_negative = false;
	std::string digits;
	long		scale = 0;
};

bool
split_number(const std::string &text, Decimal *number)
{
	size_t		at = 0;
	size_t		first;

	number->is_negative = !text.empty() && text[0] == '-';
	first = at = number->is_negative ? 1 : 0;
	if (!skip_digits(text, &at) || (text[first] == '0' && at > first + 1))
		return false;
	number->digits = text.substr(first, at - first);
	if (at < text.size() && text[at] == '.')
	{
		first = ++at;
		if (!skip_digits(text, &at))
			return false;
		number->digits.append(text, first, at - first);
		number->scale = -(long) (at - first);
	}
	if (at < text.size() && (text[at] == 'e' || text[at] == 'E'))
	{
		bool		is_small = ++at < text.size() && text[at] == '-';

		if (at < text.size() && (text[at] == '-' || text[at] == '+'))
			at++;
		first = at;
		if (!skip_digits(text, &at))
			return false;
		/* More digits are beyond every range anyway. */
		long		power = at - first > 9 ? 999999999 :
			std::stol(text.substr(first, at - first));

		number->scale += is_small ? -power : power;
	}
	return at == text.size();
}

}								/* namespace */

bool
is_number(const std::string &text)
{
	Decimal		number;

	return split_number(text, &number);
}

bool
whole_number(const std::string &text, bool *is_negative, uint64_t *magnitude)
{
	Decimal		number;

	if (!split_number(text, &number))
		return false;
	number.digits.erase(0, number.digits.find_first_not_of('0'));
	while (number.scale < 0 && !number.digits.empty() &&
		   number.digits.back() == '0')
	{
		number.digits.pop_back();
		number.scale++;
	}
	*is_negative = number.is_negative;
	*magnitude = 0;
	if (number.digits.empty())
		return true;
	if (number.scale < 0 || number.scale + (long) number.digits.size() > 20)
		return false;
	number.digits.append((size_t) number.scale, '0');
	const char *last = number.digits.data() + number.digits.size();

	return std::from_chars(number.digits.data(), last, *magnitude).ec ==
		std::errc();
}

void
append_number(double value, std::string *out)
{
	char		text[64];

	out->append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

void
append_number(float value, std::string *out)
{
	char		text[64];
	float		again = NAN;
	char	   *end = text;

	/* As Google's libraries do it: six digits, or as many as it takes. */
	for (int digits = 6; digits <= 9 && again != value; digits++)
	{
		end = std::to_chars(text, text + sizeof(text), value,
							std::chars_format::general, digits).ptr;
		/* What overflows is not set: more digits do not. */
		std::from_chars(text, end, again);
	}
	out->append(text, end);
}

}								/* namespace az_descriptor */
