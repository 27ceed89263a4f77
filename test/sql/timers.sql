-- A timer is kept for a process manager that is registered.
-- This session is the one that delivers to it.
SELECT count(*) FROM angzarr._take_leases('{checkout}');
SELECT angzarr.register_process_manager('checkout', 'checkout', '{order}', 'grpc://localhost:1');
SELECT angzarr.append('checkout', '00000000-0000-4000-8000-000000000001', 0, ARRAY[
    angzarr.new_event('angzarr.timer.v1.TimeoutScheduled', 'a', '2026-01-01 00:00:00+00'),
    angzarr.new_event('angzarr.timer.v1.TimeoutScheduled', 'b', '2026-01-01 00:00:00+00')],
    correlation_id => 'c-1');
SELECT angzarr.append('checkout', '00000000-0000-4000-8000-000000000001', 2, ARRAY[
    angzarr.new_event('angzarr.timer.v1.TimeoutScheduled', 'c', '2026-01-01 00:00:00+00'),
    angzarr.new_event('angzarr.timer.v1.TimeoutCancelled', 'd', '2026-01-01 00:00:00+00'),
    angzarr.new_event('angzarr.timer.v1.TimeoutScheduled', 'e', '2026-01-01 00:00:00+00')],
    correlation_id => 'c-1',
    cause => ROW('checkout', '', '00000000-0000-4000-8000-000000000001', 0, 'checkout')::angzarr.cause);
CREATE FUNCTION keep(name text, due_at timestamptz, sequence bigint, handled boolean DEFAULT false,
                     component text DEFAULT 'checkout')
RETURNS bigint LANGUAGE sql AS $$
    SELECT angzarr._keep_timers(ARRAY[component], '{""}', '{00000000-0000-4000-8000-000000000001}',
        ARRAY[name], ARRAY[due_at], ARRAY['\x61']::bytea[], ARRAY[sequence], ARRAY[handled])
$$;
SELECT keep('pay', '2026-01-02 00:00:00+00', 0);
SELECT keep('pay', '2026-01-02 00:00:00+00', 0, component => 'nobody');
SELECT name, due_at, payload, scheduled_sequence, is_handled FROM angzarr.timers;

-- Said again it stays; another event moves it, an earlier one does not.
SELECT keep('pay', '2026-01-05 00:00:00+00', 0);
SELECT keep('pay', '2026-01-03 00:00:00+00', 1);
SELECT keep('pay', '2026-01-02 00:00:00+00', 0);
SELECT name, due_at, scheduled_sequence FROM angzarr.timers;

-- In one call the last of a name holds, whatever the order.
SELECT angzarr._keep_timers('{checkout,checkout,checkout}', '{"","",""}',
    array_fill('00000000-0000-4000-8000-000000000001'::uuid, ARRAY[3]), '{ship,ship,mail}',
    '{NULL,2026-01-01 00:00:00.5+00,2026-01-04 00:00:00+00}', '{NULL,NULL,NULL}', '{3,2,2}',
    '{f,f,f}');
SELECT name, due_at, scheduled_sequence FROM angzarr.timers ORDER BY name;

-- What elapses first is read first, with its event; a wait ends a chain of causes.
SELECT sequence, depth FROM angzarr.events WHERE domain = 'checkout' ORDER BY sequence;
SELECT ordinal, domain, edition, divergence, name, payload, scheduled_sequence, correlation_id, depth
FROM angzarr._due_timers('{nobody,checkout}', '{5,5}');
SELECT name FROM angzarr._due_timers('{checkout}', '{1}');
UPDATE angzarr.timers SET due_at = '2026-01-01 00:00:00.9+00' WHERE name = 'mail';
SELECT name, depth FROM angzarr._due_timers('{checkout}', '{5}');

-- Which still stand.
SELECT angzarr._standing_timers('{checkout,checkout,other}', '{"","",""}',
    array_fill('00000000-0000-4000-8000-000000000001'::uuid, ARRAY[3]), '{0,1,1}');

-- A handled one stays until it is dropped: neither moved nor cancelled, and its name is free.
SELECT keep('pay', '2026-01-03 00:00:00+00', 1, true);
SELECT keep('pay', NULL, 3);
SELECT keep('pay', '2026-02-01 00:00:00+00', 4);
SELECT name, scheduled_sequence, is_handled FROM angzarr.timers ORDER BY scheduled_sequence;

-- One that was cancelled in the moment in which it was handled is kept, too.
SELECT keep('gone', '2026-01-03 00:00:00+00', 0, true);
SELECT name, scheduled_sequence, is_handled FROM angzarr.timers WHERE is_handled ORDER BY scheduled_sequence;

-- Dropped are those of the events told.
SELECT angzarr._drop_timers('{checkout,checkout,checkout}', '{"","",x}',
    array_fill('00000000-0000-4000-8000-000000000001'::uuid, ARRAY[3]), '{0,1,2}');
SELECT name, scheduled_sequence FROM angzarr.timers ORDER BY name;

-- With an edition go its timers, and no others.
SELECT angzarr.append('checkout', '00000000-0000-4000-8000-000000000001', 5,
    ARRAY[angzarr.new_event('angzarr.timer.v1.TimeoutScheduled', 'a')], edition => 'try');
SELECT angzarr._keep_timers('{checkout}', '{try}', '{00000000-0000-4000-8000-000000000001}', '{pay}',
    '{2026-01-02 00:00:00+00}', '{NULL}', '{5}', '{f}');
SELECT edition, divergence FROM angzarr._due_timers('{checkout}', '{3}') WHERE edition <> '';
SELECT angzarr._delete_edition_part('try', 'checkout', 100);
SELECT edition, name FROM angzarr.timers ORDER BY name;

SELECT angzarr.unregister('checkout');
SELECT count(*) FROM angzarr.timers;
DROP FUNCTION keep;
SELECT angzarr._drop_leases('{checkout}');
