-- Appending, as a person does it.
\set SHOW_CONTEXT never
\set root '''00000000-0000-0000-0000-00000000a001'''
\set created 'angzarr.new_event(''shop.Created'', ''\\x0a01'')'
\set added 'angzarr.new_event(''shop.Added'', ''\\x0a02'')'

-- A bare type name gets the slash of a type URL; one that has it is kept.
SELECT * FROM angzarr.new_event('shop.Created', '\x0a01');
SELECT (angzarr.new_event('type.example/shop.Created', '')).type_url;

-- Expected 0: the stream must be new.
SELECT angzarr.append('append', :root, 0, ARRAY[:created, :added]);
SELECT angzarr.append('append', :root, 0, ARRAY[:created]);
\echo :LAST_ERROR_SQLSTATE

-- Expected n: it must be just there, neither behind nor ahead of the head.
SELECT angzarr.append('append', :root, 2, ARRAY[:added]);
SELECT angzarr.append('append', :root, 2, ARRAY[:added]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('append', :root, 4, ARRAY[:added]);
\echo :LAST_ERROR_SQLSTATE

-- Expected -1: wherever it is, also where nothing is yet.
SELECT angzarr.append('append', :root, -1, ARRAY[:added, :added, :added]);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a002', -1, ARRAY[:created]);

-- What was stored: no gap, positions in the order of sequences, time never falling.
SELECT sequence, type_url, payload, correlation_id, edition,
    position > lag(position) OVER w AS rises,
    created_at >= lag(created_at) OVER w AS not_earlier
FROM angzarr.events_of('append', :root)
WINDOW w AS (ORDER BY sequence);

-- The same root in another domain is another stream.
SELECT angzarr.append('append2', :root, 0, ARRAY[:created]);
SELECT angzarr.next_sequence('append', :root), angzarr.next_sequence('append2', :root),
    angzarr.next_sequence('append3', :root);

-- A correlation id is kept; null is none.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a003', 0,
                      ARRAY[:created], correlation_id => 'req-17_B');
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a003', 1,
                      ARRAY[:created], correlation_id => NULL);
SELECT sequence, correlation_id
FROM angzarr.events_of('append', '00000000-0000-0000-0000-00000000a003');

-- Empty, "angzarr" and null are the main timeline.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a003', 2,
                      ARRAY[:created], 'angzarr');
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a003', 3,
                      ARRAY[:created], NULL);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a003', 4,
                      ARRAY[:created], 'What if');
\echo :LAST_ERROR_SQLSTATE

-- A time given is kept; the clock never goes behind what the stream has.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a004', 0, ARRAY[
    angzarr.new_event('shop.Created', '', '2040-01-01 00:00:00+00'),
    angzarr.new_event('shop.Added', ''),
    angzarr.new_event('shop.Added', '', '2020-01-01 00:00:00+00')]);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a004', 3, ARRAY[
    angzarr.new_event('shop.Added', '', '2050-01-01 00:00:00+00')]);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a004', 4, ARRAY[
    angzarr.new_event('shop.Added', '')]);
SELECT sequence, created_at AT TIME ZONE 'UTC' AS created_at
FROM angzarr.events_of('append', '00000000-0000-0000-0000-00000000a004');

-- All or nothing: the third event is at fault, none is stored.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a005', 0,
    ARRAY[:created, :added, angzarr.new_event('shop.Added', NULL)]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.next_sequence('append', '00000000-0000-0000-0000-00000000a005');

-- Inside one's own transaction it goes with it.
BEGIN;
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a005', 0, ARRAY[:created]);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a005', 1, ARRAY[:added]);
ROLLBACK;
SELECT angzarr.next_sequence('append', '00000000-0000-0000-0000-00000000a005');

-- An aggregate that has only a snapshot goes on after it.
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES ('00000000-0000-0000-0000-00000000a006', 'append', 6, '/shop.State', '');
SELECT angzarr.next_sequence('append', '00000000-0000-0000-0000-00000000a006');
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a006', 0, ARRAY[:created]);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a006', 7, ARRAY[:added]);

-- The last sequence of the wire can be used, the one after it not.
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
VALUES ('00000000-0000-0000-0000-00000000a007', 'append', 4294967294, now(), '/a', '');
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a007', -1, ARRAY[:added, :added]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a007', 4294967295, ARRAY[:added]);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a007', -1, ARRAY[:added]);
\echo :LAST_ERROR_SQLSTATE

-- A payload may have angzarr.max_payload_size bytes, not one more.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a008', 0,
    ARRAY[angzarr.new_event('shop.Big', decode(repeat('00', 262144), 'hex'))]);
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a008', 1,
    ARRAY[:added, angzarr.new_event('shop.Big', decode(repeat('00', 262145), 'hex'))]);
\echo :LAST_ERROR_SQLSTATE

-- Bad arguments are named.
SELECT angzarr.append(NULL, :root, -1, ARRAY[:added]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('', :root, -1, ARRAY[:added]);
SELECT angzarr.append('Shop', :root, -1, ARRAY[:added]);
SELECT angzarr.append(E'shop\n', :root, -1, ARRAY[:added]);
SELECT angzarr.append('1shop', :root, -1, ARRAY[:added]);
SELECT length(angzarr.append(repeat('a', 64), :root, 0, ARRAY[:added])::text);
SELECT angzarr.append(repeat('a', 65), :root, -1, ARRAY[:added]);
SELECT angzarr.append('append', NULL, -1, ARRAY[:added]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('append', :root, -2, ARRAY[:added]);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('append', :root, NULL, ARRAY[:added]);
SELECT angzarr.append('append', :root, 4294967296, ARRAY[:added]);
SELECT angzarr.append('append', :root, -1, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('append', :root, -1, '{}');
SELECT angzarr.append('append', :root, -1, ARRAY[ARRAY[:added]]);
SELECT angzarr.append('append', :root, -1, array_fill(:added, ARRAY[2], ARRAY[0]));
SELECT angzarr.append('append', :root, -1, ARRAY[NULL::angzarr.new_event]);
SELECT angzarr.append('append', :root, -1, ARRAY[angzarr.new_event('', '')]);
SELECT angzarr.append('append', :root, -1, ARRAY[angzarr.new_event(NULL, '')]);
SELECT angzarr.append('append', :root, -1, ARRAY[angzarr.new_event('shop.Added', '', 'infinity')]);
SELECT angzarr.append('append', :root, -1, ARRAY[angzarr.new_event('shop.Added', '', '0001-01-01 00:00 BC')]);
SELECT angzarr.append('append', :root, -1, ARRAY[:added], correlation_id => 'a b');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('append', :root, -1, ARRAY[:added], correlation_id => repeat('a', 129));
SELECT angzarr.append('append', :root, -1, ARRAY[:added], correlation_id => repeat('a', 128)) > 0 AS fine;

-- Events are marked with the region where they are written.
BEGIN;
SET LOCAL angzarr.region = 'eu-west';
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a0ff', 0, ARRAY[:created]);
COMMIT;
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a0ff', 1, ARRAY[:added]);
SELECT sequence, region FROM angzarr.events
WHERE root = '00000000-0000-0000-0000-00000000a0ff' ORDER BY sequence;

-- What the cover carries is kept with every event; an empty one is none.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a009', 0,
    ARRAY[:created, :added], ext => '\x0a0141');
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a009', 2,
    ARRAY[:added], ext => '');
SELECT sequence, ext, depth, source_domain
FROM angzarr.events_of('append', '00000000-0000-0000-0000-00000000a009');
SELECT DISTINCT ext FROM angzarr.book('append', '00000000-0000-0000-0000-00000000a009')
WHERE sequence < 2;
-- It may have angzarr.max_payload_size bytes, not one more.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a009', 3,
    ARRAY[:added], ext => '\x12fcff0f' || decode(repeat('00', 262140), 'hex'));
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a009', 4,
    ARRAY[:added], ext => decode(repeat('00', 262145), 'hex'));
\echo :LAST_ERROR_SQLSTATE

-- What nobody could read again is no ext: not an Any, cut off, or with a field it has not.
SELECT angzarr.append('append', '00000000-0000-0000-0000-00000000a009', 4, ARRAY[:added], ext => '\xff');
\echo :LAST_ERROR_SQLSTATE
SELECT v, angzarr._is_any(v::bytea)
FROM unnest('{"",\\x0a0141,\\x0a01411200,\\x12020102,\\x0a0241,\\x0a,\\x0a01ff,\\x0a0100,\\x1a00,\\x120580,\\x12808080808000,\\x0a014112}'::text[]) AS v;
SELECT * FROM angzarr.append_batch(
    '{00000000-0000-0000-0000-00000000a009}', '{append}', '{""}', '{4}', '{0}', '{2026-01-01}', '{""}', '{t.E}',
    ARRAY['x']::bytea[], '{NULL}', ARRAY['\xff']::bytea[], '{f}', '{0}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}');
\echo :LAST_ERROR_SQLSTATE

-- A cause is kept, and the events are one deeper than it.
\set effect '''00000000-0000-0000-0000-00000000a00a'''
SELECT angzarr.append('append', :effect, 0, ARRAY[:created, :added],
    cause => ('append', '', :root, 0, 'saga-1'));
SELECT angzarr.append('append', :effect, 2, ARRAY[:added],
    cause => ('append', 'angzarr', :effect, 1, 'saga-2'));
-- Where the causing event is not here, they are at depth 1.
SELECT angzarr.append('append', :effect, 3, ARRAY[:added],
    cause => ('elsewhere', '', :root, 4294967295, 'saga-3'));
-- A cause of nothing but nulls is none.
SELECT angzarr.append('append', :effect, 4, ARRAY[:added],
    cause => (NULL, NULL, NULL, NULL, NULL));
SELECT sequence, depth, source_domain, source_edition, right(source_root::text, 4) AS source_root,
    source_sequence, source_component
FROM angzarr.events_of('append', :effect);
-- In an edition the cause may be what it has from the main timeline, or its own.
SELECT angzarr.append('append', :effect, 3, ARRAY[:added], 'what-if');
SELECT angzarr.append('append', :effect, 4, ARRAY[:added], 'what-if',
    cause => ('append', 'what-if', :effect, 2, 'saga-1'));
SELECT angzarr.append('append', :effect, 5, ARRAY[:added], 'what-if',
    cause => ('append', 'what-if', :effect, 4, 'saga-1'));
SELECT sequence, edition, depth, source_edition, source_sequence
FROM angzarr.events_of('append', :effect, 'what-if', 2);
SELECT angzarr.delete_edition('what-if', 'append');
-- The chain ends where its length has no room.
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload, depth)
VALUES ('00000000-0000-0000-0000-00000000a00b', 'append', 0, now(), '/a', '', 32766),
       ('00000000-0000-0000-0000-00000000a00b', 'append', 1, now(), '/a', '', 32767);
SELECT angzarr.append('append', :effect, 5, ARRAY[:added],
    cause => ('append', '', '00000000-0000-0000-0000-00000000a00b', 0, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added],
    cause => ('append', '', '00000000-0000-0000-0000-00000000a00b', 1, 'saga-1'));
\echo :LAST_ERROR_SQLSTATE
SELECT sequence, depth FROM angzarr.events_of('append', :effect, from_sequence => 5);
-- All five parts, or none.
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => (NULL, '', :root, 0, 'saga-1'));
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', NULL, :root, 0, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', NULL, 0, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', :root, NULL, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', :root, 0, NULL));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('Append', '', :root, 0, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', 'What if', :root, 0, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', :root, -1, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', :root, 4294967296, 'saga-1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', :root, 0, ''));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', :root, 0, 'Saga 1'));
SELECT angzarr.append('append', :effect, 6, ARRAY[:added], cause => ('append', '', :root, 0, repeat('a', 65)));
SELECT angzarr.next_sequence('append', :effect);
