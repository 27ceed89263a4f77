/*
 * Which top-level fields two states of an aggregate differ in, told from
 * their bytes alone.
 *
 * A field is all records of one number, in their order.  Two fields are the
 * same when their records are: varints by their value, all else byte for
 * byte.  Not looked at: the order of fields among each other, a lone zero or
 * empty record (an explicit default, as good as absent), and the order of
 * the entries of a map.
 *
 * Without the type some things look alike, so:
 * - Records that hold nothing but fields 1 and 2, the first one unique, are
 *   taken for a map: a repeated message of that shape that was only put in
 *   another order counts as unchanged.
 * - A field that has presence counts as absent when it is set to its default;
 *   so does a list of one zero that is not packed.
 * - Of a scalar that is there twice the last one would win; here all count.
 *   A list changes when it is packed otherwise.  What is inside a submessage
 *   or a group is bytes: its fields or a map in another order are a change.
 * The first two may miss a change, the last only ever see one too many.
 */
#include "codec/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"

#define LONGEST_NUMBER 11		/* digits of any uint32_t and a zero byte */

/* The records of a message by number, those of one number as they came. */
typedef struct Message
{
	AzRecord   *records;
	size_t		count;
} Message;

/* The records of one field; a lone default is none. */
typedef struct Field
{
	const AzRecord *records;
	size_t		count;
} Field;

/* One record that looks like an entry of a map. */
typedef struct Entry
{
	AzRecord	key;
	const AzRecord *record;
} Entry;

typedef struct Comparison
{
	Message		before;
	Message		after;
	bool		is_other_type;
	AzArena    *scratch;
	bool		out_of_memory;
} Comparison;

static bool compare(Comparison *comparison, const AzState *before,
					const AzState *after, AzFieldSet *changed, AzArena *arena,
					AzError *error);
static bool is_other_type(const AzState *before, const AzState *after);
static const char *type_name(const char *type_url);
static bool read_message(const AzState *state, Message *message,
						 Comparison *comparison, AzError *error);
static bool count_records(AzBytes bytes, size_t *count);
static void sort_records(Message *message);
static int	compare_records(const void *one, const void *other);
static size_t list_changes(Comparison *comparison, uint32_t *numbers);
static uint32_t next_number(const Message *message, size_t from);
static Field take_field(const Message *message, size_t *from, uint32_t number);
static bool is_default(const AzRecord *record);
static bool is_same(Comparison *comparison, const Field *before,
					const Field *after);
static bool is_same_record(const AzRecord *one, const AzRecord *other);
static bool is_same_map(const Field *before, const Field *after,
						Comparison *comparison);
static Entry *read_map(const Field *field, Comparison *comparison);
static bool may_be_map(const Field *field);
static bool read_entry(const AzRecord *record, Entry *entry);
static bool has_map_keys(const Entry *entries, size_t count);
static int	compare_keys(const void *one, const void *other);
static int	compare_numbers(uint64_t one, uint64_t other);

bool
az_fields_compare(const AzState *before, const AzState *after,
				  AzFieldSet *changed, AzArena *arena, AzError *error)
{
	Comparison	comparison = {
		.is_other_type = is_other_type(before, after),
		.scratch = az_arena_create()
	};
	bool		done;

	if (comparison.scratch == NULL)
		return az_error_out_of_memory(error);
	done = compare(&comparison, before, after, changed, arena, error);
	az_arena_free(comparison.scratch);
	return done;
}

bool
az_fields_meet(const AzFieldSet *one, const AzFieldSet *other,
			   AzFieldSet *both, AzArena *arena, AzError *error)
{
	size_t		i = 0;
	size_t		j = 0;
	uint32_t   *numbers = az_arena_array(arena, one->count + other->count + 1,
										 sizeof(uint32_t));

	both->every = one->every && other->every;
	both->numbers = numbers;
	both->count = 0;
	if (numbers == NULL)
		return az_error_out_of_memory(error);
	while (i < one->count || j < other->count)
	{
		uint32_t	first = i < one->count ? one->numbers[i] : UINT32_MAX;
		uint32_t	second = j < other->count ? other->numbers[j] : UINT32_MAX;
		uint32_t	number = first < second ? first : second;

		if ((one->every || first == number) &&
			(other->every || second == number))
			numbers[both->count++] = number;
		i += first == number ? 1 : 0;
		j += second == number ? 1 : 0;
	}
	return true;
}

bool
az_fields_is_empty(const AzFieldSet *set)
{
	return !set->every && set->count == 0;
}

const char *
az_fields_text(const AzFieldSet *set, const char *const *names,
			   AzArena *arena)
{
	char		text[AZ_FIELDS_TEXT_SIZE] = "";
	size_t		used = 0;

	if (set->every && set->count == 0)
		return "all";
	for (size_t i = 0; i < set->count; i++)
	{
		char		number[LONGEST_NUMBER];
		const char *name = names != NULL && names[i] != NULL ?
		names[i] : number;
		bool		has_room;

		snprintf(number, sizeof(number), "%u", set->numbers[i]);
		has_room = used + strlen(name) + sizeof(",,...") <= sizeof(text);
		used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s",
								  i == 0 ? "" : ",", has_room ? name : "...");
		if (!has_room)
			break;
	}
	return az_arena_string(arena, text);
}

static bool
compare(Comparison *comparison, const AzState *before, const AzState *after,
		AzFieldSet *changed, AzArena *arena, AzError *error)
{
	uint32_t   *numbers;
	AzBytes		list;
	AzBytes		copy;

	if (!read_message(before, &comparison->before, comparison, error) ||
		!read_message(after, &comparison->after, comparison, error))
		return false;
	numbers = az_arena_array(comparison->scratch, comparison->before.count +
							 comparison->after.count + 1, sizeof(uint32_t));
	if (numbers == NULL)
		return az_error_out_of_memory(error);
	changed->every = comparison->is_other_type;
	changed->count = list_changes(comparison, numbers);
	list.data = (const uint8_t *) numbers;
	list.len = changed->count * sizeof(uint32_t);
	if (comparison->out_of_memory || !az_arena_copy(arena, list, &copy))
		return az_error_out_of_memory(error);
	changed->numbers = (const uint32_t *) copy.data;
	return true;
}

/* An unset state is the default of whatever the other one is. */
static bool
is_other_type(const AzState *before, const AzState *after)
{
	return before->type_url != NULL && after->type_url != NULL &&
		strcmp(type_name(before->type_url), type_name(after->type_url)) != 0;
}

static const char *
type_name(const char *type_url)
{
	const char *slash = strrchr(type_url, '/');

	return slash != NULL ? slash + 1 : type_url;
}

static bool
read_message(const AzState *state, Message *message, Comparison *comparison,
			 AzError *error)
{
	AzBytes		bytes = state->bytes;

	if (!count_records(bytes, &message->count))
	{
		az_error_set(error, NULL, AZ_INVALID_ARGUMENT, "malformed or cut off");
		return false;
	}
	message->records = az_arena_array(comparison->scratch, message->count + 1,
									  sizeof(AzRecord));
	if (message->records == NULL)
	{
		az_error_out_of_memory(error);
		return false;
	}
	for (size_t i = 0; i < message->count; i++)
		az_record_take(&bytes, &message->records[i]);
	sort_records(message);
	return true;
}

/* False when it is no encoded message. */
static bool
count_records(AzBytes bytes, size_t *count)
{
	AzRecord	record;

	for (*count = 0; bytes.len > 0; (*count)++)
		if (!az_record_take(&bytes, &record))
			return false;
	return true;
}

/* Most encoders write them in order. */
static void
sort_records(Message *message)
{
	for (size_t i = 1; i < message->count; i++)
		if (message->records[i - 1].number > message->records[i].number)
		{
			qsort(message->records, message->count, sizeof(AzRecord),
				  compare_records);
			return;
		}
}

/* Where a value lies tells which one came first. */
static int
compare_records(const void *one, const void *other)
{
	const AzRecord *a = one;
	const AzRecord *b = other;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return compare_numbers((uintptr_t) a->value.data,
						   (uintptr_t) b->value.data);
}

/* Writes the numbers of the fields that differ; returns how many. */
static size_t
list_changes(Comparison *comparison, uint32_t *numbers)
{
	size_t		i = 0;
	size_t		j = 0;
	size_t		count = 0;

	while (i < comparison->before.count || j < comparison->after.count)
	{
		uint32_t	first = next_number(&comparison->before, i);
		uint32_t	second = next_number(&comparison->after, j);
		uint32_t	number = first < second ? first : second;
		Field		before = take_field(&comparison->before, &i, number);
		Field		after = take_field(&comparison->after, &j, number);

		if (comparison->is_other_type ? before.count + after.count > 0
			: !is_same(comparison, &before, &after))
			numbers[count++] = number;
	}
	return count;
}

static uint32_t
next_number(const Message *message, size_t from)
{
	return from < message->count ? message->records[from].number : UINT32_MAX;
}

static Field
take_field(const Message *message, size_t *from, uint32_t number)
{
	Field		field = {.records = message->records + *from};

	while (*from < message->count && message->records[*from].number == number)
	{
		field.count++;
		(*from)++;
	}
	if (field.count == 1 && is_default(&field.records[0]))
		field.count = 0;
	return field;
}

static bool
is_default(const AzRecord *record)
{
	static const uint8_t zeros[8];

	switch (record->wire)
	{
		case AZ_WIRE_VARINT:
			return record->varint == 0;
		case AZ_WIRE_FIXED32:
		case AZ_WIRE_FIXED64:
			return memcmp(record->value.data, zeros, record->value.len) == 0;
		case AZ_WIRE_LENGTH:
			return record->value.len == 0;
		default:
			return false;
	}
}

static bool
is_same(Comparison *comparison, const Field *before, const Field *after)
{
	if (before->count != after->count)
		return false;
	for (size_t i = 0; i < before->count; i++)
		if (!is_same_record(&before->records[i], &after->records[i]))
			return is_same_map(before, after, comparison);
	return true;
}

static bool
is_same_record(const AzRecord *one, const AzRecord *other)
{
	if (one->wire != other->wire)
		return false;
	if (one->wire == AZ_WIRE_VARINT)
		return one->varint == other->varint;
	return az_bytes_equal(one->value, other->value);
}

/* The same entries in another order. */
static bool
is_same_map(const Field *before, const Field *after, Comparison *comparison)
{
	Entry	   *old_map = read_map(before, comparison);
	Entry	   *new_map = old_map != NULL ? read_map(after, comparison) : NULL;

	if (new_map == NULL)
		return false;
	for (size_t i = 0; i < before->count; i++)
		if (!is_same_record(old_map[i].record, new_map[i].record))
			return false;
	return true;
}

/* Its entries by key, or NULL when it is no map. */
static Entry *
read_map(const Field *field, Comparison *comparison)
{
	Entry	   *entries;

	if (!may_be_map(field))
		return NULL;
	entries = az_arena_array(comparison->scratch, field->count, sizeof(Entry));
	if (entries == NULL)
	{
		comparison->out_of_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < field->count; i++)
		if (!read_entry(&field->records[i], &entries[i]))
			return NULL;
	qsort(entries, field->count, sizeof(Entry), compare_keys);
	return has_map_keys(entries, field->count) ? entries : NULL;
}

/* Only one entry can be empty: others have a key, of two bytes at least. */
static bool
may_be_map(const Field *field)
{
	size_t		bytes = 0;

	for (size_t i = 0; i < field->count; i++)
	{
		if (field->records[i].wire != AZ_WIRE_LENGTH)
			return false;
		bytes += field->records[i].value.len;
	}
	return field->count > 1 && bytes / 2 >= field->count - 1;
}

/* Key and value, each at most once, and nothing else. */
static bool
read_entry(const AzRecord *record, Entry *entry)
{
	AzBytes		bytes = record->value;
	AzRecord	none = {.number = 1,.wire = AZ_WIRE_VARINT};
	unsigned	seen = 0;

	entry->record = record;
	entry->key = none;
	while (bytes.len > 0)
	{
		AzRecord	part;

		if (!az_record_take(&bytes, &part) || part.number > 2 ||
			part.wire == AZ_WIRE_GROUP || (seen & (1U << part.number)) != 0)
			return false;
		seen |= 1U << part.number;
		if (part.number == 1 && !is_default(&part))
			entry->key = part;
	}
	return true;
}

/* Sorted keys of one kind, each once. */
static bool
has_map_keys(const Entry *entries, size_t count)
{
	const AzRecord *last = &entries[count - 1].key;

	for (size_t i = 0; i < count; i++)
	{
		const AzRecord *key = &entries[i].key;

		if (!is_default(key) && key->wire != last->wire)
			return false;
		if (i > 0 && compare_keys(&entries[i - 1], &entries[i]) == 0)
			return false;
	}
	return true;
}

static int
compare_keys(const void *one, const void *other)
{
	const AzRecord *a = &((const Entry *) one)->key;
	const AzRecord *b = &((const Entry *) other)->key;
	size_t		len = a->value.len < b->value.len ?
	a->value.len : b->value.len;
	int			order = compare_numbers(a->wire, b->wire);

	if (order == 0)
		order = compare_numbers(a->varint, b->varint);
	if (order == 0 && a->wire != AZ_WIRE_VARINT && len > 0)
		order = memcmp(a->value.data, b->value.data, len);
	if (order == 0 && a->wire != AZ_WIRE_VARINT)
		order = compare_numbers(a->value.len, b->value.len);
	return order;
}

static int
compare_numbers(uint64_t one, uint64_t other)
{
	if (one == other)
		return 0;
	return one < other ? -1 : 1;
}
