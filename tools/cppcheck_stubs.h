/* What cppcheck must know of the server's and the libraries' macros, whose headers it is not given. */
#define PG_MODULE_MAGIC
#define PG_FUNCTION_INFO_V1(name) extern Datum name(FunctionCallInfo fcinfo)
#define PGDLLEXPORT
#define PGDLLIMPORT
#define pg_attribute_printf(f, a)
#define pg_attribute_noreturn()
#define StaticAssertDecl(condition, message)
#define PG_TRY() do { if (1) {
#define PG_CATCH() } else {
#define PG_FINALLY() } {
#define PG_END_TRY() } } while (0)
#define ERROR 21
#define FATAL 22
#define ereport(level, ...) do { (void) (__VA_ARGS__); if ((level) >= ERROR) abort(); } while (0)
#define elog(level, ...) do { if ((level) >= ERROR) abort(); } while (0)
#define foreach(cell, list) for ((cell) = list_head(list); (cell); (cell) = lnext(list, cell))
#define PG_RETURN_VOID() return 0
#define DL_FOREACH2(head, el, next) for ((el) = (head); (el); (el) = (el)->next)
#define DL_FOREACH_SAFE2(head, el, tmp, next) for ((el) = (head); (el) && ((tmp) = (el)->next, 1); (el) = (tmp))
#define DL_APPEND2(head, add, prev, next) ((head) = (add))
#define DL_PREPEND2(head, add, prev, next) ((head) = (add))
#define DL_DELETE2(head, del, prev, next) ((head) = (del)->next)
#define DL_COUNT2(head, el, counter, next) ((counter) = (head) != NULL)
