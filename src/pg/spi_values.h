/*
 * Column vectors of the port and values of the server, turned into one
 * another by the type letters of db/statements.h.
 *
 * These raise the server's errors; what they allocate is in the current
 * memory context, but results are in the arena.
 */
#ifndef AZ_PG_SPI_VALUES_H
#define AZ_PG_SPI_VALUES_H

#include "executor/spi.h"

#include "db/db.h"

/* How many values the letters stand for. */
extern int	az_spi_values_count(const char *letters);

/* The types of parameters. */
extern void az_spi_values_types(const char *letters, Oid *types);

/* Parameters as SPI takes them: "nulls" holds ' ' or 'n' for each. */
extern void az_spi_values_build(const char *letters, const AzDbParam *params,
								Datum *values, char *nulls);

/* All rows of a result whose columns have these letters. */
extern void az_spi_values_read(const char *letters,
							   const SPITupleTable *table, AzArena *arena,
							   AzRows *rows);

#endif
