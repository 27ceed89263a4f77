/* Wakes the engine when a transaction that drew a position has ended. */
#ifndef AZ_PG_WAKE_H
#define AZ_PG_WAKE_H

/* While the server starts: watches transactions end. */
extern void az_wake_install(void);

#endif
