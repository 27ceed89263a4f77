-- Reading piece by piece: the functions behind streamed queries.
\set SHOW_CONTEXT never
\set a '''00000000-0000-0000-0000-0000000000a1'''
\set b '''00000000-0000-0000-0000-0000000000b1'''
CREATE FUNCTION pg_temp.put(root uuid, first bigint, count integer, correlation_id text, domain text DEFAULT 'q',
                            edition text DEFAULT '') RETURNS bigint LANGUAGE sql AS $$
    SELECT angzarr.append(domain, root, first, array_agg(angzarr.new_event('/q.Added', convert_to(correlation_id || i, 'UTF8'))),
                          edition => edition, correlation_id => correlation_id)
    FROM generate_series(1, count) AS i
$$;
SELECT pg_temp.put(:a, 0, 3, 'one');
SELECT pg_temp.put(:b, 0, 2, 'two');
SELECT pg_temp.put(:a, 3, 3, 'two');
SELECT pg_temp.put(:a, 0, 1, 'two', 'r');
-- An edition that leaves main at 4.
SELECT pg_temp.put(:a, 4, 3, 'branch', edition => 'what-if');
SELECT min(position) + 2 AS third FROM angzarr.events WHERE domain = 'q' \gset

-- A plan says of which pages a book consists, up to a fixed position.
CREATE FUNCTION pg_temp.plan(root uuid, edition text DEFAULT '', said bigint DEFAULT NULL, correlation text DEFAULT '',
                             sequences bigint[] DEFAULT NULL, lower bigint DEFAULT 0, upper bigint DEFAULT 4294967295,
                             as_of timestamptz DEFAULT NULL, use_snapshot boolean DEFAULT true)
RETURNS TABLE (own_first bigint, divergence bigint, first bigint, last bigint, correlation_id text, snapshot bigint)
LANGUAGE sql AS $$
    SELECT p.own_first, p.divergence, p.first_sequence, p.last_sequence, p.cover_correlation_id, p.snapshot_sequence
    FROM angzarr._read_plan(root, 'q', edition, said, correlation, sequences, use_snapshot, lower, upper, as_of,
                            9223372036854775807) AS p
$$;
SELECT * FROM pg_temp.plan(:a);
SELECT * FROM pg_temp.plan(:a, lower => 1, upper => 2, use_snapshot => false);
SELECT * FROM pg_temp.plan(:a, lower => 6, use_snapshot => false);
SELECT * FROM pg_temp.plan(:a, sequences => '{1,3,17}', use_snapshot => false);
SELECT * FROM pg_temp.plan(:a, correlation => 'one', use_snapshot => false);
SELECT * FROM pg_temp.plan(:a, correlation => 'one', sequences => '{1,4}', use_snapshot => false);
SELECT * FROM pg_temp.plan(:a, correlation => 'none', use_snapshot => false);
SELECT * FROM pg_temp.plan('00000000-0000-0000-0000-0000000000ff');

-- Of an edition: main's below the divergence, then its own.  What a cover says counts, unless events say otherwise.
SELECT * FROM pg_temp.plan(:a, 'what-if');
SELECT * FROM pg_temp.plan(:a, 'what-if', said => 4);
SELECT * FROM pg_temp.plan(:a, 'what-if', said => 3);
SELECT * FROM pg_temp.plan(:a, 'what-if', upper => 2);
SELECT * FROM pg_temp.plan(:a, 'what-if', correlation => 'two', use_snapshot => false);
SELECT * FROM pg_temp.plan(:a, 'other', said => 2);
SELECT * FROM pg_temp.plan(:a, 'other', said => 99);
SELECT * FROM pg_temp.plan(:a, 'other');

-- The newest snapshot of the point, and the pages after it.
INSERT INTO angzarr.snapshots (root, domain, sequence, created_at, type_url, state)
VALUES (:a, 'q', 1, now(), '/q.State', 'one'), (:a, 'q', 4, now(), '/q.State', 'two');
SELECT * FROM pg_temp.plan(:a);
SELECT * FROM pg_temp.plan(:a, upper => 3);
SELECT * FROM pg_temp.plan(:a, upper => 4);
SELECT * FROM pg_temp.plan(:a, as_of => '1999-01-01');

-- Pages come in pieces, at least one page each.
CREATE FUNCTION pg_temp.pieces(root uuid, edition text, divergence bigint, correlation text, sequences bigint[],
                               max_rows integer, max_bytes bigint)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    _lower bigint := 0;
    _after bigint := 0;
    _piece text;
BEGIN
    LOOP
        SELECT string_agg(p.edition || p.sequence, ' '), max(p.sequence) + 1, max(p.position)
        INTO _piece, _lower, _after
        FROM angzarr._read_pages(root, 'q', edition, divergence, correlation, sequences, _lower, 4294967295,
                                 _after, 9223372036854775807, max_rows, max_bytes) AS p;
        EXIT WHEN _piece IS NULL;
        RETURN NEXT _piece;
    END LOOP;
END
$$;
SELECT * FROM pg_temp.pieces(:a, '', NULL, '', NULL, 4, 1000000);
SELECT * FROM pg_temp.pieces(:a, '', NULL, '', NULL, 100, 1);
SELECT * FROM pg_temp.pieces(:a, '', NULL, '', NULL, 100, 29);
SELECT * FROM pg_temp.pieces(:a, 'what-if', 4, '', NULL, 3, 1000000);
SELECT * FROM pg_temp.pieces(:a, '', NULL, 'two', NULL, 2, 1000000);
SELECT * FROM pg_temp.pieces(:a, 'what-if', 4, 'two', NULL, 2, 1000000);
SELECT * FROM pg_temp.pieces(:a, '', NULL, '', '{0,2,5,9}', 2, 1000000);
SELECT * FROM pg_temp.pieces(:a, 'what-if', 4, '', '{0,3,4,6,9}', 100, 1000000);
-- What was appended after the plan was made is not among them.
SELECT count(*) FROM angzarr._read_pages(:a, 'q', '', NULL, '', NULL, 0, 4294967295, 0, :third, 100, 1000000);

-- Aggregates that have pages with a correlation id, by their first one; each once.
CREATE FUNCTION pg_temp.found(correlation_id text, domain text DEFAULT '', root uuid DEFAULT NULL, edition text DEFAULT '',
                              said_domains text[] DEFAULT '{}', said bigint[] DEFAULT '{}',
                              after_place bigint DEFAULT -1, last_place bigint DEFAULT 1000, max_rows integer DEFAULT 100)
RETURNS TABLE (domain text, root text, said bigint, first bigint, last bigint, newest bigint) LANGUAGE sql AS $$
    SELECT c.found_domain, right(c.found_root::text, 2), c.said_divergence, c.first_position - z.position,
        c.end_position - z.position, c.newest_position - z.position
    FROM (SELECT min(position) FROM angzarr.events WHERE domain = 'q') AS z (position),
        LATERAL angzarr._correlated(correlation_id, found.domain, found.root, edition, said_domains, found.said,
                                    after_place + z.position, last_place + z.position, max_rows) AS c
$$;
SELECT * FROM pg_temp.found('two');
SELECT * FROM pg_temp.found('two', domain => 'r');
SELECT * FROM pg_temp.found('two', domain => 'q', root => :a);
SELECT * FROM pg_temp.found('two', max_rows => 1);
SELECT * FROM pg_temp.found('two', after_place => 3);
SELECT * FROM pg_temp.found('two', last_place => 4);
SELECT * FROM pg_temp.found('one');
SELECT * FROM pg_temp.found('branch');
SELECT * FROM pg_temp.found('branch', edition => 'what-if');
SELECT * FROM pg_temp.found('two', edition => 'what-if');
SELECT * FROM pg_temp.found('two', edition => 'other', said_domains => '{q,r}', said => '{1,0}');
SELECT count(*) FROM pg_temp.found('none');
-- The first page decides, not the last one, where they were written by turns.
SELECT pg_temp.put('00000000-0000-0000-0000-0000000000f2', 0, 1, 'turns', 'w');
SELECT pg_temp.put('00000000-0000-0000-0000-0000000000f1', 0, 1, 'turns', 'w');
SELECT pg_temp.put('00000000-0000-0000-0000-0000000000f2', 1, 1, 'turns', 'w');
SELECT domain, root, last - first AS positions FROM pg_temp.found('turns');

-- Roots: each aggregate with events on main once, page by page, also where its first events are gone.
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
VALUES ('00000000-0000-0000-0000-0000000000c1', 'q', 7, now(), '/q.Added', '');
INSERT INTO angzarr.events (root, domain, edition, sequence, created_at, type_url, payload)
VALUES ('00000000-0000-0000-0000-0000000000c0', 'q', 'only', 0, now(), '/q.Added', '');
SELECT right(found_root::text, 2) AS root, found_domain FROM angzarr._roots(NULL, NULL, 100)
WHERE found_domain IN ('q', 'r');
SELECT right(found_root::text, 2) AS root, found_domain FROM angzarr._roots(:a, 'q', 2);

-- Every look goes by a key, also in plans made while the table is empty.
BEGIN;
DELETE FROM angzarr.events;
COMMIT;
VACUUM (ANALYZE) angzarr.events;
SELECT count(*) FROM angzarr._roots(NULL, NULL, 100);
