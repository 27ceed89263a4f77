-- Looking back: streams and books as of a sequence or a time.

CREATE FUNCTION angzarr._check_point(
    as_of timestamptz,
    as_of_sequence bigint,
    is_needed boolean
)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_point(as_of, as_of_sequence, is_needed): 22023 unless it is one point
-- Or none, where none is needed.
BEGIN
    IF is_needed AND as_of IS NULL AND as_of_sequence IS NULL THEN
        RAISE EXCEPTION 'no point in time'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The point to look back to is null.',
                  HINT = 'Give as_of or as_of_sequence; events_of reads the whole'
                         ' stream.';
    END IF;
    IF as_of IS NOT NULL AND as_of_sequence IS NOT NULL THEN
        RAISE EXCEPTION 'two points in time'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Both as_of and as_of_sequence are given.',
                  HINT = 'Give one of them.';
    END IF;
    IF as_of_sequence NOT BETWEEN 0 AND 4294967295 THEN
        RAISE EXCEPTION 'invalid sequence %', as_of_sequence
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Sequences are 0 to 4294967295.',
                  HINT = 'Give the sequence of the last event to look at.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_point(timestamptz, bigint, boolean) IS
    'refuses what is not a point of a stream''s history';

CREATE FUNCTION angzarr.events_as_of(
    domain text,
    root uuid,
    as_of_sequence bigint,
    edition text DEFAULT ''
)
RETURNS SETOF angzarr.events
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- events_as_of(domain, root, as_of_sequence | edition) -> events up to there
#variable_conflict use_column
BEGIN
    PERFORM angzarr._check_point(NULL, events_as_of.as_of_sequence, true);
    RETURN QUERY
    SELECT e.*
    FROM angzarr.events_of(events_as_of.domain, events_as_of.root,
                           events_as_of.edition, 0, events_as_of.as_of_sequence) AS e;
END
$$;
COMMENT ON FUNCTION angzarr.events_as_of(text, uuid, bigint, text) IS
    'the events of a stream up to a sequence, that one included';

CREATE FUNCTION angzarr.events_as_of(
    domain text,
    root uuid,
    as_of timestamptz,
    edition text DEFAULT ''
)
RETURNS SETOF angzarr.events
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- events_as_of(domain, root, as_of | edition) -> the events of that time
-- Up to the first event that is later: never event 6 without event 5.
#variable_conflict use_column
DECLARE
    _edition text := angzarr._stored_edition(events_as_of.edition);
    _divergence bigint;
BEGIN
    PERFORM angzarr._check_domain(events_as_of.domain);
    PERFORM angzarr._check_root(events_as_of.root);
    PERFORM angzarr._check_point(events_as_of.as_of, NULL, true);
    IF _edition <> '' THEN
        _divergence := angzarr._divergence(events_as_of.root, events_as_of.domain,
                                           _edition);
    END IF;
    RETURN QUERY
    SELECT p.*
    FROM angzarr._pages(events_as_of.root, events_as_of.domain, _edition, _divergence,
                        0, angzarr._run_end(events_as_of.root, events_as_of.domain,
                                            _edition, _divergence, 0,
                                            events_as_of.as_of)) AS p;
END
$$;
COMMENT ON FUNCTION angzarr.events_as_of(text, uuid, timestamptz, text) IS
    'the events of a stream as it was at a time: up to the first one that is later';

CREATE FUNCTION angzarr.book(
    domain text,
    root uuid,
    edition text DEFAULT '',
    as_of timestamptz DEFAULT NULL,
    as_of_sequence bigint DEFAULT NULL
)
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
-- book(domain, root | edition, as_of, as_of_sequence) -> what a handler gets
-- The newest snapshot of that point, if there is one, then the events after it.
#variable_conflict use_column
DECLARE
    _edition text := angzarr._stored_edition(book.edition);
BEGIN
    PERFORM angzarr._check_domain(book.domain);
    PERFORM angzarr._check_root(book.root);
    PERFORM angzarr._check_point(book.as_of, book.as_of_sequence, false);
    RETURN QUERY
    SELECT b.is_snapshot, b.sequence, b.created_at, b.correlation_id, b.type_url,
        b.payload, b.external, b.ext, b.retention
    FROM angzarr._load_books(ARRAY[book.root], ARRAY[book.domain], ARRAY[_edition],
                             ARRAY[true], NULL, ARRAY[book.as_of_sequence],
                             ARRAY[book.as_of]) AS b;
END
$$;
COMMENT ON FUNCTION angzarr.book(text, uuid, text, timestamptz, bigint) IS
    'what a handler gets: newest snapshot and the events after it, now or as of a point';
