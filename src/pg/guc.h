/* The settings: angzarr.* of docs/settings.md, and nothing else. */
#ifndef AZ_PG_GUC_H
#define AZ_PG_GUC_H

#include "engine/engine.h"

/* Settings that only the host itself looks at. */
extern int	az_guc_drain_timeout_ms;
extern int	az_guc_max_databases;
extern int	az_guc_max_memory_kb;
extern int	az_guc_notify_interval_ms;
extern int	az_guc_workers;

/*
 * Defines the settings.  "preloaded": also those that are fixed when the
 * server starts.
 */
extern void az_guc_define(bool preloaded);

/*
 * What the engine is given, but for what depends on its siblings.  Strings
 * stay until the settings change.
 */
extern void az_guc_engine_settings(AzEngineSettings *settings);

/* Whether an engine made with "old" can take over "new" while it runs. */
extern bool az_guc_is_applicable(const AzEngineSettings *old,
								 const AzEngineSettings *new);

#endif
