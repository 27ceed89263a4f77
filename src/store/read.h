/*
 * Reading books in pieces: a plan says once of what a book consists, up to a
 * fixed place in the log; then its pages come piece by piece, each in a
 * transaction of its own.
 */
#ifndef AZ_STORE_READ_H
#define AZ_STORE_READ_H

#include "codec/event.h"
#include "store/wish.h"

/* Where a cover says that its edition leaves main, for one domain. */
typedef struct AzDivergence
{
	const char *domain;
	int64_t		sequence;
} AzDivergence;

/* Which pages of which aggregates: contract section 9. */
typedef struct AzSelection
{
	AzAggregate aggregate;		/* domain "" and no root: any */
	bool		has_root;
	const char *correlation_id; /* only pages with it; "" = all */
	const AzDivergence *divergences;	/* of the edition, by domain */
	size_t		n_divergences;
	int64_t    *sequences;		/* only these, rising; none: all */
	size_t		n_sequences;
	bool		use_snapshot;	/* false: pages from lower on */
	int64_t		lower;
	int64_t		upper;			/* last one; AZ_EVERY_SEQUENCE = all */
	bool		has_as_of;
	int64_t		as_of_us;
} AzSelection;

/* Of what one aggregate's book consists. */
typedef struct AzPlan
{
	AzAggregate aggregate;
	int64_t		first;			/* sequence to read from */
	int64_t		last;			/* of its last page, -1 = it has none */
	int64_t		after_position; /* before its first page */
	int64_t		end_position;	/* of its last page */
	const char *correlation_id; /* what its cover shows */
	AzBytes		ext;
	const AzSnapshot *snapshot; /* or NULL */
} AzPlan;

/*
 * Fill selection, and of the plan aggregate, after_position and end_position
 * (nothing later counts); the rest is the result, in the wish's arena.
 * FAILED_PRECONDITION when the aggregate's divergence is not that of its own
 * events.  The divergence of the result is where it leaves main, with
 * has_divergence on every edition.
 */
typedef struct AzPlanWish
{
	AzWish		wish;			/* must come first */
	const AzSelection *selection;
	AzPlan		plan;
} AzPlanWish;

/*
 * The next pages of a plan from "lower" on: at least one, if there is one,
 * then up to max_rows, or up to max_bytes and one page more.  Events come
 * without ext, correlation id and cause.
 */
typedef struct AzReadWish
{
	AzWish		wish;			/* must come first */
	const AzSelection *selection;
	const AzPlan *plan;
	int64_t		lower;
	int64_t		after_position; /* of the last page read, or the plan's */
	int			max_rows;
	size_t		max_bytes;
	AzEvent    *events;			/* results, in the wish's arena */
	size_t		count;
	int64_t		position;		/* of the last one */
} AzReadWish;

extern const AzWishKind az_plan_kind;
extern const AzWishKind az_read_kind;

#endif
