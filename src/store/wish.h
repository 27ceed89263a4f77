/*
 * What a job wants from the database, so that the tick can fulfil the wishes
 * of many jobs with few statements.
 *
 * A wish is embedded in its job.  The tick calls its kind's "run" once for
 * all wishes of that kind in one transaction, and "done" of each after the
 * commit.  When the transaction fails, each wish is run again alone, so that
 * only the one at fault fails.
 */
#ifndef AZ_STORE_WISH_H
#define AZ_STORE_WISH_H

#include "db/db.h"

typedef enum AzWishOutcome
{
	AZ_WISH_FULFILLED,
	AZ_WISH_BUSY,				/* would have waited for another transaction;
								 * nothing was done, ask again */
	AZ_WISH_FAILED				/* see "error" */
} AzWishOutcome;

typedef struct AzWish AzWish;

typedef struct AzWishKind
{
	const char *name;

	/*
	 * Fulfils "count" wishes in the open transaction.  Sets each one's
	 * outcome; false (with the error) when the transaction is spoiled.
	 * "scratch" lives until the tick ends, results go to each wish's arena.
	 */
	bool		(*run) (AzDb *db, AzWish **wishes, size_t count,
						AzArena *scratch, AzError *error);
	/* A slower form to try for all of them when "run" failed; or NULL. */
	bool		(*run_safely) (AzDb *db, AzWish **wishes, size_t count,
							   AzArena *scratch, AzError *error);
	/* Whoever wishes can be told BUSY, and asks again after a while. */
	bool		is_patient;
} AzWishKind;

struct AzWish
{
	const AzWishKind *kind;
	AzWish	   *previous;		/* in the queue of wishes */
	AzWish	   *next;
	size_t		bytes;			/* about what it sends, for batch limits */
	AzArena    *arena;			/* the job's, for results */
	AzWishOutcome outcome;
	AzError		error;
	void		(*done) (AzWish *wish);
	void	   *owner;
};

#endif
