/* The pipeline of a plain GetEventBook: contract section 9. */
#ifndef AZ_PIPELINE_QUERY_H
#define AZ_PIPELINE_QUERY_H

#include "pipeline/job.h"

/*
 * As in pipeline/command.h; the answer is a book.  The query must be plain
 * (pipeline/selection.h); all others are read in pieces, by book_stream.h.
 */
typedef struct AzQueryJob AzQueryJob;

extern AzQueryJob *az_query_create(AzJobs *jobs, AzError *error);
extern AzJob *az_query_job(AzQueryJob *query);
extern void az_query_set_request(AzQueryJob *query, const PbQuery *request);
extern const PbEventBook *az_query_response(const AzJob *job);

extern const AzPipeline az_query_pipeline;

#endif
