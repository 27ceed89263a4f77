/* Covers, pages and books: between messages and the engine's own words. */
#ifndef AZ_CODEC_BOOK_H
#define AZ_CODEC_BOOK_H

#include "base/error.h"
#include "codec/event.h"
#include "codec/messages.h"

#define AZ_UUID_TEXT_SIZE 37	/* with its zero byte */

/*
 * Messages made here borrow the bytes and texts of what they are made from;
 * the arena takes only their structs.  Functions with an "error" return NULL
 * when memory is out, and with DATA_LOSS when a stored ext or external does
 * not decode.
 */

/*
 * Cover of an aggregate; edition unset on main, with its divergence where the
 * aggregate has one.  ext: encoded Any or empty.
 */
extern PbCover *az_cover_make(const AzAggregate *aggregate,
							  const char *correlation_id, AzBytes ext,
							  AzArena *arena, AzError *error);

/* A page as stored: header.sequence, created_at, event or external. */
extern PbEventPage *az_page_make(const AzEvent *event, AzArena *arena,
								 AzError *error);

extern PbSnapshot *az_snapshot_make(const AzSnapshot *snapshot, AzArena *arena,
									AzError *error);

/*
 * A whole book: cover with correlation_id and ext of its last page, snapshot
 * (unless NULL), pages, next_sequence (contract section 1).
 */
extern PbEventBook *az_book_make(const AzBook *book, AzArena *arena,
								 AzError *error);

/*
 * The other way: a decoded book whose cover is validated, and whose pages all
 * have a sequence and a payload; without its snapshot.
 */
extern bool az_book_read(const PbEventBook *message, AzBook *book,
						 AzArena *arena, AzError *error);

/*
 * Where a decoded, validated cover points.  Main is "" whatever its form, and
 * never diverges; of an edition's divergences the first one for the cover's
 * domain counts.  The cover must have a root of 16 bytes.
 */
extern void az_cover_read(const PbCover *cover, AzAggregate *aggregate);

/* "order/4f1c… (edition x)", for messages to people; never NULL. */
extern const char *az_aggregate_text(const AzAggregate *aggregate,
									 AzArena *arena);

/* Whether both are the same stream, whatever is said of its divergence. */
extern bool az_aggregate_is_same(const AzAggregate *one,
								 const AzAggregate *other);

/*
 * Root, domain and edition as the key of a map; false when memory is out.
 */
extern bool az_aggregate_key(const AzAggregate *aggregate, AzArena *arena,
							 AzBytes *key);

/* A root as 8-4-4-4-12 hexadecimal digits and a zero byte. */
extern void az_uuid_text(const uint8_t uuid[AZ_UUID_SIZE],
						 char text[AZ_UUID_TEXT_SIZE]);

/*
 * What kind of text after the last "/" of a type URL; never NULL.
 */
extern const char *az_type_name(const char *type_url);

/* What a protobuf Timestamp may hold: the years 1 to 9999. */
#define AZ_FIRST_SECOND INT64_C(-62135596800)
#define AZ_LAST_SECOND INT64_C(253402300799)
extern bool az_timestamp_is_valid(const PbTimestamp *timestamp);

/*
 * Microseconds since 1970 UTC; nanoseconds are cut to microseconds, times
 * beyond an int64_t to its ends.
 */
extern int64_t az_timestamp_us(const PbTimestamp *timestamp);

/* NULL when memory is out. */
extern PbTimestamp *az_timestamp_make(int64_t time_us, AzArena *arena);

#endif
