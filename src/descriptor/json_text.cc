/* JSON as text: values read from it, strings and base64 both ways. */
#include "descriptor/json_text.hpp"

extern "C"
{
#include "codec/utf8.h"
}

#include <charconv>
#include <cmath>
#include <cstring>

namespace az_descriptor
{

namespace
{

/* Messages take up to two levels of JSON each, in maps. */
const int	MAX_LEVELS = 300;
const size_t SHOWN = 60;

class Reader
{
public:
	explicit Reader(AzBytes text)
		: start(reinterpret_cast<const char *>(text.data)),
		  at(start), end(start + text.len)
	{
	}

	Json
	read()
	{
		Json		value = read_value(0);

		skip_space();
		if (at != end)
			fail("more follows the value");
		return value;
	}

private:
	[[noreturn]] void
	fail(const char *what)
	{
		throw Fault{"it is no JSON: " + std::string(what) + ", at byte " +
					std::to_string(at - start)};
	}

	void
	skip_space()
	{
		while (at != end && std::strchr(" \t\r\n", *at) != nullptr && *at != 0)
			at++;
	}

	bool
	take(char wanted)
	{
		if (at == end || *at != wanted)
			return false;
		at++;
		return true;
	}

	bool
	take_word(const char *word)
	{
		size_t		length = std::strlen(word);

		if ((size_t) (end - at) < length || std::memcmp(at, word, length) != 0)
			return false;
		at += length;
		return true;
	}

	Json
	read_value(int level)
	{
		Json		value;

		if (level > MAX_LEVELS)
			fail("it is nested too deep");
		skip_space();
		if (at == end)
			fail("a value is missing");
		if (*at == '{')
			read_object(&value, level);
		else if (*at == '[')
			read_array(&value, level);
		else if (*at == '"')
		{
			value.kind = Kind::STRING;
			value.text = read_string();
		}
		else if (take_word("true"))
			value.kind = Kind::YES;
		else if (take_word("false"))
			value.kind = Kind::NO;
		else if (!take_word("null"))
			read_number(&value);
		return value;
	}

	void
	read_number(Json *value)
	{
		const char *first = at;

		while (at != end && std::strchr("+-.0123456789eE", *at) != nullptr && *at != 0)
			at++;
		value->kind = Kind::NUMBER;
		value->text.assign(first, at);
		if (!is_number(value->text))
		{
			at = first;
			fail("this is no value");
		}
	}

	void
	read_object(Json *value, int level)
	{
		value->kind = Kind::OBJECT;
		at++;
		skip_space();
		if (take('}'))
			return;
		do
		{
			skip_space();
			if (at == end || *at != '"')
				fail("a name is missing");
			value->names.push_back(read_string());
			skip_space();
			if (!take(':'))
				fail("a colon is missing");
			value->items.push_back(read_value(level + 1));
			skip_space();
		} while (take(','));
		if (!take('}'))
			fail("an object does not end");
	}

	void
	read_array(Json *value, int level)
	{
		value->kind = Kind::ARRAY;
		at++;
		skip_space();
		if (take(']'))
			return;
		do
		{
			value->items.push_back(read_value(level + 1));
			skip_space();
		} while (take(','));
		if (!take(']'))
			fail("an array does not end");
	}

	std::string
	read_string()
	{
		std::string text;

		at++;
		for (;;)
		{
			const char *first = at;

			while (at != end && *at != '"' && *at != '\\' &&
				   (unsigned char) *at >= 0x20)
				at++;
			text.append(first, at);
			if (take('"'))
				return text;
			if (!take('\\'))
				fail("a string does not end");
			read_escape(&text);
		}
	}

	void
	read_escape(std::string *text)
	{
		static const char letters[] = "\"\\/bfnrt";
		static const char meanings[] = "\"\\/\b\f\n\r\t";
		const char *found;

		if (take('u'))
		{
			append_character(read_character(), text);
			return;
		}
		if (at == end || *at == 0 ||
			(found = std::strchr(letters, *at)) == nullptr)
			fail("an escape is not known");
		text->push_back(meanings[found - letters]);
		at++;
	}

	unsigned
	read_character()
	{
		unsigned	high = read_unit();

		if (high < 0xd800 || high > 0xdfff)
			return high;
		if (high > 0xdbff || !take('\\') || !take('u'))
			fail("half a surrogate pair is missing");
		unsigned	low = read_unit();

		if (low < 0xdc00 || low > 0xdfff)
			fail("half a surrogate pair is missing");
		return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}

	unsigned
	read_unit()
	{
		unsigned	unit = 0;

		if (end - at < 4 ||
			std::from_chars(at, at + 4, unit, 16).ptr != at + 4)
			fail("an escape has no four digits");
		at += 4;
		return unit;
	}

	static void
	append_character(unsigned character, std::string *text)
	{
		if (character < 0x80)
		{
			text->push_back((char) character);
			return;
		}
		if (character < 0x800)
			text->push_back((char) (0xc0 | character >> 6));
		else
		{
			if (character < 0x10000)
				text->push_back((char) (0xe0 | character >> 12));
			else
			{
				text->push_back((char) (0xf0 | character >> 18));
				text->push_back((char) (0x80 | (character >> 12 & 0x3f)));
			}
			text->push_back((char) (0x80 | (character >> 6 & 0x3f)));
		}
		text->push_back((char) (0x80 | (character & 0x3f)));
	}

	const char *start;
	const char *at;
	const char *end;
};

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

/* The value of a base64 character, of either alphabet; -1 of any other. */
int
base64_value(char character)
{
	if (character >= 'A' && character <= 'Z')
		return character - 'A';
	if (character >= 'a' && character <= 'z')
		return character - 'a' + 26;
	if (character >= '0' && character <= '9')
		return character - '0' + 52;
	if (character == '+' || character == '-')
		return 62;
	return character == '/' || character == '_' ? 63 : -1;
}

}								/* namespace */

const Json *
Json::find(const std::string &name) const
{
	/* Of two the last one counts. */
	for (size_t i = names.size(); i > 0; i--)
		if (names[i - 1] == name)
			return &items[i - 1];
	return nullptr;
}

std::string
describe(const Json &value)
{
	std::string text = value.text;

	if (text.size() > SHOWN)
	{
		size_t		cut = SHOWN;

		while (cut > 0 && ((unsigned char) text[cut] & 0xc0) == 0x80)
			cut--;
		text.resize(cut);
		text += "...";
	}
	switch (value.kind)
	{
		case Kind::NOTHING:
			return "null";
		case Kind::NO:
			return "false";
		case Kind::YES:
			return "true";
		case Kind::NUMBER:
			return "the number " + text;
		case Kind::STRING:
			return "the string \"" + text + "\"";
		case Kind::ARRAY:
			return "an array";
		default:
			return "an object";
	}
}

Json
read_json(AzBytes text)
{
	if (!az_utf8_is_valid(text))
		throw Fault{"it is no JSON: it is not UTF-8"};
	return Reader(text).read();
}

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
append_quoted(const std::string &text, std::string *out)
{
	static const char digits[] = "0123456789abcdef";

	out->push_back('"');
	for (char character : text)
	{
		if (character == '"' || character == '\\')
			out->push_back('\\');
		if ((unsigned char) character >= 0x20)
		{
			out->push_back(character);
			continue;
		}
		out->append("\\u00");
		out->push_back(digits[character >> 4]);
		out->push_back(digits[character & 0xf]);
	}
	out->push_back('"');
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

std::string
base64_of(const std::string &bytes)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	std::string text;

	text.reserve((bytes.size() + 2) / 3 * 4);
	for (size_t i = 0; i < bytes.size(); i += 3)
	{
		size_t		left = bytes.size() - i;
		unsigned	three = (unsigned) (unsigned char) bytes[i] << 16;

		if (left > 1)
			three |= (unsigned) (unsigned char) bytes[i + 1] << 8;
		if (left > 2)
			three |= (unsigned char) bytes[i + 2];
		text.push_back(letters[three >> 18]);
		text.push_back(letters[three >> 12 & 63]);
		text.push_back(left > 1 ? letters[three >> 6 & 63] : '=');
		text.push_back(left > 2 ? letters[three & 63] : '=');
	}
	return text;
}

bool
bytes_of_base64(const std::string &text, std::string *bytes)
{
	size_t		length = text.size();
	unsigned	bits = 0;
	int			count = 0;

	while (length > 0 && text.size() - length < 2 && text[length - 1] == '=')
		length--;
	if (length % 4 == 1 || (length != text.size() && text.size() % 4 != 0))
		return false;
	bytes->clear();
	for (size_t i = 0; i < length; i++)
	{
		int			value = base64_value(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned) value) & 0xffffff;
		count += 6;
		if (count >= 8)
		{
			count -= 8;
			bytes->push_back((char) (bits >> count & 0xff));
		}
	}
	return true;
}

}								/* namespace az_descriptor */
