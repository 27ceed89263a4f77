-- Reading: streams and books.

CREATE FUNCTION angzarr._load_books(
    root uuid[],
    domain text[],
    edition text[],
    use_snapshot boolean[],
    lower bigint[],
    upper bigint[],
    as_of timestamptz[] DEFAULT NULL,
    divergence bigint[] DEFAULT NULL,
    max_rows bigint[] DEFAULT NULL
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
    -- _load_books(root, domain, edition, use_snapshot, lower, upper | as_of,
    --             divergence, max_rows) -> rows of many books, numbered from 0
    -- With use_snapshot: the newest snapshot, if any, then the pages after it;
    -- without: the pages from "lower" on.  Both up to and including "upper";
    -- with as_of a snapshot whose time is known and not later, then pages as
    -- long as none is later.  divergence: what a cover said; when the stream has
    -- rows of its own that begin elsewhere its only row is that place, with
    -- is_snapshot null.  Not more than max_rows pages.
    -- One statement and no SET, so that it is planned once with its caller.
    SELECT (b.ordinal - 1)::integer, p.is_snapshot, p.sequence, p.created_at,
        p.correlation_id, p.type_url, p.payload, p.external, p.ext, p.retention
    FROM unnest(_load_books.root, _load_books.domain, _load_books.edition,
                _load_books.use_snapshot, _load_books.lower, _load_books.upper,
                _load_books.as_of, _load_books.divergence, _load_books.max_rows)
        WITH ORDINALITY
        AS b (root, domain, edition, use_snapshot, lower, upper, as_of, divergence,
              max_rows, ordinal)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.edition <> ''
                    THEN angzarr._divergence(b.root, b.domain, b.edition,
                                             b.divergence) END,
            CASE WHEN b.edition <> '' AND b.use_snapshot
                 THEN angzarr._snapshots_from(b.root, b.domain, b.edition)
                 ELSE '' END
        OFFSET 0
    ) AS t (divergence, snapshots)
    LEFT JOIN LATERAL (
        SELECT v.sequence, v.created_at, v.type_url, v.state, v.retention
        FROM angzarr.snapshots AS v
        WHERE b.use_snapshot AND v.root = b.root AND v.domain = b.domain
            AND v.edition = t.snapshots
            AND v.sequence <= coalesce(b.upper, 4294967295)
            AND v.sequence < CASE WHEN t.snapshots = '' AND b.edition <> ''
                                  THEN t.divergence ELSE 4294967296 END
            AND (b.as_of IS NULL OR v.created_at <= b.as_of)
        ORDER BY v.sequence DESC
        LIMIT 1
    ) AS s ON coalesce(t.divergence, 0) >= 0
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.use_snapshot THEN coalesce(s.sequence + 1, 0)
                    ELSE coalesce(b.lower, 0) END
    ) AS f (lower)
    CROSS JOIN LATERAL (
        SELECT true, s.sequence, s.created_at, '', s.type_url, s.state,
            NULL::bytea, NULL::bytea, s.retention::integer
        WHERE s.sequence IS NOT NULL
        UNION ALL
        SELECT NULL, -1 - t.divergence, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        WHERE t.divergence < 0
        UNION ALL
        SELECT false, e.sequence, e.created_at, e.correlation_id, e.type_url,
            e.payload, e.external,
            e.ext, NULL::integer
        FROM (
            SELECT g.*
            FROM angzarr._pages(
                b.root, b.domain, b.edition, t.divergence, f.lower,
                CASE WHEN b.as_of IS NULL THEN b.upper
                     ELSE least(b.upper, angzarr._run_end(
                         b.root, b.domain, b.edition, t.divergence, f.lower, b.as_of))
                END) AS g
            LIMIT b.max_rows
        ) AS e
        WHERE coalesce(t.divergence, 0) >= 0
    ) AS p (is_snapshot, sequence, created_at, correlation_id, type_url, payload,
            external, ext, retention)
    ORDER BY b.ordinal, p.is_snapshot DESC, p.sequence;
END;
COMMENT ON FUNCTION angzarr._load_books(
    uuid[], text[], text[], boolean[], bigint[], bigint[], timestamptz[], bigint[],
    bigint[]) IS
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
    _edition text := angzarr._stored_edition(events_of.edition);
    _divergence bigint;
BEGIN
    PERFORM angzarr._check_domain(events_of.domain);
    PERFORM angzarr._check_root(events_of.root);
    IF _edition <> '' THEN
        _divergence := angzarr._divergence(events_of.root, events_of.domain, _edition);
    END IF;
    RETURN QUERY
    SELECT p.*
    FROM angzarr._pages(events_of.root, events_of.domain, _edition, _divergence,
                        events_of.from_sequence, events_of.to_sequence) AS p;
END
$$;
COMMENT ON FUNCTION angzarr.events_of(text, uuid, text, bigint, bigint) IS
    'the events of a stream, in order, from one sequence to another, both included';

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

CREATE FUNCTION angzarr._heads(root uuid[], domain text[])
RETURNS TABLE (
    stream integer,
    sequence bigint,
    created_at timestamptz,
    snapshot bigint,
    snapshot_at timestamptz,
    snapshot_size integer
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _heads(root, domain) -> the last event and the newest snapshot of streams of
    -- the main timeline, numbered from 0 in input order; nulls where there is none
    -- One statement and no SET, so that it is planned once with its caller.
    SELECT (b.ordinal - 1)::integer, e.sequence, e.created_at, s.sequence,
        s.created_at, octet_length(s.state)
    FROM unnest(_heads.root, _heads.domain) WITH ORDINALITY
        AS b (root, domain, ordinal)
    LEFT JOIN LATERAL (
        SELECT v.sequence, v.created_at
        FROM angzarr.events AS v
        WHERE v.root = b.root AND v.domain = b.domain AND v.edition = ''
        ORDER BY v.sequence DESC
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT v.sequence, v.created_at, v.state
        FROM angzarr.snapshots AS v
        WHERE v.root = b.root AND v.domain = b.domain AND v.edition = ''
        ORDER BY v.sequence DESC
        LIMIT 1
    ) AS s ON true
    ORDER BY b.ordinal;
END;
COMMENT ON FUNCTION angzarr._heads(uuid[], text[]) IS
    'where streams end, and their newest snapshots: is what one remembers still so?';
