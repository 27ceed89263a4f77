/* The outbox: recording, reading, postponing and closing its rows. */
#include "store/outbox.h"

#include <string.h>

#include "store/columns.h"

/* Parameters of AZ_STATEMENT_RECORD_OBLIGATIONS. */
enum
{
	KIND, COMPONENT, ROOT, DOMAIN, EDITION, KEY, ENVELOPE, DEPTH
};

/* Parameters of AZ_STATEMENT_READ_OBLIGATIONS. */
enum
{
	MOST, BUSY
};

/* Its results. */
enum
{
	READ_ID, READ_KIND, READ_COMPONENT, READ_ROOT, READ_DOMAIN, READ_EDITION,
	READ_ENVELOPE, READ_DEPTH, READ_ATTEMPTS, READ_NEXT_ATTEMPT_AT
};

/* Parameters of AZ_STATEMENT_POSTPONE_OBLIGATIONS. */
enum
{
	ID, ATTEMPTS, NEXT_ATTEMPT_AT, LAST_ERROR
};

static void take_entry(AzOutboxEntry *entry, const AzRows *rows, size_t i);
static bool run_postpones(AzDb *db, AzWish **wishes, size_t count,
						  AzArena *scratch, AzError *error);

const AzWishKind az_postpone_kind = {
	"postpone obligations", run_postpones, NULL
};

bool
az_outbox_record(AzDb *db, const AzOutboxRow *const *rows, size_t count,
				 AzArena *scratch, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_RECORD_OBLIGATIONS,
										   count, scratch);
	AzRows		recorded;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		const AzOutboxRow *row = rows[i];
		AzBytes		root = {row->target.root, AZ_UUID_SIZE};

		az_columns_set_text(&params[KIND], i, row->kind);
		az_columns_set_text(&params[COMPONENT], i, row->component);
		az_columns_set_bytes(&params[ROOT], i, root);
		az_columns_set_text(&params[DOMAIN], i, row->target.domain);
		az_columns_set_text(&params[EDITION], i, row->target.edition);
		az_columns_set_bytes(&params[KEY], i, row->digest_key);
		az_columns_set_bytes(&params[ENVELOPE], i, row->envelope);
		az_columns_set_int(&params[DEPTH], i, row->depth);
	}
	return az_db_execute(db, AZ_STATEMENT_RECORD_OBLIGATIONS, params, scratch,
						 &recorded, error);
}

bool
az_outbox_close(AzDb *db, int64_t *ids, size_t count, AzArena *scratch,
				AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_CLOSE_OBLIGATIONS,
										   count, scratch);
	AzRows		closed;

	if (params == NULL)
		return az_error_out_of_memory(error);
	az_columns_set_ints(&params[0], ids, count);
	return az_db_execute(db, AZ_STATEMENT_CLOSE_OBLIGATIONS, params, scratch,
						 &closed, error);
}

bool
az_outbox_read(AzDb *db, AzOutboxPage *page, AzArena *arena, AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_READ_OBLIGATIONS, 1,
										   arena);
	AzRows		rows;

	if (params == NULL)
		return az_error_out_of_memory(error);
	az_columns_set_ints(&params[BUSY], page->busy, page->n_busy);
	az_columns_set_int(&params[MOST], 0, page->most);
	if (!az_db_execute(db, AZ_STATEMENT_READ_OBLIGATIONS, params, arena, &rows,
					   error))
		return false;
	page->entries = az_arena_array(arena, rows.count, sizeof(AzOutboxEntry));
	if (page->entries == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < rows.count; i++)
		take_entry(&page->entries[i], &rows, i);
	page->count = rows.count;
	return true;
}

/* Its texts stay the rows', which are in the same arena. */
static void
take_entry(AzOutboxEntry *entry, const AzRows *rows, size_t i)
{
	AzOutboxRow *row = &entry->row;
	AzBytes		root = az_rows_bytes(rows, i, READ_ROOT);

	entry->id = az_rows_int(rows, i, READ_ID);
	entry->attempts = (int) az_rows_int(rows, i, READ_ATTEMPTS);
	entry->next_attempt_us = az_rows_int(rows, i, READ_NEXT_ATTEMPT_AT);
	row->depth = (int32_t) az_rows_int(rows, i, READ_DEPTH);
	if (root.len == AZ_UUID_SIZE)
		memcpy(row->target.root, root.data, AZ_UUID_SIZE);
	row->kind = az_rows_text(rows, i, READ_KIND);
	row->component = az_rows_text(rows, i, READ_COMPONENT);
	row->target.domain = az_rows_text(rows, i, READ_DOMAIN);
	row->target.edition = az_rows_text(rows, i, READ_EDITION);
	row->envelope = az_rows_bytes(rows, i, READ_ENVELOPE);
}

static bool
run_postpones(AzDb *db, AzWish **wishes, size_t count, AzArena *scratch,
			  AzError *error)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_POSTPONE_OBLIGATIONS,
										   count, scratch);
	AzRows		postponed;

	if (params == NULL)
		return az_error_out_of_memory(error);
	for (size_t i = 0; i < count; i++)
	{
		AzPostponeWish *wish = (AzPostponeWish *) wishes[i];

		az_columns_set_int(&params[ID], i, wish->id);
		az_columns_set_int(&params[ATTEMPTS], i, wish->attempts);
		az_columns_set_int(&params[NEXT_ATTEMPT_AT], i, wish->next_attempt_us);
		az_columns_set_text(&params[LAST_ERROR], i, wish->last_error);
		wish->wish.outcome = AZ_WISH_FULFILLED;
	}
	return az_db_execute(db, AZ_STATEMENT_POSTPONE_OBLIGATIONS, params,
						 scratch, &postponed, error);
}
