/* Texts as JSON strings. */
#ifndef AZ_CODEC_QUOTE_H
#define AZ_CODEC_QUOTE_H

#include "base/arena.h"

/*
 * A UTF-8 text as a JSON string, quotes included, in the arena; NULL when
 * memory is out.
 */
extern char *az_quote_json(AzArena *arena, const char *text);

#endif
