-- Whether what is stored is sound.  Each look gives the problems of its kind.

CREATE FUNCTION angzarr._verify_streams(domain text)
RETURNS TABLE (problem text, domain text, root uuid, edition text, sequence bigint,
               "position" bigint, detail text)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _verify_streams(domain) -> gaps, and events out of the order of the log
    -- A stream begins at 0 or behind a snapshot; an edition's own part also
    -- anywhere up to where the main timeline is.
    SELECT w.problem, e.domain, e.root, e.edition, e.sequence, e.position, w.detail
    FROM (
        SELECT v.root, v.domain, v.edition, v.sequence, v.position,
            lag(v.sequence) OVER stream AS before,
            lag(v.position) OVER stream AS position_before
        FROM angzarr.events AS v
        WHERE _verify_streams.domain IS NULL OR v.domain = _verify_streams.domain
        WINDOW stream AS (PARTITION BY v.root, v.domain, v.edition ORDER BY v.sequence)
    ) AS e
    CROSS JOIN LATERAL (
        SELECT 'sequence gap',
            CASE WHEN e.before IS NULL
                 THEN format('The stream begins at %s.', e.sequence)
                 ELSE format('The event before it has sequence %s.', e.before) END
        WHERE e.sequence <> coalesce(e.before + 1, 0)
            AND NOT EXISTS (
                SELECT FROM angzarr.snapshots AS s
                WHERE s.root = e.root AND s.domain = e.domain
                    AND s.edition = e.edition AND s.sequence = e.sequence - 1)
            AND NOT (e.edition <> '' AND e.before IS NULL AND e.sequence <= (
                SELECT h.next_sequence
                FROM angzarr._head(e.root, e.domain, '') AS h))
        UNION ALL
        SELECT 'position order',
            format('The event before it in the stream has position %s.',
                   e.position_before)
        WHERE e.position <= e.position_before
    ) AS w (problem, detail);
END;
COMMENT ON FUNCTION angzarr._verify_streams(text) IS
    'gaps of streams, and events whose order in the log is not that of their stream';

CREATE FUNCTION angzarr._verify_rows(domain text)
RETURNS TABLE (problem text, domain text, root uuid, edition text, sequence bigint,
               "position" bigint, detail text)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _verify_rows(domain) -> snapshots ahead of events, keys that point nowhere
    SELECT 'snapshot ahead', s.domain, s.root, s.edition, s.sequence, NULL::bigint,
        format('The last event of the stream has sequence %s.', e.sequence)
    FROM angzarr.snapshots AS s
    CROSS JOIN LATERAL (
        SELECT v.sequence
        FROM angzarr.events AS v
        WHERE v.root = s.root AND v.domain = s.domain AND v.edition = s.edition
        ORDER BY v.sequence DESC
        LIMIT 1
    ) AS e
    WHERE s.sequence > e.sequence
        AND (_verify_rows.domain IS NULL OR s.domain = _verify_rows.domain)
    UNION ALL
    SELECT 'key points nowhere', p.domain, p.root, p.edition, u.sequence, NULL,
        format('Key %s of kind "%s" stands for events %s to %s.', p.digest, p.kind,
               p.first_sequence, p.last_sequence)
    FROM angzarr.processed AS p
    CROSS JOIN LATERAL (
        SELECT i FROM (VALUES (p.first_sequence), (p.last_sequence)) AS ends (i)
        WHERE NOT EXISTS (
            SELECT FROM angzarr.events AS v
            WHERE v.root = p.root AND v.domain = p.domain AND v.edition = p.edition
                AND v.sequence = ends.i)
        ORDER BY i
        LIMIT 1
    ) AS u (sequence)
    WHERE p.first_sequence IS NOT NULL
        AND (_verify_rows.domain IS NULL OR p.domain = _verify_rows.domain);
END;
COMMENT ON FUNCTION angzarr._verify_rows(text) IS
    'snapshots that are ahead of their events, keys whose events do not exist';

CREATE FUNCTION angzarr._verify_sequence()
RETURNS TABLE (problem text, detail text)
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
BEGIN ATOMIC
    -- _verify_sequence() -> what is wrong with the sequence that draws positions
    -- Readers of the log rely on all of it: see the horizon.
    SELECT 'log sequence', w.detail
    FROM pg_catalog.pg_sequence AS q
    JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid
    CROSS JOIN LATERAL (
        SELECT format('It draws %s positions at once (CACHE), not 1.', q.seqcache)
        WHERE q.seqcache <> 1
        UNION ALL
        SELECT format('It counts by %s, not by 1.', q.seqincrement)
        WHERE q.seqincrement <> 1
        UNION ALL
        SELECT 'It may run out and begin again (CYCLE).'
        WHERE q.seqcycle
        UNION ALL
        SELECT format('It is granted to %s.', string_agg(DISTINCT
                   CASE a.grantee WHEN 0 THEN 'PUBLIC'
                                  ELSE pg_get_userbyid(a.grantee)::text END, ', '))
        FROM aclexplode(c.relacl) AS a
        WHERE a.grantee <> c.relowner
        HAVING count(*) > 0
        UNION ALL
        SELECT format('It is at %s, but there is an event at position %s.',
                      s.last_value, e.position)
        FROM angzarr.events_position_seq AS s
        CROSS JOIN (SELECT v.position FROM angzarr.events AS v
                    ORDER BY v.position DESC LIMIT 1) AS e
        WHERE e.position > CASE WHEN s.is_called THEN s.last_value ELSE 0 END
    ) AS w (detail)
    WHERE q.seqrelid = 'angzarr.events_position_seq'::regclass;
END;
COMMENT ON FUNCTION angzarr._verify_sequence() IS
    'what is wrong with the sequence that draws positions';

CREATE FUNCTION angzarr._verify_log()
RETURNS TABLE (problem text, domain text, root uuid, edition text, sequence bigint,
               "position" bigint, detail text)
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
BEGIN ATOMIC
    -- _verify_log() -> positions drawn twice, cursors ahead of the log, and
    -- what is wrong with the sequence
    SELECT 'position twice', e.domain, e.root, e.edition, e.sequence, e.position,
        'An earlier row of the log has the same position.'
    FROM (
        SELECT v.*, lag(v.position) OVER (ORDER BY v.position) AS before
        FROM angzarr.events AS v
    ) AS e
    WHERE e.position = e.before
    UNION ALL
    SELECT 'cursor ahead', NULL, NULL, NULL, NULL, u.position,
        format('Subscription "%s" has read up to %s; the last position drawn is %s.',
               u.component, u.position, l.last)
    FROM angzarr.subscriptions AS u
    CROSS JOIN (
        SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END AS last
        FROM angzarr.events_position_seq AS s
    ) AS l
    WHERE u.position > l.last
    UNION ALL
    SELECT s.problem, NULL, NULL, NULL, NULL, NULL, s.detail
    FROM angzarr._verify_sequence() AS s;
END;
COMMENT ON FUNCTION angzarr._verify_log() IS
    'positions drawn twice, cursors ahead of the log, faults of its sequence';

CREATE FUNCTION angzarr._verify_deliveries()
RETURNS TABLE (problem text, domain text, root uuid, edition text, "position" bigint,
               detail text)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _verify_deliveries() -> what nobody would deliver, or was to deliver
    -- Not exceptions of an edition that is gone: they go when their turn comes.
    SELECT 'component without cursor', NULL::text, NULL::uuid, NULL::text, NULL::bigint,
        format('Component "%s" is a %s, but gets no event.', c.name, c.kind)
    FROM angzarr.components AS c
    WHERE c.kind IN ('saga', 'projector', 'process_manager')
        AND NOT EXISTS (SELECT FROM angzarr.subscriptions AS s
                        WHERE s.component = c.name)
    UNION ALL
    SELECT w.problem, x.domain, x.root, x.edition, x.position, w.detail
    FROM angzarr.exceptions AS x
    LEFT JOIN angzarr.subscriptions AS s ON s.component = x.component
    CROSS JOIN LATERAL (
        SELECT 'exception of nobody',
            format('Component "%s" has no cursor.', x.component)
        WHERE s.component IS NULL
        UNION ALL
        SELECT 'exception behind the cursor',
            format('It is done; the cursor of component "%s" is at %s.', x.component,
                   s.position)
        WHERE x.position <= s.position AND x.state = 'done'
        UNION ALL
        SELECT 'exception without event',
            format('It is %s for component "%s".', x.state, x.component)
        WHERE x.edition = '' AND NOT EXISTS (
            SELECT FROM angzarr.events AS e
            WHERE e.position = x.position AND e.root = x.root
                AND e.domain = x.domain AND e.edition = x.edition)
    ) AS w (problem, detail)
    UNION ALL
    SELECT 'timer of nobody', NULL, t.root, t.edition, NULL,
        format('No process manager "%s" is registered; timer "%s" is due at %s.',
               t.component, t.name, t.due_at)
    FROM angzarr.timers AS t
    WHERE NOT EXISTS (SELECT FROM angzarr.components AS c
                      WHERE c.name = t.component AND c.kind = 'process_manager')
    UNION ALL
    SELECT 'obligation to nobody', o.domain, o.root, o.edition, NULL,
        format('No component owns the domain that outbox row %s is for.', o.id)
    FROM angzarr.outbox AS o
    WHERE NOT EXISTS (SELECT FROM angzarr.components AS c
                      WHERE c.domain = o.domain
                          AND c.kind IN ('aggregate', 'process_manager'));
END;
COMMENT ON FUNCTION angzarr._verify_deliveries() IS
    'exceptions, timers and obligations that belong to nobody or to no event';

CREATE FUNCTION angzarr.verify(domain text DEFAULT NULL)
RETURNS TABLE (problem text, domain text, root uuid, edition text, sequence bigint,
               "position" bigint, detail text)
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
SECURITY DEFINER
ROWS 10
BEGIN ATOMIC
    -- verify(| domain) -> a row for each problem; none: all is sound
    -- With a domain: only its streams, not what belongs to the whole database.
    SELECT angzarr._check_domain(verify.domain)
    WHERE verify.domain IS NOT NULL;
    SELECT s.* FROM angzarr._verify_streams(verify.domain) AS s
    UNION ALL
    SELECT r.* FROM angzarr._verify_rows(verify.domain) AS r
    UNION ALL
    SELECT l.* FROM angzarr._verify_log() AS l
    WHERE verify.domain IS NULL
    UNION ALL
    SELECT d.problem, d.domain, d.root, d.edition, NULL, d.position, d.detail
    FROM angzarr._verify_deliveries() AS d
    WHERE verify.domain IS NULL;
END;
COMMENT ON FUNCTION angzarr.verify(text) IS
    'problems of what is stored, one row each; none: it is sound';
