/*
 * The database port over SPI, and every transaction of this room.
 *
 * Errors of the server end here: they become AzErrors, the transaction is
 * aborted, and the process goes on.
 */
#ifndef AZ_PG_SPI_DB_H
#define AZ_PG_SPI_DB_H

#include "db/db.h"

/*
 * The port of this process; never freed.  The functions are asked for the
 * generations of the registered components and of the log.  From now on a
 * request to cancel the query is held back while no statement runs.
 */
extern AzDb *az_spi_db_create(uint64 (*components_generation) (void),
							  uint64 (*log_generation) (void));

/*
 * Tells the statistics collector what was done, at most once a second but
 * when "force" is set.  Milliseconds until it wants to be told more, 0 =
 * nothing is left to tell.
 */
extern long az_spi_db_report_stats(bool force);

/*
 * Runs "body" in a transaction of its own, outside of the port; its errors
 * are not caught.  "name" is what activity displays show.
 */
extern void az_spi_db_run(const char *name, void (*body) (void *arg),
						  void *arg);

/*
 * The same, but an error is logged and aborts only that transaction: false.
 */
extern bool az_spi_db_try(const char *name, void (*body) (void *arg),
						  void *arg);

#endif
