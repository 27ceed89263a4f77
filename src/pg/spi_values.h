/*
 * Column vectors of the port as values of the server, by the type letters of
 * db/statements.h.
 *
 * These raise the server's errors; what they allocate is in the current
 * memory context.
 */
#ifndef AZ_PG_SPI_VALUES_H
#define AZ_PG_SPI_VALUES_H

#include "executor/spi.h"
#include "nodes/params.h"

#include "db/db.h"

/* Microseconds from 1970 to 2000, where the server counts from. */
#define AZ_SPI_EPOCH_US \
	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* How many values the letters stand for. */
extern int	az_spi_values_count(const char *letters);

/* The type of one value, here and on the port. */
extern Oid	az_spi_values_type(char letter, AzDbType *type);

/* The types of parameters. */
extern void az_spi_values_types(const char *letters, Oid *types);

/* Parameters as SPI takes them; the list has room for all. */
extern void az_spi_values_build(const char *letters, const AzDbParam *params,
								ParamListInfo list);

#endif
