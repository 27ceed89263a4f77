/*
 * A book as several messages: put together page by page, so that a book of
 * any size takes the memory of one message.
 *
 * Messages of protobuf can be joined end to end: a cover, each page and the
 * next sequence are encoded as soon as they are known.
 */
#ifndef AZ_CODEC_CHUNK_H
#define AZ_CODEC_CHUNK_H

#include "base/error.h"
#include "codec/event.h"
#include "codec/messages.h"

typedef struct AzChunk
{
	AzBuffer	message;		/* an EventBook, as far as it is made */
	size_t		max_bytes;		/* that it should not exceed */
	size_t		n_pages;
	bool		has_snapshot;
	int64_t		next_sequence;	/* contract section 1, of this message */
} AzChunk;

/* An AzChunk of all zeros is empty; frees what it holds. */
extern void az_chunk_free(AzChunk *chunk);

/*
 * Begins a message of at most max_bytes with its cover, and a snapshot or
 * NULL.  What the chunk held is gone.  "scratch" is used while it runs.
 */
extern bool az_chunk_begin(AzChunk *chunk, size_t max_bytes,
						   const PbCover *cover, const AzSnapshot *snapshot,
						   AzArena *scratch, AzError *error);

/*
 * Adds a page.  *fits is false when there is no room for it: send what there
 * is and begin again.  The first one fits always, unless a snapshot is there.
 */
extern bool az_chunk_add(AzChunk *chunk, const AzEvent *event, bool *fits,
						 AzArena *scratch, AzError *error);

/* The whole message; valid until the chunk changes. */
extern bool az_chunk_end(AzChunk *chunk, AzBytes *message, AzError *error);

#endif
