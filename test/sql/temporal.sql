-- Looking back at streams and books.
\set SHOW_CONTEXT never
\set root '''00000000-0000-0000-0000-00000000e001'''
SELECT angzarr.append('past', :root, 0, ARRAY[
    angzarr.new_event('shop.Added', 'a', '2026-03-01 10:00:00+00'),
    angzarr.new_event('shop.Added', 'b', '2026-03-02 10:00:00+00'),
    angzarr.new_event('shop.Added', 'c', '2026-03-02 10:00:00+00'),
    angzarr.new_event('shop.Added', 'd', '2026-03-05 10:00:00+00'),
    angzarr.new_event('shop.Added', 'e', '2026-03-04 10:00:00+00'),
    angzarr.new_event('shop.Added', 'f', '2026-03-06 10:00:00+00')]);

-- By sequence: that one included.
SELECT sequence, convert_from(payload, 'UTF8') AS payload FROM angzarr.events_as_of('past', :root, as_of_sequence => 2);
SELECT count(*) FROM angzarr.events_as_of('past', :root, 0);
SELECT count(*) FROM angzarr.events_as_of('past', :root, 5);
SELECT count(*) FROM angzarr.events_as_of('past', :root, 4294967295);

-- By time: that moment included, both of one moment or none.
SELECT sequence, convert_from(payload, 'UTF8') AS payload
FROM angzarr.events_as_of('past', :root, as_of => '2026-03-02 10:00:00+00');
SELECT max(sequence) FROM angzarr.events_as_of('past', :root, as_of => '2026-03-02 09:59:59.999999+00');

-- Never an event without the one before it: 4 is of the 4th, but 3 came on the 5th.
SELECT max(sequence) FROM angzarr.events_as_of('past', :root, as_of => '2026-03-04 10:00:00+00');
SELECT max(sequence) FROM angzarr.events_as_of('past', :root, as_of => '2026-03-05 10:00:00+00');

-- Before the first event there was nothing; for ever after there is everything.
SELECT count(*) FROM angzarr.events_as_of('past', :root, as_of => '2026-03-01 09:59:59+00');
SELECT count(*) FROM angzarr.events_as_of('past', :root, as_of => '-infinity');
SELECT count(*) FROM angzarr.events_as_of('past', :root, as_of => 'infinity');
SELECT count(*) FROM angzarr.events_as_of('unknown', :root, as_of => 'infinity');
SELECT count(*) FROM angzarr.book('past', :root, as_of => '2026-03-01 09:59:59+00');
SELECT count(*) FROM angzarr.book('unknown', :root, as_of => 'infinity');
SELECT count(*) FROM angzarr.book('unknown', :root, as_of_sequence => 0);

-- Books: the newest snapshot that is not later than the point, then the pages after it.
INSERT INTO angzarr.snapshots (root, domain, sequence, created_at, retention, type_url, state)
VALUES (:root, 'past', 1, '2026-03-03 00:00:00+00', 1, '/shop.State', 'ab'),
    (:root, 'past', 2, NULL, 1, '/shop.State', 'abc'),
    (:root, 'past', 4, '2026-03-05 12:00:00+00', 0, '/shop.State', 'abcde');
CREATE FUNCTION pg_temp.shown(as_of timestamptz DEFAULT NULL, as_of_sequence bigint DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(CASE WHEN is_snapshot THEN format('[%s]', convert_from(payload, 'UTF8'))
                           ELSE convert_from(payload, 'UTF8') END, ' ')
    FROM angzarr.book('past', '00000000-0000-0000-0000-00000000e001',
                      as_of => shown.as_of, as_of_sequence => shown.as_of_sequence)
$$;
SELECT n AS as_of_sequence, pg_temp.shown(as_of_sequence => n) FROM generate_series(0, 6) AS n;
SELECT pg_temp.shown() AS now;

-- By time only a snapshot whose time is known and not later.
SELECT t AS as_of, pg_temp.shown(as_of => (t || '+00')::timestamptz)
FROM (VALUES ('2026-03-02 23:59'), ('2026-03-03 00:00'), ('2026-03-05 10:00'),
    ('2026-03-05 11:59'), ('2026-03-05 12:00'), ('2026-03-06 10:00')) AS v (t);

-- An edition: main below its divergence, then its own; main after that does not show.
SELECT angzarr.append('past', :root, 3, ARRAY[
    angzarr.new_event('shop.Added', 'D', '2026-04-01 10:00:00+00'),
    angzarr.new_event('shop.Added', 'E', '2026-04-02 10:00:00+00')], 'what-if');
SELECT sequence, edition, convert_from(payload, 'UTF8') AS payload
FROM angzarr.events_as_of('past', :root, 3, 'what-if');
SELECT string_agg(convert_from(payload, 'UTF8'), '' ORDER BY sequence)
FROM angzarr.events_as_of('past', :root, '2026-04-01 10:00:00+00'::timestamptz, 'what-if');
SELECT string_agg(convert_from(payload, 'UTF8'), '' ORDER BY sequence)
FROM angzarr.book('past', :root, 'what-if', as_of => '2026-03-30 10:00:00+00');
SELECT string_agg(convert_from(payload, 'UTF8'), '' ORDER BY sequence)
FROM angzarr.book('past', :root, 'what-if', as_of_sequence => 4);

-- A stream that has only a snapshot.
INSERT INTO angzarr.snapshots (root, domain, sequence, created_at, type_url, state)
VALUES ('00000000-0000-0000-0000-00000000e002', 'past', 7, '2026-03-03 00:00:00+00', '/shop.State', 'eight');
SELECT is_snapshot, sequence FROM angzarr.book('past', '00000000-0000-0000-0000-00000000e002', as_of_sequence => 7);
SELECT count(*) FROM angzarr.book('past', '00000000-0000-0000-0000-00000000e002', as_of_sequence => 6);
SELECT count(*) FROM angzarr.events_as_of('past', '00000000-0000-0000-0000-00000000e002', 7);

-- Bad arguments are named.
SELECT * FROM angzarr.events_as_of('past', :root, -1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.events_as_of('past', :root, 4294967296);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.events_as_of('past', :root, NULL::bigint);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.events_as_of('past', :root, NULL::timestamptz);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.events_as_of('Past', :root, 1);
SELECT * FROM angzarr.events_as_of('past', NULL, 1);
SELECT * FROM angzarr.events_as_of(NULL, :root, now());
SELECT * FROM angzarr.events_as_of('past', NULL, now());
SELECT * FROM angzarr.events_as_of('past', :root, 1, 'What if');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.events_as_of('past', :root, now(), repeat('a', 65));
SELECT * FROM angzarr.book('past', :root, as_of => now(), as_of_sequence => 1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.book('past', :root, as_of_sequence => -1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.book('past', :root, as_of_sequence => 4294967296);
SELECT * FROM angzarr.book('past', :root, 'What if');
