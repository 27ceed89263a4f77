-- Snapshots: what is kept, what goes, and what is refused.
\set SHOW_CONTEXT never
\set root '''00000000-0000-0000-0000-00000000d001'''
\set other '''00000000-0000-0000-0000-00000000d002'''
\set event 'angzarr.new_event(''shop.Added'', ''\\x01'')'
CREATE VIEW pg_temp.kept AS
    SELECT right(root::text, 1) AS root, edition, sequence, retention, type_url,
        convert_from(state, 'UTF8') AS state
    FROM angzarr.snapshots WHERE domain = 'snap' ORDER BY root, edition, sequence;

-- Without events there is nothing to keep.
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', 'none');
\echo :LAST_ERROR_SQLSTATE

-- A snapshot is of the last event; null means that one.
SELECT angzarr.append('snap', :root, 0, ARRAY[:event, :event, :event]);
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', 'three');
SELECT sequence, retention, type_url, convert_from(state, 'UTF8') AS state,
    created_at <= clock_timestamp() AS in_time
FROM angzarr.latest_snapshot('snap', :root);
SELECT is_snapshot, sequence FROM angzarr.book('snap', :root);

-- Made from a book that is no longer the newest, or of events that are not there: refused.
SELECT angzarr.append('snap', :root, 3, ARRAY[:event]);
SELECT angzarr.save_snapshot('snap', :root, 2, 'shop.State', 'late');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.save_snapshot('snap', :root, 4, 'shop.State', 'early');
\echo :LAST_ERROR_SQLSTATE

-- A state equal to the newest is not stored again; the next one takes its place.
SELECT angzarr.save_snapshot('snap', :root, 3, 'shop.State', 'three');
SELECT * FROM pg_temp.kept;
SELECT angzarr.save_snapshot('snap', :root, 3, 'shop.State', 'four');
SELECT * FROM pg_temp.kept;

-- The same place again, with another state: the later one counts.
SELECT angzarr.save_snapshot('snap', :root, 3, 'type.example/shop.State', 'four again');
SELECT * FROM pg_temp.kept;

-- Persistent ones stay; default and transient ones go when a newer one comes.
SELECT angzarr.append('snap', :root, 4, ARRAY[:event]);
SELECT angzarr.save_snapshot('snap', :root, 4, 'shop.State', 'five', retention => 'persist');
SELECT angzarr.append('snap', :root, 5, ARRAY[:event]);
SELECT angzarr.save_snapshot('snap', :root, 5, 'shop.State', 'six', retention => 'transient');
SELECT * FROM pg_temp.kept;
SELECT angzarr.append('snap', :root, 6, ARRAY[:event]);
SELECT angzarr.save_snapshot('snap', :root, 6, 'shop.State', 'seven', retention => 'default');
SELECT angzarr.append('snap', :root, 7, ARRAY[:event]);
SELECT angzarr.save_snapshot('snap', :root, 7, 'shop.State', 'eight', retention => 'persist');
SELECT * FROM pg_temp.kept;
SELECT angzarr.save_snapshot('snap', :root, 7, 'shop.State', 'another eight');
\echo :LAST_ERROR_SQLSTATE

-- Reads use the newest, whatever its retention.
SELECT is_snapshot, sequence, retention FROM angzarr.book('snap', :root);

-- Another aggregate has its own, and so has an edition.
SELECT angzarr.append('snap', :other, 0, ARRAY[:event]);
SELECT angzarr.save_snapshot('snap', :other, 0, 'shop.State', 'other');
SELECT angzarr.append('snap', :root, 2, ARRAY[:event], 'what-if');
SELECT count(*) FROM angzarr.latest_snapshot('snap', :root, 'what-if');
SELECT angzarr.save_snapshot('snap', :root, 2, 'shop.State', 'eight', 'what-if');
SELECT angzarr.append('snap', :root, 3, ARRAY[:event], 'what-if');
SELECT angzarr.save_snapshot('snap', :root, 3, 'shop.State', 'branched', 'what-if');
SELECT * FROM pg_temp.kept;
SELECT is_snapshot, sequence FROM angzarr.book('snap', :root, 'what-if');

-- An edition that has nothing of its own has no state of its own.
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', 'x', 'untouched');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM angzarr.latest_snapshot('snap', :root, 'untouched');

-- An aggregate that has only a snapshot goes on after it.
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES ('00000000-0000-0000-0000-00000000d003', 'snap', 41, '/shop.State', 'brought along');
SELECT angzarr.next_sequence('snap', '00000000-0000-0000-0000-00000000d003');
SELECT angzarr.append('snap', '00000000-0000-0000-0000-00000000d003', 42, ARRAY[:event]);
SELECT is_snapshot, sequence FROM angzarr.book('snap', '00000000-0000-0000-0000-00000000d003');
SELECT angzarr.save_snapshot('snap', '00000000-0000-0000-0000-00000000d003', 42, 'shop.State', 'on its way');
SELECT sequence, convert_from(state, 'UTF8') AS state
FROM angzarr.latest_snapshot('snap', '00000000-0000-0000-0000-00000000d003');

-- A snapshot is never earlier than an event it includes.
SELECT angzarr.append('snap', '00000000-0000-0000-0000-00000000d004', 0, ARRAY[
    angzarr.new_event('shop.Added', '', '2090-01-01 00:00:00+00'),
    angzarr.new_event('shop.Added', '', '2020-01-01 00:00:00+00')]);
SELECT angzarr.save_snapshot('snap', '00000000-0000-0000-0000-00000000d004', 1, 'shop.State', '');
SELECT created_at AT TIME ZONE 'UTC' AS created_at
FROM angzarr.latest_snapshot('snap', '00000000-0000-0000-0000-00000000d004');

-- In one's own transaction it goes with it.
BEGIN;
SELECT angzarr.append('snap', :other, 1, ARRAY[:event]);
SELECT angzarr.save_snapshot('snap', :other, 1, 'shop.State', 'undone');
ROLLBACK;
SELECT sequence, convert_from(state, 'UTF8') AS state FROM angzarr.latest_snapshot('snap', :other);

-- An unknown aggregate has none.
SELECT count(*) FROM angzarr.latest_snapshot('unknown', :root);

-- Bad arguments are named.
SELECT angzarr.save_snapshot(NULL, :root, NULL, 'shop.State', '');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.save_snapshot('Snap', :root, NULL, 'shop.State', '');
SELECT angzarr.save_snapshot('snap', NULL, NULL, 'shop.State', '');
SELECT angzarr.save_snapshot('snap', :root, -1, 'shop.State', '');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.save_snapshot('snap', :root, 4294967296, 'shop.State', '');
SELECT angzarr.save_snapshot('snap', :root, NULL, NULL, '');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.save_snapshot('snap', :root, NULL, '', '');
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', NULL);
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', decode(repeat('00', 262145), 'hex'));
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', '', retention => 'forever');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', '', retention => NULL);
SELECT angzarr.save_snapshot('snap', :root, NULL, 'shop.State', '', 'What if');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.latest_snapshot('', :root);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.latest_snapshot('snap', NULL);
SELECT * FROM angzarr.latest_snapshot('snap', :root, repeat('a', 65));

-- What the engine keeps after many commands at once, by the same rules.
CREATE FUNCTION pg_temp.keep(n int, sequence int, retention int, state text) RETURNS bigint LANGUAGE sql AS $$
    SELECT angzarr._keep_snapshots(
        ARRAY[format('bbbbbbbb-0000-4000-8000-00000000000%s', n)::uuid], '{order}', '{""}',
        ARRAY[sequence], '{2026-01-01 00:00:00+00}', ARRAY[retention], '{/t.State}',
        ARRAY[convert_to(state, 'UTF8')])
$$;
CREATE FUNCTION pg_temp.kept(n int) RETURNS TABLE (sequence bigint, retention smallint, state text) LANGUAGE sql AS $$
    SELECT s.sequence, s.retention, convert_from(s.state, 'UTF8') FROM angzarr.snapshots AS s
    WHERE s.root = format('bbbbbbbb-0000-4000-8000-00000000000%s', n)::uuid ORDER BY s.sequence
$$;
SELECT pg_temp.keep(1, 0, 0, 'a'), pg_temp.keep(1, 3, 1, 'b'), pg_temp.keep(1, 5, 2, 'c');
SELECT * FROM pg_temp.kept(1);
-- The same state is not written again, a newer one takes the place of all but persistent ones.
SELECT pg_temp.keep(1, 7, 0, 'c');
SELECT pg_temp.keep(1, 8, 0, 'd');
SELECT * FROM pg_temp.kept(1);
-- A state of an older event, and another state where a persistent one is, change nothing.
SELECT pg_temp.keep(1, 7, 0, 'late'), pg_temp.keep(1, 9, 1, 'e'), pg_temp.keep(1, 9, 0, 'f');
SELECT * FROM pg_temp.kept(1);
-- Many streams in one call.
SELECT angzarr._keep_snapshots(
    ARRAY['bbbbbbbb-0000-4000-8000-000000000003', 'bbbbbbbb-0000-4000-8000-000000000002']::uuid[],
    '{order,order}', '{"",""}', '{1,2}',
    '{2026-01-01 00:00:00+00,2026-01-01 00:00:00+00}', '{0,0}', '{/t.State,/t.State}',
    ARRAY['x', 'y']::bytea[]);
SELECT * FROM pg_temp.kept(2);
SELECT * FROM pg_temp.kept(3);
DELETE FROM angzarr.snapshots WHERE root::text LIKE 'bbbbbbbb-0000-%';
