/* What jobs are told by the settings of the server. */
#ifndef AZ_PIPELINE_JOB_SETTINGS_H
#define AZ_PIPELINE_JOB_SETTINGS_H

#include "pipeline/validate.h"

typedef struct AzJobSettings
{
	AzValidationLimits validation;
	size_t		max_message_bytes;	/* of an answer */
	size_t		stream_chunk_bytes; /* of one message of a streamed book */
	int64_t		call_timeout_us;	/* of one call to business logic */
	int			max_append_retries;
	size_t		max_status_details; /* bytes, with the current book */
	size_t		max_jobs;		/* running and waiting; subscribers, too */
	size_t		subscriber_bytes;	/* that wait for one to read them */
	size_t		cache_bytes;	/* 0 = no cache */
	int			max_attempts;	/* to deliver an event or to run a command of
								 * a reaction, in all */
	int			max_deliveries; /* to one component at a time */
	int			max_causation_depth;
	int			max_cascade_depth;
	int			outbox_max_attempts;	/* to deliver a notification, in all */
	int64_t		retry_delay_us; /* before the second attempt */
	int64_t		max_retry_delay_us; /* before any */
	char		saga_failure_domain[65];
	char		crash_after[64];	/* "pipeline/step" in test builds, or "" */
} AzJobSettings;

#endif
