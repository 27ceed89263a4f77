-- Many commands at once: each whole or not at all, each on its own.
\set SHOW_CONTEXT never

-- One row per event is easier to write than 18 arrays.
CREATE TEMPORARY TABLE pages (
    id integer GENERATED ALWAYS AS IDENTITY,
    root uuid,
    domain text DEFAULT 'batch',
    edition text DEFAULT '',
    sequence bigint,
    page integer DEFAULT 0,
    created_at timestamptz,
    correlation_id text DEFAULT '',
    type_url text DEFAULT '/shop.Added',
    payload bytea DEFAULT '\x01',
    external bytea,
    ext bytea,
    isolated boolean DEFAULT false,
    depth integer DEFAULT 0,
    source_domain text,
    source_edition text,
    source_root uuid,
    source_sequence bigint,
    source_component text
);
CREATE FUNCTION pg_temp.run_batch(form text)
RETURNS TABLE (command integer, outcome text, next_sequence bigint)
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT b.* FROM angzarr.%I(%s) AS b', form,
        (SELECT string_agg(format('(SELECT array_agg(%I ORDER BY id) FROM pages)', attname),
                           ', ' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = 'pages'::regclass AND attnum > 1));
    TRUNCATE pages;
END
$$;
CREATE FUNCTION pg_temp.root(n integer) RETURNS uuid LANGUAGE sql
    RETURN ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;

-- New streams, one of them with two events, given in no order.
INSERT INTO pages (root, sequence, page) VALUES
    (pg_temp.root(3), 0, 0), (pg_temp.root(1), 0, 0), (pg_temp.root(1), 1, 1),
    (pg_temp.root(2), 0, 0);
SELECT * FROM pg_temp.run_batch('append_batch');

-- They went in by the order of the key, so that batches cannot wait in a circle.
SELECT right(root::text, 1) AS root, sequence FROM angzarr.events
WHERE domain = 'batch' ORDER BY position;

-- Stale, ahead, right and new, side by side; a command's pages stay together.
INSERT INTO pages (root, sequence, page, payload) VALUES
    (pg_temp.root(1), 1, 0, 'stale'), (pg_temp.root(1), 2, 1, 'stale'),
    (pg_temp.root(2), 2, 0, 'ahead'),
    (pg_temp.root(3), 1, 0, 'right'), (pg_temp.root(3), 2, 1, 'right'),
    (pg_temp.root(4), 0, 0, 'new'),
    (pg_temp.root(5), 1, 0, 'ahead');
SELECT * FROM pg_temp.run_batch('append_batch');
SELECT right(root::text, 1) AS root, sequence, convert_from(payload, 'UTF8') AS payload
FROM angzarr.events WHERE domain = 'batch' AND length(payload) > 1 ORDER BY root, sequence;

-- The engine's form says the same where nobody else is writing.
INSERT INTO pages (root, sequence, page, payload) VALUES
    (pg_temp.root(1), 1, 0, 'stale'), (pg_temp.root(1), 2, 1, 'stale'),
    (pg_temp.root(2), 2, 0, 'ahead'),
    (pg_temp.root(3), 3, 0, 'right'), (pg_temp.root(3), 4, 1, 'right'),
    (pg_temp.root(5), 0, 0, 'new');
SELECT * FROM pg_temp.run_batch('_append_probed');
INSERT INTO pages (root, sequence, payload) VALUES
    (pg_temp.root(6), 0, 'single'), (pg_temp.root(7), 0, 'single');
SELECT * FROM pg_temp.run_batch('_append_probed');

-- After a snapshot without events the stream goes on behind it.
INSERT INTO angzarr.snapshots (root, domain, sequence, type_url, state)
VALUES (pg_temp.root(8), 'batch', 6, '/shop.State', ''),
       (pg_temp.root(9), 'batch', 6, '/shop.State', '');
INSERT INTO pages (root, sequence) VALUES (pg_temp.root(8), 7), (pg_temp.root(9), 0);
SELECT * FROM pg_temp.run_batch('append_batch');
INSERT INTO pages (root, sequence) VALUES (pg_temp.root(9), 7);
SELECT * FROM pg_temp.run_batch('_append_probed');

-- Every column arrives: where it comes from, what it carries, how deep it is.
INSERT INTO pages (root, sequence, page, created_at, correlation_id, type_url, payload,
                   external, ext, isolated, depth, source_domain, source_edition,
                   source_root, source_sequence, source_component)
VALUES (pg_temp.root(10), 0, 0, '2030-01-02 03:04:05.678901+00', 'c-1', '/shop.A', 'a',
        '', '\x0a0178', true, 3, 'cart', '', pg_temp.root(1), 4294967295, 'saga-1'),
       (pg_temp.root(10), 1, 1, NULL, 'c-1', '', '', 'ref', '', false, 0, NULL, NULL,
        NULL, NULL, NULL);
SELECT * FROM pg_temp.run_batch('append_batch');
SELECT sequence, created_at AT TIME ZONE 'UTC' AS created_at, correlation_id, type_url,
    payload, external, ext, isolated, depth, source_domain, source_edition,
    right(source_root::text, 1) AS source_root, source_sequence, source_component
FROM angzarr.events WHERE root = pg_temp.root(10) AND domain = 'batch' ORDER BY sequence \gx

-- Two commands for one stream are refused, as is a page out of order.
INSERT INTO pages (root, sequence) VALUES (pg_temp.root(11), 0), (pg_temp.root(11), 1);
SELECT * FROM pg_temp.run_batch('append_batch');
\echo :LAST_ERROR_SQLSTATE
TRUNCATE pages;
INSERT INTO pages (root, sequence, page) VALUES (pg_temp.root(11), 0, 0), (pg_temp.root(11), 2, 1);
SELECT * FROM pg_temp.run_batch('append_batch');
\echo :LAST_ERROR_SQLSTATE
TRUNCATE pages;
INSERT INTO pages (root, sequence, page) VALUES (pg_temp.root(11), 0, 1);
SELECT * FROM pg_temp.run_batch('append_batch');
TRUNCATE pages;
INSERT INTO pages (root, sequence, page) VALUES (pg_temp.root(11), 0, 0), (pg_temp.root(12), 1, 1);
SELECT * FROM pg_temp.run_batch('append_batch');
TRUNCATE pages;

-- Arrays of different length, or none at all.
SELECT * FROM angzarr.append_batch(ARRAY[pg_temp.root(11)], '{batch,batch}', '{""}', '{0}', '{0}',
    '{NULL}', '{""}', '{/a}', ARRAY[''::bytea], '{NULL}', '{NULL}', '{f}', '{0}', '{NULL}',
    '{NULL}', '{NULL}', '{NULL}', '{NULL}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM angzarr.append_batch(NULL, '{batch}', '{""}', '{0}', '{0}',
    '{NULL}', '{""}', '{/a}', ARRAY[''::bytea], '{NULL}', '{NULL}', '{f}', '{0}', '{NULL}',
    '{NULL}', '{NULL}', '{NULL}', '{NULL}');
SELECT * FROM angzarr.append_batch('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');

-- What cannot be stored is refused, naming the page, and nothing is written.
INSERT INTO pages (root, sequence) VALUES (pg_temp.root(11), 0), (pg_temp.root(12), -1);
SELECT * FROM pg_temp.run_batch('append_batch');
TRUNCATE pages;
INSERT INTO pages (root, sequence, domain) VALUES (pg_temp.root(11), 0, 'Batch');
SELECT * FROM pg_temp.run_batch('append_batch');
TRUNCATE pages;
INSERT INTO pages (root, sequence, edition) VALUES (pg_temp.root(11), 0, 'What if');
SELECT * FROM pg_temp.run_batch('append_batch');
\echo :LAST_ERROR_SQLSTATE
UPDATE pages SET edition = 'angzarr';
SELECT * FROM pg_temp.run_batch('append_batch');
UPDATE pages SET edition = NULL;
SELECT * FROM pg_temp.run_batch('append_batch');
TRUNCATE pages;
INSERT INTO pages (root, sequence, payload) VALUES (pg_temp.root(11), 0, NULL);
SELECT * FROM pg_temp.run_batch('append_batch');
TRUNCATE pages;
INSERT INTO pages (root, sequence, payload)
VALUES (pg_temp.root(11), 0, decode(repeat('00', 262145), 'hex'));
SELECT * FROM pg_temp.run_batch('append_batch');
\echo :LAST_ERROR_SQLSTATE
TRUNCATE pages;
INSERT INTO pages (root, sequence, depth) VALUES (pg_temp.root(11), 0, 32768);
SELECT * FROM pg_temp.run_batch('append_batch');
SELECT count(*) FROM angzarr.events WHERE root IN (pg_temp.root(11), pg_temp.root(12));
