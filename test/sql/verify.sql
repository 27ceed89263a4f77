\set SHOW_CONTEXT never
-- verify() finds what is not sound.  What it looks for cannot come about by the
-- functions, so each is planted by a superuser, past the triggers, and rolled
-- back.  (The database of these tests is shared: each test looks at its domain,
-- or at what belongs to the whole database.)
\set root '00000000-0000-0000-0000-000000000001'
\set other '00000000-0000-0000-0000-000000000002'
CREATE TEMPORARY VIEW problems AS
    SELECT v.problem, v.root, v.edition, v.sequence,
        regexp_replace(v.detail, 'has position \d+', 'has position #') AS detail
    FROM angzarr.verify('verify') AS v ORDER BY 1, 2, 4;
SELECT angzarr.append('verify', :'root', 0, ARRAY[
    angzarr.new_event('a', ''), angzarr.new_event('b', ''), angzarr.new_event('c', '')]);
SELECT angzarr.append('verify', :'other', 0, ARRAY[
    angzarr.new_event('a', ''), angzarr.new_event('b', '')]);

-- What the functions wrote is sound.
TABLE problems;
SELECT v.problem, v.detail FROM angzarr.verify() AS v WHERE v.domain IS NULL;
SELECT v.* FROM angzarr.verify() AS v WHERE v.domain = 'verify';

-- A gap: one event is gone, then the first one too.
BEGIN;
DELETE FROM angzarr.events WHERE domain = 'verify' AND root = :'root' AND sequence = 1;
TABLE problems;
DELETE FROM angzarr.events WHERE domain = 'verify' AND root = :'root' AND sequence = 0;
TABLE problems;
-- Behind a snapshot a stream may begin.
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES (:'root', 'verify', 1, '/s', '');
TABLE problems;
ROLLBACK;

-- An edition may leave the main timeline anywhere up to its next sequence, not
-- behind it; and has no gap of its own.
BEGIN;
INSERT INTO angzarr.events (root, domain, edition, sequence, created_at, type_url, payload)
VALUES (:'root', 'verify', 'near', 3, now(), '/e', ''),
       (:'root', 'verify', 'far', 4, now(), '/e', ''),
       (:'root', 'verify', 'torn', 1, now(), '/e', ''),
       (:'root', 'verify', 'torn', 3, now(), '/e', '');
TABLE problems;
ROLLBACK;

-- Two events of a stream that the log has in the other order.
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO angzarr.events (root, domain, sequence, position, created_at, type_url, payload)
    OVERRIDING SYSTEM VALUE
SELECT :'other', 'verify', 2, e.position - 1, now(), '/x', ''
FROM angzarr.events AS e WHERE e.domain = 'verify' AND e.root = :'other' AND e.sequence = 1;
TABLE problems;
-- That position belongs to another event.
SELECT v.problem, v.domain, v.sequence IN (0, 2) AS either, v.detail
FROM angzarr.verify() AS v WHERE v.problem = 'position twice';
ROLLBACK;

-- A snapshot of what has not happened.
BEGIN;
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES (:'root', 'verify', 3, '/s', '');
TABLE problems;
ROLLBACK;
-- One of the last event is sound, and one of a stream without events.
BEGIN;
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES (:'root', 'verify', 2, '/s', ''),
       ('00000000-0000-0000-0000-000000000003', 'verify', 7, '/s', '');
TABLE problems;
ROLLBACK;

-- A key whose events do not exist: none of them, the last, all but no problem.
BEGIN;
INSERT INTO angzarr.processed (root, domain, kind, digest, first_sequence, last_sequence)
VALUES (:'root', 'verify', 'fact', '00000000-0000-0000-0000-00000000000a', 7, 8),
       (:'other', 'verify', 'fact', '00000000-0000-0000-0000-00000000000b', 1, 2),
       (:'root', 'verify', 'fact', '00000000-0000-0000-0000-00000000000c', 0, 2),
       (:'root', 'verify', 'fact', '00000000-0000-0000-0000-00000000000d', NULL, NULL);
TABLE problems;
ROLLBACK;

-- A cursor that claims more than the log has.
BEGIN;
INSERT INTO angzarr.subscriptions (component, position) VALUES ('verify', 4000000000);
SELECT v.problem, v.position,
    regexp_replace(v.detail, 'drawn is \d+', 'drawn is #') AS detail
FROM angzarr.verify() AS v WHERE v.domain IS NULL;
UPDATE angzarr.subscriptions
SET position = (SELECT last_value FROM angzarr.events_position_seq)
WHERE component = 'verify';
SELECT v.problem FROM angzarr.verify() AS v WHERE v.domain IS NULL;
ROLLBACK;

-- The sequence of the log: its settings, its grants, and where it is.
BEGIN;
CREATE ROLE regress_verify;
ALTER SEQUENCE angzarr.events_position_seq CACHE 10 INCREMENT 2 CYCLE;
GRANT USAGE ON SEQUENCE angzarr.events_position_seq TO regress_verify, PUBLIC;
SELECT v.problem, v.detail FROM angzarr.verify() AS v WHERE v.domain IS NULL ORDER BY 2;
ROLLBACK;
BEGIN;
ALTER SEQUENCE angzarr.events_position_seq RESTART;
SELECT v.problem, regexp_replace(v.detail, 'position \d+', 'position #') AS detail
FROM angzarr.verify() AS v WHERE v.domain IS NULL;
ROLLBACK;

-- Of a single domain, only what is wrong there; an unknown one is sound.
BEGIN;
DELETE FROM angzarr.events WHERE domain = 'verify' AND root = :'root' AND sequence = 0;
SELECT count(*) FROM angzarr.verify('verify');
SELECT count(*) FROM angzarr.verify('nowhere');
SELECT v.problem, v.domain FROM angzarr.verify() AS v WHERE v.domain = 'verify';
ROLLBACK;

-- A domain must be one.
SELECT * FROM angzarr.verify('Order');
SELECT * FROM angzarr.verify('');
