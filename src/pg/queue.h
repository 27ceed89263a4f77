/*
 * What a session has to tell supervisor and engine when its transaction
 * ends, once per transaction.
 */
#ifndef AZ_PG_QUEUE_H
#define AZ_PG_QUEUE_H

/* While the server starts: watches transactions end. */
extern void az_queue_install(void);

/* At commit: this database may have got, changed or lost the extension. */
extern void az_queue_extension_changed(void);

/* At commit: another database may have the extension. */
extern void az_queue_look(Oid database);

/* At commit: the database's engine has to start anew. */
extern void az_queue_restart(Oid database);

/* At commit: the registered components of this database changed. */
extern void az_queue_components_changed(void);

/*
 * Now: the database has no engine until this transaction ends, either way.
 * Waits for that.  False when there was nothing to hold.
 */
extern bool az_queue_hold(Oid database);

#endif
