/*
 * What follows from the answer to a notification, or from nobody taking it:
 * dead letters, notifications passed on, the event of a failed compensation
 * (contract sections 8 and 11).
 */
#ifndef AZ_PIPELINE_CONSEQUENCE_H
#define AZ_PIPELINE_CONSEQUENCE_H

#include "codec/notification.h"
#include "pipeline/job.h"
#include "store/obligations.h"

/* What was delivered. */
typedef struct AzDelivered
{
	const AzOutboxEntry *entry;
	PbCommandBook *envelope;
	AzNotice	notice;
	int			attempts;		/* made, this one too */
} AzDelivered;

/* The letter of one that could not be delivered, with the last error. */
extern bool az_consequence_give_up(AzDeadLetter *letter,
								   const AzDelivered *delivered,
								   const AzError *failure, AzJob *job);

/* The letter that a revocation asks for: of the rejected command. */
extern bool az_consequence_letter(AzDeadLetter *letter,
								  const AzDelivered *delivered,
								  const PbRevocationResponse *revocation,
								  AzJob *job);

/*
 * A returned notification: a row for its own cover, or (row->kind is NULL) a
 * letter where it has none, or has been passed on too often
 * (angzarr.max_causation_depth).
 */
extern bool az_consequence_forward(AzOutboxRow *row, AzDeadLetter *letter,
								   const AzDelivered *delivered,
								   const PbNotification *notification,
								   AzJob *job);

/*
 * The event SagaCompensationFailed, and the aggregate that it is recorded
 * under: the triggering root in the domain of the setting.
 */
extern bool az_consequence_event(AzEvent *event, AzAggregate *aggregate,
								 const AzDelivered *delivered,
								 const PbRevocationResponse *revocation,
								 AzJob *job);

#endif
