/*
 * Appending the events of many commands with one call of append_batch, then
 * keeping the keys, snapshots, obligations and timers of those that were
 * appended.
 *
 * The batch is sorted by key, so that two batches never wait for each other
 * in a circle, and holds each aggregate once: a second command for the same
 * one is put off.  The probed form never waits for another transaction and
 * says BUSY instead; the plain form is the way out when a race made it fail.
 * Keys are looked for first; a key kept by somebody else after that look makes
 * the whole batch fail with 23505, and the next try finds it.
 */
#include "store/append.h"

#include <stdlib.h>
#include <string.h>

#include "store/columns.h"
#include "store/companions.h"
#include "store/heads.h"
#include "store/pages.h"

/* Parameters of AZ_STATEMENT_HOLD_BRANCHES. */
enum
{
	ROOT, DOMAIN, EDITION
};

/* Results, one row a command. */
enum
{
	COMMAND, OUTCOME, NEXT_SEQUENCE
};

static bool run_probed(AzDb *db, AzWish **wishes, size_t count,
					   AzArena *scratch, AzError *error);
static bool run_plain(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_appends(AzDb *db, AzStatementId statement, AzWish **wishes,
						size_t count, AzArena *scratch, AzError *error);
static size_t put_last(AzWish **wishes, size_t count,
					   bool (*is_last) (const AzAppendWish *append));
static bool find_repeats(AzDb *db, AzWish **wishes, size_t count,
						 AzArena *scratch, AzError *error);
static size_t list_keys(AzWish **wishes, size_t count, AzKeyRow *rows);
static bool compare_seen(AzDb *db, AzWish **wishes, size_t count,
						 AzArena *scratch, AzError *error);
static bool has_moved(const AzAppendWish *append);
static bool is_repeated(const AzAppendWish *append);
static bool has_no_events(const AzAppendWish *append);
static bool hold_branches(AzDb *db, AzWish **wishes, size_t count,
						  AzArena *scratch, AzError *error);
static AzDbParam *branch_params(AzWish **wishes, size_t count,
								size_t n_branches, AzArena *scratch);
static bool is_lost(const AzAppendWish *append);
static bool append_pages(AzDb *db, AzStatementId statement, AzWish **wishes,
						 size_t count, AzArena *scratch, AzError *error);
static bool keep_keys(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static void set_kept(AzAppendWish *append);
static bool make_reservations(AzDb *db, AzWish **wishes, size_t count,
							  AzArena *scratch, AzError *error);
static int	compare_wishes(const void *left, const void *right);
static size_t put_off_repeats(AzWish **wishes, size_t count);
static bool take_outcomes(AzWish **wishes, size_t count, const AzRows *rows,
						  AzError *error);

const AzWishKind az_append_kind = {
	"append events", run_probed, run_plain, true
};

static bool
run_probed(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		   AzError *error)
{
	return run_appends(db, AZ_STATEMENT_APPEND_PROBED, wishes, count, scratch,
					   error);
}

static bool
run_plain(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	return run_appends(db, AZ_STATEMENT_APPEND, wishes, count, scratch, error);
}

static bool
run_appends(AzDb *db, AzStatementId statement, AzWish **wishes, size_t count,
			AzArena *scratch, AzError *error)
{
	size_t		fresh;

	qsort(wishes, count, sizeof(AzWish *), compare_wishes);
	count = put_off_repeats(wishes, count);
	if (!find_repeats(db, wishes, count, scratch, error))
		return false;
	fresh = put_last(wishes, count, is_repeated);
	if (!compare_seen(db, wishes, fresh, scratch, error))
		return false;
	fresh = put_last(wishes, fresh, has_moved);
	count = put_last(wishes, fresh, has_no_events);
	if (!hold_branches(db, wishes, count, scratch, error))
		return false;
	count = put_last(wishes, count, is_lost);
	return append_pages(db, statement, wishes, count, scratch, error) &&
		keep_keys(db, wishes, fresh, scratch, error) &&
		az_companions_keep(db, wishes, fresh, scratch, error) &&
		make_reservations(db, wishes, count, scratch, error);
}

/* Moves those behind the others, keeping their order; returns how many stay. */
static size_t
put_last(AzWish **wishes, size_t count,
		 bool (*is_last) (const AzAppendWish *append))
{
	size_t		kept = 0;

	for (size_t i = 0; i < count; i++)
	{
		AzWish	   *wish = wishes[i];

		if (is_last((AzAppendWish *) wish))
			continue;
		memmove(&wishes[kept + 1], &wishes[kept], (i - kept) * sizeof(AzWish *));
		wishes[kept++] = wish;
	}
	return kept;
}

/* Whose key is kept already is answered with what the first one got. */
static bool
find_repeats(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			 AzError *error)
{
	AzKeyRow   *rows = az_arena_array(scratch, count, sizeof(AzKeyRow));
	AzKept	   *found = az_arena_array(scratch, count, sizeof(AzKept));
	size_t		n_keys;

	if (rows == NULL || found == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzAppendWish *append = (AzAppendWish *) wishes[i];

		append->appended = false;
		append->repeated = false;
		append->lost = false;
		append->moved = false;
	}
	n_keys = list_keys(wishes, count, rows);
	if (n_keys == 0)
		return true;
	/* What is not found leaves the answer that is to be kept alone. */
	for (size_t i = 0; i < n_keys; i++)
		rows[i].kept = &found[i];
	if (!az_keys_find(db, rows, n_keys, scratch, error))
		return false;
	for (size_t i = 0, key = 0; i < count; i++)
	{
		AzAppendWish *append = (AzAppendWish *) wishes[i];

		if (append->key == NULL || !found[key++].found)
			continue;
		append->kept = found[key - 1];
		append->repeated = true;
		append->wish.outcome = AZ_WISH_FULFILLED;
	}
	return true;
}

/* The keys of those that have one, in order; returns how many. */
static size_t
list_keys(AzWish **wishes, size_t count, AzKeyRow *rows)
{
	size_t		n_keys = 0;

	for (size_t i = 0; i < count; i++)
	{
		AzAppendWish *append = (AzAppendWish *) wishes[i];

		if (append->key == NULL)
			continue;
		rows[n_keys].aggregate = &append->aggregate;
		rows[n_keys].key = append->key;
		rows[n_keys].kept = &append->kept;
		rows[n_keys++].arena = append->wish.arena;
	}
	return n_keys;
}

/* Whose stream is not what it was decided on is overtaken already. */
static bool
compare_seen(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			 AzError *error)
{
	AzHeadRow  *rows = az_arena_array(scratch, count, sizeof(AzHeadRow));
	bool	   *holds = az_arena_array(scratch, count, sizeof(bool));
	size_t		n_rows = 0;

	if (rows == NULL || holds == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		const AzAppendWish *append = (AzAppendWish *) wishes[i];

		holds[i] = true;
		if (append->seen == NULL)
			continue;
		rows[n_rows].book = append->seen;
		rows[n_rows].use_snapshot = true;
		rows[n_rows++].holds = &holds[i];
	}
	if (n_rows > 0 && !az_heads_compare(db, rows, n_rows, scratch, error))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		AzAppendWish *append = (AzAppendWish *) wishes[i];

		append->moved = !holds[i];
		if (append->moved)
			append->wish.outcome = AZ_WISH_FULFILLED;
	}
	return true;
}

static bool
has_moved(const AzAppendWish *append)
{
	return append->moved;
}

static bool
is_repeated(const AzAppendWish *append)
{
	return append->repeated;
}

static bool
has_no_events(const AzAppendWish *append)
{
	return append->count == 0;
}

/*
 * Of those that begin their edition, whoever finds it begun is overtaken: the
 * sequence may be free, and yet what comes before it is another history.
 */
static bool
hold_branches(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			  AzError *error)
{
	size_t		n_branches = 0;
	size_t		row = 0;
	AzDbParam  *params;
	AzRows		rows;

	for (size_t i = 0; i < count; i++)
		n_branches += ((AzAppendWish *) wishes[i])->begins ? 1 : 0;
	if (n_branches == 0)
		return true;
	params = branch_params(wishes, count, n_branches, scratch);
	if (params == NULL)
		return az_error_out_of_memory(error);
	if (!az_db_execute(db, AZ_STATEMENT_HOLD_BRANCHES, params, scratch, &rows,
					   error))
		return false;
	if (rows.count != n_branches)
		return az_error_set(error, NULL, AZ_INTERNAL,
							"hold_branches answered for another number of streams");
	for (size_t i = 0; i < count; i++)
	{
		AzAppendWish *append = (AzAppendWish *) wishes[i];

		if (!append->begins)
			continue;
		append->lost = az_rows_int(&rows, row++, 1) != 0;
		if (append->lost)
			append->wish.outcome = AZ_WISH_FULFILLED;
	}
	return true;
}

static AzDbParam *
branch_params(AzWish **wishes, size_t count, size_t n_branches,
			  AzArena *scratch)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_HOLD_BRANCHES,
										   n_branches, scratch);
	size_t		row = 0;

	for (size_t i = 0; params != NULL && i < count; i++)
	{
		const AzAppendWish *append = (AzAppendWish *) wishes[i];
		AzBytes		root = {append->aggregate.root, AZ_UUID_SIZE};

		if (!append->begins)
			continue;
		az_columns_set_bytes(&params[ROOT], row, root);
		az_columns_set_text(&params[DOMAIN], row, append->aggregate.domain);
		az_columns_set_text(&params[EDITION], row++,
							append->aggregate.edition);
	}
	return params;
}

static bool
is_lost(const AzAppendWish *append)
{
	return append->lost;
}

static bool
append_pages(AzDb *db, AzStatementId statement, AzWish **wishes, size_t count,
			 AzArena *scratch, AzError *error)
{
	AzDbParam  *params;
	AzRows		rows;

	if (count == 0)
		return true;
	params = az_pages_fill(statement, wishes, count, scratch);
	if (params == NULL)
		return az_error_out_of_memory(error);
	if (!az_db_execute(db, statement, params, scratch, &rows, error))
		return false;
	return take_outcomes(wishes, count, &rows, error);
}

/* Of those that did what they were to do, also if that was nothing. */
static bool
keep_keys(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	AzKeyRow   *rows = az_arena_array(scratch, count, sizeof(AzKeyRow));
	size_t		n_keys = 0;

	if (rows == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzAppendWish *append = (AzAppendWish *) wishes[i];

		if (append->count == 0)
		{
			append->appended = true;
			append->wish.outcome = AZ_WISH_FULFILLED;
		}
		if (!append->appended || append->key == NULL)
			continue;
		set_kept(append);
		n_keys += list_keys(&wishes[i], 1, &rows[n_keys]);
	}
	return n_keys == 0 || az_keys_keep(db, rows, n_keys, scratch, error);
}

static void
set_kept(AzAppendWish *append)
{
	append->kept.has_events = append->count > 0;
	if (!append->kept.has_events)
		return;
	append->kept.first = append->events[0].sequence;
	append->kept.last = append->events[append->count - 1].sequence;
}

/* Of what was appended, for whoever waits for what comes of it. */
static bool
make_reservations(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
				  AzError *error)
{
	AzReservation **all;
	size_t		n = 0;

	for (size_t i = 0; i < count; i++)
		n += ((AzAppendWish *) wishes[i])->n_reservations;
	if (n == 0)
		return true;
	all = az_arena_array(scratch, n, sizeof(AzReservation *));
	if (all == NULL)
		return az_error_out_of_memory(error);
	n = 0;
	for (size_t i = 0; i < count; i++)
	{
		const AzAppendWish *append = (AzAppendWish *) wishes[i];

		for (size_t k = 0; append->appended && k < append->n_reservations; k++)
			all[n++] = append->reservations[k];
	}
	return n == 0 || az_reserve(db, all, n, scratch, error);
}

/* In the order of the primary key. */
static int
compare_wishes(const void *left, const void *right)
{
	const AzAggregate *a = &(*(AzAppendWish *const *) left)->aggregate;
	const AzAggregate *b = &(*(AzAppendWish *const *) right)->aggregate;
	int			order = memcmp(a->root, b->root, AZ_UUID_SIZE);

	if (order == 0)
		order = strcmp(a->domain, b->domain);
	return order != 0 ? order : strcmp(a->edition, b->edition);
}

/*
 * Moves the second and later wishes of an aggregate to the end, marked BUSY;
 * returns how many are left.
 */
static size_t
put_off_repeats(AzWish **wishes, size_t count)
{
	size_t		kept = 0;

	for (size_t i = 0; i < count; i++)
	{
		AzWish	   *wish = wishes[i];

		wish->outcome = AZ_WISH_BUSY;
		if (kept > 0 && compare_wishes(&wishes[kept - 1], &wish) == 0)
			continue;
		wishes[i] = wishes[kept];
		wishes[kept++] = wish;
	}
	return kept;
}

static bool
take_outcomes(AzWish **wishes, size_t count, const AzRows *rows,
			  AzError *error)
{
	if (rows->count != count)
		return az_error_set(error, NULL, AZ_INTERNAL,
							"append_batch answered for another number of commands");
	for (size_t row = 0; row < count; row++)
	{
		size_t		command = (size_t) az_rows_int(rows, row, COMMAND);
		const char *outcome = az_rows_text(rows, row, OUTCOME);
		AzAppendWish *append;

		if (command >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"append_batch answered for an unknown command");
		append = (AzAppendWish *) wishes[command];
		append->appended = strcmp(outcome, "appended") == 0;
		append->next_sequence = az_rows_is_null(rows, row, NEXT_SEQUENCE) ?
			-1 : az_rows_int(rows, row, NEXT_SEQUENCE);
		append->wish.outcome = strcmp(outcome, "busy") == 0 ?
			AZ_WISH_BUSY : AZ_WISH_FULFILLED;
	}
	return true;
}
