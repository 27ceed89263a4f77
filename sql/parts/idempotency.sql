-- Appending under a key: a repeat does nothing and gets the first answer.

CREATE FUNCTION angzarr._digest(key text)
RETURNS uuid
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _digest(key) -> 16 bytes of hash: a key may be longer than an index takes
    SELECT encode(substr(sha256(convert_to(_digest.key, 'UTF8')), 1, 16), 'hex')::uuid;
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
    correlation_id text DEFAULT ''
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- append_once(idempotency_key, domain, root, expected_sequence, events |
--     edition, correlation_id) -> next sequence after these events
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
                            _edition, append_once.correlation_id);
    UPDATE angzarr.processed AS p
    SET first_sequence = _next - cardinality(append_once.events),
        last_sequence = _next - 1
    WHERE p.root = append_once.root AND p.domain = append_once.domain
        AND p.edition = _edition AND p.kind = 'fact' AND p.digest = _digest;
    RETURN _next;
END
$$;
COMMENT ON FUNCTION angzarr.append_once(
    text, text, uuid, bigint, angzarr.new_event[], text, text) IS
    'appends events under a key: a repeat appends nothing and gets the first answer';

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
