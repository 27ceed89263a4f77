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

/*
 * An event for a component: which of those asked for, then the event, its
 * depth, and state, attempts and next attempt of its exception.
 */
#define DELIVERY_COLUMNS "ordinal, at_position, root, domain, edition, " \
	"divergence, sequence, created_at, correlation_id, type_url, payload, " \
	"external, ext, depth, state, attempts, next_attempt_at "
#define DELIVERY_TYPES "iIUTTIItTTBBBiTit"

/* A dead letter: what both statements that read some give first. */
#define LETTER_COLUMNS "found_id, found_domain, found_correlation_id, " \
	"found_component, found_component_type, found_type, found_reason, " \
	"found_details, found_payload, found_occurred_at, found_created_at"
#define LETTER_TYPES "ITTTTTTTBtt"

static const AzStatement statements[AZ_STATEMENT_COUNT] = {
	[AZ_STATEMENT_COMPONENTS] = {
		.name = "components",
		.sql = "SELECT name, kind, domain, address, deadline_ms, "
		"send_snapshots, enabled, inputs, max_attempts, max_in_flight "
		"FROM angzarr._components()",
		.params = "",
		.results = "TTTTIbbTii"
	},
	[AZ_STATEMENT_DESCRIPTORS] = {
		.name = "descriptors",
		.sql = "SELECT name, file FROM angzarr._descriptors()",
		.params = "",
		.results = "TB"
	},
	[AZ_STATEMENT_LOAD_BOOKS] = {
		.name = "load_books",
		.sql = "SELECT book, is_snapshot, sequence, created_at, "
		"correlation_id, type_url, payload, external, ext, retention "
		"FROM angzarr._load_books($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		.params = "U*T*T*b*I*I*t*I*I*",
		.results = "ibItTTBBBi"
	},
	[AZ_STATEMENT_READ_PLAN] = {
		.name = "read_plan",
		.sql = "SELECT own_first, divergence, first_sequence, last_sequence, "
		"end_position, cover_correlation_id, cover_ext, snapshot_sequence, "
		"snapshot_at, snapshot_type_url, snapshot_state, snapshot_retention "
		"FROM angzarr._read_plan($1, $2, $3, $4, $5, nullif($6, '{}'), $7, "
		"$8, $9, $10, $11)",
		.params = "UTTITI*bIItI",
		.results = "IIIIITBItTBi"
	},
	[AZ_STATEMENT_READ_PAGES] = {
		.name = "read_pages",
		.sql = "SELECT sequence, position, created_at, type_url, payload, "
		"external FROM angzarr._read_pages($1, $2, $3, $4, $5, "
		"nullif($6, '{}'), $7, $8, $9, $10, $11, $12)",
		.params = "UTTITI*IIIIiI",
		.results = "IItTBB"
	},
	[AZ_STATEMENT_CORRELATED] = {
		.name = "correlated",
		.sql = "SELECT found_domain, found_root, said_divergence, "
		"first_position, end_position, newest_position "
		"FROM angzarr._correlated($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		.params = "TTUTT*I*IIi",
		.results = "TUIIII"
	},
	[AZ_STATEMENT_ROOTS] = {
		.name = "roots",
		.sql = "SELECT found_root, found_domain "
		"FROM angzarr._roots($1, $2, $3)",
		.params = "UTi",
		.results = "UT"
	},
	[AZ_STATEMENT_HEADS] = {
		.name = "heads",
		.sql = "SELECT stream, sequence, created_at, snapshot, snapshot_at, "
		"snapshot_size FROM angzarr._heads($1, $2)",
		.params = "U*T*",
		.results = "iItIti"
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
	},
	[AZ_STATEMENT_FIND_KEYS] = {
		.name = "find_keys",
		.sql = "SELECT ordinal, first_sequence, last_sequence, answer "
		"FROM angzarr._find_keys($1, $2, $3, $4, $5)",
		.params = "U*T*T*T*B*",
		.results = "iIIB"
	},
	[AZ_STATEMENT_KEEP_KEYS] = {
		.name = "keep_keys",
		.sql = "SELECT kept FROM "
		"angzarr._keep_keys($1, $2, $3, $4, $5, $6, $7, $8) AS kept",
		.params = "U*T*T*T*B*I*I*B*",
		.results = "I"
	},
	[AZ_STATEMENT_KEEP_SNAPSHOTS] = {
		.name = "keep_snapshots",
		.sql = "SELECT kept FROM "
		"angzarr._keep_snapshots($1, $2, $3, $4, $5, $6, $7, $8) AS kept",
		.params = "U*T*T*I*t*i*T*B*",
		.results = "I"
	},
	[AZ_STATEMENT_BRANCH_STATES] = {
		.name = "branch_states",
		.sql = "SELECT ordinal, is_own, fixed, next_sequence "
		"FROM angzarr._branch_states($1, $2, $3)",
		.params = "U*T*T*",
		.results = "ibII"
	},
	[AZ_STATEMENT_HOLD_BRANCHES] = {
		.name = "hold_branches",
		.sql = "SELECT ordinal, is_own "
		"FROM angzarr._hold_branches($1, $2, $3)",
		.params = "U*T*T*",
		.results = "ib"
	},
	[AZ_STATEMENT_DELETE_EDITION_PART] = {
		.name = "delete_edition_part",
		.sql = "SELECT outcome FROM "
		"angzarr._delete_edition_part($1, $2, $3) AS outcome",
		.params = "TTI",
		.results = "T"
	},
	[AZ_STATEMENT_FILE_DEAD_LETTERS] = {
		.name = "file_dead_letters",
		.sql = "SELECT filed FROM "
		"angzarr._file_dead_letters($1, $2, $3, $4, $5, $6, $7, $8, $9) AS filed",
		.params = "T*T*T*T*T*T*T*B*t*",
		.results = "I"
	},
	[AZ_STATEMENT_SETTLE_KEYS] = {
		.name = "settle_keys",
		.sql = "SELECT kept FROM "
		"angzarr._settle_keys($1, $2, $3, $4, $5, $6, $7, $8) AS kept",
		.params = "U*T*T*T*B*I*I*B*",
		.results = "I"
	},
	[AZ_STATEMENT_RECORD_OBLIGATIONS] = {
		.name = "record_obligations",
		.sql = "SELECT recorded FROM angzarr._record_obligations("
		"$1, $2, $3, $4, $5, $6, $7, $8) AS recorded",
		.params = "T*T*U*T*T*B*B*i*",
		.results = "I"
	},
	[AZ_STATEMENT_READ_OBLIGATIONS] = {
		.name = "read_obligations",
		.sql = "SELECT id, kind, component, root, domain, edition, envelope, "
		"depth, attempts, next_attempt_at "
		"FROM angzarr._read_obligations($1, $2)",
		.params = "iI*",
		.results = "ITTUTTBiit"
	},
	[AZ_STATEMENT_POSTPONE_OBLIGATIONS] = {
		.name = "postpone_obligations",
		.sql = "SELECT postponed FROM "
		"angzarr._postpone_obligations($1, $2, $3, $4) AS postponed",
		.params = "I*i*t*T*",
		.results = "I"
	},
	[AZ_STATEMENT_CLOSE_OBLIGATIONS] = {
		.name = "close_obligations",
		.sql = "SELECT closed FROM angzarr._close_obligations($1) AS closed",
		.params = "I*",
		.results = "I"
	},
	[AZ_STATEMENT_LIST_DEAD_LETTERS] = {
		.name = "list_dead_letters",
		.sql = "SELECT " LETTER_COLUMNS ", more "
		"FROM angzarr._list_dead_letters($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		.params = "ITTTTttiI",
		.results = LETTER_TYPES "b"
	},
	[AZ_STATEMENT_FIND_DEAD_LETTER] = {
		.name = "find_dead_letter",
		.sql = "SELECT " LETTER_COLUMNS ", fresh_correlation_id "
		"FROM angzarr._find_dead_letter($1)",
		.params = "I",
		.results = LETTER_TYPES "T"
	},
	[AZ_STATEMENT_DELETE_DEAD_LETTER] = {
		.name = "delete_dead_letter",
		.sql = "SELECT deleted FROM angzarr.delete_dead_letter($1) AS deleted",
		.params = "I",
		.results = "b"
	},
	[AZ_STATEMENT_MARK_REPLAYED] = {
		.name = "mark_replayed",
		.sql = "SELECT replayed_at FROM angzarr._mark_replayed($1) AS replayed_at",
		.params = "I",
		.results = "t"
	},
	[AZ_STATEMENT_NEXT_SEQUENCE] = {
		.name = "next_sequence",
		.sql = "SELECT next_sequence "
		"FROM angzarr.next_sequence($1, $2, $3) AS next_sequence",
		.params = "TUT",
		.results = "I"
	},
	[AZ_STATEMENT_HORIZON] = {
		.name = "horizon",
		.sql = "SELECT horizon, cardinality(holders) FROM angzarr._turn()",
		.params = "",
		.results = "Ii"
	},
	[AZ_STATEMENT_READ_LOG] = {
		.name = "read_log",
		.sql = "SELECT at_position, opens, next_position, root, domain, "
		"edition, divergence, sequence, created_at, correlation_id, "
		"type_url, payload, external, ext "
		"FROM angzarr._read_log($1, $2, $3, $4, $5)",
		.params = "IIiIb",
		.results = "IbIUTTIItTTBBB"
	},
	[AZ_STATEMENT_TAKE_LEASES] = {
		.name = "take_leases",
		.sql = "SELECT component FROM angzarr._take_leases($1) AS component",
		.params = "T*",
		.results = "T"
	},
	[AZ_STATEMENT_DROP_LEASES] = {
		.name = "drop_leases",
		.sql = "SELECT dropped FROM angzarr._drop_leases($1) AS dropped",
		.params = "T*",
		.results = "I"
	},
	[AZ_STATEMENT_SUBSCRIPTIONS] = {
		.name = "subscriptions",
		.sql = "SELECT ordinal, epoch, at_position, status "
		"FROM angzarr._subscription_states($1)",
		.params = "T*",
		.results = "iiIT"
	},
	[AZ_STATEMENT_HELD_STREAMS] = {
		.name = "held_streams",
		.sql = "SELECT ordinal, root, domain, edition, is_reserved, "
		"next_attempt_at FROM angzarr._held_streams($1)",
		.params = "T*",
		.results = "iUTTbt"
	},
	[AZ_STATEMENT_READ_DELIVERIES] = {
		.name = "read_deliveries",
		.sql = "SELECT " DELIVERY_COLUMNS
		"FROM angzarr._read_deliveries($1, $2, $3, $4, $5)",
		.params = "T*I*i*I*I*",
		.results = DELIVERY_TYPES
	},
	[AZ_STATEMENT_READ_HELD] = {
		.name = "read_held",
		.sql = "SELECT " DELIVERY_COLUMNS
		"FROM angzarr._read_held($1, $2, $3, $4)",
		.params = "T*U*T*T*",
		.results = DELIVERY_TYPES
	},
	[AZ_STATEMENT_WRITE_CURSORS] = {
		.name = "write_cursors",
		.sql = "SELECT written FROM "
		"angzarr._write_cursors($1, $2, $3, $4, $5, $6) AS written",
		.params = "T*i*I*T*i*T*",
		.results = "T"
	},
	[AZ_STATEMENT_WRITE_EXCEPTIONS] = {
		.name = "write_exceptions",
		.sql = "SELECT written FROM angzarr._write_exceptions($1, $2, $3, "
		"$4, $5, $6, $7, $8, $9, $10) AS written",
		.params = "T*i*I*T*U*T*T*i*t*T*",
		.results = "I"
	},
	[AZ_STATEMENT_RESERVE] = {
		.name = "reserve",
		.sql = "SELECT reserved FROM "
		"angzarr._reserve_deliveries($1, $2, $3, $4, $5, $6, $7) AS reserved",
		.params = "T*U*T*T*I*I*t*",
		.results = "i"
	},
	[AZ_STATEMENT_TURNS] = {
		.name = "turns",
		.sql = "SELECT ordinal, previous_position, is_pending "
		"FROM angzarr._turns($1, $2, $3, $4, $5)",
		.params = "T*U*T*T*I*",
		.results = "iIb"
	},
	[AZ_STATEMENT_END_RESERVED] = {
		.name = "end_reserved",
		.sql = "SELECT ended FROM "
		"angzarr._end_reserved($1, $2, $3, $4, $5, $6, $7) AS ended",
		.params = "T*U*T*T*I*I*b*",
		.results = "I"
	},
	[AZ_STATEMENT_KEEP_TIMERS] = {
		.name = "keep_timers",
		.sql = "SELECT kept FROM "
		"angzarr._keep_timers($1, $2, $3, $4, $5, $6, $7, $8) AS kept",
		.params = "T*T*U*T*t*B*I*b*",
		.results = "I"
	},
	[AZ_STATEMENT_DROP_TIMERS] = {
		.name = "drop_timers",
		.sql = "SELECT dropped FROM "
		"angzarr._drop_timers($1, $2, $3, $4) AS dropped",
		.params = "T*T*U*I*",
		.results = "I"
	},
	[AZ_STATEMENT_STANDING_TIMERS] = {
		.name = "standing_timers",
		.sql = "SELECT ordinal FROM "
		"angzarr._standing_timers($1, $2, $3, $4) AS ordinal",
		.params = "T*T*U*I*",
		.results = "i"
	},
	[AZ_STATEMENT_DUE_TIMERS] = {
		.name = "due_timers",
		.sql = "SELECT ordinal, root, domain, edition, divergence, name, "
		"due_at, payload, scheduled_sequence, correlation_id, ext, depth "
		"FROM angzarr._due_timers($1, $2)",
		.params = "T*i*",
		.results = "iUTTITtBITBi"
	}
};

const AzStatement *
az_statement(AzStatementId id)
{
	if ((size_t) id >= AZ_STATEMENT_COUNT)
		return NULL;
	return &statements[id];
}
