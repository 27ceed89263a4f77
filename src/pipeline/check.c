/* The checks that requests have in common, and the words they refuse in. */
#include "pipeline/check.h"

#include <string.h>

#include "codec/event.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define MAX_FOUND 40			/* bytes of a bad text that are shown */

typedef struct TextRule
{
	const char *field;
	size_t		max;			/* characters */
	const char *first;			/* characters it may begin with */
	const char *others;			/* characters it may go on with */
	const char *pattern;		/* the same for people */
} TextRule;

static const TextRule domain_rule = {
	"domain", 64, LOWER "_", LOWER DIGITS "_-", "[a-z_][a-z0-9_-]*"
};
static const TextRule edition_rule = {
	"edition.name", 64, LOWER, LOWER DIGITS "_-", "[a-z][a-z0-9_-]*"
};
static const TextRule branch_rule = {
	"edition", 64, LOWER, LOWER DIGITS "_-", "[a-z][a-z0-9_-]*"
};
static const TextRule correlation_rule = {
	"correlation_id", 128, LOWER UPPER DIGITS "_-", LOWER UPPER DIGITS "_-",
	"[A-Za-z0-9_-]*"
};

static bool check_text(const AzCheck *check, const char *text,
					   const TextRule *rule);
static size_t count_characters(const char *text);

bool
az_check_domain(const AzCheck *check, const PbCover *cover)
{
	if (cover->domain[0] == '\0')
		return az_check_refuse(check, "%s.domain is empty, it must match %s",
							   check->path, domain_rule.pattern);
	return az_check_domain_name(check, cover);
}

bool
az_check_domain_name(const AzCheck *check, const PbCover *cover)
{
	return check_text(check, cover->domain, &domain_rule);
}

bool
az_check_root(const AzCheck *check, const PbCover *cover)
{
	if (cover->root == NULL)
		return az_check_refuse(check, "%s.root is missing", check->path);
	return az_check_root_size(check, cover);
}

bool
az_check_root_size(const AzCheck *check, const PbCover *cover)
{
	if (cover->root == NULL || cover->root->value.len == AZ_UUID_SIZE)
		return true;
	return az_check_refuse(check, "%s.root has %zu bytes, a root has %d", check->path,
						   cover->root->value.len, AZ_UUID_SIZE);
}

bool
az_check_names(const AzCheck *check, const PbCover *cover)
{
	if (cover->edition != NULL &&
		!check_text(check, cover->edition->name, &edition_rule))
		return false;
	return az_check_correlation(check, cover->correlation_id);
}

bool
az_check_correlation(const AzCheck *check, const char *correlation_id)
{
	return check_text(check, correlation_id, &correlation_rule);
}

bool
az_check_edition(const AzCheck *check, const char *edition)
{
	return check_text(check, edition, &branch_rule);
}

/* Known values run from 0 without gaps in every enum of the contract. */
bool
az_check_enum(const AzCheck *check, size_t page, const char *field,
			  const ProtobufCEnumDescriptor *type, int value)
{
	unsigned	last = type->n_values - 1;

	if (protobuf_c_enum_descriptor_get_value(type, value) != NULL)
		return true;
	if (page == AZ_NOT_A_PAGE)
		return az_check_refuse(check, "%s is %d, known values are 0 to %u", field,
							   value, last);
	return az_check_refuse(check,
						   "%s.pages[%zu].%s is %d, known values are 0 to %u",
						   check->book, page, field, value, last);
}

const char *
az_check_enum_name(const ProtobufCEnumDescriptor *type, int value)
{
	const ProtobufCEnumValue *found =
	protobuf_c_enum_descriptor_get_value(type, value);

	return found != NULL ? found->name : "an unknown value";
}

/* The beginning of a text, safe to print anywhere; never NULL. */
const char *
az_check_show(const AzCheck *check, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	char	   *shown = az_arena_alloc(check->arena, 4 * MAX_FOUND + 4);
	char	   *end = shown;
	size_t		i;

	if (shown == NULL)
		return "";
	for (i = 0; text[i] != '\0' && i < MAX_FOUND; i++)
	{
		unsigned char byte = (unsigned char) text[i];

		if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\')
		{
			*end++ = (char) byte;
			continue;
		}
		*end++ = '\\';
		*end++ = 'x';
		*end++ = digits[byte >> 4];
		*end++ = digits[byte & 15];
	}
	if (text[i] != '\0')
		memcpy(end, "...", 3);
	return shown;
}

/* Empty is fine here. */
static bool
check_text(const AzCheck *check, const char *text, const TextRule *rule)
{
	size_t		characters = count_characters(text);

	if (characters > rule->max)
		return az_check_refuse(check,
							   "%s.%s \"%s\" has %zu characters, allowed are %zu",
							   check->path, rule->field, az_check_show(check, text), characters,
							   rule->max);
	if (text[0] == '\0' ||
		(strchr(rule->first, text[0]) != NULL &&
		 text[strspn(text, rule->others)] == '\0'))
		return true;
	return az_check_refuse(check, "%s.%s \"%s\" does not match %s", check->path,
						   rule->field, az_check_show(check, text), rule->pattern);
}

static size_t
count_characters(const char *text)
{
	size_t		count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char) *text & 0xC0) != 0x80;
	return count;
}
