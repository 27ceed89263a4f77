/* JSON as text: values read from it, strings and base64 both ways. */
#ifndef AZ_DESCRIPTOR_JSON_TEXT_HPP
#define AZ_DESCRIPTOR_JSON_TEXT_HPP

#include "descriptor/library.hpp"

namespace az_descriptor
{

enum class Kind
{
	NOTHING,					/* null */
	NO,							/* false */
	YES,						/* true */
	NUMBER,
	STRING,
	ARRAY,
	OBJECT
};

struct Json
{
	Kind		kind = Kind::NOTHING;
	std::string text;			/* of a number or string */
	std::vector<std::string> names; /* of an object's items */
	std::vector<Json> items;

	/* The item of that name, or nullptr. */
	const Json *find(const std::string &name) const;
};

/* "an object", "the number 1.5", "the string \"a\"": for a message. */
std::string describe(const Json &value);

/* Throws a Fault that says at which byte it is no JSON, or is too deep. */
Json		read_json(AzBytes text);

/* Appends the string in quotes; it is valid UTF-8. */
void		append_quoted(const std::string &text, std::string *out);

std::string base64_of(const std::string &bytes);

/* Takes both alphabets, with padding and without. */
bool		bytes_of_base64(const std::string &text, std::string *bytes);

}								/* namespace az_descriptor */

#endif
