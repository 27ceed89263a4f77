/* What a value in JSON says for a field of one value that is no message. */
#include "descriptor/json_values.hpp"
#include "descriptor/json_number.hpp"

#include <cmath>
#include <cstdlib>

namespace az_descriptor
{

void
fail_as(const Path &path, const std::string &wanted, const Json &value)
{
	path.fail("it must be " + wanted + ", not " + describe(value));
}

int64_t
integer(const Path &path, const Json &value, int64_t least, uint64_t most)
{
	bool		is_negative;
	uint64_t	magnitude;

	if ((value.kind != Kind::NUMBER && value.kind != Kind::STRING) ||
		!whole_number(value.text, &is_negative, &magnitude) ||
		magnitude > (is_negative ? (uint64_t) -(least + 1) + 1 : most))
		path.fail("it must be a whole number from " + std::to_string(least) +
				  " to " + std::to_string(most) + ", not " + describe(value));
	return is_negative ? (int64_t) (0 - magnitude) : (int64_t) magnitude;
}

uint64_t
unsigned_integer(const Path &path, const Json &value, uint64_t most)
{
	bool		is_negative;
	uint64_t	magnitude;

	if ((value.kind != Kind::NUMBER && value.kind != Kind::STRING) ||
		!whole_number(value.text, &is_negative, &magnitude) ||
		magnitude > (is_negative ? 0 : most))
		path.fail("it must be a whole number from 0 to " +
				  std::to_string(most) + ", not " + describe(value));
	return magnitude;
}

double
real(const Path &path, const Json &value, bool is_float)
{
	double		number;

	if (value.kind == Kind::STRING && value.text == "NaN")
		return NAN;
	if (value.kind == Kind::STRING && value.text == "Infinity")
		return INFINITY;
	if (value.kind == Kind::STRING && value.text == "-Infinity")
		return -INFINITY;
	if ((value.kind != Kind::NUMBER && value.kind != Kind::STRING) ||
		!is_number(value.text))
		fail_as(path, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
				value);
	number = is_float ? std::strtof(value.text.c_str(), nullptr) :
		std::strtod(value.text.c_str(), nullptr);
	if (std::isinf(number))
		fail_as(path, is_float ? "a number of 32 bits" : "a number of 64 bits",
				value);
	return number;
}

bool
boolean(const Path &path, const Json &value)
{
	if (value.kind != Kind::YES && value.kind != Kind::NO)
		fail_as(path, "true or false", value);
	return value.kind == Kind::YES;
}

const std::string &
text(const Path &path, const Json &value)
{
	if (value.kind != Kind::STRING)
		fail_as(path, "a string", value);
	return value.text;
}

std::string
bytes(const Path &path, const Json &value)
{
	std::string decoded;

	if (value.kind != Kind::STRING || !bytes_of_base64(value.text, &decoded))
		fail_as(path, "a string in base64", value);
	return decoded;
}

int
enum_number(const Path &path, const pb::Message &message,
			const pb::FieldDescriptor *field, const Json &value)
{
	const pb::EnumDescriptor *type = field->enum_type();
	const pb::EnumValueDescriptor *found;
	int			number;

	if (value.kind == Kind::NOTHING && is_null_value(field))
		return 0;
	if (value.kind == Kind::STRING &&
		(found = type->FindValueByName(value.text)) != nullptr)
		return found->number();
	if (value.kind != Kind::NUMBER)
		path.fail("it must be a name or number of enum \"" +
				  type->full_name() + "\", not " + describe(value));
	number = (int) integer(path, value, INT32_MIN, INT32_MAX);
	if (type->FindValueByNumber(number) == nullptr &&
		!message.GetReflection()->SupportsUnknownEnumValues())
		path.fail("enum \"" + type->full_name() + "\" has no number " +
				  std::to_string(number));
	return number;
}

}								/* namespace az_descriptor */
