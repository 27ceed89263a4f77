/*
 * Notifications: what tells an aggregate or a process that a command of its
 * reaction was rejected, or that something is to be undone; and the command
 * book in which one is delivered (contract section 8, Outbox).
 */
#ifndef AZ_CODEC_NOTIFICATION_H
#define AZ_CODEC_NOTIFICATION_H

#include "base/error.h"
#include "codec/messages.h"

/* What is on the outside. */
typedef struct AzAddress
{
	const PbCover *target;		/* to whom it goes */
	const char *correlation_id; /* for a target that says none; or NULL */
	const PbAngzarrDeferredSequence *provenance;	/* of the command it is
													 * about */
} AzAddress;

/* What is in it. */
typedef struct AzNotice
{
	const PbCover *target;
	const PbAngzarrDeferredSequence *provenance;
	const PbNotification *notification;
	const PbRejectionNotification *rejection;	/* NULL: it is another one */
	const PbCompensate *compensate; /* likewise */
} AzNotice;

/*
 * Makes the envelope: one page whose command is the notification, sent now.
 * Each borrows from what it is made of, and is NULL when memory is out.
 *
 * "status" is how the command ended: its message is the reason, the reason of
 * its ErrorInfo the code.
 */
extern PbCommandBook *az_notification_reject(const AzAddress *address,
											 const PbCommandBook *rejected,
											 const AzError *status,
											 AzArena *arena, AzError *error);
extern PbCommandBook *az_notification_compensate(const AzAddress *address,
												 const PbCompensate *compensate,
												 AzArena *arena,
												 AzError *error);

/* The notification as it is; address->target may be its own cover. */
extern PbCommandBook *az_notification_forward(const AzAddress *address,
											  const PbNotification *notification,
											  AzArena *arena, AzError *error);

/*
 * Takes a validated book apart.  INVALID_ARGUMENT naming the field, by its
 * place in a CommandRequest, for what is no envelope: not one page, no
 * angzarr_deferred header, no Notification; a payload of a type that is not
 * known is none of the two.
 */
extern bool az_notification_open(const PbCommandBook *envelope,
								 AzNotice *notice, AzArena *arena,
								 AzError *error);


/* The kind of the key under which its target is told once (contract 8). */
extern const char *az_notice_key_kind(const AzNotice *notice,
									  bool is_forwarded);

#endif
