/* Dead letters as they are read again, deleted, and marked as replayed. */
#ifndef AZ_STORE_LETTERS_H
#define AZ_STORE_LETTERS_H

#include "codec/dead_letter.h"
#include "store/wish.h"

/* What a list is of; NULL, or not "has": anything. */
typedef struct AzLetterFilter
{
	const char *domain;
	const char *correlation_id;
	const char *rejection_type; /* "sequence_mismatch" … */
	const char *source_component;
	bool		has_after;
	bool		has_before;
	int64_t		after_us;		/* it occurred later than this */
	int64_t		before_us;		/* and earlier than this */
} AzLetterFilter;

/* A dead letter that is stored. */
typedef struct AzStoredLetter
{
	int64_t		id;
	AzDeadLetter letter;
	int64_t		created_at_us;
	bool		has_more;		/* in a list: it is not the last of all */
} AzStoredLetter;

/*
 * Fill the filter and the limits; the newest letters before an id, newest
 * first, are in the wish's arena.  There are less than max_rows when they have
 * more than max_bytes of payload, but always one, if there is one.
 */
typedef struct AzLetterListWish
{
	AzWish		wish;			/* must come first */
	const AzLetterFilter *filter;
	int64_t		before_id;		/* INT64_MAX: from the newest on */
	int32_t		max_rows;
	int64_t		max_bytes;
	AzStoredLetter *letters;
	size_t		count;
} AzLetterListWish;

/* One letter, in the wish's arena. */
typedef struct AzLetterFindWish
{
	AzWish		wish;			/* must come first */
	int64_t		id;
	bool		found;
	AzStoredLetter letter;
	const char *fresh_correlation_id;	/* a uuid that nobody has yet */
} AzLetterFindWish;

/* Deletes it: "done" when it was there; or notes that it was replayed. */
typedef struct AzLetterWish
{
	AzWish		wish;			/* must come first */
	int64_t		id;
	bool		done;
	int64_t		replayed_at_us; /* of a mark that was made */
} AzLetterWish;

/* The sequence that the next event of a stream will have. */
typedef struct AzLetterSequenceWish
{
	AzWish		wish;			/* must come first */
	AzAggregate aggregate;
	int64_t		next_sequence;
} AzLetterSequenceWish;

extern const AzWishKind az_letter_list_kind;
extern const AzWishKind az_letter_find_kind;
extern const AzWishKind az_letter_delete_kind;	/* AzLetterWish */
extern const AzWishKind az_letter_mark_kind;	/* AzLetterWish */
extern const AzWishKind az_letter_sequence_kind;

#endif
