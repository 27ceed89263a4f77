/* The events of many commands as the array parameters of an append. */
#ifndef AZ_STORE_PAGES_H
#define AZ_STORE_PAGES_H

#include "db/db.h"
#include "store/wish.h"

/*
 * One value of each parameter for each event of these AzAppendWishes, page 0
 * beginning a new one; "statement" is either form of append_batch.  NULL when
 * memory is out.
 */
extern AzDbParam *az_pages_fill(AzStatementId statement, AzWish **appends,
								size_t count, AzArena *scratch);

#endif
