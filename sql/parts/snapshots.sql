-- Snapshots: states of aggregates, so that a book need not start at 0.

CREATE FUNCTION angzarr._retention(retention text)
RETURNS smallint
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _retention(retention) -> as it is stored: 0 default, 1 persist, 2 transient
BEGIN
    CASE retention
        WHEN 'default' THEN RETURN 0::smallint;
        WHEN 'persist' THEN RETURN 1::smallint;
        WHEN 'transient' THEN RETURN 2::smallint;
        ELSE
            RAISE EXCEPTION 'invalid retention %',
                            coalesce('"' || left(retention, 80) || '"', 'NULL')
                USING ERRCODE = 'invalid_parameter_value',
                      DETAIL = 'There is no such retention.',
                      HINT = 'Retentions are "default" and "transient", which go when a'
                             ' newer snapshot comes, and "persist", which stays.';
    END CASE;
END
$$;
COMMENT ON FUNCTION angzarr._retention(text) IS 'the stored form of a retention';

CREATE FUNCTION angzarr._check_state(type_url text, state bytea)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_state(type_url, state): 22023 or 54000 unless it can be stored
BEGIN
    IF type_url IN ('', '/') IS NOT FALSE OR state IS NULL THEN
        RAISE EXCEPTION 'invalid state'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE WHEN type_url IS NULL THEN 'Its type_url is null.'
                                WHEN type_url IN ('', '/') THEN 'Its type_url is empty.'
                                ELSE 'It is null.' END,
                  HINT = 'A state has a type URL and an encoded message; an empty'
                         ' message is ''''::bytea.';
    END IF;
    IF octet_length(state) > angzarr._max_payload_size() THEN
        RAISE EXCEPTION 'state is too large'
            USING ERRCODE = 'program_limit_exceeded',
                  DETAIL = format('It has %s bytes; the limit is %s.',
                                  octet_length(state), angzarr._max_payload_size()),
                  HINT = 'Raise angzarr.max_payload_size, or keep less in the state.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_state(text, bytea) IS
    'refuses a state that could not be stored or sent';

CREATE FUNCTION angzarr._last_sequence(
    domain text,
    root uuid,
    edition text,
    sequence bigint
)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _last_sequence(domain, root, edition, sequence) -> that of the last event
-- 55000 when there is none, 22023 or ZA001 when it is not the given one.
#variable_conflict use_column
DECLARE
    _stream text := angzarr._stream_name(domain, root, edition);
    _last bigint := (
        SELECT h.next_sequence - 1
        FROM angzarr._head(_last_sequence.root, _last_sequence.domain,
                           _last_sequence.edition) AS h);
BEGIN
    IF sequence NOT BETWEEN 0 AND 4294967295 THEN
        RAISE EXCEPTION 'invalid sequence %', sequence
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Sequences are 0 to 4294967295.',
                  HINT = 'Give the sequence of the last event that the state includes,'
                         ' or null for the last one there is.';
    ELSIF _last < 0 THEN
        RAISE EXCEPTION 'stream % has no events', _stream
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'A snapshot is of the last event of its own stream;'
                           ' an edition has its own snapshots.',
                  HINT = 'Append first.';
    ELSIF sequence <> _last THEN
        RAISE EXCEPTION 'stream % is at sequence %, not %',
                        _stream, _last + 1, sequence + 1
            USING ERRCODE = 'ZA001',
                  DETAIL = format('The snapshot is of sequence %s; the last event is'
                                  ' %s.', sequence, _last),
                  HINT = 'Reload the stream and make the snapshot again.';
    END IF;
    RETURN _last;
END
$$;
COMMENT ON FUNCTION angzarr._last_sequence(text, uuid, text, bigint) IS
    'the sequence of a stream''s last event, where a snapshot belongs';

CREATE FUNCTION angzarr.latest_snapshot(
    domain text,
    root uuid,
    edition text DEFAULT ''
)
RETURNS SETOF angzarr.snapshots
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- latest_snapshot(domain, root | edition) -> its newest snapshot, or no row
#variable_conflict use_column
DECLARE
    _edition text := angzarr._stored_edition(latest_snapshot.edition);
BEGIN
    PERFORM angzarr._check_domain(latest_snapshot.domain);
    PERFORM angzarr._check_root(latest_snapshot.root);
    RETURN QUERY
    SELECT s.*
    FROM angzarr.snapshots AS s
    WHERE s.root = latest_snapshot.root AND s.domain = latest_snapshot.domain
        AND s.edition = _edition
    ORDER BY s.sequence DESC
    LIMIT 1;
END
$$;
COMMENT ON FUNCTION angzarr.latest_snapshot(text, uuid, text) IS
    'the newest snapshot of a stream, whatever its retention';

CREATE FUNCTION angzarr._store_snapshot(
    domain text,
    root uuid,
    edition text,
    sequence bigint,
    type_url text,
    state bytea,
    retention smallint
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _store_snapshot(…): writes it, and deletes those it takes the place of
-- Its time is the clock's, but never less than that of an event it includes:
-- else a book as of a time between the two would show too much.
#variable_conflict use_column
DECLARE
    _latest_at timestamptz := (
        SELECT max(b.created_at)
        FROM angzarr._load_books(
            ARRAY[_store_snapshot.root], ARRAY[_store_snapshot.domain],
            ARRAY[_store_snapshot.edition], ARRAY[true], NULL,
            ARRAY[_store_snapshot.sequence], '{infinity}') AS b);
BEGIN
    INSERT INTO angzarr.snapshots
        (root, domain, edition, sequence, created_at, retention, type_url, state)
    VALUES
        (_store_snapshot.root, _store_snapshot.domain, _store_snapshot.edition,
         _store_snapshot.sequence, greatest(clock_timestamp(), _latest_at),
         _store_snapshot.retention, _store_snapshot.type_url, _store_snapshot.state)
    ON CONFLICT ON CONSTRAINT snapshots_pkey DO UPDATE
    SET created_at = EXCLUDED.created_at, retention = EXCLUDED.retention,
        type_url = EXCLUDED.type_url, state = EXCLUDED.state
    WHERE snapshots.retention <> 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'snapshot % of stream % is persistent', sequence,
                        angzarr._stream_name(domain, root, edition)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'It has another state, and persistent snapshots stay.',
                  HINT = 'Append an event first, or delete that snapshot.';
    END IF;
    DELETE FROM angzarr.snapshots AS s
    WHERE s.root = _store_snapshot.root AND s.domain = _store_snapshot.domain
        AND s.edition = _store_snapshot.edition
        AND s.sequence < _store_snapshot.sequence AND s.retention <> 1;
END
$$;
COMMENT ON FUNCTION angzarr._store_snapshot(
    text, uuid, text, bigint, text, bytea, smallint) IS
    'writes a snapshot and deletes those it takes the place of';

CREATE FUNCTION angzarr.save_snapshot(
    domain text,
    root uuid,
    sequence bigint,
    type_url text,
    state bytea,
    edition text DEFAULT '',
    retention text DEFAULT 'default'
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- save_snapshot(domain, root, sequence, type_url, state | edition, retention)
--     -> its sequence, null when the newest snapshot has the same state
-- sequence: of the last event that the state includes, which must be the last
-- one of the stream (ZA001); null: whichever that is.
#variable_conflict use_column
DECLARE
    _edition text := angzarr._stored_edition(save_snapshot.edition);
    _retention smallint := angzarr._retention(save_snapshot.retention);
    _type_url text := CASE WHEN strpos(save_snapshot.type_url, '/') = 0
                           THEN '/' || save_snapshot.type_url
                           ELSE save_snapshot.type_url END;
    _last bigint;
BEGIN
    PERFORM angzarr._check_domain(save_snapshot.domain);
    PERFORM angzarr._check_root(save_snapshot.root);
    PERFORM angzarr._check_state(_type_url, save_snapshot.state);
    _last := angzarr._last_sequence(save_snapshot.domain, save_snapshot.root, _edition,
                                    save_snapshot.sequence);
    IF EXISTS (
        SELECT FROM angzarr.latest_snapshot(save_snapshot.domain, save_snapshot.root,
                                            _edition) AS s
        WHERE s.type_url = _type_url AND s.state = save_snapshot.state
    ) THEN
        RETURN NULL;
    END IF;
    PERFORM angzarr._store_snapshot(save_snapshot.domain, save_snapshot.root, _edition,
                                    _last, _type_url, save_snapshot.state, _retention);
    RETURN _last;
END
$$;
COMMENT ON FUNCTION angzarr.save_snapshot(
    text, uuid, bigint, text, bytea, text, text) IS
    'keeps the state of an aggregate after its last event; older ones go but persistent';

CREATE FUNCTION angzarr._keep_snapshots(
    root uuid[],
    domain text[],
    edition text[],
    sequence bigint[],
    created_at timestamptz[],
    retention integer[],
    type_url text[],
    state bytea[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _keep_snapshots(root, domain, edition, sequence, created_at, retention, type_url,
--     state) -> how many were written
-- The engine's form of save_snapshot, one for each stream.  What the newest
-- snapshot says already is not written again, nor what an older event was after.
#variable_conflict use_column
DECLARE
    _count bigint;
BEGIN
    WITH kept AS (
        INSERT INTO angzarr.snapshots AS t
            (root, domain, edition, sequence, created_at, retention, type_url, state)
        SELECT u.*
        FROM unnest(
            _keep_snapshots.root, _keep_snapshots.domain, _keep_snapshots.edition,
            _keep_snapshots.sequence, _keep_snapshots.created_at,
            _keep_snapshots.retention, _keep_snapshots.type_url,
            _keep_snapshots.state
        ) AS u (root, domain, edition, sequence, created_at, retention, type_url, state)
        LEFT JOIN LATERAL (
            SELECT s.sequence, s.type_url, s.state
            FROM angzarr.snapshots AS s
            WHERE s.root = u.root AND s.domain = u.domain AND s.edition = u.edition
            ORDER BY s.sequence DESC
            LIMIT 1
        ) AS n ON true
        WHERE n.sequence IS NULL OR n.sequence <= u.sequence
            AND (n.type_url, n.state) IS DISTINCT FROM (u.type_url, u.state)
        ORDER BY u.root, u.domain COLLATE "C", u.edition COLLATE "C"
        ON CONFLICT ON CONSTRAINT snapshots_pkey DO UPDATE
        SET created_at = EXCLUDED.created_at, retention = EXCLUDED.retention,
            type_url = EXCLUDED.type_url, state = EXCLUDED.state
        WHERE t.retention <> 1
        RETURNING t.root, t.domain, t.edition, t.sequence
    ), gone AS (
        DELETE FROM angzarr.snapshots AS s
        USING kept AS k
        WHERE s.root = k.root AND s.domain = k.domain AND s.edition = k.edition
            AND s.sequence < k.sequence AND s.retention <> 1
    )
    SELECT count(*) INTO _count FROM kept AS k;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._keep_snapshots(
    uuid[], text[], text[], bigint[], timestamptz[], integer[], text[], bytea[]) IS
    'writes the snapshots of many streams and deletes those they take the place of';
