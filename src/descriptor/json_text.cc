/* JSON as text: values read from it, strings and base64 both ways. */
#include "descriptor/json_text.hpp"
#include "descriptor/json_number.hpp"

extern "C"
{
#include "codec/utf8.h"
#include "wire/text.h"
}

#include <algorithm>
#include <charconv>
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

std::string
base64_of(const std::string &bytes)
{
	std::string text(AZ_BASE64_ROOM(bytes.size()), '=');
	const AzBytes plain = {
		reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()
	};

	/* What is not written over is the padding. */
	text.resize((az_base64_write(plain, &text[0]) + 3) / 4 * 4);
	return text;
}

bool
bytes_of_base64(const std::string &text, std::string *bytes)
{
	std::string standard = text;
	size_t		length;
	bool		is_so;

	std::replace(standard.begin(), standard.end(), '-', '+');
	std::replace(standard.begin(), standard.end(), '_', '/');
	const AzBytes coded = {
		reinterpret_cast<const uint8_t *>(standard.data()), standard.size()
	};

	bytes->resize(AZ_BASE64_BYTES(standard.size()));
	is_so = az_base64_read(coded, reinterpret_cast<uint8_t *>(&(*bytes)[0]),
						   &length);
	bytes->resize(length);
	return is_so;
}

}								/* namespace az_descriptor */
