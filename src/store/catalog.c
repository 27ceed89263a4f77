/*
 * The registered components and payload types: read whole, kept until the
 * database has news.
 */
#include "store/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/messages.h"

/* Results of AZ_STATEMENT_COMPONENTS. */
enum
{
	NAME, KIND, DOMAIN, ADDRESS, DEADLINE_MS, SEND_SNAPSHOTS, ENABLED, INPUTS,
	MAX_ATTEMPTS, MAX_IN_FLIGHT
};

/* Results of AZ_STATEMENT_DESCRIPTORS. */
enum
{
	FILE_NAME, FILE_BYTES
};

struct AzCatalog
{
	AzArena    *arena;			/* holds the components */
	AzTypes    *types;
	AzComponent *components;
	size_t		count;
	uint64_t	generation;		/* of the database when they were read */
	uint64_t	version;		/* how often they were read */
	bool		was_read;
};

static bool read_types(AzDb *db, AzTypes **types, AzArena *arena,
					   AzError *error);
static const AzComponent *find(const AzCatalog *catalog, const char *kind,
							   const char *domain);
static AzComponent *copy_components(const AzRows *rows, AzArena *arena);
static bool copy_component(AzComponent *component, const AzRows *rows,
						   size_t row, AzArena *arena);
static const char *const *copy_inputs(const AzRows *rows, size_t row,
									  AzArena *arena);
static int	number(const AzRows *rows, size_t row, int column);
static const char *copy_text(const AzRows *rows, size_t row, int column,
							 AzArena *arena);

AzCatalog *
az_catalog_create(void)
{
	return calloc(1, sizeof(AzCatalog));
}

void
az_catalog_free(AzCatalog *catalog)
{
	if (catalog == NULL)
		return;
	az_types_free(catalog->types);
	az_arena_free(catalog->arena);
	free(catalog);
}

bool
az_catalog_is_stale(const AzCatalog *catalog, AzDb *db)
{
	return !catalog->was_read ||
		catalog->generation != az_db_components_generation(db);
}

uint64_t
az_catalog_version(const AzCatalog *catalog)
{
	return catalog->version;
}

bool
az_catalog_was_read(const AzCatalog *catalog)
{
	return catalog->was_read;
}

bool
az_catalog_read(AzCatalog *catalog, AzDb *db, AzError *error, AzArena *arena)
{
	/* Taken first: what changes while we read makes us read again. */
	uint64_t	generation = az_db_components_generation(db);
	AzArena    *fresh;
	AzComponent *components;
	AzTypes    *types;
	AzRows		rows;

	if (!az_db_execute(db, AZ_STATEMENT_COMPONENTS, NULL, arena, &rows, error) ||
		!read_types(db, &types, arena, error))
		return false;
	fresh = az_arena_create();
	components = fresh ? copy_components(&rows, fresh) : NULL;
	if (components == NULL)
	{
		az_types_free(types);
		az_arena_free(fresh);
		return az_error_out_of_memory(error);
	}
	az_types_free(catalog->types);
	catalog->types = types;
	az_arena_free(catalog->arena);
	catalog->arena = fresh;
	catalog->components = components;
	catalog->count = rows.count;
	catalog->generation = generation;
	catalog->was_read = true;
	catalog->version++;
	return true;
}

const AzComponent *
az_catalog_aggregate(const AzCatalog *catalog, const char *domain)
{
	return find(catalog, "aggregate", domain);
}

const AzComponent *
az_catalog_upcaster(const AzCatalog *catalog, const char *domain)
{
	return find(catalog, "upcaster", domain);
}

const AzComponent *
az_catalog_owner(const AzCatalog *catalog, const char *domain)
{
	const AzComponent *owner = find(catalog, "aggregate", domain);

	return owner != NULL ? owner : find(catalog, "process_manager", domain);
}

const AzComponent *
az_catalog_named(const AzCatalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (strcmp(catalog->components[i].name, name) == 0)
			return &catalog->components[i];
	return NULL;
}

const AzComponent *
az_catalog_at(const AzCatalog *catalog, size_t i)
{
	return &catalog->components[i];
}

bool
az_component_reacts(const AzComponent *component)
{
	return strcmp(component->kind, "saga") == 0 ||
		az_component_is_process(component) ||
		az_component_is_projector(component);
}

bool
az_component_is_process(const AzComponent *component)
{
	return strcmp(component->kind, "process_manager") == 0;
}

bool
az_component_is_projector(const AzComponent *component)
{
	return strcmp(component->kind, "projector") == 0;
}

bool
az_component_listens(const AzComponent *component, const char *domain)
{
	if (component->inputs[0] == NULL)
		return az_component_reacts(component);
	for (const char *const *input = component->inputs; *input != NULL; input++)
		if (strcmp(*input, domain) == 0)
			return true;
	return false;
}

const AzTypes *
az_catalog_types(const AzCatalog *catalog)
{
	return catalog->types;
}

size_t
az_catalog_count(const AzCatalog *catalog)
{
	return catalog->count;
}

/*
 * None are registered: NULL.  Files that do not go together cannot be there,
 * unless somebody wrote them past register_descriptors; payloads are opaque
 * then, and commands go on.
 */
static bool
read_types(AzDb *db, AzTypes **types, AzArena *arena, AzError *error)
{
	AzBytes		known = {az_descriptor_set, az_descriptor_set_len};
	AzTypesFile *files;
	AzError		fault = {0};
	AzRows		rows;

	*types = NULL;
	if (!az_db_execute(db, AZ_STATEMENT_DESCRIPTORS, NULL, arena, &rows, error))
		return false;
	files = az_arena_array(arena, rows.count + 1, sizeof(AzTypesFile));
	if (files == NULL)
		return az_error_out_of_memory(error);
	for (size_t row = 0; row < rows.count; row++)
	{
		files[row].name = az_rows_text(&rows, row, FILE_NAME);
		files[row].bytes = az_rows_bytes(&rows, row, FILE_BYTES);
	}
	if (rows.count == 0)
		return true;
	*types = az_types_create(known, files, rows.count, arena, &fault);
	if (*types == NULL)
		az_log(AZ_LOG_WARNING, "payload types cannot be used: %s",
			   fault.message);
	return true;
}

static const AzComponent *
find(const AzCatalog *catalog, const char *kind, const char *domain)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (strcmp(catalog->components[i].kind, kind) == 0 &&
			strcmp(catalog->components[i].domain, domain) == 0)
			return &catalog->components[i];
	return NULL;
}

static AzComponent *
copy_components(const AzRows *rows, AzArena *arena)
{
	AzComponent *components = az_arena_array(arena, rows->count + 1,
											 sizeof(AzComponent));

	if (components == NULL)
		return NULL;
	for (size_t row = 0; row < rows->count; row++)
		if (!copy_component(&components[row], rows, row, arena))
			return NULL;
	return components;
}

static bool
copy_component(AzComponent *component, const AzRows *rows, size_t row,
			   AzArena *arena)
{
	component->name = copy_text(rows, row, NAME, arena);
	component->kind = copy_text(rows, row, KIND, arena);
	component->domain = copy_text(rows, row, DOMAIN, arena);
	component->address = copy_text(rows, row, ADDRESS, arena);
	if (!az_rows_is_null(rows, row, DEADLINE_MS))
		component->deadline_us = az_rows_int(rows, row, DEADLINE_MS) * 1000;
	component->send_snapshots = az_rows_int(rows, row, SEND_SNAPSHOTS) != 0;
	component->enabled = az_rows_int(rows, row, ENABLED) != 0;
	component->inputs = copy_inputs(rows, row, arena);
	component->max_attempts = number(rows, row, MAX_ATTEMPTS);
	component->max_in_flight = number(rows, row, MAX_IN_FLIGHT);
	return component->name != NULL && component->kind != NULL &&
		component->domain != NULL && component->address != NULL &&
		component->inputs != NULL;
}

/* Separated by commas, which no domain has; NULL when memory is out. */
static const char *const *
copy_inputs(const AzRows *rows, size_t row, AzArena *arena)
{
	const char *text = copy_text(rows, row, INPUTS, arena);
	const char **inputs;
	char	   *rest = NULL;
	size_t		count = 0;

	if (text == NULL)
		return NULL;
	inputs = az_arena_array(arena, strlen(text) / 2 + 2, sizeof(char *));
	if (inputs == NULL)
		return NULL;
	for (char *input = strtok_r((char *) text, ",", &rest); input != NULL;
		 input = strtok_r(NULL, ",", &rest))
		inputs[count++] = input;
	return inputs;
}

/* Null reads as 0. */
static int
number(const AzRows *rows, size_t row, int column)
{
	return az_rows_is_null(rows, row, column) ? 0 :
		(int) az_rows_int(rows, row, column);
}

/* Null reads as the empty text. */
static const char *
copy_text(const AzRows *rows, size_t row, int column, AzArena *arena)
{
	if (az_rows_is_null(rows, row, column))
		return "";
	return az_arena_string_of(arena, az_rows_bytes(rows, row, column));
}
