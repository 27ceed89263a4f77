/* What the host must hear of: extensions and databases that come and go. */
#ifndef AZ_PG_HOOKS_H
#define AZ_PG_HOOKS_H

/* While the server starts. */
extern void az_hooks_install(void);

#endif
