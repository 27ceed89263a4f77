-- Reading streams and books.
\set SHOW_CONTEXT never
\set root '''00000000-0000-0000-0000-0000000000b1'''
\set event 'angzarr.new_event(''shop.Added'', ''\\x01'')'

SELECT angzarr.append('load', :root, 0, ARRAY[:event, :event, :event, :event, :event]);

-- A stream, whole and in part; both ends are included.
SELECT sequence, type_url, payload FROM angzarr.events_of('load', :root);
SELECT sequence FROM angzarr.events_of('load', :root, from_sequence => 3);
SELECT sequence FROM angzarr.events_of('load', :root, from_sequence => 1, to_sequence => 2);
SELECT sequence FROM angzarr.events_of('load', :root, from_sequence => 5);

-- An unknown stream has no events; that is no error.
SELECT count(*) FROM angzarr.events_of('unknown', :root);
SELECT count(*) FROM angzarr.book('unknown', :root);
SELECT angzarr.next_sequence('unknown', :root);

-- A book without a snapshot is the whole stream.
SELECT is_snapshot, sequence, type_url FROM angzarr.book('load', :root);

-- With one it is the newest snapshot and what came after, whatever its retention.
INSERT INTO angzarr.snapshots (root, domain, sequence, retention, type_url, state)
VALUES (:root, 'load', 1, 1, '/shop.State', 'old'), (:root, 'load', 3, 2, '/shop.State', 'new');
SELECT is_snapshot, sequence, type_url, convert_from(payload, 'UTF8') = 'new' AS newest, retention
FROM angzarr.book('load', :root);

-- A snapshot of the last event leaves no pages; the next sequence follows it.
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES (:root, 'load', 4, '/shop.State', 'newest');
SELECT is_snapshot, sequence FROM angzarr.book('load', :root);
SELECT angzarr.next_sequence('load', :root);

-- The engine asks for many books at once and gets them in its order.
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES ('00000000-0000-0000-0000-0000000000b2', 'load', 8, '/shop.State', '');
DELETE FROM angzarr.snapshots WHERE root = :root AND sequence = 4;
SELECT book, is_snapshot, sequence, retention
FROM angzarr._load_books(
    ARRAY[:root, '00000000-0000-0000-0000-0000000000b2', :root,
          '00000000-0000-0000-0000-0000000000b3', :root]::uuid[],
    '{load,load,load,load,load}', '{"","","","",""}', '{t,t,f,t,f}',
    '{4,0,1,0,0}', '{9223372036854775807,9223372036854775807,2,9223372036854775807,0}');


-- Bad arguments are named.
SELECT * FROM angzarr.events_of('Load', :root);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.book('load', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.next_sequence(NULL, :root);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.next_sequence('load', NULL);

-- Where streams end, in the order they were asked for; an edition's rows do not
-- count, and what is not there is null.
SELECT angzarr.append('load', :root, 5, ARRAY[:event], edition => 'heads');
SELECT stream, sequence, created_at IS NOT NULL AS timed, snapshot, snapshot_at, snapshot_size
FROM angzarr._heads(
    ARRAY['00000000-0000-0000-0000-0000000000b2', :root,
          '00000000-0000-0000-0000-0000000000b9']::uuid[],
    '{load,load,load}');

-- Aggregates: each once, with where it stands.
SELECT angzarr.append('load', '00000000-0000-0000-0000-0000000000b4', 0, ARRAY[:event]);
SELECT domain, right(root::text, 2) AS root, next_sequence, last_at >= first_at AS in_time
FROM angzarr.aggregates WHERE domain = 'load' ORDER BY root;

-- Every look at one stream is by its key, also in plans made while the tables
-- were empty and had just been vacuumed.
BEGIN;
DELETE FROM angzarr.events;
DELETE FROM angzarr.snapshots;
COMMIT;
VACUUM (ANALYZE) angzarr.events, angzarr.snapshots;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
PREPARE books(uuid[], text[], text[], boolean[], bigint[], bigint[]) AS
    SELECT * FROM angzarr._load_books($1, $2, $3, $4, $5, $6);
PREPARE heads(uuid[], text[]) AS SELECT * FROM angzarr._heads($1, $2);
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    _line text;
BEGIN
    FOR _line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF _line ~ 'Scan.* on (events|snapshots)' THEN
            RETURN NEXT substring(_line, '[A-Z].*');
        END IF;
    END LOOP;
END
$$;
SELECT p FROM pg_temp.plan('EXECUTE books(NULL, NULL, NULL, NULL, NULL, NULL)') AS p;
SELECT p FROM pg_temp.plan('EXECUTE heads(NULL, NULL)') AS p;
