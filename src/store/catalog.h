/* The registered components and payload types, as last read. */
#ifndef AZ_STORE_CATALOG_H
#define AZ_STORE_CATALOG_H

#include "db/db.h"
#include "descriptor/types.h"

typedef struct AzComponent
{
	const char *name;
	const char *kind;			/* "aggregate", "saga", … */
	const char *domain;			/* owned; "" when none */
	const char *address;		/* "grpc://host:port", "unix:/path" */
	int64_t		deadline_us;	/* of one call; 0 = angzarr.call_timeout */
	bool		send_snapshots;
	bool		enabled;
	const char *const *inputs;	/* domains whose events it gets, ends with
								 * NULL; none: every domain */
	int			max_attempts;	/* 0 = angzarr.max_attempts */
	int			max_in_flight;	/* 0 = angzarr.max_deliveries */
} AzComponent;

typedef struct AzCatalog AzCatalog;

extern AzCatalog *az_catalog_create(void);
extern void az_catalog_free(AzCatalog *catalog);

/* Whether the database has news since it was last read. */
extern bool az_catalog_is_stale(const AzCatalog *catalog, AzDb *db);

/* Rises with each reading. */
extern uint64_t az_catalog_version(const AzCatalog *catalog);

/* Whether it was ever read: before, nobody can say who is registered. */
extern bool az_catalog_was_read(const AzCatalog *catalog);

/*
 * Reads all components, and the descriptors of payload types, in the open
 * transaction; on failure the old ones stay.  Pointers to components and
 * types are good until the next read.
 */
extern bool az_catalog_read(AzCatalog *catalog, AzDb *db, AzError *error,
							AzArena *arena);

/* The aggregate that owns a domain, or NULL. */
extern const AzComponent *az_catalog_aggregate(const AzCatalog *catalog,
											   const char *domain);

/* What payloads look like; NULL when that is not known. */
extern const AzTypes *az_catalog_types(const AzCatalog *catalog);

/* What makes today's events of a domain's old ones, or NULL. */
extern const AzComponent *az_catalog_upcaster(const AzCatalog *catalog,
											  const char *domain);

/* The component of any kind that owns a domain (aggregate, process manager),
 * or NULL. */
extern const AzComponent *az_catalog_owner(const AzCatalog *catalog,
										   const char *domain);

/* The component with a name, or NULL. */
extern const AzComponent *az_catalog_named(const AzCatalog *catalog,
										   const char *name);

/* All of them, in order of name: 0 .. az_catalog_count - 1. */
extern const AzComponent *az_catalog_at(const AzCatalog *catalog, size_t i);
extern size_t az_catalog_count(const AzCatalog *catalog);

/* Whether events are delivered to it: saga, process manager or projector. */
extern bool az_component_reacts(const AzComponent *component);
extern bool az_component_is_process(const AzComponent *component);
extern bool az_component_is_projector(const AzComponent *component);

/* Whether it gets the events of a domain. */
extern bool az_component_listens(const AzComponent *component,
								 const char *domain);

#endif
