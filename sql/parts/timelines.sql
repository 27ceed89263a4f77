-- Timelines: where a stream is, and of which rows it consists.  An edition is
-- the events of the main timeline below its divergence, then its own.

-- _branches: one row per stream that has left the main timeline.  Who writes
-- to such a stream holds its row, so that of two first writers one wins.
CREATE TABLE angzarr._branches (
    root uuid NOT NULL,
    domain text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT _branches_pkey PRIMARY KEY (root, domain, edition)
) WITH (fillfactor = 90);
CREATE INDEX _branches_edition_idx ON angzarr._branches (edition, domain);
COMMENT ON TABLE angzarr._branches IS
    'streams that have left the main timeline: who writes there holds the row';
COMMENT ON COLUMN angzarr._branches.root IS 'which aggregate of the domain';
COMMENT ON COLUMN angzarr._branches.domain IS 'kind of aggregate';
COMMENT ON COLUMN angzarr._branches.edition IS 'name of the branch, never empty';
COMMENT ON COLUMN angzarr._branches.created_at IS 'when it was first written';
COMMENT ON INDEX angzarr._branches_edition_idx IS 'the streams of an edition';
SELECT pg_extension_config_dump('angzarr._branches', '');

CREATE FUNCTION angzarr._stored_edition(edition text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _stored_edition(edition) -> as it is stored: '' for the main timeline
-- 22023 unless it is an edition of the wire contract.
BEGIN
    IF edition IS NULL OR edition IN ('', 'angzarr') THEN
        RETURN '';
    END IF;
    IF length(edition) <= 64 AND edition COLLATE "C" ~ '^[a-z][a-z0-9_-]*$' THEN
        RETURN edition;
    END IF;
    RAISE EXCEPTION 'invalid edition "%"', left(edition, 80)
        USING ERRCODE = 'invalid_parameter_value',
              DETAIL = CASE
                  WHEN length(edition) > 64
                      THEN format('It has %s characters; the limit is 64.',
                                  length(edition))
                  ELSE 'It has a character that an edition may not have.' END,
              HINT = 'An edition is a lower-case letter, followed by lower-case'
                     ' letters, digits, "_" and "-"; empty is the main timeline.';
END
$$;
COMMENT ON FUNCTION angzarr._stored_edition(text) IS
    'the stored form of an edition, empty for the main timeline';

CREATE FUNCTION angzarr._head(root uuid, domain text, edition text)
RETURNS TABLE (next_sequence bigint, last_at timestamptz)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _head(root, domain, edition) -> next sequence, time of the last event
    -- Of the rows of that edition alone; _timeline knows of divergence.
    -- The last event decides, else the newest snapshot, else nothing: 0, null.
    -- ORDER BY … LIMIT 1 and not max(), which would read the whole stream, nor
    -- sequence = n - 1, which may be planned with the wrong index while the
    -- table is young; that plan would then stay.
    SELECT coalesce(e.sequence + 1, s.sequence + 1, 0),
        coalesce(e.created_at, s.created_at)
    FROM (VALUES (0)) AS one (row)
    LEFT JOIN LATERAL (
        SELECT v.sequence, v.created_at
        FROM angzarr.events AS v
        WHERE v.root = _head.root AND v.domain = _head.domain
            AND v.edition = _head.edition
        ORDER BY v.sequence DESC
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT v.sequence, v.created_at
        FROM angzarr.snapshots AS v
        WHERE e.sequence IS NULL AND v.root = _head.root AND v.domain = _head.domain
            AND v.edition = _head.edition
        ORDER BY v.sequence DESC
        LIMIT 1
    ) AS s ON true;
END;
COMMENT ON FUNCTION angzarr._head(uuid, text, text) IS
    'next sequence of a stream''s own rows and the time of its last event';

CREATE FUNCTION angzarr._own_first(root uuid, domain text, edition text)
RETURNS TABLE (sequence bigint, has_snapshot boolean)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _own_first(root, domain, edition) -> where its own rows begin, or null
    -- The first event; without any, what comes after the oldest snapshot.
    SELECT coalesce(e.sequence, s.sequence + 1), s.sequence IS NOT NULL
    FROM (VALUES (0)) AS one (row)
    LEFT JOIN LATERAL (
        SELECT v.sequence
        FROM angzarr.events AS v
        WHERE v.root = _own_first.root AND v.domain = _own_first.domain
            AND v.edition = _own_first.edition
        ORDER BY v.sequence
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT v.sequence
        FROM angzarr.snapshots AS v
        WHERE v.root = _own_first.root AND v.domain = _own_first.domain
            AND v.edition = _own_first.edition
        ORDER BY v.sequence
        LIMIT 1
    ) AS s ON true;
END;
COMMENT ON FUNCTION angzarr._own_first(uuid, text, text) IS
    'the sequence where a stream''s own rows begin';

CREATE FUNCTION angzarr._timeline(root uuid, domain text, edition text)
RETURNS TABLE (
    divergence bigint,
    lowest bigint,
    next_sequence bigint,
    is_own boolean,
    snapshots text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _timeline(root, domain, edition) -> no row for the main timeline; else
    -- divergence: main events below it belong to the stream; lowest and
    -- next_sequence: the next event has one of these sequences (a branch nobody
    -- has written to may begin anywhere up to main's next, unless its editions
    -- row says where); is_own: it has rows of its own; snapshots: the edition
    -- whose snapshots serve (main's, when main has lost its pages).
    -- OFFSET 0: so the look is not taken at all for the main timeline.
    SELECT coalesce(f.sequence, w.place),
        CASE WHEN f.sequence IS NULL AND d.divergence IS NULL
             THEN 0 ELSE coalesce(w.own_next, w.place) END,
        coalesce(w.own_next, w.place),
        f.sequence IS NOT NULL,
        CASE WHEN f.has_snapshot OR z.sequence = 0 THEN _timeline.edition ELSE '' END
    FROM angzarr._own_first(_timeline.root, _timeline.domain, _timeline.edition) AS f
    CROSS JOIN angzarr._head(_timeline.root, _timeline.domain, _timeline.edition) AS o
    CROSS JOIN angzarr._head(_timeline.root, _timeline.domain, '') AS m
    LEFT JOIN angzarr.editions AS d
        ON d.name = _timeline.edition AND d.domain = _timeline.domain
    LEFT JOIN LATERAL (
        SELECT v.sequence
        FROM angzarr.events AS v
        WHERE v.root = _timeline.root AND v.domain = _timeline.domain
            AND v.edition = ''
        ORDER BY v.sequence
        LIMIT 1
    ) AS z ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN f.sequence IS NOT NULL THEN o.next_sequence END,
            least(d.divergence, m.next_sequence)
    ) AS w (own_next, place)
    WHERE _timeline.edition <> ''
    OFFSET 0;
END;
COMMENT ON FUNCTION angzarr._timeline(uuid, text, text) IS
    'where a stream of an edition leaves the main timeline, and where it goes on';

CREATE FUNCTION angzarr._pages(
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    lower bigint,
    upper bigint
)
RETURNS SETOF angzarr.events
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _pages(root, domain, edition, divergence, lower, upper) -> events in order
    -- Main's below the divergence, then the edition's own; both ends included.
    -- ORDER BY … OFFSET 0 keeps each look on the primary key, also in plans
    -- made while the table was young.
    SELECT p.*
    FROM (
        (SELECT e.*
         FROM angzarr.events AS e
         WHERE e.root = _pages.root AND e.domain = _pages.domain AND e.edition = ''
             AND e.sequence >= coalesce(_pages.lower, 0)
             AND e.sequence <= coalesce(_pages.upper, 4294967295)
             AND e.sequence < coalesce(_pages.divergence, 4294967296)
         ORDER BY e.sequence
         OFFSET 0)
        UNION ALL
        (SELECT e.*
         FROM angzarr.events AS e
         WHERE _pages.edition <> ''
             AND e.root = _pages.root AND e.domain = _pages.domain
             AND e.edition = _pages.edition
             AND e.sequence >= coalesce(_pages.lower, 0)
             AND e.sequence <= coalesce(_pages.upper, 4294967295)
         ORDER BY e.sequence
         OFFSET 0)
    ) AS p
    ORDER BY p.sequence;
END;
COMMENT ON FUNCTION angzarr._pages(uuid, text, text, bigint, bigint, bigint) IS
    'the events of a stream: main''s below the divergence, then its own';

CREATE FUNCTION angzarr._divergence(
    root uuid,
    domain text,
    edition text,
    said bigint DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _divergence(root, domain, edition | said) -> where it leaves the main timeline
-- What a cover said counts first.  It cannot move what is written: when the stream
-- has rows of its own that begin elsewhere, at n, the answer is -1 - n.
-- A call, and not part of the query that needs it: main has nothing to pay.
DECLARE
    _found bigint;
    _is_own boolean;
BEGIN
    SELECT t.divergence, t.is_own
    INTO _found, _is_own
    FROM angzarr._timeline(root, domain, edition) AS t;
    RETURN CASE WHEN said IS NULL THEN _found
                WHEN _is_own AND said <> _found THEN -1 - _found
                ELSE said END;
END
$$;
COMMENT ON FUNCTION angzarr._divergence(uuid, text, text, bigint) IS
    'the first sequence that a stream does not have from the main timeline';

CREATE FUNCTION angzarr._snapshots_from(root uuid, domain text, edition text)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _snapshots_from(root, domain, edition) -> the edition whose snapshots serve
BEGIN
    RETURN (SELECT t.snapshots FROM angzarr._timeline(root, domain, edition) AS t);
END
$$;
COMMENT ON FUNCTION angzarr._snapshots_from(uuid, text, text) IS
    'the edition whose snapshots serve a stream: its own, or the main timeline''s';

CREATE FUNCTION angzarr._run_end(
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    lower bigint,
    as_of timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _run_end(root, domain, edition, divergence, lower, as_of) -> its last sequence
-- Of the longest run of events from "lower" on of which none is later; null: of
-- all of them.
BEGIN
    RETURN (
        SELECT p.sequence - 1
        FROM angzarr._pages(root, domain, edition, divergence, lower, NULL) AS p
        WHERE p.created_at > as_of
        ORDER BY p.sequence
        LIMIT 1);
END
$$;
COMMENT ON FUNCTION angzarr._run_end(uuid, text, text, bigint, bigint, timestamptz) IS
    'where the first later event ends a look back, null when none is later';

CREATE FUNCTION angzarr.next_sequence(domain text, root uuid, edition text DEFAULT '')
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- next_sequence(domain, root | edition) -> where the next event will be
-- After the last event, else after the newest snapshot, else it is 0.
#variable_conflict use_column
DECLARE
    _edition text := angzarr._stored_edition(next_sequence.edition);
BEGIN
    PERFORM angzarr._check_domain(next_sequence.domain);
    PERFORM angzarr._check_root(next_sequence.root);
    IF _edition = '' THEN
        RETURN (
            SELECT h.next_sequence
            FROM angzarr._head(next_sequence.root, next_sequence.domain, '') AS h);
    END IF;
    RETURN (
        SELECT t.next_sequence
        FROM angzarr._timeline(next_sequence.root, next_sequence.domain, _edition) AS t);
END
$$;
COMMENT ON FUNCTION angzarr.next_sequence(text, uuid, text) IS
    'the sequence that the next event of a stream will have; 0 for a new stream';
