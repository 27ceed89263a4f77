/*
 * Where a deferred command or fact comes from.
 *
 * The text of a key begins with a zero byte, which no external id can hold:
 * so nobody outside can name what a component emitted.  The component comes
 * last, since it alone may hold any character.
 */
#include "pipeline/provenance.h"

#include <inttypes.h>
#include <string.h>

#include "codec/book.h"
#include "pipeline/validate.h"

#define MAX_COMPONENT 64		/* bytes, as a registered name has at most */

static bool check_component(const char *component, const char *path,
							AzArena *arena, AzError *error);

bool
az_provenance_key(const PbAngzarrDeferredSequence *deferred, const char *kind,
				  const char *path, AzKey *key, AzArena *arena,
				  AzError *error)
{
	char	   *cover_path = az_arena_format(arena, "%s.source", path);
	char		root[AZ_UUID_TEXT_SIZE];
	AzAggregate source;
	char	   *text;

	if (cover_path == NULL)
		return az_error_out_of_memory(error);
	if (!az_validate_cover(deferred->source, cover_path, arena, error) ||
		!check_component(deferred->source_component, path, arena, error))
		return false;
	az_cover_read(deferred->source, &source);
	az_uuid_text(source.root, root);
	text = az_arena_format(arena, "0%s/%s/%s/%" PRIu32 "/%" PRIu32 "/%s",
						   source.domain, source.edition, root,
						   deferred->source_seq, deferred->command_index,
						   deferred->source_component);
	if (text == NULL)
		return az_error_out_of_memory(error);
	key->kind = kind;
	key->bytes = az_bytes_of(text);
	text[0] = '\0';
	return true;
}

/* It is stored with each event that comes of it. */
static bool
check_component(const char *component, const char *path, AzArena *arena,
				AzError *error)
{
	size_t		len = strlen(component);

	return len <= MAX_COMPONENT ||
		az_error_set(error, arena, AZ_INVALID_ARGUMENT,
					 "%s.source_component has %zu bytes, the name of a component has at most %d",
					 path, len, MAX_COMPONENT);
}

const AzCause *
az_provenance_cause(const PbAngzarrDeferredSequence *deferred, AzArena *arena)
{
	AzCause    *cause = az_arena_alloc(arena, sizeof(AzCause));

	if (cause == NULL)
		return NULL;
	az_cover_read(deferred->source, &cause->source);
	cause->sequence = deferred->source_seq;
	cause->component = deferred->source_component;
	return cause;
}
