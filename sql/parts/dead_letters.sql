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
