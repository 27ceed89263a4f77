/*
 * What is stored with the events of those that were appended, beside their
 * keys: snapshots, what they owe others, timers.
 */
#ifndef AZ_STORE_COMPANIONS_H
#define AZ_STORE_COMPANIONS_H

#include "store/append.h"

/*
 * Of those of these AzAppendWishes that were appended; false, with the error,
 * when the transaction is spoiled.
 */
extern bool az_companions_keep(AzDb *db, AzWish **wishes, size_t count,
							   AzArena *scratch, AzError *error);

#endif
