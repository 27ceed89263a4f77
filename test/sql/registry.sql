-- Registering business logic.
\set SHOW_CONTEXT never
-- This session is the one that delivers to them, so that no engine moves their cursors.
SELECT count(*) FROM angzarr._take_leases('{totals,shop-totals,fulfillment,late,checkout,second}');

-- A domain and an address are enough; the name is the domain's.
SELECT angzarr.register_aggregate('shop', 'grpc://localhost:50051');
SELECT angzarr.register_aggregate('stock', 'unix:/run/stock.sock', name => 'stock-keeper',
    deadline => '2.5 seconds', send_snapshots => false);
SELECT name, kind, domain, address, deadline, send_snapshots, enabled, contract,
    owner = current_user AS mine
FROM angzarr.components ORDER BY name;

-- What the engine reads.
SELECT * FROM angzarr._components();

-- A domain has one owner, a name one component.
SELECT angzarr.register_aggregate('shop', 'grpc://localhost:50052');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_aggregate('basket', 'grpc://localhost:50052', name => 'shop');
\echo :LAST_ERROR_SQLSTATE

-- Moving it to another address is one transaction.
BEGIN;
SELECT angzarr.unregister('shop');
SELECT angzarr.register_aggregate('shop', 'grpc://[::1]:50052');
COMMIT;
SELECT name, address FROM angzarr._components() WHERE domain = 'shop';

-- A domain may have one upcaster too, whether it has an owner yet or not.
SELECT angzarr.register_upcaster('shop', 'grpc://localhost:50060', deadline => '1 second');
SELECT angzarr.register_upcaster('basket', 'unix:/run/up.sock', name => 'old-baskets');
SELECT name, kind, domain, address, deadline_ms FROM angzarr._components()
WHERE kind = 'upcaster';
SELECT angzarr.register_upcaster('shop', 'grpc://localhost:50061', name => 'second');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_upcaster('stock', 'grpc://localhost:50061', name => 'shop');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_upcaster('_angzarr', 'grpc://localhost:50061');
SELECT angzarr.register_upcaster(NULL, 'grpc://localhost:50061');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_upcaster('bad', 'localhost:50061');
SELECT angzarr.register_upcaster('bad', 'grpc://localhost:50061', deadline => '0');
SELECT angzarr.register_upcaster(repeat('a', 60), 'grpc://localhost:50061');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.unregister('shop-upcaster'), angzarr.unregister('old-baskets');

-- Disabling and enabling.
SELECT angzarr.disable('shop');
SELECT name, enabled FROM angzarr._components() ORDER BY name;
SELECT angzarr.enable('shop');
SELECT name, enabled FROM angzarr._components() ORDER BY name;

-- Unknown names are told with the known ones.
SELECT angzarr.unregister('shops');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.enable('shops');
SELECT angzarr.disable(NULL);

-- Addresses that could be called.
SELECT angzarr._check_address(a)
FROM unnest(ARRAY['grpc://localhost:1', 'grpc://10.0.0.7:65535', 'grpc://orders.shop_1.svc:80',
                  'grpc://[fd00::1]:80', 'unix:/a']) AS a;

-- Addresses that could not.
SELECT angzarr.register_aggregate('bad', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_aggregate('bad', '');
SELECT angzarr.register_aggregate('bad', 'localhost:50051');
SELECT angzarr.register_aggregate('bad', 'http://localhost:50051');
SELECT angzarr.register_aggregate('bad', 'grpc://localhost');
SELECT angzarr.register_aggregate('bad', 'grpc://:50051');
SELECT angzarr.register_aggregate('bad', 'grpc://localhost:0');
SELECT angzarr.register_aggregate('bad', 'grpc://localhost:65536');
SELECT angzarr.register_aggregate('bad', 'grpc://localhost:50051/path');
SELECT angzarr.register_aggregate('bad', 'grpc://user@localhost:50051');
SELECT angzarr.register_aggregate('bad', E'grpc://localhost:50051\n');
SELECT angzarr.register_aggregate('bad', 'grpc://169.254.169.254:80');
SELECT angzarr.register_aggregate('bad', 'grpc://[FE80::1]:80');
SELECT angzarr.register_aggregate('bad', 'unix:relative.sock');
SELECT angzarr.register_aggregate('bad', 'unix:/' || repeat('a', 107));
SELECT angzarr.register_aggregate('bad', 'grpcs://localhost:50051');
\echo :LAST_ERROR_SQLSTATE

-- Domains, names and options that cannot be.
SELECT angzarr.register_aggregate(NULL, 'grpc://localhost:50051');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_aggregate('_angzarr', 'grpc://localhost:50051');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_aggregate('_angzarr-x', 'grpc://localhost:50051');
SELECT angzarr.register_aggregate('bad', 'grpc://localhost:50051', name => 'Not A Name');
SELECT angzarr.register_aggregate('bad', 'grpc://localhost:50051', deadline => '0');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_aggregate('bad', 'grpc://localhost:50051', deadline => '2 days');
\echo :LAST_ERROR_SQLSTATE

-- Nothing of that was registered.
SELECT name FROM angzarr.components ORDER BY name;

-- Unregistering leaves the events.
SELECT angzarr.append('shop', '00000000-0000-0000-0000-0000000000e1', 0,
                      ARRAY[angzarr.new_event('shop.Created', '')]);
SELECT angzarr.unregister('shop'), angzarr.unregister('stock-keeper');
SELECT angzarr.next_sequence('shop', '00000000-0000-0000-0000-0000000000e1');

-- What reacts to events has a cursor from its registration on: a projector at the beginning, the others behind
-- what was appended so far.
SELECT position AS last FROM angzarr.events ORDER BY position DESC LIMIT 1 \gset
SELECT angzarr.register_projector('totals', '{}', 'unix:/run/totals.sock');
SELECT angzarr.register_projector(name => 'shop-totals', inputs => '{shop,stock}', address => 'grpc://localhost:50053',
    deadline => '5 seconds', max_attempts => 3, max_in_flight => 7, from_position => NULL);
SELECT angzarr.register_saga('fulfillment', 'shop', 'grpc://localhost:50054');
SELECT angzarr.register_saga('late', 'shop', 'grpc://localhost:50054', from_position => 0, max_attempts => 1000000,
    max_in_flight => 10000);
SELECT angzarr.register_process_manager('checkout', 'checkouts', '{shop,checkouts}', 'unix:/run/checkout.sock',
    send_snapshots => false);
SELECT c.name, c.kind, c.domain, c.inputs, c.max_attempts, c.max_in_flight, c.send_snapshots,
    s.domains = c.inputs AS agree, s.status, s.position = :last AS from_now, s.position = 0 AS from_the_beginning
FROM angzarr.components AS c LEFT JOIN angzarr.subscriptions AS s ON s.component = c.name ORDER BY c.name;
SELECT * FROM angzarr._components();
SELECT count(DISTINCT epoch) AS epochs, min(epoch) > 0 AS drawn FROM angzarr.subscriptions;

-- A process manager owns its domain.
SELECT angzarr.register_aggregate('checkouts', 'grpc://localhost:50055');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_process_manager('second', 'checkouts', '{shop}', 'unix:/run/checkout.sock');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_saga('totals', 'shop', 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_aggregate('basket', 'grpc://localhost:50054', name => 'checkout');

-- What they listen to.
SELECT angzarr.register_saga('bad', NULL, 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_saga('bad', '', 'grpc://localhost:50054');
SELECT angzarr.register_saga('bad', '_angzarr', 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_projector('bad', NULL, 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_projector('bad', '{{shop},{stock}}', 'grpc://localhost:50054');
SELECT angzarr.register_projector('bad', '{shop,stock,shop}', 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_projector('bad', '{shop,NULL}', 'grpc://localhost:50054');
SELECT angzarr.register_projector('bad', '{_angzarr_x}', 'grpc://localhost:50054');
SELECT angzarr.register_process_manager('bad', 'bad', '{}', 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_process_manager('bad', 'bad', '{shop,shop}', 'grpc://localhost:50054');
SELECT angzarr.register_process_manager('bad', NULL, '{shop}', 'grpc://localhost:50054');
SELECT angzarr.register_process_manager('bad', '_angzarr', '{shop}', 'grpc://localhost:50054');

-- Names, addresses, limits and positions.
SELECT angzarr.register_saga(NULL, 'shop', 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_projector('Bad', '{}', 'grpc://localhost:50054');
SELECT angzarr.register_saga('bad', 'shop', 'localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_process_manager('bad', 'bad', '{shop}', 'grpcs://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_saga('bad', 'shop', 'grpc://localhost:50054', deadline => '0');
SELECT angzarr.register_saga('bad', 'shop', 'grpc://localhost:50054', max_attempts => 0);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_saga('bad', 'shop', 'grpc://localhost:50054', max_attempts => 1000001);
SELECT angzarr.register_projector('bad', '{}', 'grpc://localhost:50054', max_in_flight => 0);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_projector('bad', '{}', 'grpc://localhost:50054', max_in_flight => 10001);
\set VERBOSITY terse
SELECT angzarr.register_projector('bad', '{}', 'grpc://localhost:50054', from_position => -1);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_saga('bad', 'shop', 'grpc://localhost:50054', from_position => 9223372036854775807);
\set VERBOSITY default

-- A name belongs to a component or to a program that pulls.
SELECT angzarr.subscribe('puller') IS NOT NULL AS subscribed;
SELECT angzarr.register_saga('puller', 'shop', 'grpc://localhost:50054');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_aggregate('puller', 'grpc://localhost:50054');
SELECT angzarr.unsubscribe('puller');
SELECT angzarr.subscribe('totals');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.next_events('totals');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.unsubscribe('totals');

-- Nothing of that was registered.
SELECT component FROM angzarr.subscriptions ORDER BY component;

-- Unregistering takes the cursor along, with what was still to be delivered and the timers; not those of others.
INSERT INTO angzarr.exceptions (component, position, state, root, domain)
SELECT c, :last, 'waiting', '00000000-0000-0000-0000-0000000000e1', 'shop' FROM unnest('{checkout,totals}'::text[]) AS c;
INSERT INTO angzarr.timers (component, root, name, due_at, scheduled_sequence)
SELECT c, '00000000-0000-0000-0000-0000000000e1', 'remind', now(), 0 FROM unnest('{checkout,other}'::text[]) AS c;
SELECT angzarr._forget_cursor('checkout');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.unregister('checkout');
SELECT component FROM angzarr.subscriptions
UNION ALL SELECT 'exception of ' || component FROM angzarr.exceptions
UNION ALL SELECT 'timer of ' || component FROM angzarr.timers ORDER BY 1;

-- A cursor of the same name is another one.
SELECT epoch FROM angzarr.subscriptions WHERE component = 'totals' \gset
BEGIN;
SELECT angzarr.unregister('totals');
SELECT angzarr.register_projector('totals', '{shop}', 'unix:/run/totals.sock');
COMMIT;
SELECT domains, position, epoch > :epoch AS another FROM angzarr.subscriptions WHERE component = 'totals';

SELECT angzarr.unregister(name) FROM angzarr.components;
DELETE FROM angzarr.timers;
SELECT count(*) FROM angzarr.subscriptions;
