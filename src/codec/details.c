/* google.rpc.Status details: ErrorInfo and RetryInfo for our own errors. */
#include "codec/details.h"

#include <string.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/messages.h"
#include "codec/utf8.h"

#define ERROR_DOMAIN "angzarr.io"
#define MAX_MESSAGE 1024		/* bytes, as in grpc-message */

static bool add_pair(PbStatus *status, const char *const pair[2],
					 const char *reason, AzArena *arena);
static bool pack_with_pair(const PbErrorInfo *old, const char *const pair[2],
						   const char *reason, PbAny *any, AzArena *arena);
static const PbAny *find_detail(const AzError *error, const char *type,
								AzArena *arena);
static bool add_book(const AzErrorInfo *info, PbStatus *status, PbAny *any,
					 AzArena *arena);
static bool pack_error_info(const AzErrorInfo *info, PbAny *any,
							AzArena *arena);
static bool pack_retry_info(PbAny *any, AzArena *arena);
static bool pack_any(const void *message, const char *type_url, PbAny *any,
					 AzArena *arena);

void
az_details_add(AzError *error, const AzErrorInfo *info, AzArena *arena)
{
	PbStatus	status = PB_STATUS_INIT;
	PbAny		any[3];
	PbAny	   *details[] = {&any[0], &any[1], &any[2]};

	status.code = error->code;
	status.message = az_utf8_clean(arena, error->message, MAX_MESSAGE);
	status.details = details;
	status.n_details = info->retryable ? 2 : 1;
	if (status.message == NULL ||
		!pack_error_info(info, &any[0], arena) ||
		(info->retryable && !pack_retry_info(&any[1], arena)) ||
		(info->book != NULL &&
		 !add_book(info, &status, details[status.n_details], arena)))
		return;
	az_encode(&status, arena, &error->details, NULL);
}

void
az_details_rename(AzError *error, AzArena *arena)
{
	AzBytes		old = error->details;
	PbStatus   *status = NULL;

	error->details = (AzBytes)
	{
		0
	};
	if (old.len > 0)
		status = az_decode(&pb_status_descriptor, old, arena, NULL);
	if (status == NULL)
		return;
	status->message = az_utf8_clean(arena, error->message, MAX_MESSAGE);
	if (status->message != NULL)
		az_encode(status, arena, &error->details, NULL);
}

void
az_details_add_pair(AzError *error, const char *name, const char *value,
					const char *reason, AzArena *arena)
{
	const char *const pairs[][2] = {{name, value}};
	const AzErrorInfo info = {.reason = reason,.n_pairs = 1,.pairs = pairs};
	PbStatus   *status = error->details.len == 0 ? NULL :
	az_decode(&pb_status_descriptor, error->details, arena, NULL);

	if (status == NULL)
		az_details_add(error, &info, arena);
	else if (add_pair(status, pairs[0], reason, arena))
		az_encode(status, arena, &error->details, NULL);
}

/* Into its first ErrorInfo, or as one more detail. */
static bool
add_pair(PbStatus *status, const char *const pair[2], const char *reason,
		 AzArena *arena)
{
	PbAny	  **details = az_arena_array(arena, status->n_details + 1,
										 sizeof(PbAny *));
	PbAny	   *any = az_arena_alloc(arena, sizeof(PbAny));
	PbErrorInfo *info = NULL;
	size_t		place = 0;

	if (details == NULL || any == NULL)
		return false;
	for (size_t i = 0; i < status->n_details; i++)
		details[i] = status->details[i];
	while (place < status->n_details &&
		   strcmp(az_type_name(details[place]->type_url),
				  "google.rpc.ErrorInfo") != 0)
		place++;
	if (place < status->n_details)
	{
		AzBytes		bytes = {details[place]->value.data,
		details[place]->value.len};

		info = az_decode(&pb_error_info_descriptor, bytes, arena, NULL);
	}
	details[place] = any;
	status->details = details;
	status->n_details += place == status->n_details ? 1 : 0;
	return pack_with_pair(info, pair, reason, any, arena);
}

/* "old" may be NULL. */
static bool
pack_with_pair(const PbErrorInfo *old, const char *const pair[2],
			   const char *reason, PbAny *any, AzArena *arena)
{
	size_t		count = old != NULL ? old->n_metadata : 0;
	PbErrorInfo info = PB_ERROR_INFO_INIT;
	PbErrorInfoMetadataEntry entry = PB_ERROR_INFO_METADATA_ENTRY_INIT;
	PbErrorInfoMetadataEntry **entries = az_arena_array(arena, count + 1,
														sizeof(*entries));

	if (entries == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		entries[i] = old->metadata[i];
	entry.key = (char *) pair[0];
	entry.value = (char *) pair[1];
	entries[count] = &entry;
	info.reason = old != NULL ? old->reason : (char *) reason;
	info.domain = old != NULL ? old->domain : (char *) ERROR_DOMAIN;
	info.n_metadata = count + 1;
	info.metadata = entries;
	return pack_any(&info, "/google.rpc.ErrorInfo", any, arena);
}

bool
az_details_may_retry(const AzError *error, AzArena *arena)
{
	return find_detail(error, "google.rpc.RetryInfo", arena) != NULL;
}

const char *
az_details_reason(const AzError *error, AzArena *arena)
{
	const PbAny *detail = find_detail(error, "google.rpc.ErrorInfo", arena);
	const PbErrorInfo *info;
	AzBytes		bytes;

	if (detail == NULL)
		return "";
	bytes.data = detail->value.data;
	bytes.len = detail->value.len;
	info = az_decode(&pb_error_info_descriptor, bytes, arena, NULL);
	return info != NULL ? info->reason : "";
}

/* The first detail of a type; NULL when there is none, or nothing decodes. */
static const PbAny *
find_detail(const AzError *error, const char *type, AzArena *arena)
{
	const PbStatus *status;

	if (error->details.len == 0)
		return NULL;
	status = az_decode(&pb_status_descriptor, error->details, arena, NULL);
	for (size_t i = 0; status != NULL && i < status->n_details; i++)
		if (strcmp(az_type_name(status->details[i]->type_url), type) == 0)
			return status->details[i];
	return NULL;
}

/* As a further detail, if there is room; false when memory is out. */
static bool
add_book(const AzErrorInfo *info, PbStatus *status, PbAny *any,
		 AzArena *arena)
{
	if (protobuf_c_message_get_packed_size(&info->book->base) > info->max_bytes)
		return true;
	if (!pack_any(info->book, "/io.angzarr.v1.EventBook", any, arena))
		return false;
	status->n_details++;
	if (protobuf_c_message_get_packed_size(&status->base) > info->max_bytes)
		status->n_details--;
	return true;
}

static bool
pack_error_info(const AzErrorInfo *info, PbAny *any, AzArena *arena)
{
	PbErrorInfo message = PB_ERROR_INFO_INIT;
	PbErrorInfoMetadataEntry *entries =
	az_arena_array(arena, info->n_pairs, sizeof(*entries));
	PbErrorInfoMetadataEntry **pointers =
	az_arena_array(arena, info->n_pairs, sizeof(*pointers));

	if (entries == NULL || pointers == NULL)
		return false;
	for (size_t i = 0; i < info->n_pairs; i++)
	{
		pb_error_info_metadata_entry_init(&entries[i]);
		entries[i].key = (char *) info->pairs[i][0];
		entries[i].value = (char *) info->pairs[i][1];
		pointers[i] = &entries[i];
	}
	message.reason = (char *) info->reason;
	message.domain = (char *) ERROR_DOMAIN;
	message.n_metadata = info->n_pairs;
	message.metadata = pointers;
	return pack_any(&message, "/google.rpc.ErrorInfo", any, arena);
}

/* At once: who has loaded anew need not wait. */
static bool
pack_retry_info(PbAny *any, AzArena *arena)
{
	PbRetryInfo message = PB_RETRY_INFO_INIT;
	PbDuration	delay = PB_DURATION_INIT;

	message.retry_delay = &delay;
	return pack_any(&message, "/google.rpc.RetryInfo", any, arena);
}

/* The message in its Any; false when memory is out. */
static bool
pack_any(const void *message, const char *type_url, PbAny *any,
		 AzArena *arena)
{
	AzBytes		bytes;

	if (!az_encode(message, arena, &bytes, NULL))
		return false;
	pb_any_init(any);
	any->type_url = (char *) type_url;
	any->value.data = (uint8_t *) bytes.data;
	any->value.len = bytes.len;
	return true;
}
