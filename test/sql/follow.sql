-- What the engine reads of the log, and how it was appended.
\set one '''11111111-1111-4111-8111-111111111111'''
\set two '''22222222-2222-4222-8222-222222222222'''

-- One append: three events, which one call has stored.
SELECT angzarr.append('follow', :one, 0, ARRAY[angzarr.new_event('t.A', 'a'),
    angzarr.new_event('t.B', 'bb'), angzarr.new_event('t.C', 'ccc')],
    correlation_id => 'c');
-- Then two in one transaction, to one stream: for who follows they are one.
BEGIN;
SELECT angzarr.append('follow', :one, 3, ARRAY[angzarr.new_event('t.D', 'd')],
    correlation_id => 'c');
SELECT angzarr.append('follow', :one, 4, ARRAY[angzarr.new_event('t.E', 'e')],
    correlation_id => 'c');
COMMIT;
-- Another correlation id in between, another stream, a branch, and none at all.
BEGIN;
SELECT angzarr.append('follow', :one, 5, ARRAY[angzarr.new_event('t.F', 'f')],
    correlation_id => 'c');
SELECT angzarr.append('follow', :one, 6, ARRAY[angzarr.new_event('t.G', 'g')],
    correlation_id => 'd');
SELECT angzarr.append('follow', :one, 7, ARRAY[angzarr.new_event('t.H', 'h')],
    correlation_id => 'c');
SELECT angzarr.append('follow', :two, 0, ARRAY[angzarr.new_event('t.I', 'i')],
    correlation_id => 'c');
SELECT angzarr.append('follow', :one, 2, ARRAY[angzarr.new_event('t.J', 'j')],
    edition => 'what-if', correlation_id => 'c');
SELECT angzarr.append('follow', :two, 1, ARRAY[angzarr.new_event('t.K', 'k'),
    angzarr.new_event('t.L', 'l')]);
COMMIT;
-- An isolated one.
SELECT outcome FROM angzarr.append_batch(ARRAY[:two::uuid], '{follow}', '{""}', '{3}', '{0}',
    ARRAY[NULL::timestamptz], '{c}', '{/t.M}', ARRAY['m'::bytea], ARRAY[NULL::bytea],
    ARRAY[NULL::bytea], '{true}', '{0}', ARRAY[NULL], ARRAY[NULL], ARRAY[NULL::uuid],
    ARRAY[NULL::bigint], ARRAY[NULL]);

SELECT min(position) - 1 AS start, max(position) AS finish FROM angzarr.events
WHERE domain = 'follow' \gset
CREATE FUNCTION pg_temp.follow(start bigint, after bigint, up_to bigint, max_events integer,
                               max_bytes bigint, only_correlated boolean)
RETURNS TABLE (at bigint, opens boolean, next bigint, stream text, divergence bigint,
               sequence bigint, correlation_id text, type_url text, payload text)
LANGUAGE sql AS $$
    SELECT r.at_position - start, r.opens, r.next_position - start,
        left(r.root::text, 1) || ' ' || r.edition, r.divergence, r.sequence,
        r.correlation_id, r.type_url, convert_from(r.payload, 'UTF8')
    FROM angzarr._read_log(start + after, start + up_to, max_events, max_bytes,
                           only_correlated) AS r
$$;

-- All of it, but for what is isolated.
SELECT * FROM pg_temp.follow(:start, 0, 1000, 1000, 1000, false);
-- What has a correlation id.
SELECT * FROM pg_temp.follow(:start, 8, 1000, 1000, 1000, true);
-- Both ends: after the one, up to the other.
SELECT at FROM pg_temp.follow(:start, 3, 5, 1000, 1000, false);
-- So many events; and how an append goes on is known beyond the end, too.
SELECT at, opens, next FROM pg_temp.follow(:start, 0, 1000, 2, 1000, false);
SELECT at, opens, next FROM pg_temp.follow(:start, 2, 2 + 1, 2, 1000, false);
-- So many bytes, and at least one event.
SELECT at, payload FROM pg_temp.follow(:start, 0, 1000, 1000, 1, false);
SELECT at, payload FROM pg_temp.follow(:start, 0, 1000, 1000, 3, false);
SELECT at, payload FROM pg_temp.follow(:start, 0, 1000, 1000, 4, false);
-- Nothing is there: nothing comes.
SELECT * FROM pg_temp.follow(:start, 1000, 2000, 1000, 1000, false);
