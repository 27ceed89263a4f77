-- What must be delivered is recorded once, of one kind and key.
SELECT angzarr._record_obligations('{rejection,compensate,rejection}', '{ship,ship,bill}',
    '{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002,00000000-0000-0000-0000-000000000001}',
    '{order,parcel,order}', '{"",x,""}', ARRAY['k-1', 'k-1', 'k-1']::bytea[],
    ARRAY['\x01', '\x02', '\x03']::bytea[], '{1,2,3}');
SELECT angzarr._record_obligations('{rejection}', '{ship}', '{00000000-0000-0000-0000-000000000001}',
    '{order}', '{""}', ARRAY['k-2']::bytea[], ARRAY['\x04']::bytea[], '{0}');
SELECT kind, component, root, domain, edition, envelope, depth, attempts,
    next_attempt_at <= clock_timestamp() AS is_due
FROM angzarr._read_obligations(10, '{}');

-- A key is one through all that was recorded before, too.
SELECT angzarr._record_obligations('{rejection}', '{other}', '{00000000-0000-0000-0000-000000000009}',
    '{order}', '{""}', ARRAY['k-2']::bytea[], ARRAY['\x05']::bytea[], '{0}');

-- The busy are left out, and no more are read than asked for.
SELECT envelope FROM angzarr._read_obligations(
    1, ARRAY(SELECT o.id FROM angzarr.outbox AS o WHERE o.kind = 'compensate'));

-- What is put off comes behind the others, and is still told.
SELECT angzarr._postpone_obligations(
    ARRAY(SELECT o.id FROM angzarr.outbox AS o WHERE o.envelope = '\x01') || 0::bigint, '{3,1}',
    '{2126-01-01 00:00:00+00,2126-01-01 00:00:00+00}', '{"it is down","nobody"}');
SELECT r.envelope, r.attempts, o.last_error, r.next_attempt_at > clock_timestamp() AS is_later
FROM angzarr._read_obligations(10, '{}') AS r JOIN angzarr.outbox AS o USING (id);

-- What is delivered goes; what is gone already is no error.
SELECT angzarr._close_obligations(
    ARRAY(SELECT o.id FROM angzarr.outbox AS o WHERE o.envelope <> '\x01'));
SELECT angzarr._close_obligations(ARRAY(SELECT o.id FROM angzarr.outbox AS o) || 0::bigint);
SELECT count(*) FROM angzarr.outbox;

\set VERBOSITY terse
-- A kind that there is not is refused, and with it all of the call.
SELECT angzarr._record_obligations('{rejection,other}', '{a,b}',
    '{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000001}',
    '{order,order}', '{"",""}', ARRAY['a', 'b']::bytea[], ARRAY['\x01', '\x02']::bytea[], '{0,0}');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM angzarr.outbox;

-- A settled key stays as it is when it is settled again, also in one call.
SELECT angzarr._settle_keys(
    array_fill('00000000-0000-0000-0000-00000000f001'::uuid, ARRAY[3]), '{order,order,order}',
    '{"","",""}', '{settled,settled,settled}', ARRAY['a', 'b', 'a']::bytea[],
    '{NULL,NULL,NULL}', '{NULL,NULL,NULL}', ARRAY['\x01', NULL, '\x02']::bytea[]);
SELECT angzarr._settle_keys('{00000000-0000-0000-0000-00000000f001}', '{order}', '{""}', '{settled}',
    ARRAY['b']::bytea[], '{NULL}', '{NULL}', ARRAY['\x03']::bytea[]);
SELECT f.ordinal, f.answer
FROM angzarr._find_keys(array_fill('00000000-0000-0000-0000-00000000f001'::uuid, ARRAY[2]),
    '{order,order}', '{"",""}', '{settled,settled}', ARRAY['a', 'b']::bytea[]) AS f;
DELETE FROM angzarr.processed WHERE root = '00000000-0000-0000-0000-00000000f001';
