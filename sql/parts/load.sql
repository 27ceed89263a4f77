-- Reading: streams and books.

CREATE FUNCTION angzarr._load_books(
    root uuid[],
    domain text[],
    edition text[],
    use_snapshot boolean[],
    lower bigint[],
    upper bigint[]
)
RETURNS TABLE (
    book integer,
    is_snapshot boolean,
    sequence bigint,
    created_at timestamptz,
    correlation_id text,
    type_url text,
    payload bytea,
    external bytea,
    ext bytea,
    retention integer
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _load_books(root, domain, edition, use_snapshot, lower, upper)
    --     -> the rows of many books, numbered from 0 in input order
    -- With use_snapshot: the newest snapshot, if any, then the pages after it;
    -- without: the pages from "lower" on.  Both up to and including "upper".
    -- One statement and no SET, so that it is planned once with its caller.
    -- ORDER BY … OFFSET 0 keeps each look on the primary key, also in plans
    -- made while the table was young.
    SELECT (b.ordinal - 1)::integer, p.is_snapshot, p.sequence, p.created_at,
        p.correlation_id, p.type_url, p.payload, p.external, p.ext, p.retention
    FROM unnest(_load_books.root, _load_books.domain, _load_books.edition,
                _load_books.use_snapshot, _load_books.lower, _load_books.upper)
        WITH ORDINALITY
        AS b (root, domain, edition, use_snapshot, lower, upper, ordinal)
    LEFT JOIN LATERAL (
        SELECT v.sequence, v.created_at, v.type_url, v.state, v.retention
        FROM angzarr.snapshots AS v
        WHERE b.use_snapshot AND v.root = b.root AND v.domain = b.domain
            AND v.edition = b.edition
        ORDER BY v.sequence DESC
        LIMIT 1
    ) AS s ON true
    CROSS JOIN LATERAL (
        SELECT true, s.sequence, s.created_at, '', s.type_url, s.state,
            NULL::bytea, NULL::bytea, s.retention::integer
        WHERE s.sequence IS NOT NULL
        UNION ALL (
            SELECT false, e.sequence, e.created_at, e.correlation_id, e.type_url,
                e.payload, e.external, e.ext, NULL::integer
            FROM angzarr.events AS e
            WHERE e.root = b.root AND e.domain = b.domain AND e.edition = b.edition
                AND e.sequence >= CASE WHEN b.use_snapshot
                                       THEN coalesce(s.sequence + 1, 0)
                                       ELSE coalesce(b.lower, 0) END
                AND e.sequence <= coalesce(b.upper, 4294967295)
            ORDER BY e.sequence
            OFFSET 0
        )
    ) AS p (is_snapshot, sequence, created_at, correlation_id, type_url, payload,
            external, ext, retention)
    ORDER BY b.ordinal, p.is_snapshot DESC, p.sequence;
END;
COMMENT ON FUNCTION angzarr._load_books(
    uuid[], text[], text[], boolean[], bigint[], bigint[]) IS
    'the rows of many books: newest snapshot and the pages after it, or a range';

CREATE FUNCTION angzarr.events_of(
    domain text,
    root uuid,
    edition text DEFAULT '',
    from_sequence bigint DEFAULT 0,
    to_sequence bigint DEFAULT NULL
)
RETURNS SETOF angzarr.events
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- events_of(domain, root | edition, from_sequence, to_sequence) -> its events
-- In order, both ends included; an unknown stream has none.
#variable_conflict use_column
DECLARE
    _edition text := angzarr._main_edition(events_of.edition);
BEGIN
    PERFORM angzarr._check_domain(events_of.domain);
    PERFORM angzarr._check_root(events_of.root);
    RETURN QUERY
    SELECT e.*
    FROM angzarr.events AS e
    WHERE e.root = events_of.root AND e.domain = events_of.domain
        AND e.edition = _edition
        AND e.sequence >= coalesce(events_of.from_sequence, 0)
        AND e.sequence <= coalesce(events_of.to_sequence, 4294967295)
    ORDER BY e.sequence;
END
$$;
COMMENT ON FUNCTION angzarr.events_of(text, uuid, text, bigint, bigint) IS
    'the events of a stream, in order, from one sequence to another, both included';

CREATE FUNCTION angzarr.book(domain text, root uuid, edition text DEFAULT '')
RETURNS TABLE (
    is_snapshot boolean,
    sequence bigint,
    created_at timestamptz,
    correlation_id text,
    type_url text,
    payload bytea,
    external bytea,
    ext bytea,
    retention integer
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- book(domain, root | edition) -> what a handler gets
-- The newest snapshot, if there is one, then the events after it.
#variable_conflict use_column
DECLARE
    _edition text := angzarr._main_edition(book.edition);
BEGIN
    PERFORM angzarr._check_domain(book.domain);
    PERFORM angzarr._check_root(book.root);
    RETURN QUERY
    SELECT b.is_snapshot, b.sequence, b.created_at, b.correlation_id, b.type_url,
        b.payload, b.external, b.ext, b.retention
    FROM angzarr._load_books(ARRAY[book.root], ARRAY[book.domain], ARRAY[_edition],
                             ARRAY[true], NULL, NULL) AS b;
END
$$;
COMMENT ON FUNCTION angzarr.book(text, uuid, text) IS
    'what a handler gets: the newest snapshot, if any, and the events after it';

CREATE VIEW angzarr.aggregates AS
SELECT f.domain, f.root,
    (SELECT e.sequence + 1
     FROM angzarr.events AS e
     WHERE e.root = f.root AND e.domain = f.domain AND e.edition = f.edition
     ORDER BY e.sequence DESC
     LIMIT 1) AS next_sequence,
    f.created_at AS first_at,
    (SELECT e.created_at
     FROM angzarr.events AS e
     WHERE e.root = f.root AND e.domain = f.domain AND e.edition = f.edition
     ORDER BY e.sequence DESC
     LIMIT 1) AS last_at
FROM angzarr.events AS f
WHERE f.sequence = 0 AND f.edition = '';
COMMENT ON VIEW angzarr.aggregates IS
    'every aggregate of the main timeline, once: those that have an event 0';
COMMENT ON COLUMN angzarr.aggregates.domain IS 'kind of aggregate';
COMMENT ON COLUMN angzarr.aggregates.root IS 'which of them';
COMMENT ON COLUMN angzarr.aggregates.next_sequence IS 'where its next event will be';
COMMENT ON COLUMN angzarr.aggregates.first_at IS 'when its first event happened';
COMMENT ON COLUMN angzarr.aggregates.last_at IS 'when its last event happened';
