-- The outbox: what must still be delivered, recorded with what caused it.

CREATE FUNCTION angzarr._record_obligations(
    kind text[],
    component text[],
    root uuid[],
    domain text[],
    edition text[],
    key bytea[],
    envelope bytea[],
    depth integer[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _record_obligations(kind, component, root, domain, edition, key, envelope,
--     depth) -> how many were not there yet
-- Of one kind, a key is recorded once.  Sorted, so that two callers never wait
-- for each other in a circle.
DECLARE
    _count bigint;
BEGIN
    INSERT INTO angzarr.outbox
        (kind, component, root, domain, edition, digest, envelope, depth)
    SELECT u.kind, u.component, u.root, u.domain, u.edition,
        angzarr._key_digest(u.key), u.envelope, u.depth
    FROM unnest(kind, component, root, domain, edition, key, envelope, depth)
        WITH ORDINALITY
        AS u (kind, component, root, domain, edition, key, envelope, depth, ordinal)
    ORDER BY angzarr._key_digest(u.key), u.kind COLLATE "C", u.ordinal
    ON CONFLICT ON CONSTRAINT outbox_digest_key DO NOTHING;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._record_obligations(
    text[], text[], uuid[], text[], text[], bytea[], bytea[], integer[]) IS
    'records many things that must be delivered, each once';

CREATE FUNCTION angzarr._read_obligations(
    most integer,
    busy bigint[]
)
RETURNS TABLE (
    id bigint,
    kind text,
    component text,
    root uuid,
    domain text,
    edition text,
    envelope bytea,
    depth integer,
    attempts integer,
    next_attempt_at timestamptz
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _read_obligations(most, busy) -> those that are due first, but for the busy
-- Also what is not due yet: the caller learns when to come again.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT o.id, o.kind, o.component, o.root, o.domain, o.edition, o.envelope,
        o.depth::integer, o.attempts, o.next_attempt_at
    FROM angzarr.outbox AS o
    WHERE o.id <> ALL (_read_obligations.busy)
    ORDER BY o.next_attempt_at, o.id
    LIMIT _read_obligations.most;
END
$$;
COMMENT ON FUNCTION angzarr._read_obligations(integer, bigint[]) IS
    'what must be delivered, in the order in which it is due';

CREATE FUNCTION angzarr._postpone_obligations(
    id bigint[],
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
-- _postpone_obligations(id, attempts, next_attempt_at, last_error) -> how many
-- were still there
#variable_conflict use_column
DECLARE
    _count bigint;
BEGIN
    UPDATE angzarr.outbox AS o
    SET attempts = u.attempts,
        next_attempt_at = u.next_attempt_at,
        last_error = u.last_error
    FROM unnest(_postpone_obligations.id, _postpone_obligations.attempts,
                _postpone_obligations.next_attempt_at,
                _postpone_obligations.last_error)
        AS u (id, attempts, next_attempt_at, last_error)
    WHERE o.id = u.id;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._postpone_obligations(
    bigint[], integer[], timestamptz[], text[]) IS
    'says of what could not be delivered when it is tried again';

CREATE FUNCTION angzarr._close_obligations(id bigint[])
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _close_obligations(id) -> how many were still there
DECLARE
    _count bigint;
BEGIN
    DELETE FROM angzarr.outbox AS o
    WHERE o.id = ANY (_close_obligations.id);
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._close_obligations(bigint[]) IS
    'forgets what was delivered or given up';

CREATE FUNCTION angzarr._settle_keys(
    root uuid[],
    domain text[],
    edition text[],
    kind text[],
    key bytea[],
    first_sequence bigint[],
    last_sequence bigint[],
    answer bytea[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _settle_keys(root, domain, edition, kind, key, first_sequence, last_sequence,
--     answer) -> how many were not kept yet
-- As _keep_keys, for what may be said twice: a key that is kept stays as it is.
DECLARE
    _count bigint;
BEGIN
    INSERT INTO angzarr.processed
        (root, domain, edition, kind, digest, first_sequence, last_sequence, answer)
    SELECT u.root, u.domain, u.edition, u.kind, angzarr._key_digest(u.key),
        u.first_sequence, u.last_sequence, u.answer
    FROM unnest(root, domain, edition, kind, key, first_sequence, last_sequence, answer)
        AS u (root, domain, edition, kind, key, first_sequence, last_sequence, answer)
    ORDER BY u.root, u.domain COLLATE "C", u.edition COLLATE "C", u.kind COLLATE "C",
        angzarr._key_digest(u.key)
    ON CONFLICT ON CONSTRAINT processed_pkey DO NOTHING;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._settle_keys(
    uuid[], text[], text[], text[], bytea[], bigint[], bigint[], bytea[]) IS
    'keeps what was done under each of many keys, where nothing is kept yet';
