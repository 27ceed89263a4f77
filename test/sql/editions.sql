-- Editions: branches of the timeline.
\set SHOW_CONTEXT never
\set root '''00000000-0000-0000-0000-00000000f001'''
CREATE FUNCTION pg_temp.add(root text, expected bigint, payload text, edition text DEFAULT '')
RETURNS bigint LANGUAGE sql AS $$
    SELECT angzarr.append('ed', ('00000000-0000-0000-0000-00000000f' || root)::uuid, expected, (
        SELECT array_agg(angzarr.new_event('shop.Added', convert_to(c, 'UTF8')) ORDER BY o)
        FROM regexp_split_to_table(payload, '') WITH ORDINALITY AS s (c, o)), edition)
$$;
CREATE FUNCTION pg_temp.read(aggregate text, timeline text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(convert_from(e.payload, 'UTF8'), ''), '-') || ' ' || angzarr.next_sequence(
        'ed', ('00000000-0000-0000-0000-00000000f' || aggregate)::uuid, timeline)
    FROM angzarr.events_of('ed', ('00000000-0000-0000-0000-00000000f' || aggregate)::uuid, timeline) AS e
$$;
SELECT pg_temp.add('001', 0, 'abcdef');

-- An edition that nobody wrote to reads as the main timeline.
SELECT pg_temp.read('001', 'new');

-- The first write may be anywhere up to main's next; that is the divergence.
SELECT pg_temp.add('001', 3, 'D', 'what-if');
SELECT pg_temp.read('001', 'what-if'), pg_temp.read('001');
SELECT pg_temp.add('001', 0, 'XY', 'from-scratch');
SELECT pg_temp.read('001', 'from-scratch');
SELECT pg_temp.add('001', 6, 'G', 'at-the-end');
SELECT pg_temp.read('001', 'at-the-end');
SELECT pg_temp.add('001', -1, 'H', 'anywhere');
SELECT pg_temp.read('001', 'anywhere');
SELECT pg_temp.add('001', 7, 'H', 'beyond');
\echo :LAST_ERROR_SQLSTATE

-- From then on it is a stream like any other.
SELECT pg_temp.add('001', 3, 'D', 'what-if');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.add('001', 0, 'D', 'what-if');
SELECT pg_temp.add('001', 5, 'D', 'what-if');
SELECT pg_temp.add('001', 4, 'EF', 'what-if');
SELECT pg_temp.add('001', -1, 'G', 'what-if');
SELECT pg_temp.read('001', 'what-if');

-- What main appends later does not show in it; what it appends never shows in main.
SELECT pg_temp.add('001', 6, 'gh');
SELECT pg_temp.read('001'), pg_temp.read('001', 'what-if'), pg_temp.read('001', 'at-the-end');
SELECT edition, sequence, convert_from(payload, 'UTF8') AS payload
FROM angzarr.events_of('ed', :root, 'what-if', 1, 4);
SELECT is_snapshot, sequence, convert_from(payload, 'UTF8') AS payload FROM angzarr.book('ed', :root, 'what-if');
SELECT next_sequence FROM angzarr.aggregates WHERE domain = 'ed';

-- An aggregate that is only in an edition is not on the main timeline.
SELECT pg_temp.add('002', 0, 'ab', 'what-if');
SELECT pg_temp.read('002', 'what-if'), angzarr.next_sequence('ed', '00000000-0000-0000-0000-00000000f002');
SELECT pg_temp.add('003', 1, 'ab', 'what-if');
\echo :LAST_ERROR_SQLSTATE

-- The clock goes on from the event before, not from a later one of main.
SELECT angzarr.append('ed', '00000000-0000-0000-0000-00000000f004', 0, ARRAY[
    angzarr.new_event('shop.Added', '', '2080-01-01 00:00:00+00'),
    angzarr.new_event('shop.Added', '', '2090-01-01 00:00:00+00')]);
SELECT pg_temp.add('004', 1, 'x', 'what-if');
SELECT sequence, created_at AT TIME ZONE 'UTC' AS created_at
FROM angzarr.events_of('ed', '00000000-0000-0000-0000-00000000f004', 'what-if');

-- Explicit: created with the point where the domain's streams leave main.
SELECT angzarr.create_edition('planned', 'ed', 2, 'what if the third had not happened');
SELECT pg_temp.read('001', 'planned'), pg_temp.read('002', 'planned');
SELECT pg_temp.add('001', 3, 'x', 'planned');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.add('001', 1, 'x', 'planned');
SELECT pg_temp.add('001', 2, 'XY', 'planned');
SELECT pg_temp.read('001', 'planned');
-- A stream that is shorter leaves main where it ends.
SELECT pg_temp.add('005', 0, 'a');
SELECT pg_temp.read('005', 'planned');
SELECT pg_temp.add('005', -1, 'X', 'planned');
SELECT pg_temp.add('005', 1, 'bcd');
SELECT pg_temp.read('005', 'planned'), pg_temp.read('005');
-- Created without one: as if it had not been, but it is listed.
SELECT angzarr.create_edition('open', 'ed');
SELECT pg_temp.add('001', 4, 'X', 'open');
SELECT pg_temp.read('001', 'open');
-- Other domains do not know of it.
SELECT angzarr.next_sequence('ed2', :root, 'planned');

SELECT * FROM angzarr.branches ORDER BY edition, domain;

-- Many at once: each command by the rules of its own timeline.
CREATE FUNCTION pg_temp.batch(root text[], edition text[], sequence bigint[], page int[])
RETURNS TABLE (command int, outcome text, next_sequence bigint) LANGUAGE sql AS $$
    SELECT b.* FROM (SELECT cardinality(root) AS n) AS c, angzarr.append_batch(
        (SELECT array_agg(('00000000-0000-0000-0000-00000000f' || r)::uuid ORDER BY o)
         FROM unnest(root) WITH ORDINALITY AS u (r, o)),
        array_fill('ed'::text, ARRAY[n]), edition, sequence, page,
        array_fill(NULL::timestamptz, ARRAY[n]), array_fill(''::text, ARRAY[n]),
        array_fill('/shop.Added'::text, ARRAY[n]), array_fill('z'::bytea, ARRAY[n]),
        array_fill(NULL::bytea, ARRAY[n]), array_fill(NULL::bytea, ARRAY[n]),
        array_fill(false, ARRAY[n]), array_fill(0, ARRAY[n]),
        array_fill(NULL::text, ARRAY[n]), array_fill(NULL::text, ARRAY[n]),
        array_fill(NULL::uuid, ARRAY[n]), array_fill(NULL::bigint, ARRAY[n]),
        array_fill(NULL::text, ARRAY[n])) AS b
$$;
SELECT b.* FROM pg_temp.batch(
    '{001,001,001,001,001,001,001,002}',
    '{"",batch,batch,what-if,from-scratch,planned,beyond,batch}',
    '{8,5,6,7,0,3,12,1}', '{0,0,1,0,0,0,0,0}') AS b;
SELECT pg_temp.read('001'), pg_temp.read('001', 'batch'), pg_temp.read('001', 'what-if'),
    pg_temp.read('001', 'from-scratch');

-- The engine's form too, and its books.
SELECT b.command, b.outcome, b.next_sequence
FROM angzarr._append_probed(
    ARRAY[:root, :root]::uuid[], '{ed,ed}', '{what-if,engine}', '{8,2}', '{0,0}',
    '{NULL,NULL}', '{"",""}', '{/a,/a}', '{y,y}', '{NULL,NULL}', '{NULL,NULL}', '{f,f}', '{0,0}',
    '{NULL,NULL}', '{NULL,NULL}', '{NULL,NULL}', '{NULL,NULL}', '{NULL,NULL}') AS b;
SELECT book, string_agg(convert_from(payload, 'UTF8'), '' ORDER BY sequence) AS payload
FROM angzarr._load_books(ARRAY[:root, :root, :root]::uuid[], '{ed,ed,ed}', '{engine,"",what-if}',
    '{t,f,f}', '{0,2,2}', '{9223372036854775807,4,4}')
GROUP BY book ORDER BY book;

-- An edition of an aggregate that has lost its first pages begins with main's snapshot.
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES ('00000000-0000-0000-0000-00000000f006', 'ed', 6, '/shop.State', '[a-g]');
SELECT pg_temp.add('006', 7, 'h');
SELECT pg_temp.add('006', 8, 'I', 'what-if');
SELECT string_agg(convert_from(payload, 'UTF8'), '' ORDER BY sequence)
FROM angzarr.book('ed', '00000000-0000-0000-0000-00000000f006', 'what-if');

-- '', "angzarr" and null are the main timeline.
SELECT angzarr.create_edition('angzarr', 'ed', 1);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.create_edition('', 'ed', 1);
SELECT angzarr.delete_edition('angzarr', 'ed');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.delete_edition('', 'ed');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.delete_edition(NULL, 'ed');
\echo :LAST_ERROR_SQLSTATE

-- Refused: twice, beyond main, where it has begun already.
SELECT angzarr.create_edition('planned', 'ed');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.create_edition('far', 'ed', 10);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.create_edition('far', 'ed', -1);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.create_edition('far', 'ed', 9223372036854775807);
SELECT angzarr.create_edition('far', 'unknown', 1);
SELECT angzarr.create_edition('what-if', 'ed', 3);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM angzarr.editions WHERE name IN ('far', 'what-if');
SELECT angzarr.create_edition('far', 'unknown', 0);
SELECT angzarr.create_edition('what-if', 'ed', description => 'begun by an append');

-- Deleted: with all it has, in that domain alone; main and other editions stay.
SELECT angzarr.append('ed2', :root, 0, ARRAY[angzarr.new_event('a', 'a')], 'what-if');
SELECT angzarr.save_snapshot('ed', :root, NULL, 'shop.State', 'x', 'what-if');
SELECT angzarr.delete_edition('what-if', 'ed');
SELECT count(*) FROM angzarr.snapshots WHERE domain = 'ed' AND edition = 'what-if';
SELECT edition, domain, streams, events FROM angzarr.branches ORDER BY edition, domain;
SELECT pg_temp.read('001', 'what-if'), pg_temp.read('001', 'from-scratch');
SELECT pg_temp.add('001', 1, 'B', 'what-if');
SELECT pg_temp.read('001', 'what-if');
-- One that nobody made has no events.
SELECT angzarr.delete_edition('nobody', 'ed');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT angzarr.delete_edition('what-if', 'ed');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT angzarr.create_edition('fixed', 'ed', 1);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Bad arguments are named.
SELECT angzarr.create_edition('What if', 'ed');
\echo :LAST_ERROR_SQLSTATE

-- In parts: a stream goes from its end, with keys and snapshots first, so that
-- what is left is its beginning; other editions, domains and main stay.
SELECT pg_temp.add('001', 2, 'pqrst', 'parts'), pg_temp.add('002', 0, 'uv', 'parts');
SELECT angzarr.append_once('key', 'ed', :root, 7, ARRAY[angzarr.new_event('a', 'w')], 'parts');
SELECT angzarr.save_snapshot('ed', :root, NULL, 'shop.State', 'x', 'parts');
SELECT angzarr.append('ed2', :root, 0, ARRAY[angzarr.new_event('a', 'a')], 'parts');
SELECT angzarr.create_edition('parts', 'ed');
CREATE FUNCTION pg_temp.parts() RETURNS text LANGUAGE sql AS $$
    SELECT format('%s events, %s keys, %s snapshots, %s streams, %s rows of editions', (
            SELECT count(*) FROM angzarr.events WHERE edition = 'parts' AND domain = 'ed'), (
            SELECT count(*) FROM angzarr.processed WHERE edition = 'parts'), (
            SELECT count(*) FROM angzarr.snapshots WHERE edition = 'parts'), (
            SELECT count(*) FROM angzarr._branches WHERE edition = 'parts' AND domain = 'ed'), (
            SELECT count(*) FROM angzarr.editions WHERE name = 'parts'))
$$;
SELECT pg_temp.parts();
SELECT angzarr._delete_edition_part('parts', 'ed', 4), pg_temp.read('001', 'parts');
SELECT pg_temp.parts();
SELECT angzarr._delete_edition_part('parts', 'ed', 100);
SELECT pg_temp.parts();
SELECT pg_temp.read('001', 'parts') = pg_temp.read('001') AS reads_as_main;
SELECT domain, events FROM angzarr.branches WHERE edition = 'parts';
SELECT angzarr.delete_edition('parts', 'ed2');
-- Nothing at all is deleted at once, and main never.
SELECT angzarr._delete_edition_part('nobody', 'ed', 1);
SELECT angzarr._delete_edition_part('', 'ed', 1);
\echo :LAST_ERROR_SQLSTATE

SELECT angzarr.create_edition(repeat('a', 65), 'ed');
SELECT angzarr.create_edition(repeat('a', 64), 'ed');
SELECT angzarr.create_edition('x', 'Ed');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.create_edition('x', NULL);
SELECT angzarr.delete_edition('x', '');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.delete_edition('x y', 'ed');
SELECT pg_temp.add('001', 0, 'x', 'What if');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.read('001', repeat('a', 65));
