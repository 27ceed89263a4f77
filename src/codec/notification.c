/* Notifications, put into their envelope and taken out of it. */
#include "codec/notification.h"

#include <string.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "codec/details.h"

#define PACKAGE "io.angzarr.v1."
#define NOTIFICATION PACKAGE "Notification"
#define REJECTION PACKAGE "RejectionNotification"
#define COMPENSATE PACKAGE "Compensate"

static PbCommandBook *wrap_payload(const AzAddress *address,
								   const char *type_url, const void *payload,
								   AzArena *arena, AzError *error);
static PbAny *pack(const char *type_url, const void *message, AzArena *arena,
				   AzError *error);
static PbCover *address_cover(const AzAddress *address, AzArena *arena);
static const PbCommandPage *find_page(const PbCommandBook *envelope,
									  AzArena *arena, AzError *error);
static bool is_type(const PbAny *any, const char *name);
static void *unpack(const ProtobufCMessageDescriptor *type, const PbAny *any,
					AzArena *arena, AzError *error);

PbCommandBook *
az_notification_reject(const AzAddress *address,
					   const PbCommandBook *rejected, const AzError *status,
					   AzArena *arena, AzError *error)
{
	PbRejectionNotification rejection = PB_REJECTION_NOTIFICATION_INIT;
	const char *message = status->message != NULL ? status->message : "";

	rejection.rejected_command = (PbCommandBook *) rejected;
	rejection.rejection_reason = (char *) message;
	rejection.code = (char *) az_details_reason(status, arena);
	return wrap_payload(address, "/" REJECTION, &rejection, arena, error);
}

PbCommandBook *
az_notification_compensate(const AzAddress *address,
						   const PbCompensate *compensate, AzArena *arena,
						   AzError *error)
{
	return wrap_payload(address, "/" COMPENSATE, compensate, arena, error);
}

PbCommandBook *
az_notification_forward(const AzAddress *address,
						const PbNotification *notification, AzArena *arena,
						AzError *error)
{
	PbCommandBook *book = az_arena_alloc(arena, sizeof(PbCommandBook));
	PbCommandPage *page = az_arena_alloc(arena, sizeof(PbCommandPage));
	PbPageHeader *header = az_arena_alloc(arena, sizeof(PbPageHeader));
	PbAny	   *command = pack("/" NOTIFICATION, notification, arena, error);

	if (book == NULL || page == NULL || header == NULL || command == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	pb_command_book_init(book);
	pb_command_page_init(page);
	pb_page_header_init(header);
	header->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header->angzarr_deferred = (PbAngzarrDeferredSequence *) address->provenance;
	page->header = header;
	page->payload_case = PB_COMMAND_PAGE_COMMAND;
	page->command = command;
	book->cover = address_cover(address, arena);
	book->pages = az_arena_array(arena, 1, sizeof(PbCommandPage *));
	if (book->cover == NULL || book->pages == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	book->pages[0] = page;
	book->n_pages = 1;
	return book;
}

bool
az_notification_open(const PbCommandBook *envelope, AzNotice *notice,
					 AzArena *arena, AzError *error)
{
	const PbCommandPage *page = find_page(envelope, arena, error);
	PbNotification *notification;

	memset(notice, 0, sizeof(*notice));
	if (page == NULL)
		return false;
	notification = unpack(&pb_notification_descriptor, page->command, arena,
						  error);
	if (notification == NULL)
		return false;
	notice->target = envelope->cover;
	notice->provenance = page->header->angzarr_deferred;
	notice->notification = notification;
	if (is_type(notification->payload, REJECTION))
		notice->rejection = unpack(&pb_rejection_notification_descriptor,
								   notification->payload, arena, error);
	else if (is_type(notification->payload, COMPENSATE))
		notice->compensate = unpack(&pb_compensate_descriptor,
									notification->payload, arena, error);
	else
		return true;
	return notice->rejection != NULL || notice->compensate != NULL;
}

static PbCommandBook *
wrap_payload(const AzAddress *address, const char *type_url,
			 const void *payload, AzArena *arena, AzError *error)
{
	PbNotification notification = PB_NOTIFICATION_INIT;

	notification.cover = address_cover(address, arena);
	notification.sent_at = az_timestamp_make(az_clock_wall_us(), arena);
	notification.payload = pack(type_url, payload, arena, error);
	if (notification.cover == NULL || notification.sent_at == NULL ||
		notification.payload == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	return az_notification_forward(address, &notification, arena, error);
}

static PbAny *
pack(const char *type_url, const void *message, AzArena *arena,
	 AzError *error)
{
	PbAny	   *any = az_arena_alloc(arena, sizeof(PbAny));
	AzBytes		bytes;

	if (any == NULL || !az_encode(message, arena, &bytes, error))
		return NULL;
	pb_any_init(any);
	any->type_url = (char *) type_url;
	any->value.data = (uint8_t *) bytes.data;
	any->value.len = bytes.len;
	return any;
}

/* Main is always sent as an unset edition: contract section 1. */
static PbCover *
address_cover(const AzAddress *address, AzArena *arena)
{
	PbCover    *cover = az_arena_alloc(arena, sizeof(PbCover));
	AzAggregate aggregate;

	if (cover == NULL)
		return NULL;
	*cover = *address->target;
	az_cover_read(cover, &aggregate);
	if (aggregate.edition[0] == '\0')
		cover->edition = NULL;
	if (cover->correlation_id[0] == '\0' && address->correlation_id != NULL)
		cover->correlation_id = (char *) address->correlation_id;
	return cover;
}

/* NULL: it is no envelope, and the error says why. */
static const PbCommandPage *
find_page(const PbCommandBook *envelope, AzArena *arena, AzError *error)
{
	const PbCommandPage *page = envelope->n_pages == 1 ?
	envelope->pages[0] : NULL;

	if (page == NULL)
		az_error_set(error, arena, AZ_INVALID_ARGUMENT,
					 "command has %zu pages, a notification is one",
					 envelope->n_pages);
	else if (page->payload_case != PB_COMMAND_PAGE_COMMAND ||
			 !is_type(page->command, NOTIFICATION))
		az_error_set(error, arena, AZ_INVALID_ARGUMENT,
					 "command.pages[0].command is \"%s\", not a " NOTIFICATION,
					 page->payload_case == PB_COMMAND_PAGE_COMMAND ?
					 az_type_name(page->command->type_url) : "");
	else if (page->header == NULL || page->header->sequence_type_case !=
			 PB_PAGE_HEADER_ANGZARR_DEFERRED)
		az_error_set(error, NULL, AZ_INVALID_ARGUMENT,
					 "command.pages[0].header is not angzarr_deferred: it must say which command the notification is about");
	else
		return page;
	return NULL;
}

static bool
is_type(const PbAny *any, const char *name)
{
	return any != NULL && strcmp(az_type_name(any->type_url), name) == 0;
}

static void *
unpack(const ProtobufCMessageDescriptor *type, const PbAny *any,
	   AzArena *arena, AzError *error)
{
	AzBytes		bytes = {any->value.data, any->value.len};

	return az_decode(type, bytes, arena, error);
}

const char *
az_notice_key_kind(const AzNotice *notice, bool is_forwarded)
{
	if (is_forwarded)
		return "notification";
	return notice->compensate != NULL ? "compensate-notification" :
		"rejection-notification";
}
