/* The library's entry: without shared_preload_libraries, settings only. */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/hooks.h"
#include "pg/queue.h"
#include "pg/slots.h"
#include "pg/supervisor.h"
#include "pg/wake.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	az_guc_define(process_shared_preload_libraries_in_progress);
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	az_slots_install();
	az_queue_install();
	az_wake_install();
	az_hooks_install();
	az_supervisor_register();
}
