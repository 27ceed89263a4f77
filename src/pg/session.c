/*
 * What the engine's session must be like, whatever the database says:
 * ALTER DATABASE ... SET reaches background workers too.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "access/xact.h"
#include "utils/guc.h"

#include "pg/guc.h"
#include "pg/session.h"

typedef struct AzPin
{
	const char *name;
	const char *value;
} AzPin;

/* lock_timeout is a backstop below deadlock_timeout: the engine yields. */
static const AzPin pins[] = {
	{"default_transaction_deferrable", "off"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"enable_seqscan", "off"},	/* a cached plan outlives an empty table */
	{"idle_in_transaction_session_timeout", "0"},
	{"idle_session_timeout", "0"},
	{"jit", "off"},
	{"lock_timeout", "20ms"},
	{"max_parallel_workers_per_gather", "0"},
	{"plan_cache_mode", "force_generic_plan"},
	{"search_path", "pg_catalog, pg_temp"},
	{"session_replication_role", "origin"},
	{"statement_timeout", "0"},
	{NULL}
};

static void raise_descriptor_limit(void);

void
az_session_prepare(void)
{
	for (const AzPin *pin = pins; pin->name != NULL; pin++)
		SetConfigOption(pin->name, pin->value, PGC_SUSET, PGC_S_OVERRIDE);
	az_session_require_flush();
	raise_descriptor_limit();
	az_session_limit_memory();
}

void
az_session_require_flush(void)
{
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		SetConfigOption("synchronous_commit", "local", PGC_SUSET,
						PGC_S_OVERRIDE);
}

void
az_session_limit_memory(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) == 0)
	{
		limit.rlim_cur = Min((rlim_t) az_guc_max_memory_kb * 1024,
							 limit.rlim_max);
		if (setrlimit(RLIMIT_DATA, &limit) == 0)
			return;
	}
	ereport(LOG, (errmsg("could not limit the engine's memory: %m")));
}

/* Each client is a descriptor, and the usual soft limit is 1024. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
		limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		ereport(LOG,
				(errmsg("could not raise the limit of open descriptors: %m")));
}
