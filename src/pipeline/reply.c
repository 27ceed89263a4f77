/* The events that a client is answered with. */
#include "pipeline/reply.h"

#include "codec/book.h"

PbEventBook *
az_reply_events(const AzBook *book, const PbCover *asked, AzJob *job)
{
	PbEventBook *events = az_book_make(book, job->arena, &job->error);

	/* A book without pages still shows whose request it answers. */
	if (events != NULL && book->count == 0)
	{
		events->cover->correlation_id = asked->correlation_id;
		events->cover->ext = asked->ext;
	}
	return events;
}
