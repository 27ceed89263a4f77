/* A book as several messages, put together page by page. */
#include "codec/chunk.h"

#include "codec/book.h"

#define NEXT_SEQUENCE_BYTES 6	/* that the field may take */

static bool append(AzChunk *chunk, const PbEventBook *part, AzError *error);

void
az_chunk_free(AzChunk *chunk)
{
	az_buffer_free(&chunk->message);
}

bool
az_chunk_begin(AzChunk *chunk, size_t max_bytes, const PbCover *cover,
			   const AzSnapshot *snapshot, AzArena *scratch, AzError *error)
{
	PbEventBook head = PB_EVENT_BOOK_INIT;

	az_buffer_consume(&chunk->message, az_buffer_bytes(&chunk->message).len);
	chunk->max_bytes = max_bytes;
	chunk->n_pages = 0;
	chunk->has_snapshot = snapshot != NULL;
	chunk->next_sequence = snapshot != NULL ? snapshot->sequence + 1 : 0;
	head.cover = (PbCover *) cover;
	if (snapshot != NULL)
	{
		head.snapshot = az_snapshot_make(snapshot, scratch, error);
		if (head.snapshot == NULL)
			return false;
	}
	return append(chunk, &head, error);
}

bool
az_chunk_add(AzChunk *chunk, const AzEvent *event, bool *fits,
			 AzArena *scratch, AzError *error)
{
	PbEventBook part = PB_EVENT_BOOK_INIT;
	PbEventPage *page = az_page_make(event, scratch, error);
	size_t		size = az_buffer_bytes(&chunk->message).len +
	NEXT_SEQUENCE_BYTES;

	*fits = true;
	if (page == NULL)
		return false;
	part.pages = &page;
	part.n_pages = 1;
	if (chunk->n_pages > 0 || chunk->has_snapshot)
		*fits = size + protobuf_c_message_get_packed_size(&part.base) <=
			chunk->max_bytes;
	if (!*fits)
		return true;
	chunk->n_pages++;
	chunk->next_sequence = event->sequence + 1;
	return append(chunk, &part, error);
}

bool
az_chunk_end(AzChunk *chunk, AzBytes *message, AzError *error)
{
	PbEventBook end = PB_EVENT_BOOK_INIT;

	end.next_sequence = (uint32_t) chunk->next_sequence;
	if (!append(chunk, &end, error))
		return false;
	*message = az_buffer_bytes(&chunk->message);
	return true;
}

static bool
append(AzChunk *chunk, const PbEventBook *part, AzError *error)
{
	size_t		size = protobuf_c_message_get_packed_size(&part->base);
	uint8_t    *room = az_buffer_reserve(&chunk->message, size);

	if (room == NULL)
		return az_error_out_of_memory(error);
	chunk->message.len += protobuf_c_message_pack(&part->base, room);
	return true;
}
