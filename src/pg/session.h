/* What the engine's session must be like, whatever the database says. */
#ifndef AZ_PG_SESSION_H
#define AZ_PG_SESSION_H

/* Pins settings and raises the limit of descriptors; once. */
extern void az_session_prepare(void);

/* After each reload: commits are flushed before they are acknowledged. */
extern void az_session_require_flush(void);

#endif
