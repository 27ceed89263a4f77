/*
 * Obligations of many jobs: a statement for each of the four things a wish
 * may hold, none where nobody holds it.
 *
 * Rows are recorded before others are closed: what is forwarded under the key
 * of the row it came from is then not recorded anew.
 */
#include "store/obligations.h"

typedef struct Sizes
{
	size_t		rows;
	size_t		letters;
	size_t		keys;
	size_t		closed;
} Sizes;

static bool run_obligations(AzDb *db, AzWish **wishes, size_t count,
							AzArena *scratch, AzError *error);
static Sizes count_all(AzWish **wishes, size_t count);
static bool record_rows(AzDb *db, AzWish **wishes, size_t n_rows,
						AzArena *scratch, AzError *error);
static bool file_letters(AzDb *db, AzWish **wishes, size_t n_letters,
						 AzArena *scratch, AzError *error);
static bool settle_keys(AzDb *db, AzWish **wishes, size_t n_keys,
						AzArena *scratch, AzError *error);
static bool close_rows(AzDb *db, AzWish **wishes, size_t n_closed,
					   AzArena *scratch, AzError *error);

const AzWishKind az_obligation_kind = {
	"record obligations", run_obligations, NULL
};

static bool
run_obligations(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
				AzError *error)
{
	Sizes		sizes = count_all(wishes, count);

	for (size_t i = 0; i < count; i++)
		wishes[i]->outcome = AZ_WISH_FULFILLED;
	return record_rows(db, wishes, sizes.rows, scratch, error) &&
		file_letters(db, wishes, sizes.letters, scratch, error) &&
		settle_keys(db, wishes, sizes.keys, scratch, error) &&
		close_rows(db, wishes, sizes.closed, scratch, error);
}

static Sizes
count_all(AzWish **wishes, size_t count)
{
	Sizes		sizes = {0};

	for (size_t i = 0; i < count; i++)
	{
		const AzObligationWish *wish = (AzObligationWish *) wishes[i];

		sizes.rows += wish->n_rows;
		sizes.letters += wish->n_letters;
		sizes.keys += wish->n_keys;
		sizes.closed += wish->closed != 0 ? 1 : 0;
	}
	return sizes;
}

static bool
record_rows(AzDb *db, AzWish **wishes, size_t n_rows, AzArena *scratch,
			AzError *error)
{
	const AzOutboxRow **rows;

	if (n_rows == 0)
		return true;
	rows = az_arena_array(scratch, n_rows, sizeof(*rows));
	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0, row = 0; row < n_rows; i++)
	{
		const AzObligationWish *wish = (AzObligationWish *) wishes[i];

		for (size_t j = 0; j < wish->n_rows; j++)
			rows[row++] = &wish->rows[j];
	}
	return az_outbox_record(db, rows, n_rows, scratch, error);
}

static bool
file_letters(AzDb *db, AzWish **wishes, size_t n_letters, AzArena *scratch,
			 AzError *error)
{
	const AzDeadLetter **letters;

	if (n_letters == 0)
		return true;
	letters = az_arena_array(scratch, n_letters, sizeof(*letters));
	if (letters == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0, row = 0; row < n_letters; i++)
	{
		const AzObligationWish *wish = (AzObligationWish *) wishes[i];

		for (size_t j = 0; j < wish->n_letters; j++)
			letters[row++] = &wish->letters[j];
	}
	return az_dead_letters_file(db, letters, n_letters, scratch, error);
}

static bool
settle_keys(AzDb *db, AzWish **wishes, size_t n_keys, AzArena *scratch,
			AzError *error)
{
	AzKeyRow   *rows;

	if (n_keys == 0)
		return true;
	rows = az_arena_array(scratch, n_keys, sizeof(AzKeyRow));
	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0, row = 0; row < n_keys; i++)
	{
		AzObligationWish *wish = (AzObligationWish *) wishes[i];

		for (size_t j = 0; j < wish->n_keys; j++, row++)
		{
			rows[row].aggregate = &wish->keys[j].aggregate;
			rows[row].key = &wish->keys[j].key;
			rows[row].kept = &wish->keys[j].kept;
			rows[row].arena = wish->wish.arena;
		}
	}
	return az_keys_settle(db, rows, n_keys, scratch, error);
}

static bool
close_rows(AzDb *db, AzWish **wishes, size_t n_closed, AzArena *scratch,
		   AzError *error)
{
	int64_t    *ids;

	if (n_closed == 0)
		return true;
	ids = az_arena_array(scratch, n_closed, sizeof(int64_t));
	if (ids == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0, row = 0; row < n_closed; i++)
		if (((AzObligationWish *) wishes[i])->closed != 0)
			ids[row++] = ((AzObligationWish *) wishes[i])->closed;
	return az_outbox_close(db, ids, n_closed, scratch, error);
}
