/* Tests of the comparison of two states by their top-level fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/fields.h"

#include "failing_malloc.h"

#define ORDER "/shop.Order"
#define MAX_FIELDS 12
#define MAX_RECORDS 6
#define STATE(text) \
	((AzState) {ORDER, {(const uint8_t *) (text), sizeof(text) - 1}})

static AzArena *arena;

static int
setup(void **state)
{
	arena = az_arena_create();
	return arena == NULL;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

/* The numbers that differ, as text; "?" when a state is malformed. */
static const char *
changes(AzState before, AzState after)
{
	AzFieldSet	changed;
	AzError		error = {0};

	if (az_fields_compare(&before, &after, &changed, arena, &error))
		return az_fields_text(&changed, NULL, arena);
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	return "?";
}

#define assert_changes(before, after, numbers) \
	do { \
		assert_string_equal(changes(before, after), numbers); \
		assert_string_equal(changes(after, before), numbers); \
	} while (0)

/* ---- what is a change ---- */

static void
a_field_differs_when_its_value_does_or_it_is_not_there(void **state)
{
	assert_changes(STATE("\x08\x01\x12\x01" "a"), STATE("\x08\x01\x12\x01" "a"), "");
	assert_changes(STATE("\x08\x01\x12\x01" "a"), STATE("\x08\x02\x12\x01" "a"), "1");
	assert_changes(STATE("\x08\x01\x12\x01" "a"), STATE("\x08\x02\x12\x01" "b"), "1,2");
	assert_changes(STATE("\x08\x01\x12\x01" "a"), STATE("\x12\x01" "a"), "1");
	assert_changes(STATE("\x0D" "1234"), STATE("\x0D" "1235"), "1");
	assert_changes(STATE("\x09" "12345678"), STATE("\x09" "02345678"), "1");
	assert_changes(STATE(""), STATE("\x08\x01\x18\x01\x80\x7D\x01"), "1,3,2000");
}

static void
the_order_of_fields_is_no_change(void **state)
{
	assert_changes(STATE("\x08\x01\x12\x01" "a"), STATE("\x12\x01" "a\x08\x01"), "");
	assert_changes(STATE("\x0A\x01" "a\x0A\x01" "b\x10\x05"),
				   STATE("\x0A\x01" "a\x10\x05\x0A\x01" "b"), "");
}

static void
an_explicit_default_is_as_good_as_none(void **state)
{
	assert_changes(STATE(""), STATE("\x08\x00\x12\x00\x1D\0\0\0\0\x21\0\0\0\0\0\0\0\0"), "");
	assert_changes(STATE(""), STATE("\x08\x80\x80\x00"), "");
	/* Minus zero is another number than zero. */
	assert_changes(STATE(""), STATE("\x09\0\0\0\0\0\0\0\x80"), "1");
	/* Two of them are a list. */
	assert_changes(STATE(""), STATE("\x08\x00\x08\x00"), "1");
	assert_changes(STATE("\x08\x00"), STATE("\x08\x00\x08\x00"), "1");
	/* An empty group is there. */
	assert_changes(STATE(""), STATE("\x0B\x0C"), "1");
}

static void
a_number_is_the_same_however_it_is_written(void **state)
{
	assert_changes(STATE("\x08\x05"), STATE("\x08\x85\x80\x00"), "");
	assert_changes(STATE("\x08\x05"), STATE("\x88\x80\x00\x05"), "");
	assert_changes(STATE("\x08\x05"), STATE("\x0D\x05\0\0\0"), "1");
}

static void
the_order_of_a_list_is_a_change(void **state)
{
	assert_changes(STATE("\x0A\x01" "a\x0A\x01" "b"), STATE("\x0A\x01" "b\x0A\x01" "a"), "1");
	assert_changes(STATE("\x08\x01\x08\x02"), STATE("\x08\x02\x08\x01"), "1");
	assert_changes(STATE("\x0A\x02\x01\x02"), STATE("\x0A\x02\x02\x01"), "1");
}

static void
a_scalar_that_is_there_twice_counts_as_a_list(void **state)
{
	assert_changes(STATE("\x08\x01\x08\x02"), STATE("\x08\x02"), "1");
}

static void
a_list_that_is_packed_otherwise_counts_as_changed(void **state)
{
	assert_changes(STATE("\x08\x01\x08\x02"), STATE("\x0A\x02\x01\x02"), "1");
}

static void
groups_and_submessages_are_compared_as_bytes(void **state)
{
	assert_changes(STATE("\x0B\x10\x05\x0C"), STATE("\x0B\x10\x05\x0C"), "");
	assert_changes(STATE("\x0B\x10\x05\x0C"), STATE("\x0B\x10\x06\x0C"), "1");
	assert_changes(STATE("\x0A\x04\x08\x01\x10\x02"), STATE("\x0A\x04\x10\x02\x08\x01"), "1");
}

/* ---- maps ---- */

static void
the_order_of_a_map_is_no_change_but_its_entries_are(void **state)
{
	AzState		map = STATE("\x0A\x05\x0A\x01" "a\x10\x01\x0A\x05\x0A\x01" "b\x10\x02");

	assert_changes(map, STATE("\x0A\x05\x0A\x01" "b\x10\x02\x0A\x05\x0A\x01" "a\x10\x01"), "");
	assert_changes(map, STATE("\x0A\x05\x0A\x01" "b\x10\x01\x0A\x05\x0A\x01" "a\x10\x02"), "1");
	assert_changes(map, STATE("\x0A\x05\x0A\x01" "b\x10\x02\x0A\x05\x0A\x01" "c\x10\x01"), "1");
	assert_changes(map, STATE("\x0A\x05\x0A\x01" "b\x10\x02"), "1");
	/* By number, with a key and a value that are zero and left out. */
	assert_changes(STATE("\x0A\x02\x10\x07\x0A\x02\x08\x05\x0A\x04\x08\x06\x10\x01"),
				   STATE("\x0A\x04\x08\x06\x10\x01\x0A\x02\x10\x07\x0A\x02\x08\x05"), "");
}

static void
what_cannot_be_a_map_keeps_its_order(void **state)
{
	/* A key that is there twice. */
	assert_changes(STATE("\x0A\x04\x08\x01\x10\x01\x0A\x04\x08\x01\x10\x02"),
				   STATE("\x0A\x04\x08\x01\x10\x02\x0A\x04\x08\x01\x10\x01"), "1");
	assert_changes(STATE("\x0A\x04\x08\x01\x10\x01\x0A\x04\x08\x01\x10\x02\x0A\x02\x08\x03"),
				   STATE("\x0A\x02\x08\x03\x0A\x04\x08\x01\x10\x01\x0A\x04\x08\x01\x10\x02"), "1");
	/* Once as nothing and once as zero. */
	assert_changes(STATE("\x0A\x02\x10\x01\x0A\x04\x08\x00\x10\x02\x0A\x02\x08\x03"),
				   STATE("\x0A\x02\x08\x03\x0A\x02\x10\x01\x0A\x04\x08\x00\x10\x02"), "1");
	assert_changes(STATE("\x0A\x02\x10\x01\x0A\x04\x0A\x00\x10\x02\x0A\x03\x0A\x01" "a"),
				   STATE("\x0A\x03\x0A\x01" "a\x0A\x02\x10\x01\x0A\x04\x0A\x00\x10\x02"), "1");
	/* Keys of two kinds. */
	assert_changes(STATE("\x0A\x02\x08\x01\x0A\x03\x0A\x01" "a"),
				   STATE("\x0A\x03\x0A\x01" "a\x0A\x02\x08\x01"), "1");
	/* A third field, a field twice, a group, a rest. */
	assert_changes(STATE("\x0A\x02\x18\x01\x0A\x02\x08\x02"),
				   STATE("\x0A\x02\x08\x02\x0A\x02\x18\x01"), "1");
	assert_changes(STATE("\x0A\x04\x08\x01\x08\x03\x0A\x02\x08\x02"),
				   STATE("\x0A\x02\x08\x02\x0A\x04\x08\x01\x08\x03"), "1");
	assert_changes(STATE("\x0A\x02\x0B\x0C\x0A\x02\x08\x02"),
				   STATE("\x0A\x02\x08\x02\x0A\x02\x0B\x0C"), "1");
	assert_changes(STATE("\x0A\x03\x08\x01\x08\x0A\x02\x08\x02"),
				   STATE("\x0A\x02\x08\x02\x0A\x03\x08\x01\x08"), "1");
	/* Among other records. */
	assert_changes(STATE("\x0A\x02\x08\x01\x08\x02"), STATE("\x08\x02\x0A\x02\x08\x01"), "1");
}

/* ---- types, and no state at all ---- */

static void
an_unset_state_counts_as_all_defaults_of_the_other_ones_type(void **state)
{
	AzState		unset = {0};

	assert_changes(unset, unset, "");
	assert_changes(unset, STATE(""), "");
	assert_changes(unset, STATE("\x08\x00"), "");
	assert_changes(unset, STATE("\x08\x01"), "1");
}

static void
a_type_is_the_text_after_the_last_slash(void **state)
{
	AzState		other = STATE("\x08\x01");

	other.type_url = "type.googleapis.com/shop.Order";
	assert_changes(other, STATE("\x08\x01"), "");
	other.type_url = "shop.Order";
	assert_changes(other, STATE("\x08\x01"), "");
}

static void
of_another_type_every_field_counts_as_changed(void **state)
{
	AzState		other = STATE("\x08\x01\x18\x00");
	AzFieldSet	changed;

	other.type_url = "/shop.Cart";
	assert_changes(other, STATE("\x08\x01\x22\x01" "a"), "1,4");
	assert_true(az_fields_compare(&other, &STATE(""), &changed, arena, NULL));
	assert_true(changed.every);
	other.bytes.len = 0;
	assert_changes(other, STATE(""), "all");
}

/* ---- two sets ---- */

static AzFieldSet
set_of(bool every, size_t count, const uint32_t *numbers)
{
	AzFieldSet	set = {every, numbers, count};

	return set;
}

static void
assert_meet(AzFieldSet one, AzFieldSet other, const char *text, bool empty)
{
	AzFieldSet	both;

	assert_true(az_fields_meet(&one, &other, &both, arena, NULL));
	assert_string_equal(az_fields_text(&both, NULL, arena), text);
	assert_int_equal(az_fields_is_empty(&both), empty);
	assert_true(az_fields_meet(&other, &one, &both, arena, NULL));
	assert_string_equal(az_fields_text(&both, NULL, arena), text);
}

static void
two_sets_meet_in_what_both_hold(void **state)
{
	static const uint32_t some[] = {1, 4, 7, 536870911};
	static const uint32_t others[] = {2, 4, 536870911};

	assert_meet(set_of(false, 4, some), set_of(false, 3, others), "4,536870911", false);
	assert_meet(set_of(false, 1, some), set_of(false, 3, others), "", true);
	assert_meet(set_of(false, 0, NULL), set_of(false, 0, NULL), "", true);
	assert_meet(set_of(true, 1, some), set_of(false, 3, others), "2,4,536870911", false);
	assert_meet(set_of(true, 1, some), set_of(false, 0, NULL), "", true);
	assert_meet(set_of(true, 1, some), set_of(true, 1, others), "1,2", false);
	assert_meet(set_of(true, 0, NULL), set_of(true, 0, NULL), "all", false);
}

static void
a_long_list_of_fields_is_cut_and_says_so(void **state)
{
	static uint32_t numbers[1000];
	AzFieldSet	set = {false, numbers, 1000};
	const char *text;

	for (uint32_t i = 0; i < 1000; i++)
		numbers[i] = 536870000 + i;
	text = az_fields_text(&set, NULL, arena);
	assert_true(strlen(text) < AZ_FIELDS_TEXT_SIZE);
	assert_true(strlen(text) > AZ_FIELDS_TEXT_SIZE - 40);
	assert_string_equal(text + strlen(text) - 4, ",...");
	assert_memory_equal(text, "536870000,536870001,", 20);
}

static void
a_field_is_called_by_its_name_where_there_is_one(void **state)
{
	static const uint32_t numbers[] = {1, 4, 7};
	static const char *const names[] = {"customer_id", NULL, "items"};
	AzFieldSet	set = {false, numbers, 3};
	char		long_name[600];
	const char *const one_long[] = {long_name, NULL, NULL};

	assert_string_equal(az_fields_text(&set, names, arena),
						"customer_id,4,items");
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_string_equal(az_fields_text(&set, one_long, arena), "...");
}

/* ---- random messages ---- */

typedef enum Kind
{
	VARINT, FIXED32, FIXED64, TEXT, GROUP, LIST, NUMBERS, MAP, KINDS
} Kind;

/* A field, and the values of its records: numbers that its kind encodes. */
typedef struct ModelField
{
	uint32_t	number;
	Kind		kind;
	size_t		count;
	uint32_t	values[MAX_RECORDS];	/* none is 0, of a MAP each once */
} ModelField;

typedef struct Model
{
	ModelField	fields[MAX_FIELDS];
	size_t		count;
} Model;

typedef struct Piece
{
	uint8_t		bytes[64];
	size_t		len;
	const ModelField *field;	/* NULL: an explicit default */
} Piece;

static uint32_t
next_random(void)
{
	static uint32_t seed = 20261124;

	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static bool
holds(const ModelField *field, uint32_t value)
{
	for (size_t i = 0; i < field->count; i++)
		if (field->values[i] == value)
			return true;
	return false;
}

static uint32_t
new_value(const ModelField *field)
{
	uint32_t	value;

	do
		value = next_random() % 500 + 1;
	while (holds(field, value));
	return value;
}

static void
make_model(Model *model)
{
	uint32_t	number = 0;

	model->count = next_random() % MAX_FIELDS + 1;
	for (size_t i = 0; i < model->count; i++)
	{
		ModelField *field = &model->fields[i];
		size_t		count = 1;

		number += next_random() % 40 + 1;
		field->number = number;
		field->kind = (Kind) (next_random() % KINDS);
		if (field->kind >= LIST)
			count = next_random() % MAX_RECORDS + 1;
		for (field->count = 0; field->count < count; field->count++)
			field->values[field->count] = new_value(field);
	}
}

static void
put_varint(Piece *piece, uint64_t value)
{
	while (value > 127)
	{
		piece->bytes[piece->len++] = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	piece->bytes[piece->len++] = (uint8_t) value;
}

static void
put_tag(Piece *piece, uint32_t number, uint32_t wire)
{
	put_varint(piece, (uint64_t) number << 3 | wire);
}

static void
put_fixed(Piece *piece, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		piece->bytes[piece->len++] = (uint8_t) (value >> (8 * i));
}

/* Tag and length of a submessage around what it holds. */
static void
put_nested(Piece *piece, uint32_t number, const Piece *inner)
{
	put_tag(piece, number, 2);
	put_varint(piece, inner->len);
	memcpy(piece->bytes + piece->len, inner->bytes, inner->len);
	piece->len += inner->len;
}

static void
write_record(Piece *piece, const ModelField *field, uint32_t value)
{
	Piece		inner = {.len = 0};

	piece->field = field;
	switch (field->kind)
	{
		case VARINT:
		case NUMBERS:
			put_tag(piece, field->number, 0);
			put_varint(piece, value);
			return;
		case FIXED32:
			put_tag(piece, field->number, 5);
			put_fixed(piece, value, 4);
			return;
		case FIXED64:
			put_tag(piece, field->number, 1);
			put_fixed(piece, (uint64_t) value << 32, 8);
			return;
		case GROUP:
			put_tag(piece, field->number, 3);
			put_tag(piece, 2, 0);
			put_varint(piece, value);
			put_tag(piece, field->number, 4);
			return;
		case MAP:
			put_tag(&inner, 1, 0);
			put_varint(&inner, value);
			put_tag(&inner, 2, 0);
			put_varint(&inner, value + 3);
			break;
		default:
			put_tag(&inner, 3, 0);
			put_varint(&inner, value);
			break;
	}
	put_nested(piece, field->number, &inner);
}

static void
write_default(Piece *piece, uint32_t number)
{
	static const uint32_t wires[] = {0, 1, 2, 5};
	uint32_t	wire = wires[next_random() % 4];

	put_tag(piece, number, wire);
	put_fixed(piece, 0, wire == 1 ? 8 : wire == 5 ? 4 : 1);
}

/* Whether two pieces may change places: not two of a list. */
static bool
may_swap(const Piece *one, const Piece *other)
{
	return one->field != other->field || one->field == NULL ||
		one->field->kind == MAP;
}

/* Steps of neighbours, so that no list is put in another order. */
static void
shuffle(Piece *pieces, size_t count)
{
	for (size_t n = 0; count > 1 && n < count * count; n++)
	{
		size_t		i = next_random() % (count - 1);
		Piece		piece = pieces[i];

		if (!may_swap(&pieces[i], &pieces[i + 1]))
			continue;
		pieces[i] = pieces[i + 1];
		pieces[i + 1] = piece;
	}
}

/* One of the many ways to encode it, with defaults for fields it lacks. */
static AzState
encode(const Model *model, bool plainly)
{
	static Piece pieces[MAX_FIELDS * MAX_RECORDS + MAX_FIELDS];
	size_t		count = 0;
	AzState		state = {.type_url = ORDER};
	uint8_t    *bytes;

	memset(pieces, 0, sizeof(pieces));
	for (size_t i = 0; i < model->count; i++)
	{
		const ModelField *field = &model->fields[i];

		for (size_t j = 0; j < field->count; j++)
			write_record(&pieces[count++], field, field->values[j]);
		/* Numbers are at least one apart; those between are not there. */
		if (!plainly && (i + 1 == model->count ||
						 model->fields[i + 1].number > field->number + 1))
			write_default(&pieces[count++], field->number + 1);
	}
	if (!plainly)
		shuffle(pieces, count);
	bytes = az_arena_alloc(arena, count * sizeof(pieces[0].bytes));
	for (size_t i = 0; i < count; i++)
	{
		memcpy(bytes + state.bytes.len, pieces[i].bytes, pieces[i].len);
		state.bytes.len += pieces[i].len;
	}
	state.bytes.data = bytes;
	return state;
}

/* Another value, one record more or less, or a list in another order. */
static void
change_field(ModelField *field)
{
	uint32_t	first = field->values[0];

	switch (field->kind < LIST ? 0 : next_random() % 4)
	{
		case 1:
			if (field->count < MAX_RECORDS)
			{
				field->values[field->count] = new_value(field);
				field->count++;
				return;
			}
			break;
		case 2:
			field->count--;
			return;
		case 3:
			if (field->count > 1 && field->kind != MAP)
			{
				field->values[0] = field->values[field->count - 1];
				field->values[field->count - 1] = first;
				return;
			}
			break;
		default:
			break;
	}
	field->values[next_random() % field->count] = new_value(field);
}

static void
another_encoding_of_the_same_state_is_never_a_change(void **state)
{
	for (int n = 0; n < 3000; n++)
	{
		Model		model;

		make_model(&model);
		assert_changes(encode(&model, true), encode(&model, false), "");
		assert_changes(encode(&model, false), encode(&model, false), "");
		az_arena_reset(arena);
	}
}

static void
a_changed_field_is_always_found_and_no_other_one(void **state)
{
	for (int n = 0; n < 3000; n++)
	{
		Model		model;
		Model		changed;
		ModelField *field;
		char		number[16];

		make_model(&model);
		changed = model;
		field = &changed.fields[next_random() % changed.count];
		change_field(field);
		snprintf(number, sizeof(number), "%u", field->number);
		assert_changes(encode(&model, false), encode(&changed, false), number);
		az_arena_reset(arena);
	}
}

/* ---- hostile bytes ---- */

static void
what_is_no_message_is_malformed(void **state)
{
	AzState		good = STATE("\x08\x01");

	assert_changes(good, STATE("\x08"), "?");
	assert_changes(good, STATE("\x0A\x05" "abc"), "?");
	assert_changes(good, STATE("\x00\x01"), "?");
	assert_changes(good, STATE("\x0B\x08\x01"), "?");
	assert_changes(STATE("\xFF"), STATE("\xFF"), "?");
}

static void
random_bytes_are_compared_or_refused(void **state)
{
	for (int n = 0; n < 20000; n++)
	{
		uint8_t		bytes[2][40];
		AzState		states[2];

		for (int i = 0; i < 2; i++)
		{
			/* On the heap's scale of sizes, so that one byte too far shows. */
			states[i] = (AzState)
			{
				ORDER,
				{
					bytes[i], next_random() % sizeof(bytes[i])
				}
			};
			for (size_t j = 0; j < states[i].bytes.len; j++)
				bytes[i][j] = (uint8_t) (next_random() % 3 == 0 ?
										 next_random() : next_random() % 20);
			az_arena_copy(arena, states[i].bytes, &states[i].bytes);
		}
		changes(states[0], states[1]);
		assert_string_equal(changes(states[0], states[0])[0] == '?' ?
							"" : changes(states[0], states[0]), "");
		az_arena_reset(arena);
	}
}

/* A megabyte of tiny fields backwards, and of a map: not by the square. */
static void
a_large_state_is_compared_quickly(void **state)
{
	enum
	{
		ENTRIES = 120000, ENTRY = 9
	};
	uint8_t    *forward = az_arena_alloc(arena, ENTRIES * ENTRY);
	uint8_t    *backward = az_arena_alloc(arena, ENTRIES * ENTRY);
	AzState		one = {ORDER, {forward, ENTRIES * ENTRY}};
	AzState		other = {ORDER, {backward, ENTRIES * ENTRY}};

	for (int i = 0; i < ENTRIES; i++)
	{
		uint8_t		entry[ENTRY] = {0x0A, 7, 0x0A, 3, (uint8_t) (i >> 16),
		(uint8_t) (i >> 8), (uint8_t) i, 0x10, 1};

		memcpy(forward + i * ENTRY, entry, ENTRY);
		memcpy(backward + (ENTRIES - 1 - i) * ENTRY, entry, ENTRY);
	}
	assert_changes(one, other, "");
	backward[ENTRY - 1]++;
	assert_changes(one, other, "1");
	for (int i = 0; i < ENTRIES; i++)
	{
		uint32_t	number = (uint32_t) (ENTRIES - i);

		forward[4 * i] = (uint8_t) (number << 3 | 0x80);
		forward[4 * i + 1] = (uint8_t) (number >> 4 | 0x80);
		forward[4 * i + 2] = (uint8_t) (number >> 11 & 0x7F);
		forward[4 * i + 3] = 1;
	}
	one.bytes.len = ENTRIES * 4;
	assert_changes(one, one, "");
}

static void
each_allocation_may_fail(void **state)
{
	AzState		one = STATE("\x0A\x02\x08\x01\x0A\x02\x08\x02\x10\x05");
	AzState		other = STATE("\x0A\x02\x08\x02\x0A\x02\x08\x01\x10\x06");
	bool		worked = false;

	for (int n = 0; !worked; n++)
	{
		AzFieldSet	changed;
		AzError		error = {0};
		bool		done;

		assert_true(n < 100);
		fail_malloc_after(n);
		done = az_fields_compare(&one, &other, &changed, arena, &error);
		worked = !malloc_has_failed();
		fail_malloc_after(-1);
		assert_int_equal(done, worked);
		if (!done)
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		else
			assert_string_equal(az_fields_text(&changed, NULL, arena), "2");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_field_differs_when_its_value_does_or_it_is_not_there),
		TEST(the_order_of_fields_is_no_change),
		TEST(an_explicit_default_is_as_good_as_none),
		TEST(a_number_is_the_same_however_it_is_written),
		TEST(the_order_of_a_list_is_a_change),
		TEST(a_scalar_that_is_there_twice_counts_as_a_list),
		TEST(a_list_that_is_packed_otherwise_counts_as_changed),
		TEST(groups_and_submessages_are_compared_as_bytes),
		TEST(the_order_of_a_map_is_no_change_but_its_entries_are),
		TEST(what_cannot_be_a_map_keeps_its_order),
		TEST(an_unset_state_counts_as_all_defaults_of_the_other_ones_type),
		TEST(a_type_is_the_text_after_the_last_slash),
		TEST(of_another_type_every_field_counts_as_changed),
		TEST(two_sets_meet_in_what_both_hold),
		TEST(a_long_list_of_fields_is_cut_and_says_so),
		TEST(a_field_is_called_by_its_name_where_there_is_one),
		TEST(another_encoding_of_the_same_state_is_never_a_change),
		TEST(a_changed_field_is_always_found_and_no_other_one),
		TEST(what_is_no_message_is_malformed),
		TEST(random_bytes_are_compared_or_refused),
		TEST(a_large_state_is_compared_quickly),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
