/* Reserving deliveries for requests that wait for them. */
#include "store/reserve.h"

#include "store/columns.h"

/* Parameters of all three, as far as they have them. */
enum
{
	COMPONENT, ROOT, DOMAIN, EDITION, FIRST, LAST, UNTIL, IS_DONE = UNTIL
};

static bool run_turns(AzDb *db, AzWish **wishes, size_t count,
					  AzArena *scratch, AzError *error);
static bool run_ends(AzDb *db, AzWish **wishes, size_t count,
					 AzArena *scratch, AzError *error);
static void fill(AzDbParam *params, size_t i, const AzReservation *row);

const AzWishKind az_turn_kind = {"find turns", run_turns, NULL};
const AzWishKind az_reserved_end_kind = {"end reservations", run_ends, NULL};

bool
az_reserve(AzDb *db, AzReservation *const *reservations, size_t count,
		   AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_RESERVE, count,
										   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		fill(params, i, reservations[i]);
		az_columns_set_int(&params[LAST], i, reservations[i]->last);
		az_columns_set_int(&params[UNTIL], i, reservations[i]->until_us);
		reservations[i]->is_reserved = false;
	}
	if (!az_db_execute(db, AZ_STATEMENT_RESERVE, params, scratch, &rows,
					   error))
		return false;
	for (size_t row = 0; row < rows.count; row++)
	{
		size_t		i = (size_t) az_rows_int(&rows, row, 0);

		if (i >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"reserve_deliveries answered for an unknown component");
		reservations[i]->is_reserved = true;
	}
	return true;
}

static bool
run_turns(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		  AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_TURNS, count, scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzTurnWish *wish = (AzTurnWish *) wishes[i];

		fill(params, i, wish->reservation);
		/* Whose component is gone has nothing to wait for. */
		wish->is_pending = false;
		wish->previous_position = 0;
		wish->wish.outcome = AZ_WISH_FULFILLED;
	}
	if (!az_db_execute(db, AZ_STATEMENT_TURNS, params, scratch, &rows, error))
		return false;
	for (size_t row = 0; row < rows.count; row++)
	{
		size_t		i = (size_t) az_rows_int(&rows, row, 0);
		AzTurnWish *wish;

		if (i >= count)
			return az_error_set(error, NULL, AZ_INTERNAL,
								"turns answered for an unknown component");
		wish = (AzTurnWish *) wishes[i];
		wish->previous_position = az_rows_int(&rows, row, 1);
		wish->is_pending = az_rows_int(&rows, row, 2) != 0;
	}
	return true;
}

static bool
run_ends(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
		 AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_END_RESERVED, count,
										   scratch);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzReservedEndWish *wish = (AzReservedEndWish *) wishes[i];

		fill(params, i, wish->reservation);
		az_columns_set_int(&params[FIRST], i, wish->first);
		az_columns_set_int(&params[LAST], i, wish->last);
		az_columns_set_int(&params[IS_DONE], i, wish->is_done);
		wish->wish.outcome = AZ_WISH_FULFILLED;
	}
	return az_db_execute(db, AZ_STATEMENT_END_RESERVED, params, scratch,
						 &rows, error);
}

static void
fill(AzDbParam *params, size_t i, const AzReservation *row)
{
	AzBytes		root = {row->aggregate.root, AZ_UUID_SIZE};

	az_columns_set_text(&params[COMPONENT], i, row->component);
	az_columns_set_bytes(&params[ROOT], i, root);
	az_columns_set_text(&params[DOMAIN], i, row->aggregate.domain);
	az_columns_set_text(&params[EDITION], i, row->aggregate.edition);
	az_columns_set_int(&params[FIRST], i, row->first);
}
