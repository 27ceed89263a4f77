/* Whether this database is the one where the store was last activated. */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "pg/compat.h"
#include "pg/queue.h"
#include "pg/slots.h"
#include "pg/spi_activation.h"
#include "pg/spi_db.h"

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_activation_changed);

static void look(void *arg);

bool
az_spi_activation_is_here(void)
{
	bool		is_here = false;

	az_spi_db_run("look for activation", look, &is_here);
	return is_here;
}

/* Trigger on the table of activations: the engine looks again. */
Datum
angzarr_activation_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"_activation_changed\" must be called as a trigger")));
	if (az_slots_available())
		az_queue_restart(MyDatabaseId);
	return PointerGetDatum(NULL);
}

static void
look(void *arg)
{
	bool		is_null;

	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute("SELECT angzarr._is_activated()", true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not look for the activation");
	*(bool *) arg = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, 1,
											   &is_null));
	SPI_finish();
}
