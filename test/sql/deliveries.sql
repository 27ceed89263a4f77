-- Delivering the log to components: who does, what is next, how far it has come.
\set SHOW_CONTEXT never

-- In a database of its own, so that positions begin at 1.
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE regress_deliveries ENCODING 'UTF8' TEMPLATE template0;
\c regress_deliveries
CREATE EXTENSION angzarr;
\set one '''11111111-1111-4111-8111-111111111111'''
\set two '''22222222-2222-4222-8222-222222222222'''

-- A lease is one session's: had once, however often it is taken.  With them, no engine
-- moves the cursors here.
SELECT angzarr._take_leases('{sums,all,checkout}');
SELECT angzarr._take_leases('{all,sums}');
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

SELECT angzarr.register_projector('sums', '{order}', 'grpc://localhost:1');
SELECT angzarr.register_projector('all', '{}', 'grpc://localhost:1');
SELECT angzarr.register_process_manager('checkout', 'checkout', '{order,stock}',
    'grpc://localhost:1', from_position => 0);

-- 1 to 3 of one stream, 4 without correlation id, 5 of a branch, 6 of another domain.
SELECT angzarr.append('order', :one, 0, ARRAY[angzarr.new_event('t.A', 'a'),
    angzarr.new_event('t.B', 'bb'), angzarr.new_event('t.C', 'ccc')],
    correlation_id => 'c');
SELECT angzarr.append('order', :two, 0, ARRAY[angzarr.new_event('t.D', 'd')]);
SELECT angzarr.append('order', :one, 2, ARRAY[angzarr.new_event('t.E', 'e')],
    edition => 'what-if', correlation_id => 'c');
SELECT angzarr.append('stock', :one, 0, ARRAY[angzarr.new_event('t.F', 'f')],
    correlation_id => 'c');
-- 7 is isolated.
SELECT outcome FROM angzarr.append_batch(ARRAY[:two::uuid], '{order}', '{""}', '{1}', '{0}',
    ARRAY[NULL::timestamptz], '{c}', '{/t.G}', ARRAY['g'::bytea], ARRAY[NULL::bytea],
    ARRAY[NULL::bytea], '{true}', '{0}', ARRAY[NULL], ARRAY[NULL], ARRAY[NULL::uuid],
    ARRAY[NULL::bigint], ARRAY[NULL]);

CREATE FUNCTION pg_temp.read(component text[], after bigint DEFAULT 0,
                             room integer DEFAULT 100, up_to bigint DEFAULT 100,
                             max_bytes bigint DEFAULT 1000)
RETURNS TABLE (ordinal integer, at bigint, stream text, divergence bigint, sequence bigint,
               correlation_id text, payload text, state text, attempts integer, due boolean)
LANGUAGE sql AS $$
    SELECT r.ordinal, r.at_position, left(r.root::text, 1) || ' ' || r.domain || ' ' || r.edition,
        r.divergence, r.sequence, r.correlation_id, convert_from(r.payload, 'UTF8'), r.state,
        r.attempts, r.next_attempt_at IS NOT NULL
    FROM angzarr._read_deliveries(component,
        array_fill(after, ARRAY[cardinality(component)]),
        array_fill(room, ARRAY[cardinality(component)]),
        array_fill(up_to, ARRAY[cardinality(component)]),
        array_fill(max_bytes, ARRAY[cardinality(component)])) AS r
$$;

-- Each its own domains, in order; branches with where they left main; nothing isolated.
SELECT * FROM pg_temp.read('{sums,all}');
-- What has no correlation id is done for a process manager, and comes without payload.
SELECT at, correlation_id, payload, state FROM pg_temp.read('{checkout}');
-- Both ends: after the one, up to the other.
SELECT at FROM pg_temp.read('{all}', after => 2, up_to => 4);
-- So many events; so many bytes, and at least one event.
SELECT at FROM pg_temp.read('{all}', room => 2);
SELECT at FROM pg_temp.read('{all}', max_bytes => 3);
SELECT at FROM pg_temp.read('{all}', max_bytes => 1);
-- Who is not registered is given nothing.
SELECT at FROM pg_temp.read('{nobody}');

-- Who has come how far; no two have the same epoch.
SELECT ordinal, at_position, status FROM angzarr._subscription_states('{nobody,sums,all}');
SELECT max(epoch) FILTER (WHERE component = 'sums') AS sums,
    max(epoch) FILTER (WHERE component = 'all') AS of_all FROM angzarr.subscriptions \gset

-- The cursor moves on, and what waits behind it is kept.
SELECT written FROM angzarr._write_cursors('{sums,all}', ARRAY[:sums, :of_all], '{4,0}',
    '{active,failing}', '{0,3}', '{NULL,"nobody there"}') AS written
ORDER BY written COLLATE "C";
SELECT component, position, status, failures, last_error FROM angzarr.subscriptions
ORDER BY component COLLATE "C";
SELECT angzarr._write_exceptions('{sums,sums,sums}', ARRAY[:sums, :sums, :sums], '{1,2,5}',
    '{waiting,parked,parked}', ARRAY[:one, :one, :one]::uuid[], '{order,order,order}',
    '{"","",what-if}', '{2,0,0}', '{2020-01-01,NULL,NULL}', '{no,NULL,NULL}');
SELECT position, state, attempts, next_attempt_at IS NOT NULL AS due, last_error
FROM angzarr.exceptions ORDER BY position;
-- States come with their events.
SELECT at, payload, state, attempts, due FROM pg_temp.read('{sums}');
-- Behind the cursor a stream is held, by its first event; 5 is not behind it.
SELECT ordinal, left(root::text, 1) AS root, domain, edition, is_reserved
FROM angzarr._held_streams('{all,sums}');

CREATE FUNCTION pg_temp.held(edition text)
RETURNS TABLE (at bigint, payload text, divergence bigint, state text, attempts integer)
LANGUAGE sql AS $$
    SELECT r.at_position, convert_from(r.payload, 'UTF8'), r.divergence, r.state, r.attempts
    FROM angzarr._read_held('{sums}', ARRAY['11111111-1111-4111-8111-111111111111'::uuid],
                            '{order}', ARRAY[edition]) AS r
$$;
SELECT * FROM pg_temp.held('');
SELECT * FROM pg_temp.held('what-if');
-- Once that is forgotten, the next one.
SELECT angzarr._write_exceptions('{sums}', ARRAY[:sums], '{1}', '{NULL}', ARRAY[:one]::uuid[],
    '{order}', '{""}', '{2}', '{NULL}', '{NULL}');
SELECT * FROM pg_temp.held('');
-- A branch's event is next when the cursor has passed it, and tells where it left main.
SELECT angzarr._write_cursors('{sums}', ARRAY[:sums], '{5}', '{NULL}', '{0}', '{NULL}');
SELECT * FROM pg_temp.held('what-if');
-- When its edition is deleted, it is gone for its component, too.
SELECT angzarr.delete_edition('what-if', 'order');
SELECT * FROM pg_temp.held('what-if');
SELECT position FROM angzarr.exceptions ORDER BY position;

-- What a request has done is not written over; the cursor forgets it when it passes.
UPDATE angzarr.exceptions SET state = 'done' WHERE position = 2;
SELECT angzarr._write_exceptions('{sums}', ARRAY[:sums], '{2}', '{waiting}', ARRAY[:one]::uuid[],
    '{order}', '{""}', '{1}', '{NULL}', '{NULL}');
SELECT at, payload, state FROM pg_temp.read('{sums}', up_to => 3);
SELECT * FROM pg_temp.held('');
SELECT count(*) FROM angzarr._held_streams('{sums}');
SELECT angzarr._write_cursors('{sums}', ARRAY[:sums], '{5}', '{NULL}', '{0}', '{NULL}');
SELECT count(*) FROM angzarr.exceptions;

-- Nobody moves a cursor back, or that of another epoch; then nothing is kept either.
SELECT angzarr._write_cursors('{sums}', ARRAY[:sums], '{4}', '{NULL}', '{0}', '{NULL}');
SELECT angzarr.reset('sums', 1);
SELECT angzarr._write_cursors('{sums}', ARRAY[:sums], '{6}', '{NULL}', '{0}', '{NULL}');
SELECT angzarr._write_exceptions('{sums}', ARRAY[:sums], '{1}', '{waiting}', ARRAY[:one]::uuid[],
    '{order}', '{""}', '{1}', '{NULL}', '{NULL}');
SELECT at_position, status FROM angzarr._subscription_states('{sums}');
SELECT count(*) FROM angzarr.exceptions;
-- Who is paused stays so.
SELECT epoch AS sums FROM angzarr._subscription_states('{sums}') \gset
SELECT angzarr.pause('sums');
SELECT angzarr._write_cursors('{sums}', ARRAY[:sums], '{2}', '{active}', '{0}', '{NULL}');
SELECT at_position, status FROM angzarr._subscription_states('{sums}');

-- Who waits keeps new events for itself, but not of who is paused.
SELECT angzarr.append('order', :two, 2, ARRAY[angzarr.new_event('t.H', 'h'),
    angzarr.new_event('t.I', 'i')]) AS next;
SELECT angzarr._reserve_deliveries('{all,sums,nobody}', array_fill(:two::uuid, ARRAY[3]),
    '{order,order,order}', '{"","",""}', '{2,2,2}', '{3,3,3}',
    array_fill('2100-01-01'::timestamptz, ARRAY[3])) AS reserved;
SELECT component, state FROM angzarr.exceptions WHERE state = 'reserved';
-- Its turn comes when what is before, 4 here, is done; the first of a stream has none before.
SELECT * FROM angzarr._turns('{all,all,nobody}', array_fill(:two::uuid, ARRAY[3]),
    '{order,order,order}', '{"","",""}', '{2,0,2}');
SELECT angzarr._write_cursors('{all}', (SELECT array_agg(epoch) FROM
    angzarr._subscription_states('{all}')), '{7}', '{NULL}', '{0}', '{NULL}');
SELECT is_pending FROM angzarr._turns('{all}', ARRAY[:two::uuid], '{order}', '{""}', '{2}');
-- Delivered, or left to the engine at once; what has ended does not end again.
SELECT angzarr._end_reserved('{all,all}', array_fill(:two::uuid, ARRAY[2]),
    '{order,order}', '{"",""}', '{2,3}', '{2,3}', '{true,false}');
SELECT angzarr._end_reserved('{all}', ARRAY[:two::uuid], '{order}', '{""}', '{2}', '{3}',
    '{true}');
SELECT state, next_attempt_at IS NOT NULL AS due FROM angzarr.exceptions
WHERE component = 'all' ORDER BY position;

-- Leases are given back; one that is not had is not.
SELECT angzarr._drop_leases('{sums,all}');
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT angzarr._drop_leases('{sums}');

\c :home
DROP DATABASE regress_deliveries;
