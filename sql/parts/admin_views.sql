-- What an administrator asks.

CREATE VIEW angzarr.workers AS
SELECT w.database, w.worker, w.pid, w.state, w.started_at, w.listening, w.commands,
    w.events, w.rejected, w.batches, w.transactions, w.connections, w.message
FROM angzarr._workers() AS w;
COMMENT ON VIEW angzarr.workers IS
    'the engines of this server: angzarr.workers per database with the extension';
COMMENT ON COLUMN angzarr.workers.database IS 'it serves';
COMMENT ON COLUMN angzarr.workers.worker IS 'its number among those of the database';
COMMENT ON COLUMN angzarr.workers.pid IS 'of its process, or null';
COMMENT ON COLUMN angzarr.workers.state IS 'absent, starting, running, idle or stopping';
COMMENT ON COLUMN angzarr.workers.started_at IS 'when the process began, or null';
COMMENT ON COLUMN angzarr.workers.listening IS 'addresses it serves gRPC at';
COMMENT ON COLUMN angzarr.workers.commands IS 'received since it started';
COMMENT ON COLUMN angzarr.workers.events IS 'appended since it started';
COMMENT ON COLUMN angzarr.workers.rejected IS 'commands that ended in an error';
COMMENT ON COLUMN angzarr.workers.batches IS 'appends of many commands at once';
COMMENT ON COLUMN angzarr.workers.transactions IS 'committed since it started';
COMMENT ON COLUMN angzarr.workers.connections IS 'clients connected now';
COMMENT ON COLUMN angzarr.workers.message IS 'what hinders it, or null';
