/*
 * The pipeline of books sent in pieces: GetEvents, Synchronize, and those
 * GetEventBook that one load cannot answer.
 *
 * What is there when an aggregate's turn comes is what is sent of it: later
 * appends are beyond its plan.  Events that are deleted with their edition
 * while they are being read end the stream with ABORTED.
 */
#ifndef AZ_PIPELINE_BOOK_STREAM_H
#define AZ_PIPELINE_BOOK_STREAM_H

#include "pipeline/job.h"
#include "pipeline/outlet.h"

typedef struct AzBookStream AzBookStream;

/*
 * A new job that sends encoded EventBooks to "outlet".  NULL with the error
 * as az_job_create.  "single": one message of one aggregate at most, and
 * RESOURCE_EXHAUSTED when it would be larger than angzarr.max_message_size;
 * else messages of about angzarr.stream_chunk.
 */
extern AzBookStream *az_book_stream_create(AzJobs *jobs, AzOutlet outlet,
										   bool single, AzError *error);
extern AzJob *az_book_stream_job(AzBookStream *stream);

/* Kept in the job's arena, or as long as the job. */
extern void az_book_stream_set_request(AzBookStream *stream,
									   const PbQuery *request);

extern const AzPipeline az_book_stream_pipeline;

#endif
