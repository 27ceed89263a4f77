/*
 * The rows of a statement, taken from the executor one by one into column
 * vectors of the port: nothing holds them a second time.
 */
#ifndef AZ_PG_SPI_ROWS_H
#define AZ_PG_SPI_ROWS_H

#include "tcop/dest.h"

#include "db/db.h"

typedef struct AzSpiRows
{
	DestReceiver base;			/* must come first */
	const char *letters;		/* of the result's types */
	AzArena    *arena;
	AzRows	   *rows;
	size_t		capacity;		/* of the columns, in rows */
	size_t		max_group_bytes;	/* as AzDb's */
	int64_t		group;			/* that the last row belonged to */
	size_t		group_bytes;
	bool		is_cut;			/* the group has had its row of nulls */
} AzSpiRows;

/*
 * Prepares to fill "rows", whose memory is the arena's, with rows of columns
 * of these letters; "base" is what SPI is given.  Raises the server's errors
 * while it runs.
 */
extern void az_spi_rows_init(AzSpiRows *taken, const char *letters,
							 size_t max_group_bytes, AzArena *arena,
							 AzRows *rows);

#endif
