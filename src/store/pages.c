/* The events of many commands as the array parameters of an append. */
#include "store/pages.h"

#include "store/append.h"
#include "store/columns.h"

/* Parameters of both forms, one value a page. */
enum
{
	ROOT, DOMAIN, EDITION, SEQUENCE, PAGE, CREATED_AT, CORRELATION_ID,
	TYPE_URL, PAYLOAD, EXTERNAL, EXT, ISOLATED, DEPTH, SOURCE_DOMAIN,
	SOURCE_EDITION, SOURCE_ROOT, SOURCE_SEQUENCE, SOURCE_COMPONENT
};

static void fill_page(AzDbParam *params, size_t row, const AzAppendWish *append,
					  size_t page);
static void fill_event(AzDbParam *params, size_t row, const AzEvent *event);
static void fill_cause(AzDbParam *params, size_t row, const AzCause *cause);

AzDbParam *
az_pages_fill(AzStatementId statement, AzWish **wishes, size_t count,
			  AzArena *scratch)
{
	size_t		pages = 0;
	size_t		row = 0;
	AzDbParam  *params;

	for (size_t i = 0; i < count; i++)
		pages += ((AzAppendWish *) wishes[i])->count;
	params = az_columns_create(statement, pages, scratch);
	if (params == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
	{
		const AzAppendWish *append = (AzAppendWish *) wishes[i];

		for (size_t page = 0; page < append->count; page++)
			fill_page(params, row++, append, page);
	}
	return params;
}

static void
fill_page(AzDbParam *params, size_t row, const AzAppendWish *append,
		  size_t page)
{
	AzBytes		root = {append->aggregate.root, AZ_UUID_SIZE};

	az_columns_set_bytes(&params[ROOT], row, root);
	az_columns_set_text(&params[DOMAIN], row, append->aggregate.domain);
	az_columns_set_text(&params[EDITION], row, append->aggregate.edition);
	az_columns_set_int(&params[PAGE], row, (int64_t) page);
	fill_event(params, row, &append->events[page]);
	fill_cause(params, row, append->events[page].cause);
}

static void
fill_event(AzDbParam *params, size_t row, const AzEvent *event)
{
	az_columns_set_int(&params[SEQUENCE], row, event->sequence);
	az_columns_set_int(&params[CREATED_AT], row, event->created_at_us);
	az_columns_set_text(&params[CORRELATION_ID], row, event->correlation_id);
	az_columns_set_text(&params[TYPE_URL], row, event->type_url);
	az_columns_set_bytes(&params[PAYLOAD], row, event->payload);
	az_columns_set_bytes(&params[EXTERNAL], row, event->external);
	if (event->external.len == 0)
		az_columns_set_null(&params[EXTERNAL], row);
	else
		az_columns_set_null(&params[PAYLOAD], row);
	az_columns_set_bytes(&params[EXT], row, event->ext);
	if (event->ext.len == 0)
		az_columns_set_null(&params[EXT], row);
	az_columns_set_int(&params[ISOLATED], row, event->isolated);
	az_columns_set_int(&params[DEPTH], row, event->depth);
}

/* Clients' events have no cause: five nulls. */
static void
fill_cause(AzDbParam *params, size_t row, const AzCause *cause)
{
	AzBytes		root;

	if (cause == NULL)
	{
		for (int param = SOURCE_DOMAIN; param <= SOURCE_COMPONENT; param++)
			az_columns_set_null(&params[param], row);
		return;
	}
	root.data = cause->source.root;
	root.len = AZ_UUID_SIZE;
	az_columns_set_text(&params[SOURCE_DOMAIN], row, cause->source.domain);
	az_columns_set_text(&params[SOURCE_EDITION], row, cause->source.edition);
	az_columns_set_bytes(&params[SOURCE_ROOT], row, root);
	az_columns_set_int(&params[SOURCE_SEQUENCE], row, cause->sequence);
	az_columns_set_text(&params[SOURCE_COMPONENT], row, cause->component);
}
