-- Appending under a key: a repeat does nothing and gets the first answer.

CREATE FUNCTION angzarr._key_digest(key bytea)
RETURNS uuid
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _key_digest(key) -> 16 bytes of hash: a key may be longer than an index takes
    SELECT encode(substr(sha256(_key_digest.key), 1, 16), 'hex')::uuid;
END;
COMMENT ON FUNCTION angzarr._key_digest(bytea) IS
    'the hash under which the bytes of a key are stored';

CREATE FUNCTION angzarr._digest(key text)
RETURNS uuid
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _digest(key) -> what _key_digest makes of the text
    SELECT angzarr._key_digest(convert_to(_digest.key, 'UTF8'));
END;
COMMENT ON FUNCTION angzarr._digest(text) IS
    'the hash under which an idempotency key is stored';

CREATE FUNCTION angzarr.append_once(
    idempotency_key text,
    domain text,
    root uuid,
    expected_sequence bigint,
    events angzarr.new_event[],
    edition text DEFAULT '',
    correlation_id text DEFAULT '',
    ext bytea DEFAULT NULL,
    cause angzarr.cause DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- append_once(idempotency_key, domain, root, expected_sequence, events |
--     edition, correlation_id, ext, cause) -> next sequence after these events
-- The key's row goes in first, in the transaction of the events: who comes at
-- the same time with the same key waits there for the first one's end.
#variable_conflict use_column
DECLARE
    _edition text := angzarr._stored_edition(append_once.edition);
    _digest uuid := angzarr._digest(append_once.idempotency_key);
    _next bigint;
BEGIN
    PERFORM angzarr._check_domain(append_once.domain);
    PERFORM angzarr._check_root(append_once.root);
    IF append_once.idempotency_key = '' IS NOT FALSE THEN
        RAISE EXCEPTION 'invalid idempotency key %',
                        coalesce('"' || append_once.idempotency_key || '"', 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The key is null or empty.',
                  HINT = 'Give what names this request, or call angzarr.append.';
    END IF;
    INSERT INTO angzarr.processed (root, domain, edition, kind, digest)
    VALUES (append_once.root, append_once.domain, _edition, 'fact', _digest)
    ON CONFLICT ON CONSTRAINT processed_pkey DO NOTHING;
    IF NOT FOUND THEN
        RETURN (
            SELECT p.last_sequence + 1
            FROM angzarr.processed AS p
            WHERE p.root = append_once.root AND p.domain = append_once.domain
                AND p.edition = _edition AND p.kind = 'fact' AND p.digest = _digest);
    END IF;
    _next := angzarr.append(append_once.domain, append_once.root,
                            append_once.expected_sequence, append_once.events,
                            _edition, append_once.correlation_id, append_once.ext,
                            append_once.cause);
    UPDATE angzarr.processed AS p
    SET first_sequence = _next - cardinality(append_once.events),
        last_sequence = _next - 1
    WHERE p.root = append_once.root AND p.domain = append_once.domain
        AND p.edition = _edition AND p.kind = 'fact' AND p.digest = _digest;
    RETURN _next;
END
$$;
COMMENT ON FUNCTION angzarr.append_once(
    text, text, uuid, bigint, angzarr.new_event[], text, text, bytea, angzarr.cause) IS
    'appends events under a key: a repeat appends nothing and gets the first answer';

-- What the engine asks and tells, many keys at a time.

CREATE FUNCTION angzarr._find_keys(
    root uuid[],
    domain text[],
    edition text[],
    kind text[],
    key bytea[]
)
RETURNS TABLE (
    ordinal integer,
    first_sequence bigint,
    last_sequence bigint,
    answer bytea
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _find_keys(root, domain, edition, kind, key) -> a row for each that is kept
-- Numbered from 0 in input order, with what the first one got.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT (u.ordinal - 1)::integer, p.first_sequence, p.last_sequence, p.answer
    FROM unnest(_find_keys.root, _find_keys.domain, _find_keys.edition,
                _find_keys.kind, _find_keys.key)
        WITH ORDINALITY AS u (root, domain, edition, kind, key, ordinal)
    CROSS JOIN LATERAL (
        SELECT v.first_sequence, v.last_sequence, v.answer
        FROM angzarr.processed AS v
        WHERE v.root = u.root AND v.domain = u.domain AND v.edition = u.edition
            AND v.kind = u.kind AND v.digest = angzarr._key_digest(u.key)
        OFFSET 0
    ) AS p
    ORDER BY u.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._find_keys(uuid[], text[], text[], text[], bytea[]) IS
    'what was done under each of many keys';

CREATE FUNCTION angzarr._keep_keys(
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
-- _keep_keys(root, domain, edition, kind, key, first_sequence, last_sequence,
--     answer) -> how many were kept, which is all
-- In the transaction of the events.  23505 when somebody else kept one since it
-- was looked for; the caller rolls back and looks again.
DECLARE
    _count bigint;
BEGIN
    INSERT INTO angzarr.processed
        (root, domain, edition, kind, digest, first_sequence, last_sequence, answer)
    SELECT u.root, u.domain, u.edition, u.kind, angzarr._key_digest(u.key),
        u.first_sequence, u.last_sequence, u.answer
    FROM unnest(root, domain, edition, kind, key, first_sequence, last_sequence, answer)
        AS u (root, domain, edition, kind, key, first_sequence, last_sequence, answer)
    ORDER BY u.root, u.domain COLLATE "C", u.edition COLLATE "C", u.kind COLLATE "C";
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._keep_keys(
    uuid[], text[], text[], text[], bytea[], bigint[], bigint[], bytea[]) IS
    'keeps what was done under each of many keys';

CREATE FUNCTION angzarr.forget_processed(older_than interval)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- forget_processed(older_than) -> how many keys were forgotten
-- A repeat under such a key is then a new request.
DECLARE
    _count bigint;
BEGIN
    IF older_than >= interval '0' IS NOT TRUE THEN
        RAISE EXCEPTION 'invalid age %', coalesce(older_than::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The age is null or negative.',
                  HINT = 'Keep keys for longer than anybody repeats a request:'
                         ' interval ''7 days''.';
    END IF;
    DELETE FROM angzarr.processed AS p
    WHERE p.created_at < clock_timestamp() - older_than;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr.forget_processed(interval) IS
    'forgets idempotency keys that are older than this';
