-- The vectors of RFC 4122 (as RFC 9562 and Python's uuid give them).
SELECT angzarr.uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com') AS dns,
    angzarr.uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'python.org') AS python,
    angzarr.uuid5('6ba7b811-9dad-11d1-80b4-00c04fd430c8', 'http://www.example.com/') AS url;

-- Empty, longer than a block of the hash, and not only ASCII.
SELECT angzarr.uuid5('00000000-0000-0000-0000-000000000000', '') AS empty,
    angzarr.uuid5('00000000-0000-0000-0000-000000000000', repeat('angzarr', 1000)) AS long,
    angzarr.uuid5('00000000-0000-0000-0000-000000000000', 'Käse – 奶酪') AS unicode;

-- A root is that of domain, colon, key in the namespace of OIDs.
SELECT angzarr.root_of('cart', 'alice');
SELECT angzarr.root_of('cart', 'alice')
     = angzarr.uuid5('6ba7b812-9dad-11d1-80b4-00c04fd430c8', 'cart:alice') AS same;
SELECT angzarr.root_of('cart', 'bob') <> angzarr.root_of('order', 'bob') AS differ;

-- Null in, null out.
SELECT angzarr.root_of('cart', NULL) IS NULL AS no_key,
    angzarr.root_of(NULL, 'alice') IS NULL AS no_domain,
    angzarr.uuid5(NULL, 'alice') IS NULL AS no_namespace;

-- It may stand in an index, and be computed by parallel workers.
CREATE TEMPORARY TABLE customers (name text);
CREATE INDEX customers_root_idx ON customers (angzarr.root_of('cart', name));
