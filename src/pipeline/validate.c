/*
 * What a request must be before anything is done with it: contract 4.
 *
 * Each rule is a function that refuses in words for the caller; the order in
 * which they are called is the contract's.
 */
#include "pipeline/validate.h"

#include <string.h>

#include "codec/event.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define MAX_FOUND 40			/* bytes of a bad text that are shown */
#define FIRST_SECOND INT64_C(-62135596800)	/* of the year 1 */
#define LAST_SECOND INT64_C(253402300799)	/* of the year 9999 */
#define NOT_A_PAGE SIZE_MAX		/* a field of the request itself */

/* Refuses the request; false. */
#define refuse(check, ...) \
	az_error_set((check)->error, (check)->arena, AZ_INVALID_ARGUMENT, __VA_ARGS__)

typedef struct TextRule
{
	const char *field;
	size_t		max;			/* characters */
	const char *first;			/* characters it may begin with */
	const char *others;			/* characters it may go on with */
	const char *pattern;		/* the same for people */
} TextRule;

/* Where in which request we are, and where to say what is wrong. */
typedef struct Check
{
	const char *path;			/* of the cover being looked at */
	AzArena    *arena;
	AzError    *error;
} Check;

static const TextRule domain_rule = {
	"domain", 64, LOWER "_", LOWER DIGITS "_-", "[a-z_][a-z0-9_-]*"
};
static const TextRule edition_rule = {
	"edition.name", 64, LOWER, LOWER DIGITS "_-", "[a-z][a-z0-9_-]*"
};
static const TextRule correlation_rule = {
	"correlation_id", 128, LOWER UPPER DIGITS "_-", LOWER UPPER DIGITS "_-",
	"[A-Za-z0-9_-]*"
};

static bool check_sizes(const Check *check, const PbCommandBook *book,
						const AzValidationLimits *limits);
static bool check_ext_size(const Check *check, const PbCover *cover,
						   const AzValidationLimits *limits);
static size_t payload_size(const PbCommandPage *page);
static bool check_pages(const Check *check, const PbCommandBook *book);
static bool check_payloads(const Check *check, const PbCommandBook *book);
static bool check_agreement(const Check *check, const PbCommandBook *book);
static bool check_headers(const Check *check, const PbCommandBook *book);
static bool check_enums(const Check *check, const PbCommandRequest *request);
static bool check_page_enums(const Check *check, size_t i,
							 const PbCommandPage *page);
static bool check_domain(const Check *check, const PbCover *cover);
static bool check_root(const Check *check, const PbCover *cover);
static bool check_root_size(const Check *check, const PbCover *cover);
static bool check_names(const Check *check, const PbCover *cover);
static bool check_selection(const Check *check, const PbQuery *query,
							const AzValidationLimits *limits);
static bool check_time(const Check *check, const PbTimestamp *time);
static bool check_text(const Check *check, const char *text,
					   const TextRule *rule);
static bool check_enum(const Check *check, size_t page, const char *field,
					   const ProtobufCEnumDescriptor *type, int value);
static const char *enum_name(const ProtobufCEnumDescriptor *type, int value);
static int	strategy_of(const PbCommandPage *page);
static size_t count_characters(const char *text);
static const char *show(const Check *check, const char *text);

bool
az_validate_command(const PbCommandRequest *request,
					const AzValidationLimits *limits, AzArena *arena,
					AzError *error)
{
	const Check check = {"command.cover", arena, error};
	const PbCommandBook *book = request->command;

	if (book == NULL)
		return refuse(&check, "command is missing");
	return check_sizes(&check, book, limits) &&
		az_validate_cover(book->cover, "command.cover", arena, error) &&
		check_pages(&check, book) &&
		check_enums(&check, request);
}

bool
az_validate_query(const PbQuery *query, const AzValidationLimits *limits,
				  AzArena *arena, AzError *error)
{
	const Check check = {"query.cover", arena, error};
	const PbCover *cover = query->cover;

	if (cover == NULL)
		return refuse(&check, "query.cover is missing");
	if (cover->root == NULL && cover->correlation_id[0] == '\0')
		return refuse(&check,
					  "query.cover has neither root nor correlation_id");
	if (cover->root != NULL && cover->domain[0] == '\0')
		return refuse(&check,
					  "query.cover.domain is empty, but query.cover.root is set");
	return check_text(&check, cover->domain, &domain_rule) &&
		check_root_size(&check, cover) &&
		check_names(&check, cover) &&
		check_selection(&check, query, limits);
}

bool
az_validate_point(const PbTemporalQuery *point, const char *path,
				  AzArena *arena, AzError *error)
{
	const Check check = {path, arena, error};

	if (point->point_in_time_case == 0)
		return refuse(&check,
					  "%s has no point in time, neither as_of_time nor as_of_sequence",
					  path);
	return point->point_in_time_case != PB_TEMPORAL_QUERY_AS_OF_TIME ||
		check_time(&check, point->as_of_time);
}

bool
az_validate_stream_filter(const PbEventStreamFilter *filter, AzArena *arena,
						  AzError *error)
{
	const Check check = {"filter", arena, error};

	if (filter->correlation_id[0] == '\0')
		return refuse(&check,
					  "filter.correlation_id is empty: a subscription is to one correlation id");
	return check_text(&check, filter->correlation_id, &correlation_rule);
}

bool
az_validate_cover(const PbCover *cover, const char *path, AzArena *arena,
				  AzError *error)
{
	const Check check = {path, arena, error};

	if (cover == NULL)
		return refuse(&check, "%s is missing", path);
	return check_domain(&check, cover) &&
		check_root(&check, cover) &&
		check_names(&check, cover);
}

/* How much there is, before anything is looked at. */
static bool
check_sizes(const Check *check, const PbCommandBook *book,
			const AzValidationLimits *limits)
{
	if (book->n_pages > limits->max_pages)
		return refuse(check,
					  "command.pages has %zu pages, allowed are %zu (angzarr.max_pages_per_book)",
					  book->n_pages, limits->max_pages);
	for (size_t i = 0; i < book->n_pages; i++)
	{
		size_t		size = payload_size(book->pages[i]);

		if (size > limits->max_payload_bytes)
			return refuse(check,
						  "command.pages[%zu] has a payload of %zu bytes, allowed are %zu (angzarr.max_payload_size)",
						  i, size, limits->max_payload_bytes);
	}
	return check_ext_size(check, book->cover, limits);
}

/* Each event of the command may get it. */
static bool
check_ext_size(const Check *check, const PbCover *cover,
			   const AzValidationLimits *limits)
{
	size_t		size;

	if (cover == NULL || cover->ext == NULL)
		return true;
	size = protobuf_c_message_get_packed_size(&cover->ext->base);
	if (size <= limits->max_payload_bytes)
		return true;
	return refuse(check,
				  "command.cover.ext has %zu bytes, allowed are %zu (angzarr.max_payload_size)",
				  size, limits->max_payload_bytes);
}

static size_t
payload_size(const PbCommandPage *page)
{
	switch (page->payload_case)
	{
		case PB_COMMAND_PAGE_COMMAND:
			return page->command->value.len;
		case PB_COMMAND_PAGE_EXTERNAL:
			return protobuf_c_message_get_packed_size(&page->external->base);
		default:
			return 0;
	}
}

static bool
check_pages(const Check *check, const PbCommandBook *book)
{
	if (book->n_pages == 0)
		return refuse(check, "command.pages is empty");
	return check_payloads(check, book) &&
		check_agreement(check, book) &&
		check_headers(check, book);
}

static bool
check_payloads(const Check *check, const PbCommandBook *book)
{
	for (size_t i = 0; i < book->n_pages; i++)
		if (book->pages[i]->payload_case == 0)
			return refuse(check,
						  "command.pages[%zu] has no payload, neither command nor external",
						  i);
	return true;
}

static bool
check_agreement(const Check *check, const PbCommandBook *book)
{
	const ProtobufCEnumDescriptor *type = &pb_merge_strategy_descriptor;
	int			first = strategy_of(book->pages[0]);

	for (size_t i = 1; i < book->n_pages; i++)
	{
		int			other = strategy_of(book->pages[i]);

		if (other != first)
			return refuse(check,
						  "command.pages[%zu].merge_strategy is %s (%d), that of command.pages[0] is %s (%d); the pages of a command must agree",
						  i, enum_name(type, other), other,
						  enum_name(type, first), first);
	}
	return true;
}

static bool
check_headers(const Check *check, const PbCommandBook *book)
{
	for (size_t i = 0; i < book->n_pages; i++)
	{
		const PbPageHeader *header = book->pages[i]->header;

		if (header != NULL && header->sequence_type_case ==
			PB_PAGE_HEADER_EXTERNAL_DEFERRED)
			return refuse(check,
						  "command.pages[%zu].header has external_deferred, which only facts have; a command has sequence or angzarr_deferred",
						  i);
	}
	return true;
}

static bool
check_enums(const Check *check, const PbCommandRequest *request)
{
	if (!check_enum(check, NOT_A_PAGE, "sync_mode", &pb_sync_mode_descriptor,
					request->sync_mode) ||
		!check_enum(check, NOT_A_PAGE, "cascade_error_mode",
					&pb_cascade_error_mode_descriptor,
					request->cascade_error_mode))
		return false;
	for (size_t i = 0; i < request->command->n_pages; i++)
		if (!check_page_enums(check, i, request->command->pages[i]))
			return false;
	return true;
}

static bool
check_page_enums(const Check *check, size_t i, const PbCommandPage *page)
{
	if (!check_enum(check, i, "merge_strategy", &pb_merge_strategy_descriptor,
					page->merge_strategy))
		return false;
	if (page->header != NULL &&
		!check_enum(check, i, "header.sync_mode", &pb_sync_mode_descriptor,
					page->header->sync_mode))
		return false;
	return page->payload_case != PB_COMMAND_PAGE_EXTERNAL ||
		check_enum(check, i, "external.storage_type",
				   &pb_payload_storage_type_descriptor,
				   page->external->storage_type);
}

static bool
check_domain(const Check *check, const PbCover *cover)
{
	if (cover->domain[0] == '\0')
		return refuse(check, "%s.domain is empty, it must match %s",
					  check->path, domain_rule.pattern);
	return check_text(check, cover->domain, &domain_rule);
}

static bool
check_root(const Check *check, const PbCover *cover)
{
	if (cover->root == NULL)
		return refuse(check, "%s.root is missing", check->path);
	return check_root_size(check, cover);
}

static bool
check_root_size(const Check *check, const PbCover *cover)
{
	if (cover->root == NULL || cover->root->value.len == AZ_UUID_SIZE)
		return true;
	return refuse(check, "%s.root has %zu bytes, a root has %d", check->path,
				  cover->root->value.len, AZ_UUID_SIZE);
}

static bool
check_names(const Check *check, const PbCover *cover)
{
	if (cover->edition != NULL &&
		!check_text(check, cover->edition->name, &edition_rule))
		return false;
	return check_text(check, cover->correlation_id, &correlation_rule);
}

static bool
check_selection(const Check *check, const PbQuery *query,
				const AzValidationLimits *limits)
{
	switch (query->selection_case)
	{
		case PB_QUERY_SEQUENCES:
			if (query->sequences->n_values <= limits->max_sequences)
				return true;
			return refuse(check,
						  "query.sequences has %zu values, allowed are %zu (angzarr.max_query_sequences)",
						  query->sequences->n_values, limits->max_sequences);
		case PB_QUERY_TEMPORAL:
			return az_validate_point(query->temporal, "query.temporal",
									 check->arena, check->error);
		default:
			return true;
	}
}

/* What protobuf calls a timestamp: the years 1 to 9999. */
static bool
check_time(const Check *check, const PbTimestamp *time)
{
	if (time->seconds >= FIRST_SECOND && time->seconds <= LAST_SECOND &&
		time->nanos >= 0 && time->nanos <= 999999999)
		return true;
	return refuse(check,
				  "%s.as_of_time is %lld seconds and %d nanoseconds, allowed are %lld to %lld and 0 to 999999999",
				  check->path, (long long) time->seconds, (int) time->nanos,
				  (long long) FIRST_SECOND, (long long) LAST_SECOND);
}

/* Empty is fine here. */
static bool
check_text(const Check *check, const char *text, const TextRule *rule)
{
	size_t		characters = count_characters(text);

	if (characters > rule->max)
		return refuse(check,
					  "%s.%s \"%s\" has %zu characters, allowed are %zu",
					  check->path, rule->field, show(check, text), characters,
					  rule->max);
	if (text[0] == '\0' ||
		(strchr(rule->first, text[0]) != NULL &&
		 text[strspn(text, rule->others)] == '\0'))
		return true;
	return refuse(check, "%s.%s \"%s\" does not match %s", check->path,
				  rule->field, show(check, text), rule->pattern);
}

/* Known values run from 0 without gaps in every enum of the contract. */
static bool
check_enum(const Check *check, size_t page, const char *field,
		   const ProtobufCEnumDescriptor *type, int value)
{
	unsigned	last = type->n_values - 1;

	if (protobuf_c_enum_descriptor_get_value(type, value) != NULL)
		return true;
	if (page == NOT_A_PAGE)
		return refuse(check, "%s is %d, known values are 0 to %u", field,
					  value, last);
	return refuse(check,
				  "command.pages[%zu].%s is %d, known values are 0 to %u",
				  page, field, value, last);
}

static const char *
enum_name(const ProtobufCEnumDescriptor *type, int value)
{
	const ProtobufCEnumValue *found =
	protobuf_c_enum_descriptor_get_value(type, value);

	return found != NULL ? found->name : "an unknown value";
}

/* Unspecified means commutative. */
static int
strategy_of(const PbCommandPage *page)
{
	return page->merge_strategy == PB_MERGE_UNSPECIFIED ?
		PB_MERGE_COMMUTATIVE : page->merge_strategy;
}

static size_t
count_characters(const char *text)
{
	size_t		count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char) *text & 0xC0) != 0x80;
	return count;
}

/* The beginning of a text, safe to print anywhere; never NULL. */
static const char *
show(const Check *check, const char *text)
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
