/*
 * Tells who listens on channel "angzarr" that the log has moved.
 *
 * In a transaction of its own: NOTIFY in one that appends would make all
 * appends wait for each other.
 */
#ifndef AZ_PG_NOTIFY_H
#define AZ_PG_NOTIFY_H

/* Looks at the log if it may have moved, and tells; mostly does nothing. */
extern void az_notify_turn(void);

/* Until the next turn is due; -1 = only when woken. */
extern long az_notify_timeout_ms(void);

#endif
