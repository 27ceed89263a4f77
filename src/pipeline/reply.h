/* The events that a client is answered with: contract section 5, step 11. */
#ifndef AZ_PIPELINE_REPLY_H
#define AZ_PIPELINE_REPLY_H

#include "pipeline/job.h"

/*
 * Cover, the new pages as stored, next_sequence; "asked" is the cover of the
 * request.  NULL with job->error, as az_book_make.
 */
extern PbEventBook *az_reply_events(const AzBook *book, const PbCover *asked,
									AzJob *job);

#endif
