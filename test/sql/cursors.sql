-- How far components have come: pause, resume, reset, and what lags.
\set SHOW_CONTEXT never
-- This session is the one that delivers to them, so that no engine moves their cursors.
SELECT count(*) FROM angzarr._take_leases('{list,follow-up,shipping,many,all,both}');
SELECT angzarr.append('cursor-a', '00000000-0000-0000-0000-0000000000c1', 0,
    ARRAY[angzarr.new_event('a.One', ''), angzarr.new_event('a.Two', ''), angzarr.new_event('a.Three', '')]);
SELECT angzarr.append('cursor-b', '00000000-0000-0000-0000-0000000000c2', 0, ARRAY[angzarr.new_event('b.One', '')]);
SELECT min(position) FILTER (WHERE sequence = 0) AS first, min(position) FILTER (WHERE sequence = 1) AS second,
    max(position) AS third FROM angzarr.events WHERE domain = 'cursor-a' \gset
SELECT position AS last FROM angzarr.events WHERE domain = 'cursor-b' \gset
-- The test speaks of positions behind the first of its own.
CREATE FUNCTION pg_temp.own(angzarr.subscriptions) RETURNS bigint LANGUAGE sql AS
    $$SELECT $1.position - min(position) + 1 FROM angzarr.events WHERE domain = 'cursor-a'$$;
SELECT angzarr.register_projector('list', '{cursor-a,cursor-b}', 'unix:/run/list.sock', from_position => :first - 1);
SELECT angzarr.register_saga('follow-up', 'cursor-a', 'unix:/run/saga.sock');
SELECT angzarr.register_process_manager('shipping', 'shippings', '{cursor-b,nowhere}', 'unix:/run/process.sock');
SELECT angzarr.register_aggregate('cursor-a', 'unix:/run/a.sock');

-- What each has not got yet.
SELECT component, kind, status, events_behind, seconds_behind >= 0 AS seconds, waiting, parked, attempts, last_error,
    message, position <= horizon AS not_ahead
FROM angzarr.subscriptions_lag;

-- Pausing stops deliveries, resuming lets them go on; both can be said twice.
SELECT angzarr.pause('list');
SELECT angzarr.pause('list');
SELECT component, status, message FROM angzarr.subscriptions_lag WHERE component = 'list';
SELECT angzarr.resume('list');
SELECT angzarr.resume('list');
SELECT component, status, message FROM angzarr.subscriptions_lag WHERE component = 'list';

-- Resuming does not call a failing one sound.
UPDATE angzarr.subscriptions SET status = 'failing', failures = 3, last_error = 'no answer' WHERE component = 'list';
SELECT angzarr.resume('list');
SELECT status, attempts, last_error FROM angzarr.subscriptions_lag WHERE component = 'list';

-- Disabled and paused are two things; the view tells the stronger one.
SELECT angzarr.disable('list');
SELECT component, status, message FROM angzarr.subscriptions_lag WHERE component = 'list';
SELECT angzarr.enable('list');

-- Deliveries that are done ahead of the cursor do not count, those that wait or are parked do.
INSERT INTO angzarr.exceptions (component, position, state, root, domain, attempts, next_attempt_at, last_error) VALUES
    ('list', :first, 'waiting', '00000000-0000-0000-0000-0000000000c1', 'cursor-a', 4, '2040-01-01 UTC', 'it said no'),
    ('list', :second, 'parked', '00000000-0000-0000-0000-0000000000c1', 'cursor-a', 0, NULL, NULL),
    ('list', :third, 'parked', '00000000-0000-0000-0000-0000000000c1', 'cursor-a', 0, NULL, NULL),
    ('list', :last, 'done', '00000000-0000-0000-0000-0000000000c2', 'cursor-b', 0, NULL, NULL);
SELECT events_behind, waiting, parked, attempts, next_attempt_at = '2040-01-01 UTC' AS due, last_error
FROM angzarr.subscriptions_lag WHERE component = 'list';
UPDATE angzarr.subscriptions SET last_error = NULL WHERE component = 'list';
SELECT last_error FROM angzarr.subscriptions_lag WHERE component = 'list';
SELECT * FROM angzarr._verify_deliveries();

-- The cursor passes what waits: that is still to be delivered, and oldest.
BEGIN;
DELETE FROM angzarr.exceptions WHERE state = 'done';
UPDATE angzarr.subscriptions SET position = :last WHERE component = 'list';
SELECT events_behind, waiting, parked, seconds_behind > 0 AS seconds, message
FROM angzarr.subscriptions_lag WHERE component = 'list';
SELECT * FROM angzarr._verify_deliveries();
SET LOCAL client_min_messages = warning;
SELECT angzarr.reset('list', :last) = :last AS was;
RESET client_min_messages;
SELECT events_behind, waiting, parked FROM angzarr.subscriptions_lag WHERE component = 'list';
ROLLBACK;

-- What a reset gives up by that is told.
BEGIN;
INSERT INTO angzarr.exceptions (component, position, state, root, domain)
SELECT 'list', i, CASE i WHEN 1000005 THEN 'waiting' WHEN 1000008 THEN 'done' ELSE 'parked' END,
    '00000000-0000-0000-0000-0000000000c1', 'cursor-a' FROM generate_series(1000005, 1000010) AS i;
DELETE FROM angzarr.exceptions WHERE component = 'list' AND position < 1000000;
SELECT angzarr._drop_exceptions('list', 1000009);
SELECT count(*) FROM angzarr.exceptions;
SELECT angzarr._drop_exceptions('list', 1000009);
ROLLBACK;

-- A reset tells what it means, forgets what waited and what was ahead, and draws another epoch.
SELECT epoch AS before FROM angzarr.subscriptions WHERE component = 'list' \gset
SET client_min_messages = warning;
SELECT angzarr.reset('list', :first) = :first - 1 AS was;
RESET client_min_messages;
SELECT angzarr._tell_reset('list', 'projector', 6, 8);
SELECT pg_temp.own(s), s.epoch > :before AS another, s.status, s.failures, s.last_error,
    (SELECT count(*) FROM angzarr.exceptions AS x WHERE x.component = 'list') AS exceptions
FROM angzarr.subscriptions AS s WHERE s.component = 'list';
SELECT angzarr.reset('list', 0) = :first AS was;
SELECT angzarr.reset('follow-up', 0) = :last AS was;
SELECT angzarr.reset('shipping', 0) = :last AS was;
-- To the same place: what waited is delivered anew.
SELECT angzarr.reset('shipping', 0) AS was;
-- A paused one stays paused.
SELECT angzarr.pause('follow-up');
SELECT angzarr.reset('follow-up', 0) AS was;
SELECT component, position, status FROM angzarr.subscriptions WHERE component IN ('list', 'follow-up', 'shipping') ORDER BY 1;

-- Where it can be set to, and whose.
\set VERBOSITY terse
SELECT angzarr.reset('list', -1);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.reset('list', NULL);
SELECT angzarr.reset('list', 9223372036854775807);
\set VERBOSITY default
SELECT angzarr.reset('nobody', 0);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.pause(NULL);
SELECT angzarr.resume('cursor-a');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.subscribe('cursor-program', '{cursor-a}', :second) = :second AS at_second;
SELECT angzarr.pause('cursor-program');
\echo :LAST_ERROR_SQLSTATE
SELECT component, kind, status, events_behind, message FROM angzarr.subscriptions_lag WHERE component = 'cursor-program';

-- Who is far behind is counted up to a limit only, over all domains together.
SELECT count(*) FROM (
    SELECT angzarr.append('cursor-many', '00000000-0000-0000-0000-0000000000c3', -1,
        (SELECT array_agg(angzarr.new_event('m.Many', '')) FROM generate_series(1, 100))) FROM generate_series(1, 101)) AS a;
SELECT angzarr.register_projector('many', '{cursor-many}', 'unix:/run/many.sock');
SELECT angzarr.register_projector('all', '{}', 'unix:/run/many.sock');
SELECT angzarr.register_projector('both', '{cursor-a,cursor-many}', 'unix:/run/many.sock');
SELECT component, events_behind FROM angzarr.subscriptions_lag WHERE component IN ('all', 'both', 'many');
SET client_min_messages = warning;
SELECT angzarr.reset('many', (SELECT position FROM angzarr.events WHERE domain = 'cursor-many' AND sequence = 9000)) AS was;
RESET client_min_messages;
SELECT component, events_behind, seconds_behind > 0 AS seconds FROM angzarr.subscriptions_lag WHERE component = 'many';

-- An event that is behind an open transaction is not delivered, and the view says why: here it is our own.
BEGIN;
SELECT angzarr.append('cursor-b', '00000000-0000-0000-0000-0000000000c2', 1, ARRAY[angzarr.new_event('b.Two', '')]);
SET LOCAL client_min_messages = warning;
SELECT angzarr.reset('shipping', (SELECT max(position) - 1 FROM angzarr.events)) IS NOT NULL AS reset;
SELECT events_behind, message FROM angzarr.subscriptions_lag WHERE component = 'shipping';
ROLLBACK;

-- A component that was written past the functions has no cursor; verify() tells.
INSERT INTO angzarr.components (name, kind, inputs, address) VALUES ('by-hand', 'saga', '{cursor-a}', 'unix:/x');
SELECT angzarr.pause('by-hand');
\echo :LAST_ERROR_SQLSTATE
SELECT problem, detail FROM angzarr._verify_deliveries();
SELECT angzarr.unregister('by-hand');

-- What belongs to nobody, or to no event.
BEGIN;
INSERT INTO angzarr.exceptions (component, position, state, root, domain) VALUES
    ('gone', :first, 'waiting', '00000000-0000-0000-0000-0000000000c1', 'cursor-a'),
    ('list', :first, 'done', '00000000-0000-0000-0000-0000000000c2', 'cursor-b'),
    ('cursor-program', :first, 'done', '00000000-0000-0000-0000-0000000000c1', 'cursor-a');
INSERT INTO angzarr.exceptions (component, position, state, root, domain, edition) VALUES
    ('list', :second, 'parked', '00000000-0000-0000-0000-0000000000c2', 'cursor-b', 'gone');
INSERT INTO angzarr.timers (component, root, name, due_at, scheduled_sequence) VALUES
    ('shipping', '00000000-0000-0000-0000-0000000000c1', 'sound', '2040-01-01 UTC', 0),
    ('list', '00000000-0000-0000-0000-0000000000c1', 'remind', '2040-01-01 UTC', 0);
INSERT INTO angzarr.outbox (kind, component, root, domain, digest, envelope) VALUES
    ('rejection', 'gone', '00000000-0000-0000-0000-0000000000c1', 'cursor-a', '00000000-0000-0000-0000-0000000000d1', ''),
    ('rejection', 'list', '00000000-0000-0000-0000-0000000000c1', 'nobodys', '00000000-0000-0000-0000-0000000000d2', '');
SELECT problem, domain, root, position - :first AS position,
    regexp_replace(detail, '(row|cursor of component "cursor-program" is at) \d+', '\1 N') AS detail
FROM angzarr.verify() WHERE problem ~ 'exception|timer|obligation' ORDER BY problem COLLATE "C", detail COLLATE "C";
SELECT count(*) FROM angzarr.verify('cursor-a');
ROLLBACK;

SELECT angzarr.unsubscribe('cursor-program');
SELECT count(angzarr.unregister(name)::text) FROM angzarr.components
WHERE name IN ('list', 'follow-up', 'shipping', 'cursor-a', 'many', 'all', 'both');
SELECT count(*) FROM angzarr.subscriptions_lag;
