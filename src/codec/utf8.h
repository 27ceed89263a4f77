/* Is it text?  UTF-8 as databases and protobuf's "string" want it. */
#ifndef AZ_CODEC_UTF8_H
#define AZ_CODEC_UTF8_H

#include "base/arena.h"

/*
 * Whether the bytes are UTF-8: no overlong form, no surrogate, nothing above
 * U+10FFFF.  U+0000 counts as valid.
 */
extern bool az_utf8_is_valid(AzBytes bytes);

/*
 * A copy of at most "max" bytes, cut before a whole character, in which "?"
 * stands for every byte that is not UTF-8.  NULL when memory is out.
 */
extern char *az_utf8_clean(AzArena *arena, const char *text, size_t max);

#endif
