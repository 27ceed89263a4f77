/* Times as people write them: RFC 3339. */
#ifndef AZ_CODEC_TIME_TEXT_H
#define AZ_CODEC_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Microseconds since 1970 UTC of "2026-01-31T12:00:00.5Z", or with "+01:00"
 * for the "Z"; what is beyond microseconds is cut.  False for anything else,
 * a day that is not in the calendar among it; a leap second is none.
 */
extern bool az_time_text_read(const char *text, int64_t *time_us);

#endif
