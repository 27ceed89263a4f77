/* What all subscriptions and the database tell each other, for their turn. */
#ifndef AZ_ENGINE_EXCHANGE_H
#define AZ_ENGINE_EXCHANGE_H

#include "engine/subscriptions.h"

/*
 * At most one transaction, and none where there is nothing to say.  False
 * with the reason when it failed, or memory ran out after it: then it is to
 * be done again.
 */
extern bool az_exchange_run(AzSubscriptions *subscriptions, int64_t now_us,
							AzError *error);

#endif
