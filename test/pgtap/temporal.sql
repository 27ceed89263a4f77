-- Folding a book equals folding the full replay, at every point of generated
-- histories: editions, snapshots of each retention, equal and falling times.
-- ANGZARR_SEED in the environment repeats a run; the seed is printed.
\getenv seed ANGZARR_SEED
\if :{?seed}
\else
SELECT floor(random() * 1000000)::integer AS seed \gset
\endif
\getenv histories ANGZARR_HISTORIES
\if :{?histories}
\else
\set histories 1000
\endif
BEGIN;
SELECT plan(9);
SELECT diag(format('seed %s, %s histories; ANGZARR_SEED=%s repeats them', :seed, :histories, :seed));
SET angzarr_test.histories = :histories;
SELECT setseed(:seed / 1000000.0) \g /dev/null

-- What must be read, kept by rules of its own: a stream is a list of events, and
-- a new branch copies those below its divergence.
CREATE TEMPORARY TABLE replay (
    root uuid, edition text, sequence bigint, created_at timestamptz, payload text,
    PRIMARY KEY (root, edition, sequence));
CREATE TEMPORARY TABLE points (root uuid, edition text, as_of timestamptz, as_of_sequence bigint);

CREATE FUNCTION pg_temp.chance(n integer) RETURNS integer LANGUAGE sql VOLATILE AS $$
    SELECT floor(random() * n)::integer
$$;
-- Few different times, so that many are equal.
CREATE FUNCTION pg_temp.some_time() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT '2026-01-01 00:00:00+00'::timestamptz + pg_temp.chance(8) * interval '1 hour'
$$;

-- Appends one to three events; the first write to an edition goes anywhere up to main's next.
CREATE FUNCTION pg_temp.append_some(aggregate uuid, branch text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _count integer := 1 + pg_temp.chance(3);
    _next bigint := (SELECT coalesce(max(sequence) + 1, 0) FROM replay
                     WHERE root = aggregate AND edition = branch);
    _main bigint := (SELECT coalesce(max(sequence) + 1, 0) FROM replay
                     WHERE root = aggregate AND edition = '');
    _rising boolean := pg_temp.chance(2) = 0;
    _time timestamptz;
    _events angzarr.new_event[] := '{}';
BEGIN
    IF branch <> '' AND NOT EXISTS (SELECT FROM replay WHERE root = aggregate AND edition = branch) THEN
        _next := pg_temp.chance((_main + 1)::integer);
        INSERT INTO replay SELECT root, branch, sequence, created_at, payload
        FROM replay WHERE root = aggregate AND edition = '' AND sequence < _next;
    END IF;
    FOR i IN 0 .. _count - 1 LOOP
        _time := pg_temp.some_time();
        IF _rising THEN
            _time := greatest(_time, (SELECT max(created_at) FROM replay
                                      WHERE root = aggregate AND edition = branch));
        END IF;
        INSERT INTO replay VALUES (aggregate, branch, _next + i, _time, branch || (_next + i) || ' ');
        _events := _events || angzarr.new_event('a', convert_to(branch || (_next + i) || ' ', 'UTF8'), _time);
    END LOOP;
    PERFORM angzarr.append('property', aggregate, _next, _events, branch);
END
$$;

-- The state: what a handler would have folded.
CREATE FUNCTION pg_temp.state(aggregate uuid, branch text, last bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(payload, '' ORDER BY sequence), '') FROM replay
    WHERE root = aggregate AND edition = branch AND sequence <= last
$$;

-- Saves a snapshot, then lets it have been stored at an earlier time, or an
-- unknown one; never before an event it includes.
CREATE FUNCTION pg_temp.save_some(aggregate uuid, branch text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _last bigint := (SELECT max(sequence) FROM replay WHERE root = aggregate AND edition = branch);
    _saved bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM angzarr.events AS e WHERE e.root = aggregate
                   AND e.domain = 'property' AND e.edition = branch)
        OR EXISTS (SELECT FROM angzarr.snapshots AS s WHERE s.root = aggregate
                   AND s.domain = 'property' AND s.edition = branch
                   AND s.sequence = _last) THEN
        RETURN;
    END IF;
    _saved := angzarr.save_snapshot('property', aggregate, _last, 'a',
        convert_to(pg_temp.state(aggregate, branch, _last), 'UTF8'), branch,
        (ARRAY['default', 'persist', 'persist', 'transient'])[1 + pg_temp.chance(4)]);
    UPDATE angzarr.snapshots AS s
    SET created_at = CASE WHEN pg_temp.chance(5) > 0 THEN (
            SELECT greatest(max(r.created_at), pg_temp.some_time()) FROM replay AS r
            WHERE r.root = aggregate AND r.edition = branch) END
    WHERE s.root = aggregate AND s.domain = 'property' AND s.edition = branch AND s.sequence = _saved;
END
$$;

CREATE FUNCTION pg_temp.make_history(aggregate uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _edition text;
BEGIN
    FOR i IN 1 .. 4 + pg_temp.chance(10) LOOP
        _edition := (ARRAY['', '', 'b', 'c'])[1 + pg_temp.chance(4)];
        IF pg_temp.chance(5) < 3 THEN
            PERFORM pg_temp.append_some(aggregate, _edition);
        ELSE
            PERFORM pg_temp.save_some(aggregate, _edition);
        END IF;
    END LOOP;
    -- A branch that nobody wrote to reads as main.
    INSERT INTO replay SELECT root, v.edition, sequence, created_at, payload
    FROM replay, (VALUES ('b'), ('c')) AS v (edition)
    WHERE root = aggregate AND replay.edition = '' AND NOT EXISTS (
        SELECT FROM angzarr.events AS e WHERE e.root = aggregate
            AND e.domain = 'property' AND e.edition = v.edition);
    INSERT INTO points
    SELECT aggregate, v.edition, NULL::timestamptz, n
    FROM (VALUES (''), ('b'), ('c')) AS v (edition),
        generate_series(0, (SELECT coalesce(max(sequence), 0) + 1 FROM replay
                            WHERE root = aggregate AND replay.edition = v.edition)) AS n
    UNION ALL
    SELECT aggregate, v.edition, t.as_of, NULL
    FROM (VALUES (''), ('b'), ('c')) AS v (edition), (
        SELECT DISTINCT r.created_at + d * interval '1 microsecond' AS as_of
        FROM replay AS r, generate_series(-1, 0) AS d WHERE r.root = aggregate
        UNION SELECT 'infinity') AS t
    UNION ALL
    SELECT aggregate, v.edition, NULL, NULL FROM (VALUES (''), ('b'), ('c')) AS v (edition);
END
$$;

-- The full replay at a point: up to a sequence, or the longest run not later than a time.
CREATE FUNCTION pg_temp.replayed(p points) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(r.payload, '' ORDER BY r.sequence), '')
    FROM replay AS r
    WHERE r.root = p.root AND r.edition = p.edition
        AND (p.as_of_sequence IS NULL OR r.sequence <= p.as_of_sequence)
        AND (p.as_of IS NULL OR NOT EXISTS (
            SELECT FROM replay AS l WHERE l.root = r.root AND l.edition = r.edition
                AND l.sequence <= r.sequence AND l.created_at > p.as_of))
$$;
CREATE FUNCTION pg_temp.folded(p points) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(convert_from(b.payload, 'UTF8'), '' ORDER BY b.is_snapshot DESC, b.sequence), '')
    FROM angzarr.book('property', p.root, p.edition, p.as_of, p.as_of_sequence) AS b
$$;
CREATE FUNCTION pg_temp.read(p points) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p.as_of_sequence IS NOT NULL THEN
        RETURN (SELECT coalesce(string_agg(convert_from(e.payload, 'UTF8'), '' ORDER BY e.sequence), '')
                FROM angzarr.events_as_of('property', p.root, p.as_of_sequence, p.edition) AS e);
    ELSIF p.as_of IS NOT NULL THEN
        RETURN (SELECT coalesce(string_agg(convert_from(e.payload, 'UTF8'), '' ORDER BY e.sequence), '')
                FROM angzarr.events_as_of('property', p.root, p.as_of, p.edition) AS e);
    END IF;
    RETURN (SELECT coalesce(string_agg(convert_from(e.payload, 'UTF8'), '' ORDER BY e.sequence), '')
            FROM angzarr.events_of('property', p.root, p.edition) AS e);
END
$$;
PREPARE wrong_books AS
    SELECT p.*, pg_temp.folded(p), pg_temp.replayed(p) FROM points AS p
    WHERE pg_temp.folded(p) <> pg_temp.replayed(p);

DO $$
BEGIN
    FOR i IN 1 .. current_setting('angzarr_test.histories')::integer LOOP
        PERFORM pg_temp.make_history(lpad(to_hex(i), 32, '0')::uuid);
    END LOOP;
END
$$;
ANALYZE replay;

SELECT diag(format('%s events, %s snapshots left, %s points',
                   (SELECT count(*) FROM angzarr.events), (SELECT count(*) FROM angzarr.snapshots),
                   (SELECT count(*) FROM points)));
SELECT is_empty('wrong_books', 'folding the book equals folding the full replay, at every point');
SELECT is_empty(
    $$SELECT p.* FROM points AS p WHERE pg_temp.read(p) <> pg_temp.replayed(p)$$,
    'and reading the events is the full replay, at every point');
SELECT is_empty(
    $$SELECT r.root, r.edition FROM replay AS r GROUP BY r.root, r.edition
      HAVING max(r.sequence) + 1 <> angzarr.next_sequence('property', r.root, r.edition)$$,
    'the next sequence is that after the last event of the replay');
SELECT ok(
    (SELECT count(*) FILTER (WHERE edition <> '') > :histories / 10
         AND count(DISTINCT retention) = 3
         AND count(*) FILTER (WHERE created_at IS NULL) > 0 FROM angzarr.snapshots),
    'there were snapshots of each retention, on editions too, some of an unknown time');

-- The test of the test: errors that one could make are found.
CREATE FUNCTION pg_temp.plant(target regprocedure, good text, bad text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _definition text := pg_get_functiondef(target);
BEGIN
    IF strpos(_definition, good) = 0 THEN
        RAISE EXCEPTION '% does not contain "%"', target, good;
    END IF;
    EXECUTE replace(_definition, good, bad);
END
$$;
CREATE FUNCTION pg_temp.finds(good text, bad text, target regprocedure DEFAULT
    'angzarr._load_books(uuid[], text[], text[], boolean[], bigint[], bigint[], timestamptz[], bigint[], bigint[])')
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _found boolean := false;
BEGIN
    BEGIN
        PERFORM pg_temp.plant(target, good, bad);
        _found := EXISTS (SELECT FROM points AS p WHERE pg_temp.folded(p) <> pg_temp.replayed(p));
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
        IF SQLERRM <> 'undo' THEN
            RAISE;
        END IF;
    END;
    RETURN _found;
END
$$;
SELECT ok(pg_temp.finds('(v.sequence <= COALESCE(b.upper, ', '(v.sequence <= 1 + COALESCE(b.upper, '),
          'a snapshot one event too new would be found');
SELECT ok(pg_temp.finds('COALESCE((s.sequence + 1), ', 'COALESCE((s.sequence + 0), '),
          'the last event of the snapshot again would be found');
SELECT ok(pg_temp.finds('COALESCE((s.sequence + 1), ', 'COALESCE((s.sequence + 2), '),
          'a page left out after the snapshot would be found');
SELECT ok(pg_temp.finds('(v.created_at <= b.as_of)', '(v.created_at <= (b.as_of + ''00:00:00.000001''::interval))'),
          'a snapshot a microsecond too new would be found');
SELECT ok(pg_temp.finds('p.created_at > as_of', 'p.created_at >= as_of',
        'angzarr._run_end(uuid, text, text, bigint, bigint, timestamptz)'),
          'an event of that very moment left out would be found');

SELECT finish();
ROLLBACK;
