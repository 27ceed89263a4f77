/* Numbers as the text they are in JSON, both ways. */
#ifndef AZ_DESCRIPTOR_JSON_NUMBER_HPP
#define AZ_DESCRIPTOR_JSON_NUMBER_HPP

#include <cstdint>
#include <string>

namespace az_descriptor
{

/* Whether it is a number as JSON has them. */
bool		is_number(const std::string &text);

/* Its whole value; false when it is none, or more than 64 bits. */
bool		whole_number(const std::string &text, bool *is_negative,
						 uint64_t *magnitude);

/*
 * A short text that is read back as the same number; it is finite.  The
 * digits are those that Google's libraries print.
 */
void		append_number(double value, std::string *out);
void		append_number(float value, std::string *out);

}								/* namespace az_descriptor */

#endif
