/*
 * The engine's own words for what is stored: aggregate, event, snapshot,
 * book.  Plain data; no generated type, no database.
 */
#ifndef AZ_CODEC_EVENT_H
#define AZ_CODEC_EVENT_H

#include "base/arena.h"

#define AZ_UUID_SIZE 16
#define AZ_EVERY_SEQUENCE INT64_MAX

/* Which stream: contract section 2, Cover. */
typedef struct AzAggregate
{
	const char *domain;
	const char *edition;		/* "" = the main timeline, the only form */
	uint8_t		root[AZ_UUID_SIZE];
	bool		has_divergence; /* a cover said where its edition leaves main */
	int64_t		divergence;		/* the first sequence that is not main's */
} AzAggregate;

/* One event as stored, or about to be. */
typedef struct AzEvent
{
	int64_t		sequence;		/* 0 .. 2^32 - 1 */
	int64_t		created_at_us;	/* since 1970 UTC */
	const char *correlation_id; /* "" = none */
	const char *type_url;		/* as the handler wrote it; "" with external */
	AzBytes		payload;
	AzBytes		external;		/* encoded PayloadReference, or empty */
	AzBytes		ext;			/* encoded Any of the cover, or empty */
	bool		isolated;
	int32_t		depth;			/* of causation */
	const struct AzCause *cause;	/* NULL: a client's */
} AzEvent;

/* Which event of which aggregate made a component cause this one. */
typedef struct AzCause
{
	AzAggregate source;
	int64_t		sequence;
	const char *component;
} AzCause;

/* RETENTION_* of the contract. */
typedef enum AzRetention
{
	AZ_RETENTION_DEFAULT = 0,
	AZ_RETENTION_PERSIST = 1,
	AZ_RETENTION_TRANSIENT = 2
} AzRetention;

typedef struct AzSnapshot
{
	int64_t		sequence;		/* of the last event it holds */
	int64_t		created_at_us;
	const char *type_url;
	AzBytes		state;
	AzRetention retention;
} AzSnapshot;

/* A stream, or a piece of it, in order. */
typedef struct AzBook
{
	AzAggregate aggregate;
	const AzSnapshot *snapshot; /* or NULL */
	AzEvent    *events;
	size_t		count;
	int64_t		next_sequence;	/* contract section 1 */
} AzBook;

#endif
