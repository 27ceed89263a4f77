/* The well-known types that are strings in JSON: times, durations, masks. */
#ifndef AZ_DESCRIPTOR_JSON_FORMS_HPP
#define AZ_DESCRIPTOR_JSON_FORMS_HPP

#include <cstdint>
#include <string>

namespace az_descriptor
{

/* Seconds and nanoseconds of a Timestamp or a Duration. */
struct Instant
{
	int64_t		seconds = 0;
	int32_t		nanos = 0;
};

/* Each is false when the value is out of its range, or the text no such one. */
bool		timestamp_text(Instant instant, std::string *text);
bool		read_timestamp(const std::string &text, Instant *instant);
bool		duration_text(Instant instant, std::string *text);
bool		read_duration(const std::string &text, Instant *instant);

/* A path of a FieldMask: "a_b.c" and "aB.c"; false when the way back differs. */
bool		camel_path(const std::string &path, std::string *camel);
bool		snake_path(const std::string &camel, std::string *path);

}								/* namespace az_descriptor */

#endif
