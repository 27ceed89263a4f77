/* Where a job that answers with many messages sends them, one by one. */
#ifndef AZ_PIPELINE_OUTLET_H
#define AZ_PIPELINE_OUTLET_H

#include "base/bytes.h"
#include "pipeline/step.h"

typedef enum AzOutletState
{
	AZ_OUTLET_OPEN,				/* more may follow at once */
	AZ_OUTLET_FULL,				/* wait: az_job_resume follows */
	AZ_OUTLET_GONE				/* nobody takes anything any more */
} AzOutletState;

/* Sends one encoded message, which is copied. */
typedef AzOutletState (*AzOutlet) (AzJob *job, AzBytes message);

#endif
