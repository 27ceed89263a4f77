/* Building the array parameters of set-based statements, row by row. */
#ifndef AZ_STORE_COLUMNS_H
#define AZ_STORE_COLUMNS_H

#include "db/db.h"

/*
 * The parameters of a statement with room for "rows" values each, of the
 * types that its list says; NULL when memory is out.  One row where some of
 * them are single values.
 */
extern AzDbParam *az_columns_create(AzStatementId statement, size_t rows,
									AzArena *arena);

/* Set one value; text may be NULL for null, empty bytes too where said. */
extern void az_columns_set_int(AzDbParam *param, size_t row, int64_t value);
extern void az_columns_set_text(AzDbParam *param, size_t row,
								const char *text);
extern void az_columns_set_bytes(AzDbParam *param, size_t row, AzBytes bytes);

/* All values of one array, none null; they stay where they are. */
extern void az_columns_set_ints(AzDbParam *param, int64_t *values,
								size_t count);
extern void az_columns_set_null(AzDbParam *param, size_t row);

#endif
