-- Dead letters: what could not be done, filed for a human.

CREATE FUNCTION angzarr._file_dead_letters(
    domain text[],
    correlation_id text[],
    source_component text[],
    source_component_type text[],
    rejection_type text[],
    rejection_reason text[],
    details text[],
    payload bytea[],
    occurred_at timestamptz[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _file_dead_letters(…) -> how many were filed, which is all
DECLARE
    _count bigint;
BEGIN
    INSERT INTO angzarr.dead_letters
        (domain, correlation_id, source_component, source_component_type,
         rejection_type, rejection_reason, details, payload, occurred_at)
    SELECT u.*
    FROM unnest(domain, correlation_id, source_component, source_component_type,
                rejection_type, rejection_reason, details, payload, occurred_at) AS u;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._file_dead_letters(
    text[], text[], text[], text[], text[], text[], text[], bytea[], timestamptz[]) IS
    'files many dead letters at once';

CREATE FUNCTION angzarr._list_dead_letters(
    before_id bigint,
    domain text,
    correlation_id text,
    rejection_type text,
    source_component text,
    occurred_after timestamptz,
    occurred_before timestamptz,
    max_rows integer,
    max_bytes bigint
)
RETURNS TABLE (
    found_id bigint,
    found_domain text,
    found_correlation_id text,
    found_component text,
    found_component_type text,
    found_type text,
    found_reason text,
    found_details text,
    found_payload bytea,
    found_occurred_at timestamptz,
    found_created_at timestamptz,
    more boolean
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 50
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
-- _list_dead_letters(before_id, …) -> the newest that the filters let through
-- Null filters nothing.  Ends early after max_bytes of payload; "more": that row is
-- not the last one.  Planned each time, so that a filter that is null costs nothing.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.id, p.domain, p.correlation_id, p.source_component,
        p.source_component_type, p.rejection_type, p.rejection_reason, p.details,
        p.payload, p.occurred_at, p.created_at, p.number < p.total
    FROM (
        SELECT l.*, row_number() OVER w AS number, count(*) OVER () AS total,
            sum(octet_length(l.payload)) OVER w - octet_length(l.payload) AS bytes
        FROM (
            SELECT d.*
            FROM angzarr.dead_letters AS d
            WHERE d.id < _list_dead_letters.before_id
                AND (_list_dead_letters.domain IS NULL
                     OR d.domain = _list_dead_letters.domain)
                AND (_list_dead_letters.correlation_id IS NULL
                     OR d.correlation_id = _list_dead_letters.correlation_id)
                AND (_list_dead_letters.rejection_type IS NULL
                     OR d.rejection_type = _list_dead_letters.rejection_type)
                AND (_list_dead_letters.source_component IS NULL
                     OR d.source_component = _list_dead_letters.source_component)
                AND (_list_dead_letters.occurred_after IS NULL
                     OR d.occurred_at > _list_dead_letters.occurred_after)
                AND (_list_dead_letters.occurred_before IS NULL
                     OR d.occurred_at < _list_dead_letters.occurred_before)
            ORDER BY d.id DESC
            LIMIT _list_dead_letters.max_rows + 1) AS l
        WINDOW w AS (ORDER BY l.id DESC)) AS p
    WHERE p.number <= _list_dead_letters.max_rows
        AND p.bytes < _list_dead_letters.max_bytes
    ORDER BY p.id DESC;
END
$$;
COMMENT ON FUNCTION angzarr._list_dead_letters(
    bigint, text, text, text, text, timestamptz, timestamptz, integer, bigint) IS
    'dead letters that filters let through, newest first, page by page';

CREATE FUNCTION angzarr._find_dead_letter(id bigint)
RETURNS TABLE (
    found_id bigint,
    found_domain text,
    found_correlation_id text,
    found_component text,
    found_component_type text,
    found_type text,
    found_reason text,
    found_details text,
    found_payload bytea,
    found_occurred_at timestamptz,
    found_created_at timestamptz,
    fresh_correlation_id text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL SAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
-- _find_dead_letter(id) -> that one, and a correlation id nobody has yet
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT d.id, d.domain, d.correlation_id, d.source_component,
        d.source_component_type, d.rejection_type, d.rejection_reason, d.details,
        d.payload, d.occurred_at, d.created_at, gen_random_uuid()::text
    FROM angzarr.dead_letters AS d
    WHERE d.id = _find_dead_letter.id;
END
$$;
COMMENT ON FUNCTION angzarr._find_dead_letter(bigint) IS
    'a dead letter, and a new correlation id for its replay';

CREATE FUNCTION angzarr._mark_replayed(id bigint)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _mark_replayed(id) -> now, which the dead letter says then; null when it is gone
#variable_conflict use_column
DECLARE
    _replayed_at timestamptz;
BEGIN
    UPDATE angzarr.dead_letters AS d
    SET replayed_at = clock_timestamp()
    WHERE d.id = _mark_replayed.id
    RETURNING d.replayed_at INTO _replayed_at;
    RETURN _replayed_at;
END
$$;
COMMENT ON FUNCTION angzarr._mark_replayed(bigint) IS
    'notes in a dead letter that it was replayed just now';

CREATE FUNCTION angzarr.delete_dead_letter(id bigint)
RETURNS boolean
LANGUAGE plpgsql
STRICT
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- delete_dead_letter(id) -> whether there was one
#variable_conflict use_column
BEGIN
    DELETE FROM angzarr.dead_letters AS d
    WHERE d.id = delete_dead_letter.id;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION angzarr.delete_dead_letter(bigint) IS
    'deletes a dead letter that nobody needs any more; false when there is none';
