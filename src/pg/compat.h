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

#endif
