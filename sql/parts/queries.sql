-- Reading piece by piece: what the engine needs to stream books of any size.  A
-- reader looks once at what there is (_read_plan), then takes its pages in pieces
-- (_read_pages); what is appended meanwhile is beyond the plan's last position.

CREATE FUNCTION angzarr._last_page(
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    correlation_id text,
    sequences bigint[],
    lower bigint,
    upper bigint,
    last_position bigint
)
RETURNS SETOF angzarr.events
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _last_page(root, domain, edition, divergence, correlation_id, sequences, lower,
--            upper, last_position) -> the last page that _read_pages will give
#variable_conflict use_column
DECLARE
    _part text;
BEGIN
    IF _last_page.correlation_id <> '' THEN
        RETURN QUERY
        SELECT p.*
        FROM angzarr._correlated_pages(
            _last_page.root, _last_page.domain, _last_page.edition,
            _last_page.divergence, _last_page.correlation_id, _last_page.sequences,
            _last_page.lower, _last_page.upper, 0, _last_page.last_position) AS p
        ORDER BY p.position DESC
        LIMIT 1;
        RETURN;
    ELSIF _last_page.sequences IS NOT NULL THEN
        RETURN QUERY
        SELECT p.*
        FROM angzarr._listed_pages(
            _last_page.root, _last_page.domain, _last_page.edition,
            _last_page.divergence, _last_page.sequences, _last_page.lower,
            _last_page.upper) AS p
        WHERE p.position <= _last_page.last_position
        ORDER BY p.sequence DESC
        LIMIT 1;
        RETURN;
    END IF;
    -- What is its own comes after what is main's.
    FOREACH _part IN ARRAY CASE WHEN _last_page.edition = '' THEN '{""}'
                                ELSE ARRAY[_last_page.edition, ''] END
    LOOP
        RETURN QUERY
        SELECT e.*
        FROM angzarr.events AS e
        WHERE e.root = _last_page.root AND e.domain = _last_page.domain
            AND e.edition = _part
            AND e.sequence >= _last_page.lower AND e.sequence <= _last_page.upper
            AND (_part <> ''
                 OR e.sequence < coalesce(_last_page.divergence, 4294967296))
            AND e.position <= _last_page.last_position
        ORDER BY e.sequence DESC
        LIMIT 1;
        EXIT WHEN FOUND;
    END LOOP;
END
$$;
COMMENT ON FUNCTION angzarr._last_page(
    uuid, text, text, bigint, text, bigint[], bigint, bigint, bigint) IS
    'where a book that is read in pieces will end';

CREATE FUNCTION angzarr._correlated_pages(
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    correlation_id text,
    sequences bigint[],
    lower bigint,
    upper bigint,
    after_position bigint,
    last_position bigint
)
RETURNS SETOF angzarr.events
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _correlated_pages(root, domain, edition, divergence, correlation_id,
    --                   sequences, lower, upper, after_position, last_position)
    --     -> the events of a stream with that correlation id, in order
    -- Of these sequences, unless they are null.  IS NOT DISTINCT FROM keeps the look
    -- on the index of correlation ids: an aggregate may be long, and what belongs
    -- together is most often little.
    SELECT e.*
    FROM angzarr.events AS e
    WHERE e.correlation_id <> ''
        AND e.correlation_id = _correlated_pages.correlation_id
        AND e.position > _correlated_pages.after_position
        AND e.position <= _correlated_pages.last_position
        AND e.root IS NOT DISTINCT FROM _correlated_pages.root
        AND e.domain IS NOT DISTINCT FROM _correlated_pages.domain
        AND (e.edition = ''
             AND e.sequence < coalesce(_correlated_pages.divergence, 4294967296)
             OR e.edition <> '' AND e.edition = _correlated_pages.edition)
        AND e.sequence >= _correlated_pages.lower
        AND e.sequence <= _correlated_pages.upper
        AND (_correlated_pages.sequences IS NULL
             OR e.sequence = ANY (_correlated_pages.sequences))
    ORDER BY e.position
    OFFSET 0;
END;
COMMENT ON FUNCTION angzarr._correlated_pages(
    uuid, text, text, bigint, text, bigint[], bigint, bigint, bigint, bigint) IS
    'the events of a stream that have a correlation id';

CREATE FUNCTION angzarr._listed_pages(
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    sequences bigint[],
    lower bigint,
    upper bigint
)
RETURNS SETOF angzarr.events
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _listed_pages(root, domain, edition, divergence, sequences, lower, upper)
    --     -> the events of a stream with these sequences that exist, in order
    -- "The next one from there on" and not "the one that is there", which may be
    -- planned with another index while the table is young.
    SELECT e.*
    FROM (
        SELECT s.sequence
        FROM unnest(_listed_pages.sequences) AS s (sequence)
        WHERE s.sequence >= _listed_pages.lower AND s.sequence <= _listed_pages.upper
        ORDER BY s.sequence
        OFFSET 0
    ) AS n
    CROSS JOIN LATERAL (
        SELECT v.*
        FROM angzarr.events AS v
        WHERE v.root = _listed_pages.root AND v.domain = _listed_pages.domain
            AND v.edition = CASE
                WHEN n.sequence < coalesce(_listed_pages.divergence, 4294967296)
                THEN '' ELSE _listed_pages.edition END
            AND v.sequence >= n.sequence
        ORDER BY v.sequence
        LIMIT 1
    ) AS e
    WHERE e.sequence = n.sequence
    ORDER BY n.sequence;
END;
COMMENT ON FUNCTION angzarr._listed_pages(
    uuid, text, text, bigint, bigint[], bigint, bigint) IS
    'the events of a stream that have certain sequences';

CREATE FUNCTION angzarr._read_plan(
    root uuid,
    domain text,
    edition text,
    said bigint,
    correlation_id text,
    sequences bigint[],
    use_snapshot boolean,
    lower bigint,
    upper bigint,
    as_of timestamptz,
    last_position bigint,
    OUT own_first bigint,
    OUT divergence bigint,
    OUT first_sequence bigint,
    OUT last_sequence bigint,
    OUT end_position bigint,
    OUT cover_correlation_id text,
    OUT cover_ext bytea,
    OUT snapshot_sequence bigint,
    OUT snapshot_at timestamptz,
    OUT snapshot_type_url text,
    OUT snapshot_state bytea,
    OUT snapshot_retention integer
)
RETURNS record
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _read_plan(root, domain, edition, said, correlation_id, sequences, use_snapshot,
--            lower, upper, as_of, last_position) -> what a book consists of
-- A row always.  own_first: the cover disagrees, the stream's own rows begin there;
-- first_sequence and last_sequence of its pages, the latter null when it has none;
-- end_position of the last one; what its cover shows; its snapshot.
#variable_conflict use_column
DECLARE
    _snapshots text := '';
    _upper bigint := _read_plan.upper;
BEGIN
    IF _read_plan.edition <> '' THEN
        divergence := angzarr._divergence(_read_plan.root, _read_plan.domain,
                                          _read_plan.edition, _read_plan.said);
        IF divergence < 0 THEN
            own_first := -1 - divergence;
            RETURN;
        END IF;
    END IF;
    first_sequence := _read_plan.lower;
    IF _read_plan.use_snapshot THEN
        IF _read_plan.edition <> '' THEN
            _snapshots := angzarr._snapshots_from(_read_plan.root, _read_plan.domain,
                                                  _read_plan.edition);
        END IF;
        SELECT v.sequence, v.created_at, v.type_url, v.state,
            v.retention::integer
        INTO snapshot_sequence, snapshot_at, snapshot_type_url, snapshot_state,
            snapshot_retention
        FROM angzarr.snapshots AS v
        WHERE v.root = _read_plan.root AND v.domain = _read_plan.domain
            AND v.edition = _snapshots AND v.sequence <= _upper
            AND (_snapshots <> '' OR v.sequence < coalesce(divergence, 4294967296))
            AND (_read_plan.as_of IS NULL OR v.created_at <= _read_plan.as_of)
        ORDER BY v.sequence DESC
        LIMIT 1;
        first_sequence := coalesce(snapshot_sequence + 1, 0);
    END IF;
    IF _read_plan.as_of IS NOT NULL THEN
        _upper := least(_upper, angzarr._run_end(
            _read_plan.root, _read_plan.domain, _read_plan.edition, divergence,
            first_sequence, _read_plan.as_of));
    END IF;
    SELECT p.sequence, p.position, p.correlation_id, p.ext
    INTO last_sequence, end_position, cover_correlation_id, cover_ext
    FROM angzarr._last_page(
        _read_plan.root, _read_plan.domain, _read_plan.edition, divergence,
        _read_plan.correlation_id, _read_plan.sequences, first_sequence, _upper,
        _read_plan.last_position) AS p;
END
$$;
COMMENT ON FUNCTION angzarr._read_plan(
    uuid, text, text, bigint, text, bigint[], boolean, bigint, bigint, timestamptz,
    bigint) IS
    'what a book that is read in pieces consists of';

CREATE FUNCTION angzarr._read_pages(
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    correlation_id text,
    sequences bigint[],
    lower bigint,
    upper bigint,
    after_position bigint,
    last_position bigint,
    max_rows integer,
    max_bytes bigint
)
RETURNS SETOF angzarr.events
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1000
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _read_pages(root, domain, edition, divergence, correlation_id, sequences, lower,
--             upper, after_position, last_position, max_rows, max_bytes)
--     -> the next pages of a plan, in order
-- At least one, if there is one; then until there are max_rows of them or they have
-- max_bytes.  A piece of an edition is all main's or all its own.
#variable_conflict use_column
DECLARE
    _is_main boolean := _read_pages.edition = ''
        OR _read_pages.lower < _read_pages.divergence;
    _pages refcursor;
    _page angzarr.events;
    _rows integer := 0;
    _bytes bigint := 0::bigint;
BEGIN
    IF _read_pages.correlation_id <> '' THEN
        OPEN _pages FOR
        SELECT p.*
        FROM angzarr._correlated_pages(
            _read_pages.root, _read_pages.domain, _read_pages.edition,
            _read_pages.divergence, _read_pages.correlation_id,
            _read_pages.sequences, _read_pages.lower, _read_pages.upper,
            _read_pages.after_position, _read_pages.last_position) AS p
        ORDER BY p.position;
    ELSIF _read_pages.sequences IS NOT NULL THEN
        OPEN _pages FOR
        SELECT p.*
        FROM angzarr._listed_pages(
            _read_pages.root, _read_pages.domain, _read_pages.edition,
            _read_pages.divergence, _read_pages.sequences, _read_pages.lower,
            _read_pages.upper) AS p
        WHERE p.position <= _read_pages.last_position
        ORDER BY p.sequence;
    ELSE
        OPEN _pages FOR
        SELECT e.*
        FROM angzarr.events AS e
        WHERE e.root = _read_pages.root AND e.domain = _read_pages.domain
            AND e.edition = CASE WHEN _is_main THEN '' ELSE _read_pages.edition END
            AND e.sequence >= _read_pages.lower AND e.sequence <= _read_pages.upper
            AND (NOT _is_main
                 OR e.sequence < coalesce(_read_pages.divergence, 4294967296))
            AND e.position <= _read_pages.last_position
        ORDER BY e.sequence;
    END IF;
    WHILE _rows < _read_pages.max_rows AND _bytes < _read_pages.max_bytes
    LOOP
        FETCH _pages INTO _page;
        EXIT WHEN NOT FOUND;
        RETURN NEXT _page;
        _rows := _rows + 1;
        _bytes := _bytes + 16 + octet_length(_page.type_url)
            + coalesce(octet_length(_page.payload), octet_length(_page.external));
    END LOOP;
    CLOSE _pages;
END
$$;
COMMENT ON FUNCTION angzarr._read_pages(
    uuid, text, text, bigint, text, bigint[], bigint, bigint, bigint, bigint, integer,
    bigint) IS
    'the next pages of a book that is read in pieces';

CREATE FUNCTION angzarr._correlated(
    correlation_id text,
    domain text,
    root uuid,
    edition text,
    said_domains text[],
    said bigint[],
    after_position bigint,
    last_position bigint,
    max_rows integer
)
RETURNS TABLE (
    found_domain text,
    found_root uuid,
    said_divergence bigint,
    first_position bigint,
    end_position bigint,
    newest_position bigint
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _correlated(correlation_id, domain, root, edition, said_domains, said,
--             after_position, last_position, max_rows)
--     -> the aggregates that have pages with that id, by their first page's position
-- Of one domain unless it is '', of one root unless it is null, whose first page is
-- after after_position; said: where a cover says that the edition diverges in each
-- of said_domains.  Positions of its first and last page, and of the last of all.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH pages AS MATERIALIZED (
        SELECT e.domain, e.root, e.edition, e.sequence, e.position
        FROM angzarr.events AS e
        WHERE e.correlation_id <> '' AND e.correlation_id = _correlated.correlation_id
            AND (_correlated.domain = '' OR e.domain = _correlated.domain)
            AND (_correlated.root IS NULL OR e.root = _correlated.root)
            AND (e.edition = '' OR e.edition = _correlated.edition)
            AND e.position <= _correlated.last_position
    ), aggregates AS MATERIALIZED (
        SELECT k.domain, k.root, n.said,
            CASE WHEN _correlated.edition <> ''
                 THEN angzarr._divergence(k.root, k.domain, _correlated.edition, n.said)
            END AS divergence
        FROM (SELECT DISTINCT p.domain, p.root FROM pages AS p) AS k
        LEFT JOIN unnest(_correlated.said_domains, _correlated.said)
            AS n (domain, said) ON n.domain = k.domain
    )
    SELECT a.domain, a.root, a.said, min(p.position), max(p.position),
        max(max(p.position)) OVER ()
    FROM aggregates AS a
    JOIN pages AS p ON p.domain = a.domain AND p.root = a.root
    WHERE p.edition <> '' OR p.sequence < coalesce(a.divergence, 4294967296)
    GROUP BY a.domain, a.root, a.said
    HAVING min(p.position) > _correlated.after_position
    ORDER BY min(p.position)
    LIMIT _correlated.max_rows;
END
$$;
COMMENT ON FUNCTION angzarr._correlated(
    text, text, uuid, text, text[], bigint[], bigint, bigint, integer) IS
    'the aggregates that have pages with a correlation id, in order of their first';

CREATE FUNCTION angzarr._roots(
    after_root uuid,
    after_domain text,
    max_rows integer
)
RETURNS TABLE (found_root uuid, found_domain text)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1000
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _roots(after_root, after_domain, max_rows) -> aggregates with events on main
-- In order of root and domain, after that one; null: from the first.  Jumps along the
-- key from one aggregate to the next, so that it reads one event of each.
#variable_conflict use_column
DECLARE
    _root uuid := coalesce(_roots.after_root, '00000000-0000-0000-0000-000000000000');
    _domain text := coalesce(_roots.after_domain, '');
    _edition text;
    _rows integer := 0;
BEGIN
    WHILE _rows < _roots.max_rows
    LOOP
        -- Main sorts before every edition.
        SELECT e.root, e.domain, e.edition
        INTO _root, _domain, _edition
        FROM angzarr.events AS e
        WHERE (e.root, e.domain) > (_root, _domain)
        ORDER BY e.root, e.domain, e.edition, e.sequence
        LIMIT 1;
        EXIT WHEN NOT FOUND;
        CONTINUE WHEN _edition <> '';
        found_root := _root;
        found_domain := _domain;
        _rows := _rows + 1;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION angzarr._roots(uuid, text, integer) IS
    'the aggregates that have events on the main timeline, page by page';
