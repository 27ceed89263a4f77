-- What each level of access may do, function by function; and that it suffices.
BEGIN;
SELECT no_plan();
SET LOCAL client_min_messages = warning;
CREATE ROLE angzarr_test_reader;
CREATE ROLE angzarr_test_writer;
CREATE ROLE angzarr_test_admin;
CREATE ROLE angzarr_test_nobody;
SELECT lives_ok($$SELECT angzarr.grant_access('angzarr_test_' || l, l)
                  FROM unnest('{reader,writer,admin}'::text[]) AS l$$,
                'each level can be granted');

-- Every function that has a name for users, and the level that may call it.
CREATE TEMPORARY TABLE expected (name, level) AS VALUES
    ('ack', 'reader'), ('activate', 'admin'), ('append', 'writer'),
    ('append_batch', 'writer'), ('append_once', 'writer'), ('book', 'reader'), ('create_edition', 'writer'),
    ('delete_dead_letter', 'admin'), ('delete_edition', 'admin'), ('disable', 'admin'), ('enable', 'admin'),
    ('events_as_of', 'reader'), ('events_of', 'reader'), ('forget_processed', 'admin'),
    ('from_json', 'reader'), ('to_json', 'reader'),
    ('grant_access', 'owner'), ('horizon', 'reader'), ('latest_snapshot', 'reader'),
    ('new_event', 'writer'), ('next_events', 'reader'), ('next_sequence', 'reader'),
    ('pause', 'admin'), ('reset', 'admin'), ('resume', 'admin'),
    ('register_aggregate', 'admin'), ('register_descriptors', 'admin'), ('register_upcaster', 'admin'),
    ('register_process_manager', 'admin'), ('register_projector', 'admin'), ('register_saga', 'admin'),
    ('root_of', 'reader'), ('save_snapshot', 'writer'),
    ('subscribe', 'writer'), ('unregister', 'admin'), ('unsubscribe', 'writer'),
    ('uuid5', 'reader'), ('verify', 'admin');
CREATE TEMPORARY VIEW functions AS
    SELECT p.oid, p.proname::text AS name, p.prosecdef, p.provolatile
    FROM pg_proc AS p WHERE p.pronamespace = 'angzarr'::regnamespace;
SELECT set_eq(
    $$SELECT f.oid::regprocedure, CASE
          WHEN has_function_privilege('angzarr_test_reader', f.oid, 'EXECUTE') THEN 'reader'
          WHEN has_function_privilege('angzarr_test_writer', f.oid, 'EXECUTE') THEN 'writer'
          WHEN has_function_privilege('angzarr_test_admin', f.oid, 'EXECUTE') THEN 'admin'
          ELSE 'owner' END
      FROM functions AS f WHERE f.name NOT LIKE '\_%'$$,
    $$SELECT f.oid::regprocedure, e.level
      FROM functions AS f LEFT JOIN expected AS e ON e.name = f.name
      WHERE f.name NOT LIKE '\_%'$$,
    'every function is of the level that is meant, and each has one');
SELECT set_eq(
    $$SELECT f.name, l FROM functions AS f, unnest('{reader,writer,admin}'::text[]) AS l
      WHERE has_function_privilege('angzarr_test_' || l, f.oid, 'EXECUTE')
          AND f.name LIKE '\_%' AND f.name NOT IN ('_holders', '_lags', '_workers')
          AND (f.prosecdef OR f.provolatile = 'v')$$,
    $$VALUES ('_begin_cursor', 'admin'), ('_forget_cursor', 'admin')$$,
    'of the helpers, only those that change nothing can be called, but for the two by which an admin registers');
SELECT is_empty(
    $$SELECT f.oid::regprocedure FROM functions AS f
      WHERE has_function_privilege('angzarr_test_nobody', f.oid, 'EXECUTE')$$,
    'who was granted nothing may call nothing');

-- Tables: an admin writes components, nobody anything else.
SELECT set_eq(
    $$SELECT l, c.relname::text, p
      FROM pg_class AS c, unnest('{reader,writer,admin}'::text[]) AS l,
          unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p
      WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind IN ('r', 'v')
          AND has_table_privilege('angzarr_test_' || l, c.oid, p)$$,
    $$VALUES ('admin', 'components', 'INSERT'), ('admin', 'components', 'UPDATE'),
             ('admin', 'components', 'DELETE')$$,
    'only an admin writes to a table, and that is components');
SELECT set_eq(
    $$SELECT c.relname::text
      FROM pg_class AS c
      WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind = 'r'
          AND has_table_privilege('angzarr_test_reader', c.oid, 'SELECT')$$,
    $$VALUES ('editions'), ('events'), ('snapshots'), ('subscriptions')$$,
    'a reader reads these tables');
SELECT is_empty(
    $$SELECT c.relname, l FROM pg_class AS c, unnest('{reader,writer,admin}'::text[]) AS l
      WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind = 'v'
          AND NOT has_table_privilege('angzarr_test_' || l, c.oid, 'SELECT')$$,
    'every level reads every view');
SELECT is_empty(
    $$SELECT c.relname, l FROM pg_class AS c, unnest('{reader,writer,admin}'::text[]) AS l
      WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind = 'S'
          AND has_sequence_privilege('angzarr_test_' || l, c.oid, 'USAGE, SELECT, UPDATE')$$,
    'nobody draws from a sequence, so the horizon stays true');

-- What a role may do is enough for what it is there for.
CREATE FUNCTION pg_temp.try_as(role text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    _result text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', 'angzarr_test_' || role);
    EXECUTE query INTO _result;
    RESET ROLE;
    RETURN _result;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR object_not_in_prerequisite_state THEN
    RETURN SQLSTATE;
END
$$;
CREATE TEMPORARY TABLE tries (query, reader, writer, admin) AS VALUES
    ($$SELECT angzarr.append('access', '00000000-0000-0000-0000-000000000001', -1, ARRAY[angzarr.new_event('a', '')])$$,
     '42501', '1', '2'),
    ($$SELECT angzarr.append('access', '00000000-0000-0000-0000-000000000003', -1, ARRAY[angzarr.new_event('a', '')],
           cause => ('access', '', '00000000-0000-0000-0000-000000000001', 0, 'saga'))$$,
     '42501', '1', '2'),
    ($$SELECT count(*) > 0 FROM angzarr.events_of('access', '00000000-0000-0000-0000-000000000001')$$,
     'true', 'true', 'true'),
    ($$SELECT count(*) > 0 FROM angzarr.book('access', '00000000-0000-0000-0000-000000000001')$$,
     'true', 'true', 'true'),
    ($$SELECT angzarr.next_sequence('access', '00000000-0000-0000-0000-000000000001') > 0$$,
     'true', 'true', 'true'),
    ($$SELECT count(*) > 0 FROM angzarr.aggregates$$, 'true', 'true', 'true'),
    ($$SELECT count(*) >= 0 FROM angzarr.workers$$, 'true', 'true', 'true'),
    ($$SELECT count(payload) > 0 FROM angzarr.events_json$$, 'true', 'true', 'true'),
    ($$SELECT count(payload) = 0 FROM angzarr.dead_letters_json$$, '42501', '42501', 'true'),
    ($$SELECT angzarr.delete_dead_letter(1)$$, '42501', '42501', 'false'),
    ($$SELECT angzarr.to_json('google.protobuf.Duration', angzarr.from_json('google.protobuf.Duration', '"1s"')) #>> '{}'$$,
     '1s', '1s', '1s'),
    ($$SELECT count(*) > 0 FROM angzarr.events$$, 'true', 'true', 'true'),
    ($$SELECT angzarr.root_of('access', 'a') IS NOT NULL$$, 'true', 'true', 'true'),
    ($$SELECT count(*) FROM angzarr.verify('access')$$, '42501', '42501', '0'),
    ($$SELECT angzarr.register_aggregate('access', 'unix:/x')$$, '42501', '42501', 'access'),
    ($$SELECT angzarr.register_upcaster('access', 'unix:/x')$$, '42501', '42501', 'access-upcaster'),
    ($$SELECT angzarr.register_projector('access-view', '{}', 'unix:/x')$$, '42501', '42501', 'access-view'),
    ($$SELECT angzarr.register_saga('access-saga', 'access', 'unix:/x')$$, '42501', '42501', 'access-saga'),
    ($$SELECT angzarr.register_process_manager('access-process', 'process', '{access}', 'unix:/x')$$,
     '42501', '42501', 'access-process'),
    ($$SELECT string_agg(s.component, ' ' ORDER BY s.component) FROM angzarr.subscriptions AS s$$,
     NULL, NULL, 'access-process access-saga access-view'),
    ($$SELECT count(*) FROM angzarr.components AS c WHERE c.owner <> current_user$$, '42501', '42501', '0'),
    ($$SELECT angzarr.pause('access-view')::text$$, '42501', '42501', ''),
    ($$SELECT angzarr.resume('access-view')::text$$, '42501', '42501', ''),
    ($$SELECT angzarr.reset('access-view', 0)$$, '42501', '42501', '0'),
    ($$SELECT count(*) FROM angzarr.subscriptions_lag$$, '0', '0', '3'),
    ($$SELECT angzarr.unregister('access-saga')::text$$, '42501', '42501', ''),
    ($$SELECT angzarr._begin_cursor('access-view', 0)::text$$, '42501', '42501', '42710'),
    ($$SELECT angzarr._forget_cursor('access-view')::text$$, '42501', '42501', '55000'),
    ($$SELECT angzarr.disable('access')::text$$, '42501', '42501', ''),
    ($$SELECT angzarr.enable('access')::text$$, '42501', '42501', ''),
    ($$SELECT angzarr.unregister('access')::text$$, '42501', '42501', ''),
    ($$SELECT count(*) >= 0 FROM angzarr.outbox$$, '42501', '42501', 'true'),
    ($$INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
       VALUES ('00000000-0000-0000-0000-000000000002', 'access', 0, now(), '/a', '') RETURNING 1$$,
     '42501', '42501', '42501'),
    ($$DELETE FROM angzarr.events RETURNING 1$$, '42501', '42501', '42501'),
    ($$SELECT nextval('angzarr.events_position_seq')$$, '42501', '42501', '42501'),
    ($$SELECT angzarr.grant_access('angzarr_test_nobody', 'reader')::text$$, '42501', '42501', '42501');
-- The writer goes first: then there is something to read.
SELECT is(pg_temp.try_as('writer', t.query), t.writer, 'writer: ' || t.query) FROM tries AS t;
SELECT is(pg_temp.try_as('reader', t.query), t.reader, 'reader: ' || t.query) FROM tries AS t;
SELECT is(pg_temp.try_as('admin', t.query), t.admin, 'admin: ' || t.query) FROM tries AS t;

-- A level takes the place of the one before.
SELECT angzarr.grant_access('angzarr_test_admin', 'reader');
SELECT ok(NOT has_function_privilege('angzarr_test_admin', 'angzarr.enable(text)', 'EXECUTE')
          AND NOT has_table_privilege('angzarr_test_admin', 'angzarr.components', 'SELECT, INSERT'),
          'an admin that is made a reader is one no more');
SELECT ok(has_function_privilege('angzarr_test_admin', 'angzarr.root_of(text, text)', 'EXECUTE'),
          'and reads');

-- What cannot be granted.
SELECT throws_ok($$SELECT angzarr.grant_access('angzarr_test_nobody', 'god')$$, '22023',
                 'invalid level of access "god"', 'an unknown level is refused');
SELECT throws_ok($$SELECT angzarr.grant_access('angzarr_test_nobody', NULL)$$, '22023',
                 'invalid level of access NULL', 'a null level is refused');
SELECT throws_ok($$SELECT angzarr.grant_access('angzarr_test_missing', 'reader')$$, '42704',
                 'role "angzarr_test_missing" does not exist', 'an unknown role is refused');
SELECT throws_ok($$SELECT angzarr.grant_access('public', 'reader')$$, '42704',
                 'role "public" does not exist', 'PUBLIC is no role');
SELECT throws_ok($$SELECT angzarr.grant_access(NULL, 'reader')$$, '42704',
                 'role NULL does not exist', 'a null role is refused');
SELECT throws_ok(format('SELECT angzarr.grant_access(%L, ''reader'')', current_user), '22023',
                 format('role "%s" owns angzarr', current_user), 'the owner is refused');
CREATE ROLE "angzarr_test_Odd ""name""";
SELECT lives_ok($$SELECT angzarr.grant_access('angzarr_test_Odd "name"', 'reader')$$,
                'a role''s name may be any');

SELECT finish();
ROLLBACK;
