/*
 * What a request must be before anything is done with it: contract 4.
 *
 * Each rule is a function that refuses in words for the caller; the order in
 * which they are called is the contract's.
 */
#include "pipeline/validate.h"

#include <inttypes.h>
#include <string.h>

#include "codec/book.h"
#include "pipeline/check.h"

/* A book of commands or of events; the other list is NULL. */
typedef struct Book
{
	const PbCover *cover;
	size_t		n_pages;
	PbCommandPage *const *commands;
	PbEventPage *const *events;
} Book;

/* What pages of both kinds have; NULL where one lacks it. */
typedef struct Page
{
	const PbPageHeader *header;
	const PbAny *payload;
	const PbPayloadReference *external;
} Page;

static Page page_of(const Book *book, size_t i);
static bool check_sizes(const AzCheck *check, const Book *book,
						const AzValidationLimits *limits);
static bool check_ext_size(const AzCheck *check, const PbCover *cover,
						   const AzValidationLimits *limits);
static size_t payload_size(const Page *page);
static bool check_payloads(const AzCheck *check, const Book *book);
static bool check_agreement(const AzCheck *check, const PbCommandBook *book);
static bool check_headers(const AzCheck *check, const PbCommandBook *book);
static bool check_enums(const AzCheck *check, const PbCommandRequest *request,
						const Book *book);
static bool check_page_enums(const AzCheck *check, size_t i, const Page *page);
static bool check_facts(const AzCheck *check, const Book *book);
static bool check_deferred(const AzCheck *check, const Book *book);
static bool check_fact(const AzCheck *check, size_t i, const PbEventPage *page);
static bool check_fact_enums(const AzCheck *check,
							 const PbEventRequest *request, const Book *book);
static bool check_selection(const AzCheck *check, const PbQuery *query,
							const AzValidationLimits *limits);
static bool check_time(const AzCheck *check, const PbTimestamp *time);
static int	strategy_of(const PbCommandPage *page);

bool
az_validate_command(const PbCommandRequest *request,
					const AzValidationLimits *limits, AzArena *arena,
					AzError *error)
{
	const AzCheck check = {"command.cover", "command", arena, error};
	const PbCommandBook *command = request->command;
	Book		book;

	if (command == NULL)
		return az_check_refuse(&check, "command is missing");
	book = (Book)
	{
		command->cover, command->n_pages, command->pages, NULL
	};
	return check_sizes(&check, &book, limits) &&
		az_validate_cover(book.cover, check.path, arena, error) &&
		check_payloads(&check, &book) &&
		check_agreement(&check, command) &&
		check_headers(&check, command) &&
		check_enums(&check, request, &book);
}

bool
az_validate_fact(const PbEventRequest *request,
				 const AzValidationLimits *limits, AzArena *arena,
				 AzError *error)
{
	const AzCheck check = {"events.cover", "events", arena, error};
	const PbEventBook *facts = request->events;
	Book		book;

	if (facts == NULL)
		return az_check_refuse(&check, "events is missing");
	book = (Book)
	{
		facts->cover, facts->n_pages, NULL, facts->pages
	};
	return check_sizes(&check, &book, limits) &&
		az_validate_cover(book.cover, check.path, arena, error) &&
		check_payloads(&check, &book) &&
		check_facts(&check, &book) &&
		check_fact_enums(&check, request, &book);
}

bool
az_validate_speculation(const PbSpeculateCommandHandlerRequest *request,
						const AzValidationLimits *limits, AzArena *arena,
						AzError *error)
{
	const PbTemporalQuery *point = request->point_in_time;
	PbCommandRequest command = PB_COMMAND_REQUEST_INIT;

	command.command = request->command;
	return az_validate_command(&command, limits, arena, error) &&
		(point == NULL || point->point_in_time_case == 0 ||
		 az_validate_point(point, "point_in_time", arena, error));
}

bool
az_validate_query(const PbQuery *query, const AzValidationLimits *limits,
				  AzArena *arena, AzError *error)
{
	const AzCheck check = {"query.cover", "query", arena, error};
	const PbCover *cover = query->cover;

	if (cover == NULL)
		return az_check_refuse(&check, "query.cover is missing");
	if (cover->root == NULL && cover->correlation_id[0] == '\0')
		return az_check_refuse(&check,
							   "query.cover has neither root nor correlation_id");
	if (cover->root != NULL && cover->domain[0] == '\0')
		return az_check_refuse(&check,
							   "query.cover.domain is empty, but query.cover.root is set");
	return az_check_domain_name(&check, cover) &&
		az_check_root_size(&check, cover) &&
		az_check_names(&check, cover) &&
		check_selection(&check, query, limits);
}

bool
az_validate_point(const PbTemporalQuery *point, const char *path,
				  AzArena *arena, AzError *error)
{
	const AzCheck check = {path, "", arena, error};

	if (point->point_in_time_case == 0)
		return az_check_refuse(&check,
							   "%s has no point in time, neither as_of_time nor as_of_sequence",
							   path);
	return point->point_in_time_case != PB_TEMPORAL_QUERY_AS_OF_TIME ||
		check_time(&check, point->as_of_time);
}

bool
az_validate_stream_filter(const PbEventStreamFilter *filter, AzArena *arena,
						  AzError *error)
{
	const AzCheck check = {"filter", "", arena, error};

	if (filter->correlation_id[0] == '\0')
		return az_check_refuse(&check,
							   "filter.correlation_id is empty: a subscription is to one correlation id");
	return az_check_correlation(&check, filter->correlation_id);
}

bool
az_validate_cover(const PbCover *cover, const char *path, AzArena *arena,
				  AzError *error)
{
	const AzCheck check = {path, "", arena, error};

	if (cover == NULL)
		return az_check_refuse(&check, "%s is missing", path);
	return az_check_domain(&check, cover) &&
		az_check_root(&check, cover) &&
		az_check_names(&check, cover);
}

static Page
page_of(const Book *book, size_t i)
{
	Page		page = {0};

	if (book->commands != NULL)
	{
		const PbCommandPage *command = book->commands[i];

		page.header = command->header;
		if (command->payload_case == PB_COMMAND_PAGE_COMMAND)
			page.payload = command->command;
		if (command->payload_case == PB_COMMAND_PAGE_EXTERNAL)
			page.external = command->external;
	}
	else if (book->events != NULL)
	{
		const PbEventPage *event = book->events[i];

		page.header = event->header;
		if (event->payload_case == PB_EVENT_PAGE_EVENT)
			page.payload = event->event;
		if (event->payload_case == PB_EVENT_PAGE_EXTERNAL)
			page.external = event->external;
	}
	return page;
}

/* How much there is, before anything is looked at. */
static bool
check_sizes(const AzCheck *check, const Book *book,
			const AzValidationLimits *limits)
{
	if (book->n_pages > limits->max_pages)
		return az_check_refuse(check,
							   "%s.pages has %zu pages, allowed are %zu (angzarr.max_pages_per_book)",
							   check->book, book->n_pages, limits->max_pages);
	for (size_t i = 0; i < book->n_pages; i++)
	{
		Page		page = page_of(book, i);
		size_t		size = payload_size(&page);

		if (size > limits->max_payload_bytes)
			return az_check_refuse(check,
								   "%s.pages[%zu] has a payload of %zu bytes, allowed are %zu (angzarr.max_payload_size)",
								   check->book, i, size, limits->max_payload_bytes);
	}
	return check_ext_size(check, book->cover, limits);
}

/* Each event may get it. */
static bool
check_ext_size(const AzCheck *check, const PbCover *cover,
			   const AzValidationLimits *limits)
{
	size_t		size;

	if (cover == NULL || cover->ext == NULL)
		return true;
	size = protobuf_c_message_get_packed_size(&cover->ext->base);
	if (size <= limits->max_payload_bytes)
		return true;
	return az_check_refuse(check,
						   "%s.ext has %zu bytes, allowed are %zu (angzarr.max_payload_size)",
						   check->path, size, limits->max_payload_bytes);
}

static size_t
payload_size(const Page *page)
{
	if (page->payload != NULL)
		return page->payload->value.len;
	return page->external == NULL ? 0 :
		protobuf_c_message_get_packed_size(&page->external->base);
}

static bool
check_payloads(const AzCheck *check, const Book *book)
{
	if (book->n_pages == 0)
		return az_check_refuse(check, "%s.pages is empty", check->book);
	for (size_t i = 0; i < book->n_pages; i++)
	{
		Page		page = page_of(book, i);

		if (page.payload == NULL && page.external == NULL)
			return az_check_refuse(check,
								   "%s.pages[%zu] has no payload, neither %s nor external",
								   check->book, i,
								   book->commands != NULL ? "command" : "event");
	}
	return true;
}

static bool
check_agreement(const AzCheck *check, const PbCommandBook *book)
{
	const ProtobufCEnumDescriptor *type = &pb_merge_strategy_descriptor;
	int			first = strategy_of(book->pages[0]);

	for (size_t i = 1; i < book->n_pages; i++)
	{
		int			other = strategy_of(book->pages[i]);

		if (other != first)
			return az_check_refuse(check,
								   "command.pages[%zu].merge_strategy is %s (%d), that of command.pages[0] is %s (%d); the pages of a command must agree",
								   i, az_check_enum_name(type, other), other,
								   az_check_enum_name(type, first), first);
	}
	return true;
}

static bool
check_headers(const AzCheck *check, const PbCommandBook *book)
{
	for (size_t i = 0; i < book->n_pages; i++)
	{
		const PbPageHeader *header = book->pages[i]->header;

		if (header != NULL && header->sequence_type_case ==
			PB_PAGE_HEADER_EXTERNAL_DEFERRED)
			return az_check_refuse(check,
								   "command.pages[%zu].header has external_deferred, which only facts have; a command has sequence or angzarr_deferred",
								   i);
	}
	return true;
}

static bool
check_enums(const AzCheck *check, const PbCommandRequest *request,
			const Book *book)
{
	if (!az_check_enum(check, AZ_NOT_A_PAGE, "sync_mode", &pb_sync_mode_descriptor,
					   request->sync_mode) ||
		!az_check_enum(check, AZ_NOT_A_PAGE, "cascade_error_mode",
					   &pb_cascade_error_mode_descriptor,
					   request->cascade_error_mode))
		return false;
	for (size_t i = 0; i < book->n_pages; i++)
	{
		Page		page = page_of(book, i);

		if (!az_check_enum(check, i, "merge_strategy",
						   &pb_merge_strategy_descriptor,
						   book->commands[i]->merge_strategy) ||
			!check_page_enums(check, i, &page))
			return false;
	}
	return true;
}

static bool
check_page_enums(const AzCheck *check, size_t i, const Page *page)
{
	if (page->header != NULL &&
		!az_check_enum(check, i, "header.sync_mode", &pb_sync_mode_descriptor,
					   page->header->sync_mode))
		return false;
	return page->external == NULL ||
		az_check_enum(check, i, "external.storage_type",
					  &pb_payload_storage_type_descriptor,
					  page->external->storage_type);
}

static bool
check_facts(const AzCheck *check, const Book *book)
{
	if (!check_deferred(check, book))
		return false;
	for (size_t i = 0; i < book->n_pages; i++)
		if (!check_fact(check, i, book->events[i]))
			return false;
	return true;
}

/* One page that has it is enough. */
static bool
check_deferred(const AzCheck *check, const Book *book)
{
	for (size_t i = 0; i < book->n_pages; i++)
	{
		const PbPageHeader *header = book->events[i]->header;

		if (header != NULL &&
			(header->sequence_type_case == PB_PAGE_HEADER_EXTERNAL_DEFERRED ||
			 header->sequence_type_case == PB_PAGE_HEADER_ANGZARR_DEFERRED))
			return true;
	}
	return az_check_refuse(check,
						   "none of events.pages has a header with external_deferred or angzarr_deferred, which a fact has");
}

/* It may be stored as it is, and what is stored has a type and a time. */
static bool
check_fact(const AzCheck *check, size_t i, const PbEventPage *page)
{
	const PbTimestamp *time = page->created_at;

	if (page->payload_case == PB_EVENT_PAGE_EVENT &&
		az_type_name(page->event->type_url)[0] == '\0')
		return az_check_refuse(check,
							   "events.pages[%zu].event.type_url \"%s\" names no type",
							   i, az_check_show(check, page->event->type_url));
	if (page->payload_case == PB_EVENT_PAGE_EXTERNAL &&
		protobuf_c_message_get_packed_size(&page->external->base) == 0)
		return az_check_refuse(check,
							   "events.pages[%zu].external is empty, it must say where the payload is",
							   i);
	if (time == NULL || az_timestamp_is_valid(time))
		return true;
	return az_check_refuse(check,
						   "events.pages[%zu].created_at is %" PRId64 " s and %" PRId32 " ns, allowed are the years 1 to 9999 and 0 to 999999999 ns",
						   i, time->seconds, time->nanos);
}

static bool
check_fact_enums(const AzCheck *check, const PbEventRequest *request,
				 const Book *book)
{
	if (!az_check_enum(check, AZ_NOT_A_PAGE, "sync_mode", &pb_sync_mode_descriptor,
					   request->sync_mode))
		return false;
	for (size_t i = 0; i < book->n_pages; i++)
	{
		Page		page = page_of(book, i);

		if (!check_page_enums(check, i, &page))
			return false;
	}
	return true;
}

static bool
check_selection(const AzCheck *check, const PbQuery *query,
				const AzValidationLimits *limits)
{
	switch (query->selection_case)
	{
		case PB_QUERY_SEQUENCES:
			if (query->sequences->n_values <= limits->max_sequences)
				return true;
			return az_check_refuse(check,
								   "query.sequences has %zu values, allowed are %zu (angzarr.max_query_sequences)",
								   query->sequences->n_values,
								   limits->max_sequences);
		case PB_QUERY_TEMPORAL:
			return az_validate_point(query->temporal, "query.temporal",
									 check->arena, check->error);
		default:
			return true;
	}
}

static bool
check_time(const AzCheck *check, const PbTimestamp *time)
{
	if (az_timestamp_is_valid(time))
		return true;
	return az_check_refuse(check,
						   "%s.as_of_time is %" PRId64 " seconds and %" PRId32 " nanoseconds, allowed are %" PRId64 " to %" PRId64 " and 0 to 999999999",
						   check->path, time->seconds, time->nanos,
						   AZ_FIRST_SECOND, AZ_LAST_SECOND);
}

/* Unspecified means commutative. */
static int
strategy_of(const PbCommandPage *page)
{
	return page->merge_strategy == PB_MERGE_UNSPECIFIED ?
		PB_MERGE_COMMUTATIVE : page->merge_strategy;
}
