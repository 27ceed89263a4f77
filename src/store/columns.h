/* Building the array parameters of set-based statements, row by row. */
#ifndef AZ_STORE_COLUMNS_H
#define AZ_STORE_COLUMNS_H

#include "db/db.h"

/*
 * "n" array parameters with room for "rows" values each, of the types that
 * the statement's list says; NULL when memory is out.
 */
extern AzDbParam *az_columns_create(AzStatementId statement, size_t rows,
									AzArena *arena);

/* Set one value; text may be NULL for null, empty bytes too where said. */
extern void az_columns_set_int(AzDbParam *param, size_t row, int64_t value);
extern void az_columns_set_text(AzDbParam *param, size_t row,
								const char *text);
extern void az_columns_set_bytes(AzDbParam *param, size_t row, AzBytes bytes);
extern void az_columns_set_null(AzDbParam *param, size_t row);

#endif
