/*
 * What the host must hear of: extensions and databases that come and go.
 *
 * Commands that need a database without sessions would wait in vain for the
 * engine, so it is stopped for them, and started again when the transaction
 * ends, whatever came of it.  Only those who may run the command can make
 * the engine stop.  DROP DATABASE is noticed after the server has checked
 * that; the others before, so it is checked here.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "pg/catalog_scan.h"
#include "pg/hooks.h"
#include "pg/queue.h"
#include "pg/slots.h"

#define SETTING_PREFIX "angzarr."

static ProcessUtility_hook_type next_utility;
static object_access_hook_type next_access;

/* Of the CREATE DATABASE that runs. */
static bool copy_may_have_extension;

static void utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
					ProcessUtilityContext context, ParamListInfo params,
					QueryEnvironment *environment, DestReceiver *dest,
					QueryCompletion *completion);
static void after_end_of_prepared(void);
static void before(Node *statement);
static void before_alone(Node *statement);
static void before_create(CreatedbStmt *statement);
static void before_rename(RenameStmt *statement);
static void before_alter(AlterDatabaseStmt *statement);
static void before_alter_set(AlterDatabaseSetStmt *statement);
static DefElem *find_option(List *options, const char *name);
static bool may_create_databases(void);
static bool may_copy(Oid database);
static bool allows_connections(Oid database);
static bool read_database(Oid database, FormData_pg_database * row);
static void note_access(ObjectAccessType access, Oid class, Oid object, int subid,
						void *arg);

void
az_hooks_install(void)
{
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
	next_access = object_access_hook;
	object_access_hook = note_access;
}

static void
utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
		ProcessUtilityContext context, ParamListInfo params,
		QueryEnvironment *environment, DestReceiver *dest,
		QueryCompletion *completion)
{
	Node	   *statement = pstmt->utilityStmt;
	bool		ends_prepared = IsA(statement, TransactionStmt) &&
	(((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED ||
	 ((TransactionStmt *) statement)->kind == TRANS_STMT_ROLLBACK_PREPARED);

	before(statement);
	if (context == PROCESS_UTILITY_TOPLEVEL && !IsTransactionBlock())
		before_alone(statement);
	if (next_utility != NULL)
		next_utility(pstmt, query, read_only_tree, context, params,
					 environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params,
								environment, dest, completion);
	if (ends_prepared)
		after_end_of_prepared();
}

/* What that transaction did it has told nobody: it may be anything. */
static void
after_end_of_prepared(void)
{
	az_slots_components_changed(MyDatabaseId);
	az_slots_log_moved();
	if (OidIsValid(get_extension_oid(AZ_EXTENSION_NAME, true)))
		az_slots_look(MyDatabaseId, false);
	else
		az_slots_dismiss(MyDatabaseId);
}

static void
before(Node *statement)
{
	if (IsA(statement, AlterDatabaseSetStmt))
		before_alter_set((AlterDatabaseSetStmt *) statement);
}

/* Commands that fail inside a transaction block. */
static void
before_alone(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreatedbStmt:
			before_create((CreatedbStmt *) statement);
			break;
		case T_RenameStmt:
			before_rename((RenameStmt *) statement);
			break;
		case T_AlterDatabaseStmt:
			before_alter((AlterDatabaseStmt *) statement);
			break;
		default:
			break;
	}
}

static void
before_create(CreatedbStmt *statement)
{
	DefElem    *option = find_option(statement->options, "template");
	const char *name = "template1";
	Oid			database;

	if (option != NULL && option->arg != NULL)
		name = defGetString(option);
	database = get_database_oid(name, true);
	copy_may_have_extension = false;
	if (!OidIsValid(database) || !may_copy(database))
		return;
	/* Where nobody can connect, nobody has looked. */
	copy_may_have_extension = az_queue_hold(database) ||
		(database != Template0DbOid && !allows_connections(database));
}

static void
before_rename(RenameStmt *statement)
{
	Oid			database;

	if (statement->renameType != OBJECT_DATABASE)
		return;
	database = get_database_oid(statement->subname, true);
	if (OidIsValid(database) && pg_database_ownercheck(database, GetUserId()))
		az_queue_hold(database);
}

static void
before_alter(AlterDatabaseStmt *statement)
{
	Oid			database = get_database_oid(statement->dbname, true);

	if (!OidIsValid(database) ||
		!pg_database_ownercheck(database, GetUserId()))
		return;
	if (find_option(statement->options, "tablespace") != NULL)
		az_queue_hold(database);
	else if (find_option(statement->options, "allow_connections") != NULL)
		az_queue_look(database);
}

/* A process takes settings of its database only when it starts. */
static void
before_alter_set(AlterDatabaseSetStmt *statement)
{
	VariableSetStmt *set = statement->setstmt;
	Oid			database;

	if (set->kind != VAR_RESET_ALL &&
		pg_strncasecmp(set->name, SETTING_PREFIX, strlen(SETTING_PREFIX)) != 0)
		return;
	database = get_database_oid(statement->dbname, true);
	/* It may fail and be caught: then the restart is all that comes of it. */
	if (OidIsValid(database) && pg_database_ownercheck(database, GetUserId()))
		az_queue_restart(database);
}

static DefElem *
find_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* The server has this function, but not every 15.x lets others call it. */
static bool
may_create_databases(void)
{
	HeapTuple	role;
	bool		may;

	if (superuser())
		return true;
	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (!HeapTupleIsValid(role))
		return false;
	may = ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;
	ReleaseSysCache(role);
	return may;
}

/* As CREATE DATABASE has it: the owner, or anybody for a template. */
static bool
may_copy(Oid database)
{
	FormData_pg_database row;

	return may_create_databases() &&
		(pg_database_ownercheck(database, GetUserId()) ||
		 (read_database(database, &row) && row.datistemplate));
}

static bool
allows_connections(Oid database)
{
	FormData_pg_database row;

	return read_database(database, &row) && row.datallowconn;
}

static bool
read_database(Oid database, FormData_pg_database * row)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID,
										ObjectIdGetDatum(database));

	if (!HeapTupleIsValid(tuple))
		return false;
	*row = *(Form_pg_database) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	return true;
}

static void
note_access(ObjectAccessType access, Oid class, Oid object, int subid, void *arg)
{
	if (next_access != NULL)
		next_access(access, class, object, subid, arg);
	if (class == DatabaseRelationId)
	{
		if (access == OAT_DROP)
			az_queue_hold(object);
		else if (access == OAT_POST_CREATE && copy_may_have_extension)
			az_queue_look(object);
	}
	else if (class == ExtensionRelationId &&
			 (access == OAT_POST_CREATE || access == OAT_POST_ALTER ||
			  access == OAT_DROP) &&
			 az_catalog_scan_is_ours(object))
		az_queue_extension_changed();
}
