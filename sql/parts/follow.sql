-- What the engine reads of the log, for those that follow it.

CREATE FUNCTION angzarr._read_log(
    after bigint,
    up_to bigint,
    max_events integer,
    max_bytes bigint,
    only_correlated boolean
)
RETURNS TABLE (
    at_position bigint,
    opens boolean,
    next_position bigint,
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
    ext bytea
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
-- _read_log(after, up_to, max_events, max_bytes, only_correlated) -> the log in order
-- up_to: at most the horizon, which an earlier statement has found.  Not what is
-- isolated; as much as both limits allow, and always one event.
-- An append is what one transaction has written to a stream with one correlation id:
-- opens: the event is its first one; next_position: where its next one is, or null.
-- What was read is durable, also where its writer has not waited for that.
-- length(): with <> '' a plan could go by the index of correlation ids, all of it.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT e.position, p.position IS NULL, n.position, e.root, e.domain, e.edition,
        CASE WHEN e.edition <> ''
             THEN angzarr._divergence(e.root, e.domain, e.edition) END,
        e.sequence, e.created_at, e.correlation_id, e.type_url, e.payload,
        e.external, e.ext
    FROM (
        SELECT w.*, sum(w.size) OVER (ORDER BY w.position ROWS UNBOUNDED PRECEDING)
            - w.size AS bytes_before
        FROM (
            SELECT v.*, v.xmin AS writer,
                octet_length(coalesce(v.payload, v.external))
                    + coalesce(octet_length(v.ext), 0) AS size
            FROM angzarr.events AS v
            WHERE v.position > after AND v.position <= up_to AND NOT v.isolated
                AND (length(v.correlation_id) > 0 OR NOT only_correlated)
            ORDER BY v.position
            LIMIT max_events
        ) AS w
    ) AS e
    LEFT JOIN LATERAL (
        SELECT v.position
        FROM angzarr.events AS v
        WHERE e.correlation_id <> ''
            AND v.root = e.root AND v.domain = e.domain AND v.edition = e.edition
            AND v.sequence = e.sequence - 1 AND v.xmin = e.writer
            AND v.correlation_id = e.correlation_id AND NOT v.isolated
    ) AS p ON true
    LEFT JOIN LATERAL (
        SELECT v.position
        FROM angzarr.events AS v
        WHERE e.correlation_id <> ''
            AND v.root = e.root AND v.domain = e.domain AND v.edition = e.edition
            AND v.sequence = e.sequence + 1 AND v.xmin = e.writer
            AND v.correlation_id = e.correlation_id AND NOT v.isolated
    ) AS n ON true
    WHERE e.bytes_before < max_bytes
    ORDER BY e.position;
    IF FOUND THEN
        PERFORM angzarr._flush();
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._read_log(bigint, bigint, integer, bigint, boolean) IS
    'the next events of the log for the engine, and how they were appended';
