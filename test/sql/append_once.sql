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
