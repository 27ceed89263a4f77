/*
 * What a value in JSON says for a field of one value that is no message.
 * Each throws a Fault with the path in front when it says no such thing.
 */
#ifndef AZ_DESCRIPTOR_JSON_VALUES_HPP
#define AZ_DESCRIPTOR_JSON_VALUES_HPP

#include "descriptor/json_path.hpp"
#include "descriptor/json_text.hpp"

namespace az_descriptor
{

/* "it must be an object, not null": throws that. */
[[noreturn]] void fail_as(const Path &path, const std::string &wanted,
						  const Json &value);

/* Whole numbers may be strings, as those of 64 bits are. */
int64_t		integer(const Path &path, const Json &value, int64_t least,
					uint64_t most);
uint64_t	unsigned_integer(const Path &path, const Json &value,
							 uint64_t most);

double		real(const Path &path, const Json &value, bool is_float);
bool		boolean(const Path &path, const Json &value);
const std::string &text(const Path &path, const Json &value);
std::string bytes(const Path &path, const Json &value);

/* A name or number of its enum, for that message. */
int			enum_number(const Path &path, const pb::Message &message,
						const pb::FieldDescriptor *field, const Json &value);

}								/* namespace az_descriptor */

#endif
