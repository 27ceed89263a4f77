-- Registering business logic.
\set SHOW_CONTEXT never

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
