/*
 * Every statement the engine runs: its name, text and types, in one table.
 *
 * Appending takes one array element per page; page 0 begins a new command.
 */
#include <stddef.h>

#include "db/statements.h"

#define APPEND_PARAMS "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, " \
	"$13, $14, $15, $16, $17, $18"

/*
 * root, domain, edition, sequence, page, created_at, correlation_id,
 * type_url, payload, external, ext, isolated, depth, and the source's
 * domain, edition, root, sequence and component.
 */
#define APPEND_TYPES "U*T*T*I*i*t*T*T*B*B*B*b*i*T*T*U*I*T*"

static const AzStatement statements[AZ_STATEMENT_COUNT] = {
	[AZ_STATEMENT_COMPONENTS] = {
		.name = "components",
		.sql = "SELECT name, kind, domain, address, deadline_ms, "
		"send_snapshots, enabled FROM angzarr._components()",
		.params = "",
		.results = "TTTTIbb"
	},
	[AZ_STATEMENT_LOAD_BOOKS] = {
		.name = "load_books",
		.sql = "SELECT book, is_snapshot, sequence, created_at, "
		"correlation_id, type_url, payload, external, ext, retention "
		"FROM angzarr._load_books($1, $2, $3, $4, $5, $6)",
		.params = "U*T*T*b*I*I*",
		.results = "ibItTTBBBi"
	},
	[AZ_STATEMENT_APPEND_PROBED] = {
		.name = "append_probed",
		.sql = "SELECT command, outcome, next_sequence "
		"FROM angzarr._append_probed(" APPEND_PARAMS ")",
		.params = APPEND_TYPES,
		.results = "iTI"
	},
	[AZ_STATEMENT_APPEND] = {
		.name = "append",
		.sql = "SELECT command, outcome, next_sequence "
		"FROM angzarr.append_batch(" APPEND_PARAMS ")",
		.params = APPEND_TYPES,
		.results = "iTI"
	}
};

const AzStatement *
az_statement(AzStatementId id)
{
	if ((size_t) id >= AZ_STATEMENT_COUNT)
		return NULL;
	return &statements[id];
}
