/* What the engine's session must be like, whatever the database says. */
#ifndef AZ_PG_SESSION_H
#define AZ_PG_SESSION_H

/* Pins settings, sets the limits of descriptors and memory; once. */
extern void az_session_prepare(void);

/* After each reload: commits are flushed before they are acknowledged. */
extern void az_session_require_flush(void);

/*
 * After each reload, too: what clients ask for may fill the process, but not
 * the machine.  An allocation over angzarr.max_memory fails like any other.
 */
extern void az_session_limit_memory(void);

#endif
