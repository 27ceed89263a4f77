-- Timers of process managers: set, moved and cancelled with the events that say so.

CREATE FUNCTION angzarr._keep_timers(
    component text[],
    edition text[],
    root uuid[],
    name text[],
    due_at timestamptz[],
    payload bytea[],
    scheduled_sequence bigint[],
    is_handled boolean[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _keep_timers(component, edition, root, name, due_at, payload, scheduled_sequence,
--     is_handled) -> how many stand now that did not before
-- What comes last in its stream holds: it takes the place of a timer of that name;
-- without due_at it cancels that.  A handled one stays whatever comes, until what it
-- caused is done.
#variable_conflict use_column
DECLARE
    _count bigint;
BEGIN
    INSERT INTO angzarr.timers
        (component, edition, root, name, due_at, payload, scheduled_sequence, is_handled)
    SELECT u.component, u.edition, u.root, u.name, u.due_at, u.payload,
        u.scheduled_sequence, true
    FROM unnest(_keep_timers.component, _keep_timers.edition, _keep_timers.root,
                _keep_timers.name, _keep_timers.due_at, _keep_timers.payload,
                _keep_timers.scheduled_sequence, _keep_timers.is_handled)
        AS u (component, edition, root, name, due_at, payload, scheduled_sequence,
              is_handled)
    WHERE u.is_handled
    ORDER BY u.component COLLATE "C", u.edition COLLATE "C", u.root, u.scheduled_sequence
    ON CONFLICT ON CONSTRAINT timers_pkey DO UPDATE SET is_handled = true;
    DELETE FROM angzarr.timers AS t
    USING unnest(_keep_timers.component, _keep_timers.edition, _keep_timers.root,
                 _keep_timers.name, _keep_timers.scheduled_sequence,
                 _keep_timers.is_handled)
        AS u (component, edition, root, name, scheduled_sequence, is_handled)
    WHERE NOT u.is_handled AND NOT t.is_handled AND t.component = u.component
        AND t.edition = u.edition AND t.root = u.root AND t.name = u.name
        AND t.scheduled_sequence < u.scheduled_sequence;
    INSERT INTO angzarr.timers
        (component, edition, root, name, due_at, payload, scheduled_sequence)
    SELECT s.component, s.edition, s.root, s.name, s.due_at, s.payload,
        s.scheduled_sequence
    FROM (
        SELECT DISTINCT ON (u.component COLLATE "C", u.edition COLLATE "C", u.root,
                            u.name COLLATE "C") u.*
        FROM unnest(_keep_timers.component, _keep_timers.edition, _keep_timers.root,
                    _keep_timers.name, _keep_timers.due_at, _keep_timers.payload,
                    _keep_timers.scheduled_sequence, _keep_timers.is_handled)
            AS u (component, edition, root, name, due_at, payload, scheduled_sequence,
                  is_handled)
        WHERE NOT u.is_handled
        ORDER BY u.component COLLATE "C", u.edition COLLATE "C", u.root,
            u.name COLLATE "C", u.scheduled_sequence DESC
    ) AS s
    WHERE s.due_at IS NOT NULL
        AND EXISTS (SELECT FROM angzarr.components AS c
                    WHERE c.name = s.component AND c.kind = 'process_manager')
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._keep_timers(
    text[], text[], uuid[], text[], timestamptz[], bytea[], bigint[], boolean[]) IS
    'sets, moves and cancels timers of process managers, and keeps which are handled';

CREATE FUNCTION angzarr._drop_timers(
    component text[],
    edition text[],
    root uuid[],
    scheduled_sequence bigint[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _drop_timers(component, edition, root, scheduled_sequence) -> how many went
-- One that was moved meanwhile has another sequence, and stays.
#variable_conflict use_column
DECLARE
    _count bigint;
BEGIN
    DELETE FROM angzarr.timers AS t
    USING unnest(_drop_timers.component, _drop_timers.edition, _drop_timers.root,
                 _drop_timers.scheduled_sequence)
        AS u (component, edition, root, scheduled_sequence)
    WHERE t.component = u.component AND t.edition = u.edition AND t.root = u.root
        AND t.scheduled_sequence = u.scheduled_sequence;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr._drop_timers(text[], text[], uuid[], bigint[]) IS
    'forgets timers that have elapsed, with all that came of it';

CREATE FUNCTION angzarr._standing_timers(
    component text[],
    edition text[],
    root uuid[],
    scheduled_sequence bigint[]
)
RETURNS SETOF integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _standing_timers(component, edition, root, scheduled_sequence) -> which of them,
-- from 0, were neither moved nor cancelled
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT (u.ordinal - 1)::integer
    FROM unnest(_standing_timers.component, _standing_timers.edition,
                _standing_timers.root, _standing_timers.scheduled_sequence)
        WITH ORDINALITY AS u (component, edition, root, scheduled_sequence, ordinal)
    JOIN angzarr.timers AS t
        ON t.component = u.component AND t.edition = u.edition AND t.root = u.root
            AND t.scheduled_sequence = u.scheduled_sequence
    ORDER BY u.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._standing_timers(text[], text[], uuid[], bigint[]) IS
    'which of many timers still stand';

CREATE FUNCTION angzarr._due_timers(component text[], most integer[])
RETURNS TABLE (
    ordinal integer,
    root uuid,
    domain text,
    edition text,
    divergence bigint,
    name text,
    due_at timestamptz,
    payload bytea,
    scheduled_sequence bigint,
    correlation_id text,
    ext bytea,
    depth integer
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _due_timers(component, most) -> of each process manager those that elapse first
-- Also what is not due yet: the caller learns when to come again.  The rest is of
-- the event that set it; its depth is 0 when it was set a second or more ahead: a
-- wait ends a chain of causes.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT (u.ordinal - 1)::integer, e.root, e.domain, e.edition,
        CASE WHEN e.edition <> ''
             THEN angzarr._divergence(e.root, e.domain, e.edition) END,
        t.name, t.due_at, t.payload, t.scheduled_sequence, e.correlation_id, e.ext,
        CASE WHEN t.due_at >= e.created_at + interval '1 second' THEN 0
             ELSE e.depth::integer END
    FROM unnest(_due_timers.component, _due_timers.most)
        WITH ORDINALITY AS u (component, most, ordinal)
    JOIN angzarr.components AS c
        ON c.name = u.component AND c.kind = 'process_manager'
    CROSS JOIN LATERAL (
        SELECT v.edition, v.root, v.name, v.due_at, v.payload, v.scheduled_sequence
        FROM angzarr.timers AS v
        WHERE v.component = u.component
        ORDER BY v.due_at
        LIMIT u.most
    ) AS t
    JOIN angzarr.events AS e
        ON e.root = t.root AND e.domain = c.domain AND e.edition = t.edition
            AND e.sequence = t.scheduled_sequence
    ORDER BY u.ordinal, t.due_at;
END
$$;
COMMENT ON FUNCTION angzarr._due_timers(text[], integer[]) IS
    'timers of many process managers, in the order in which they elapse';
