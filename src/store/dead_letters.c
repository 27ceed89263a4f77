/* Filing many dead letters with one statement. */
#include "store/dead_letters.h"

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_FILE_DEAD_LETTERS. */
enum
{
	DOMAIN, CORRELATION_ID, COMPONENT, COMPONENT_TYPE, REJECTION_TYPE, REASON,
	DETAILS, PAYLOAD, OCCURRED_AT
};

static bool run_letters(AzDb *db, AzWish **wishes, size_t count,
						AzArena *scratch, AzError *error);
static void fill_letter(AzDbParam *params, size_t row,
						const AzDeadLetter *letter);

const AzWishKind az_dead_letter_kind = {
	"file dead letters", run_letters, NULL
};

bool
az_dead_letters_file(AzDb *db, const AzDeadLetter *const *letters,
					 size_t count, AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_FILE_DEAD_LETTERS,
										   count, scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
		fill_letter(params, i, letters[i]);
	return az_db_execute(db, AZ_STATEMENT_FILE_DEAD_LETTERS, params, scratch,
						 &rows, error);
}

static bool
run_letters(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			AzError *error)
{
	const AzDeadLetter **letters = az_arena_array(scratch, count,
												  sizeof(*letters));

	if (letters == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		letters[i] = &((AzDeadLetterWish *) wishes[i])->letter;
		wishes[i]->outcome = AZ_WISH_FULFILLED;
	}
	return az_dead_letters_file(db, letters, count, scratch, error);
}

static void
fill_letter(AzDbParam *params, size_t row, const AzDeadLetter *letter)
{
	az_columns_set_text(&params[DOMAIN], row, letter->domain);
	az_columns_set_text(&params[CORRELATION_ID], row, letter->correlation_id);
	az_columns_set_text(&params[COMPONENT], row, letter->component);
	az_columns_set_text(&params[COMPONENT_TYPE], row, letter->component_type);
	az_columns_set_text(&params[REJECTION_TYPE], row, letter->rejection_type);
	az_columns_set_text(&params[REASON], row, letter->reason);
	az_columns_set_text(&params[DETAILS], row, letter->details);
	az_columns_set_bytes(&params[PAYLOAD], row, letter->payload);
	az_columns_set_int(&params[OCCURRED_AT], row, letter->occurred_at_us);
}
