/*
 * The server's versions: all that differs between them is smoothed here, and
 * nowhere else is its number looked at.
 */
#ifndef AZ_PG_COMPAT_H
#define AZ_PG_COMPAT_H

#include "pg_config.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 160000
#error "angzarr needs PostgreSQL 15"
#endif

/* The library hides what it does not say; before 16 the server says nothing. */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

#endif
