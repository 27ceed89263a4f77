-- Appending under a key.
\set SHOW_CONTEXT never
\set VERBOSITY default
\set root '00000000-0000-0000-0000-0000000000c1'
\set one 'ARRAY[angzarr.new_event(''a'', '''')]'

-- The first one appends, a repeat does not, whatever it brings; both get the
-- first answer, also when the stream has gone on.
SELECT angzarr.append_once('k1', 'once', :'root', 0, :one);
SELECT angzarr.append_once('k1', 'once', :'root', 0, :one);
SELECT angzarr.append('once', :'root', 1, :one);
SELECT angzarr.append_once('k1', 'once', :'root', 7, ARRAY[angzarr.new_event('b', '')]);
SELECT sequence, type_url FROM angzarr.events_of('once', :'root');

-- Anywhere, and several events.
SELECT angzarr.append_once('k2', 'once', :'root', -1, :one || :one, correlation_id => 'c');
SELECT angzarr.append_once('k2', 'once', :'root', -1, :one || :one, correlation_id => 'c');
SELECT kind, first_sequence, last_sequence FROM angzarr.processed
WHERE domain = 'once' ORDER BY first_sequence;

-- A key is one aggregate's and one edition's own.
SELECT angzarr.append_once('k1', 'once', '00000000-0000-0000-0000-0000000000c2', 0, :one);
SELECT angzarr.append_once('k1', 'once', :'root', 4, :one, edition => 'branch');
SELECT angzarr.append_once('k1', 'once', :'root', 4, :one, edition => 'branch');

-- What fails leaves no key behind.
SELECT angzarr.append_once('k3', 'once', :'root', 9, :one);
SELECT angzarr.append_once('k3', 'once', :'root', 4, :one);
BEGIN;
SELECT angzarr.append_once('k4', 'once', :'root', 5, :one);
ROLLBACK;
SELECT angzarr.append_once('k4', 'once', :'root', 5, :one);

-- A key may be as long as it likes.
SELECT angzarr.append_once(repeat('long ', 2000), 'once', :'root', 6, :one);
SELECT angzarr.append_once(repeat('long ', 2000), 'once', :'root', 6, :one);

-- What the cover carries and the cause go with it, and are not looked at again.
SELECT angzarr.append_once('k6', 'once', '00000000-0000-0000-0000-0000000000c3', 0, :one,
    ext => '\x0a0141', cause => ('once', '', :'root', 0, 'saga-1'));
SELECT angzarr.append_once('k6', 'once', '00000000-0000-0000-0000-0000000000c3', 0, :one,
    cause => ('once', NULL, :'root', 0, 'saga-1'));
SELECT ext, depth, source_domain, source_sequence, source_component
FROM angzarr.events_of('once', '00000000-0000-0000-0000-0000000000c3');
-- A cause that is not whole leaves no key behind.
SELECT angzarr.append_once('k7', 'once', '00000000-0000-0000-0000-0000000000c3', 1, :one,
    cause => ('once', NULL, :'root', 0, 'saga-1'));
SELECT angzarr.append_once('k7', 'once', '00000000-0000-0000-0000-0000000000c3', 1, :one);

-- Sound, and forgotten when it is time.
SELECT count(*) FROM angzarr.verify('once');
SELECT angzarr.forget_processed('1 hour');
UPDATE angzarr.processed SET created_at = now() - interval '2 hours'
WHERE domain = 'once' AND digest = angzarr._digest('k4');
SELECT angzarr.forget_processed('1 hour');
SELECT angzarr.append_once('k4', 'once', :'root', 7, :one);

-- Bad input.
SELECT angzarr.append_once('', 'once', :'root', -1, :one);
SELECT angzarr.append_once(NULL, 'once', :'root', -1, :one);
SELECT angzarr.append_once('k5', 'Once', :'root', -1, :one);
SELECT angzarr.append_once('k5', 'once', NULL, -1, :one);
SELECT angzarr.append_once('k5', 'once', :'root', -1, '{}');
SELECT angzarr.forget_processed(NULL);
SELECT angzarr.forget_processed('-1 day');

-- The branch is gone again, for the tests that look at all of them.
SELECT angzarr.delete_edition('branch', 'once');

-- What the engine keeps under a key is found again by all parts of the key.
SELECT angzarr._keep_keys(
    ARRAY['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001']::uuid[],
    '{order,order}', '{"",""}', '{command,fact}', ARRAY['k', 'k']::bytea[],
    '{3,NULL}', '{4,NULL}', ARRAY[NULL, '\x01']::bytea[]);
SELECT f.* FROM angzarr._find_keys(
    ARRAY['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002',
          'aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001',
          'aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001',
          'aaaaaaaa-0000-4000-8000-000000000001']::uuid[],
    '{order,order,cart,order,order,order,order}', '{"","","",branch,"","",""}',
    '{command,command,command,command,process-events,command,fact}',
    ARRAY['k', 'k', 'k', 'k', 'k', 'l', 'k']::bytea[]) AS f;

-- A key is kept once; whoever comes second looks again.
SELECT angzarr._keep_keys(
    '{aaaaaaaa-0000-4000-8000-000000000001}', '{order}', '{""}', '{fact}',
    ARRAY['k']::bytea[], '{0}', '{0}', '{NULL}');
\echo :LAST_ERROR_SQLSTATE

-- A fact appended in SQL and one that comes over gRPC have the same key.
SELECT angzarr.append_once('ext-1', 'order', 'aaaaaaaa-0000-4000-8000-000000000003', 0,
    ARRAY[angzarr.new_event('t.E', 'x')]);
SELECT f.* FROM angzarr._find_keys(
    '{aaaaaaaa-0000-4000-8000-000000000003}', '{order}', '{""}', '{fact}',
    ARRAY['ext-1']::bytea[]) AS f;
DELETE FROM angzarr.processed WHERE root::text LIKE 'aaaaaaaa-0000-%' AND kind <> 'fact' OR answer IS NOT NULL;
