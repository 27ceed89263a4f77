-- How the engine delivers the log to components: who delivers, what is next, and
-- how far it has come.

CREATE INDEX exceptions_stream_idx
    ON angzarr.exceptions (component, root, domain, edition, position);
COMMENT ON INDEX angzarr.exceptions_stream_idx IS 'what of a stream is next';

CREATE FUNCTION angzarr._lease_key(component text)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _lease_key(component) -> the second key of its advisory lock
    SELECT hashtext(_lease_key.component);
END;
COMMENT ON FUNCTION angzarr._lease_key(text) IS
    'second key of the advisory lock that is the lease of a component';

CREATE FUNCTION angzarr._take_leases(component text[])
RETURNS SETOF text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _take_leases(component) -> those that this session has from now on
-- A lease is a session's advisory lock: whoever ends gives it back, however it
-- ends.  1634625377 is "anza".
BEGIN
    RETURN QUERY
    SELECT u.component
    FROM unnest(_take_leases.component) AS u (component)
    WHERE CASE WHEN EXISTS (
            SELECT FROM pg_locks AS l
            WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid() AND l.granted
                AND l.database = (SELECT d.oid FROM pg_database AS d
                                  WHERE d.datname = current_database())
                AND l.classid = 1634625377 AND l.objsubid = 2
                AND l.objid::bigint = angzarr._lease_key(u.component)::bigint & 4294967295)
        THEN true
        ELSE pg_try_advisory_lock(1634625377, angzarr._lease_key(u.component)) END;
END
$$;
COMMENT ON FUNCTION angzarr._take_leases(text[]) IS
    'takes the leases of components that nobody delivers to';

CREATE FUNCTION angzarr._drop_leases(component text[])
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- _drop_leases(component) -> how many were given back
    SELECT count(*) FILTER (WHERE
        pg_advisory_unlock(1634625377, angzarr._lease_key(u.component)))
    FROM unnest(_drop_leases.component) AS u (component);
END;
COMMENT ON FUNCTION angzarr._drop_leases(text[]) IS
    'gives the leases of components back';

CREATE FUNCTION angzarr._subscription_states(component text[])
RETURNS TABLE (ordinal integer, epoch integer, at_position bigint, status text)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _subscription_states(component) -> a row for each that has a cursor
    SELECT (u.ordinal - 1)::integer, s.epoch, s.position, s.status
    FROM unnest(_subscription_states.component) WITH ORDINALITY AS u (component, ordinal)
    JOIN angzarr.subscriptions AS s ON s.component = u.component
    ORDER BY u.ordinal;
END;
COMMENT ON FUNCTION angzarr._subscription_states(text[]) IS
    'how far each of many components has come';

CREATE FUNCTION angzarr._held_streams(component text[])
RETURNS TABLE (
    ordinal integer,
    root uuid,
    domain text,
    edition text,
    is_reserved boolean,
    next_attempt_at timestamptz
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _held_streams(component) -> streams of which something behind the cursor waits
    SELECT DISTINCT ON (u.ordinal, x.root, x.domain, x.edition)
        (u.ordinal - 1)::integer, x.root, x.domain, x.edition, x.state = 'reserved',
        x.next_attempt_at
    FROM unnest(_held_streams.component) WITH ORDINALITY AS u (component, ordinal)
    JOIN angzarr.subscriptions AS s ON s.component = u.component
    JOIN angzarr.exceptions AS x ON x.component = u.component
    WHERE x.position <= s.position AND x.state <> 'done'
    ORDER BY u.ordinal, x.root, x.domain, x.edition, x.position;
END;
COMMENT ON FUNCTION angzarr._held_streams(text[]) IS
    'streams whose next event waits for another attempt, behind the cursor';

CREATE FUNCTION angzarr._read_deliveries(
    component text[],
    after bigint[],
    room integer[],
    up_to bigint[],
    max_bytes bigint[]
)
RETURNS TABLE (
    ordinal integer,
    at_position bigint,
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    sequence bigint,
    created_at timestamptz,
    correlation_id text,
    type_url text,
    payload bytea,
    external bytea,
    ext bytea,
    depth integer,
    state text,
    attempts integer,
    next_attempt_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 1000
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _read_deliveries(component, after, room, up_to, max_bytes) -> the log for each
-- At most "room" events of a component, and bytes, but always one.  State: null, or
-- that of its exception; "done" is not to be delivered, and comes without payload: so
-- does, for a process manager, what has no correlation id.  What was read is durable.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT e.ordinal, e.position, e.root, e.domain, e.edition,
        CASE WHEN e.edition <> ''
             THEN angzarr._divergence(e.root, e.domain, e.edition) END,
        e.sequence, e.created_at, e.correlation_id, e.type_url,
        CASE WHEN NOT e.is_done THEN e.payload END,
        CASE WHEN NOT e.is_done THEN e.external END, e.ext, e.depth::integer,
        CASE WHEN e.is_done THEN 'done' ELSE e.state END, e.attempts,
        e.next_attempt_at
    FROM (
        SELECT w.*, sum(w.size) OVER (PARTITION BY w.ordinal ORDER BY w.position
                                      ROWS UNBOUNDED PRECEDING)
            - w.size AS bytes_before
        FROM (
            SELECT (u.ordinal - 1)::integer AS ordinal, u.max_bytes, v.*, x.state,
                coalesce(x.attempts, 0) AS attempts, x.next_attempt_at, d.is_done,
                CASE WHEN d.is_done THEN 0
                     ELSE octet_length(coalesce(v.payload, v.external)) END AS size
            FROM unnest(_read_deliveries.component, _read_deliveries.after,
                        _read_deliveries.room, _read_deliveries.up_to,
                        _read_deliveries.max_bytes)
                WITH ORDINALITY AS u (component, after, room, up_to, max_bytes, ordinal)
            JOIN angzarr.components AS c ON c.name = u.component
            CROSS JOIN LATERAL angzarr._events_between(
                c.inputs, u.after, u.up_to, u.room) AS v
            LEFT JOIN angzarr.exceptions AS x
                ON x.component = u.component AND x.position = v.position
            CROSS JOIN LATERAL (
                SELECT coalesce(x.state = 'done', false)
                    OR (c.kind = 'process_manager' AND v.correlation_id = '') AS is_done
            ) AS d
        ) AS w
    ) AS e
    WHERE e.bytes_before < e.max_bytes
    ORDER BY e.ordinal, e.position;
    IF FOUND THEN
        PERFORM angzarr._flush();
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._read_deliveries(
    text[], bigint[], integer[], bigint[], bigint[]) IS
    'the next events of the log for each of many components';

CREATE FUNCTION angzarr._read_held(
    component text[],
    of_root uuid[],
    of_domain text[],
    of_edition text[]
)
RETURNS TABLE (
    ordinal integer,
    at_position bigint,
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    sequence bigint,
    created_at timestamptz,
    correlation_id text,
    type_url text,
    payload bytea,
    external bytea,
    ext bytea,
    depth integer,
    state text,
    attempts integer,
    next_attempt_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _read_held(component, of_root, of_domain, of_edition) -> of each stream what is next
-- The first event behind the cursor that waits, is parked or reserved.  An event that
-- has gone with its edition is gone for its component, too.
#variable_conflict use_column
BEGIN
    DELETE FROM angzarr.exceptions AS x
    USING unnest(_read_held.component, _read_held.of_root, _read_held.of_domain,
                 _read_held.of_edition) AS u (component, root, domain, edition)
    WHERE x.component = u.component AND x.root = u.root AND x.domain = u.domain
        AND x.edition = u.edition AND u.edition <> ''
        AND NOT EXISTS (SELECT FROM angzarr.events AS e WHERE e.position = x.position);
    RETURN QUERY
    SELECT (u.ordinal - 1)::integer, e.position, e.root, e.domain, e.edition,
        CASE WHEN e.edition <> ''
             THEN angzarr._divergence(e.root, e.domain, e.edition) END,
        e.sequence, e.created_at, e.correlation_id, e.type_url, e.payload, e.external,
        e.ext, e.depth::integer, x.state, x.attempts, x.next_attempt_at
    FROM unnest(_read_held.component, _read_held.of_root, _read_held.of_domain,
                _read_held.of_edition)
        WITH ORDINALITY AS u (component, root, domain, edition, ordinal)
    JOIN angzarr.subscriptions AS s ON s.component = u.component
    CROSS JOIN LATERAL (
        SELECT v.position, v.state, v.attempts, v.next_attempt_at
        FROM angzarr.exceptions AS v
        WHERE v.component = u.component AND v.root = u.root AND v.domain = u.domain
            AND v.edition = u.edition AND v.position <= s.position
            AND v.state <> 'done'
        ORDER BY v.position
        LIMIT 1
    ) AS x
    JOIN angzarr.events AS e ON e.position = x.position
    ORDER BY u.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._read_held(text[], uuid[], text[], text[]) IS
    'the next event of each of many streams that something waits of';

CREATE FUNCTION angzarr._write_cursors(
    component text[],
    epoch integer[],
    at_position bigint[],
    status text[],
    failures integer[],
    last_error text[]
)
RETURNS SETOF text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _write_cursors(component, epoch, at_position, status, failures, last_error)
--     -> those that were written: not who was reset or unregistered meanwhile
-- Status null: as it is.  Who is paused stays so.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    UPDATE angzarr.subscriptions AS s
    SET position = u.at_position, failures = u.failures, last_error = u.last_error,
        status = CASE WHEN s.status = 'paused' THEN s.status
                      ELSE coalesce(u.status, s.status) END,
        updated_at = clock_timestamp()
    FROM unnest(_write_cursors.component, _write_cursors.epoch,
                _write_cursors.at_position, _write_cursors.status,
                _write_cursors.failures, _write_cursors.last_error)
        AS u (component, epoch, at_position, status, failures, last_error)
    WHERE s.component = u.component AND s.epoch = u.epoch
        AND s.position <= u.at_position
    RETURNING s.component;
    DELETE FROM angzarr.exceptions AS x
    USING unnest(_write_cursors.component, _write_cursors.epoch,
                 _write_cursors.at_position) AS u (component, epoch, at_position)
    WHERE x.component = u.component AND x.position <= u.at_position
        AND x.state = 'done'
        AND EXISTS (SELECT FROM angzarr.subscriptions AS s
                    WHERE s.component = u.component AND s.epoch = u.epoch);
END
$$;
COMMENT ON FUNCTION angzarr._write_cursors(
    text[], integer[], bigint[], text[], integer[], text[]) IS
    'moves the cursors of many components on';

CREATE FUNCTION angzarr._write_exceptions(
    component text[],
    epoch integer[],
    at_position bigint[],
    state text[],
    root uuid[],
    domain text[],
    edition text[],
    attempts integer[],
    next_attempt_at timestamptz[],
    last_error text[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _write_exceptions(…) -> how many rows were written or, with state null, deleted
-- Behind _write_cursors, in one transaction: nothing for who was reset meanwhile.
#variable_conflict use_column
DECLARE
    _count bigint;
    _deleted bigint;
BEGIN
    INSERT INTO angzarr.exceptions AS x
        (component, position, state, root, domain, edition, attempts, next_attempt_at,
         last_error)
    SELECT u.component, u.at_position, u.state, u.root, u.domain, u.edition, u.attempts,
        u.next_attempt_at, u.last_error
    FROM unnest(_write_exceptions.component, _write_exceptions.epoch,
                _write_exceptions.at_position, _write_exceptions.state,
                _write_exceptions.root, _write_exceptions.domain,
                _write_exceptions.edition, _write_exceptions.attempts,
                _write_exceptions.next_attempt_at, _write_exceptions.last_error)
        AS u (component, epoch, at_position, state, root, domain, edition, attempts,
              next_attempt_at, last_error)
    JOIN angzarr.subscriptions AS s ON s.component = u.component AND s.epoch = u.epoch
    WHERE u.state IS NOT NULL
    ORDER BY u.component COLLATE "C", u.at_position
    ON CONFLICT ON CONSTRAINT exceptions_pkey DO UPDATE
    SET state = EXCLUDED.state, attempts = EXCLUDED.attempts,
        next_attempt_at = EXCLUDED.next_attempt_at, last_error = EXCLUDED.last_error
    WHERE x.state <> 'done';
    GET DIAGNOSTICS _count = ROW_COUNT;
    DELETE FROM angzarr.exceptions AS x
    USING unnest(_write_exceptions.component, _write_exceptions.epoch,
                 _write_exceptions.at_position, _write_exceptions.state)
        AS u (component, epoch, at_position, state), angzarr.subscriptions AS s
    WHERE u.state IS NULL AND x.component = u.component AND x.position = u.at_position
        AND s.component = u.component AND s.epoch = u.epoch;
    GET DIAGNOSTICS _deleted = ROW_COUNT;
    RETURN _count + _deleted;
END
$$;
COMMENT ON FUNCTION angzarr._write_exceptions(
    text[], integer[], bigint[], text[], uuid[], text[], text[], integer[],
    timestamptz[], text[]) IS
    'keeps what waits behind the cursors of components, and forgets what does not';

-- What a request that waits for reactions does: it has its own events to itself, and
-- takes its turn behind what is still to be delivered of their streams.

CREATE FUNCTION angzarr._turns(
    component text[],
    root uuid[],
    domain text[],
    edition text[],
    first_sequence bigint[]
)
RETURNS TABLE (ordinal integer, previous_position bigint, is_pending boolean)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _turns(component, root, domain, edition, first_sequence) -> a row for each
-- Where the event before these is in the log (null: there is none), and whether
-- something before them is still to be delivered, as far as the tables know.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT (u.ordinal - 1)::integer, p.position,
        coalesce(p.position > s.position AND NOT EXISTS (
            SELECT FROM angzarr.exceptions AS x
            WHERE x.component = u.component AND x.position = p.position
                AND x.state = 'done'), false)
        OR EXISTS (
            SELECT FROM angzarr.exceptions AS x
            WHERE x.component = u.component AND x.root = u.root
                AND x.domain = u.domain AND x.edition = u.edition
                AND x.position <= p.position AND x.state <> 'done')
    FROM unnest(_turns.component, _turns.root, _turns.domain, _turns.edition,
                _turns.first_sequence)
        WITH ORDINALITY AS u (component, root, domain, edition, first_sequence, ordinal)
    JOIN angzarr.subscriptions AS s ON s.component = u.component
    LEFT JOIN LATERAL (
        SELECT e.position FROM angzarr.events AS e
        WHERE e.root = u.root AND e.domain = u.domain AND e.edition = u.edition
            AND e.sequence < u.first_sequence AND NOT e.isolated
        ORDER BY e.sequence DESC
        LIMIT 1
    ) AS p ON true
    ORDER BY u.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._turns(text[], uuid[], text[], text[], bigint[]) IS
    'whether something of a stream is to be delivered to a component before';

CREATE FUNCTION angzarr._reserve_deliveries(
    component text[],
    root uuid[],
    domain text[],
    edition text[],
    first_sequence bigint[],
    last_sequence bigint[],
    until timestamptz[]
)
RETURNS SETOF integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _reserve_deliveries(…) -> which of them were reserved, from 0
-- In the transaction that appends the events: nobody else delivers them before the
-- time is up.  Not for who is paused.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH reserved AS (
        INSERT INTO angzarr.exceptions
            (component, position, state, root, domain, edition, next_attempt_at)
        SELECT u.component, e.position, 'reserved', e.root, e.domain, e.edition, u.until
        FROM unnest(_reserve_deliveries.component, _reserve_deliveries.root,
                    _reserve_deliveries.domain, _reserve_deliveries.edition,
                    _reserve_deliveries.first_sequence,
                    _reserve_deliveries.last_sequence, _reserve_deliveries.until)
            AS u (component, root, domain, edition, first_sequence, last_sequence, until)
        JOIN angzarr.subscriptions AS s
            ON s.component = u.component AND s.status <> 'paused'
        JOIN angzarr.components AS c ON c.name = u.component AND c.enabled
        JOIN angzarr.events AS e
            ON e.root = u.root AND e.domain = u.domain AND e.edition = u.edition
            AND e.sequence BETWEEN u.first_sequence AND u.last_sequence
        WHERE e.position > s.position AND NOT e.isolated
            AND (c.kind <> 'process_manager' OR e.correlation_id <> '')
        ORDER BY u.component COLLATE "C", e.position
        RETURNING component, root, domain, edition
    )
    SELECT (u.ordinal - 1)::integer
    FROM unnest(_reserve_deliveries.component, _reserve_deliveries.root,
                _reserve_deliveries.domain, _reserve_deliveries.edition)
        WITH ORDINALITY AS u (component, root, domain, edition, ordinal)
    WHERE EXISTS (SELECT FROM reserved AS r
                  WHERE r.component = u.component AND r.root = u.root
                      AND r.domain = u.domain AND r.edition = u.edition)
    ORDER BY u.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._reserve_deliveries(
    text[], uuid[], text[], text[], bigint[], bigint[], timestamptz[]) IS
    'keeps the deliveries of new events for the request that appends them';

CREATE FUNCTION angzarr._end_reserved(
    component text[],
    root uuid[],
    domain text[],
    edition text[],
    first_sequence bigint[],
    last_sequence bigint[],
    is_done boolean[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _end_reserved(…) -> how many deliveries are done, or left to the engine at once
#variable_conflict use_column
DECLARE
    _count bigint;
BEGIN
    UPDATE angzarr.exceptions AS x
    SET state = CASE WHEN u.is_done THEN 'done' ELSE 'waiting' END,
        next_attempt_at = CASE WHEN u.is_done THEN NULL ELSE clock_timestamp() END
    FROM unnest(_end_reserved.component, _end_reserved.root, _end_reserved.domain,
                _end_reserved.edition, _end_reserved.first_sequence,
                _end_reserved.last_sequence, _end_reserved.is_done)
        AS u (component, root, domain, edition, first_sequence, last_sequence, is_done)
    JOIN angzarr.events AS e
        ON e.root = u.root AND e.domain = u.domain AND e.edition = u.edition
        AND e.sequence BETWEEN u.first_sequence AND u.last_sequence
    WHERE x.component = u.component AND x.position = e.position
        AND x.state = 'reserved';
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._end_reserved(
    text[], uuid[], text[], text[], bigint[], bigint[], boolean[]) IS
    'ends the reservations of a request: delivered, or left to the engine';
