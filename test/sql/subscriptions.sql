-- Reading the log in order.
\set SHOW_CONTEXT never

-- In a database of its own, so that positions begin at 1.
SET client_min_messages = warning;
CREATE DATABASE regress_log ENCODING 'UTF8' TEMPLATE template0;
\c regress_log
CREATE EXTENSION angzarr;

-- An empty log: nothing is settled, nothing comes.
SELECT angzarr.horizon();
SELECT angzarr.subscribe('mailer');
SELECT count(*) FROM angzarr.next_events('mailer');

CREATE FUNCTION put(domain text, root integer, VARIADIC payloads text[])
RETURNS bigint
LANGUAGE sql
AS $$
    SELECT angzarr.append(domain, format('00000000-0000-0000-0000-%s', lpad(root::text, 12, '0'))::uuid,
        -1, array_agg(angzarr.new_event('t.Said', p::bytea)))
    FROM unnest(payloads) AS p;
$$;
CREATE FUNCTION get(subscription text, max_events integer DEFAULT 100)
RETURNS TABLE (at bigint, domain text, says text)
LANGUAGE sql
AS $$
    SELECT e.position, e.domain, convert_from(e.payload, 'UTF8')
    FROM angzarr.next_events(subscription, max_events) AS e;
$$;

-- Events come in the order of the log, of all streams, and again until they
-- are acknowledged.
SELECT put('order', 1, 'one', 'two');
SELECT put('stock', 1, 'three');
SELECT put('order', 2, 'four');
SELECT angzarr.horizon();
SELECT * FROM get('mailer', 3);
SELECT * FROM get('mailer', 2);
SELECT angzarr.ack('mailer', 3);
SELECT * FROM get('mailer');
SELECT angzarr.ack('mailer', 4);
SELECT count(*) FROM angzarr.next_events('mailer');
SELECT component, domains, position FROM angzarr.subscriptions;

-- A rollback leaves a gap, which nobody waits for.
BEGIN;
SELECT put('order', 3, 'five never was');
ROLLBACK;
SELECT put('order', 3, 'six');
SELECT * FROM get('mailer');

-- What a transaction has appended itself it reads after its commit.
BEGIN;
SELECT put('order', 4, 'seven');
SELECT * FROM get('mailer');
COMMIT;
SELECT * FROM get('mailer');
SELECT angzarr.ack('mailer', 7);

-- Rolled back with its transaction: the reading, the acknowledging.
SELECT put('order', 5, 'eight');
BEGIN;
SELECT * FROM get('mailer');
SELECT angzarr.ack('mailer', 8);
ROLLBACK;
SELECT angzarr.ack('mailer', 8);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM get('mailer');
SELECT angzarr.ack('mailer', 8);

-- By domain; and from a place on.
SELECT angzarr.subscribe('counter', ARRAY['stock', 'ledger', 'stock']);
SELECT angzarr.subscribe('late', '{}', angzarr.horizon());
SELECT angzarr.subscribe('middle', from_position => 6);
SELECT put('stock', 1, 'nine');
SELECT put('ledger', 1, 'ten');
SELECT * FROM get('counter');
SELECT * FROM get('counter', 1);
SELECT * FROM get('late');
SELECT * FROM get('middle');

-- Events that nothing may react to are not delivered.
SELECT command, outcome FROM angzarr.append_batch(
    ARRAY['00000000-0000-0000-0000-000000000009']::uuid[], ARRAY['stock'], ARRAY[''], ARRAY[0],
    ARRAY[0], array_fill(NULL::timestamptz, ARRAY[1]), ARRAY[''], ARRAY['/t.Said'],
    ARRAY['eleven'::bytea], array_fill(NULL::bytea, ARRAY[1]), array_fill(NULL::bytea, ARRAY[1]),
    ARRAY[true], ARRAY[0], array_fill(NULL::text, ARRAY[1]), array_fill(NULL::text, ARRAY[1]),
    array_fill(NULL::uuid, ARRAY[1]), array_fill(NULL::bigint, ARRAY[1]),
    array_fill(NULL::text, ARRAY[1]));
SELECT * FROM get('counter');
SELECT angzarr.horizon();

-- Subscribing again finds the cursor where it is; other domains are an error.
SELECT angzarr.subscribe('mailer');
SELECT angzarr.subscribe('mailer', from_position => 2);
SELECT angzarr.subscribe('counter', ARRAY['ledger', 'stock']);
SELECT angzarr.subscribe('counter', ARRAY['stock']);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.subscribe('mailer', ARRAY['stock']);

-- Bad subscriptions.
SELECT angzarr.subscribe(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.subscribe('');
SELECT angzarr.subscribe('Mailer');
SELECT angzarr.subscribe(repeat('x', 65));
SELECT angzarr.subscribe('x', ARRAY['stock', NULL]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.subscribe('x', ARRAY['']);
SELECT angzarr.subscribe('x', ARRAY[['a'], ['b']]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.subscribe('x', '{}', -1);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.subscribe('x', '{}', 12);
SELECT angzarr.subscribe('x', '{}', 9223372036854775807);
SELECT angzarr.subscribe('x', '{}', NULL);
SELECT angzarr.register_aggregate('taken', 'grpc://localhost:1');
SELECT angzarr.subscribe('taken');
\echo :LAST_ERROR_SQLSTATE

-- Bad readings.
SELECT * FROM angzarr.next_events('nobody');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.next_events(NULL);
SELECT * FROM angzarr.next_events('taken');
SELECT * FROM angzarr.next_events('mailer', 0);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.next_events('mailer', -1);
SELECT * FROM angzarr.next_events('mailer', NULL);
SELECT * FROM angzarr.next_events('mailer', 100001);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM angzarr.next_events('mailer');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM angzarr.next_events('mailer');
ROLLBACK;
BEGIN READ ONLY;
SELECT * FROM angzarr.next_events('mailer');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Bad acknowledgements: backwards, twice, beyond what was delivered.
SELECT * FROM get('mailer', 1);
SELECT angzarr.ack('mailer', 8);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.ack('mailer', 3);
SELECT angzarr.ack('mailer', 10);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.ack('mailer', 9223372036854775807);
SELECT angzarr.ack('mailer', 0);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.ack('mailer', NULL);
SELECT angzarr.ack('mailer', -3);
SELECT angzarr.ack('nobody', 1);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.ack('mailer', 9);
SELECT angzarr.ack('mailer', 10);

-- Another session was quicker with the same events.
SELECT * FROM get('mailer');
\c
\set SHOW_CONTEXT never
SELECT angzarr.ack('mailer', 10);
SELECT * FROM get('late');
UPDATE angzarr.subscriptions SET position = 9 WHERE component = 'late';
SELECT angzarr.ack('late', 10);
\echo :LAST_ERROR_SQLSTATE

-- Nobody holds the horizon but who has appended and is still open.
SELECT count(*) FROM angzarr.stalled_by;
SET application_name = 'forgetful';
BEGIN;
SELECT count(*) FROM angzarr.stalled_by;
SELECT put('order', 7, 'twelve');
SELECT pid = pg_backend_pid() AS me, prepared, application, role = current_user AS mine, state,
    since = now() AS since_begin, floor
FROM angzarr.stalled_by;
ROLLBACK;

-- What the library tells and what plain SQL tells is the same.
SELECT * FROM angzarr._fast_turn('angzarr.events_position_seq'::regclass);
SELECT * FROM angzarr._plain_turn();
BEGIN;
SELECT put('order', 7, 'thirteen');
SELECT f.horizon, f.floors, f.holders = p.holders AS same
FROM angzarr._fast_turn('angzarr.events_position_seq'::regclass) AS f, angzarr._plain_turn() AS p
WHERE f.horizon = p.horizon AND f.floors = p.floors;
ROLLBACK;
SELECT angzarr._fast_turn('angzarr.events'::regclass);
\echo :LAST_ERROR_SQLSTATE

-- Unsubscribing forgets the cursor.
SELECT angzarr.unsubscribe('counter');
SELECT * FROM get('counter');
SELECT angzarr.unsubscribe('counter');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.unsubscribe(NULL);
SELECT angzarr.subscribe('counter', ARRAY['ledger']);
SELECT * FROM get('counter');

-- What an edition had is delivered, and skipped once it has been deleted.
SELECT angzarr.subscribe('reports', ARRAY['branching'], angzarr.horizon()) = angzarr.horizon() AS at_the_end;
SELECT angzarr.append('branching', '00000000-0000-0000-0000-000000000001', -1,
    ARRAY[angzarr.new_event('t.Said', 'what if')], edition => 'what-if');
SELECT put('branching', 1, 'so be it');
SELECT says FROM get('reports');
SELECT angzarr.delete_edition('what-if', 'branching');
SELECT says FROM get('reports');
SELECT angzarr.ack('reports', max(at)) FROM get('reports');
SELECT count(*) FROM angzarr.next_events('reports');

\c regress
DROP DATABASE regress_log;
