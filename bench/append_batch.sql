-- How fast batches are appended beside a bare INSERT of the same rows into a
-- table with the same columns and indexes.  One transaction per batch; building
-- the arrays is not measured.  Forms take turns, so that a busy machine slows all.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE TABLE bare (LIKE angzarr.events INCLUDING ALL);
CREATE TABLE runs (form text, commands integer, pages integer, seconds double precision);

CREATE PROCEDURE append_once(form text, commands integer, pages integer)
LANGUAGE plpgsql
AS $$
DECLARE
    n integer := commands * pages;
    root uuid[] := (
        SELECT array_agg(r.root ORDER BY r.root, p)
        FROM (SELECT gen_random_uuid() AS root FROM generate_series(1, commands)) AS r,
            generate_series(1, pages) AS p);
    page integer[] := (SELECT array_agg((i - 1) % pages ORDER BY i) FROM generate_series(1, n) AS i);
    sequence bigint[] := page;
    texts text[] := array_fill(NULL::text, ARRAY[n]);
    domain text[] := array_fill('order'::text, ARRAY[n]);
    empty text[] := array_fill(''::text, ARRAY[n]);
    created_at timestamptz[] := array_fill(clock_timestamp(), ARRAY[n]);
    type_url text[] := array_fill('/orders.OrderCreated'::text, ARRAY[n]);
    payload bytea[] := array_fill(convert_to(repeat('x', 100), 'UTF8'), ARRAY[n]);
    bytes bytea[] := array_fill(NULL::bytea, ARRAY[n]);
    isolated boolean[] := array_fill(false, ARRAY[n]);
    depth integer[] := array_fill(0, ARRAY[n]);
    roots uuid[] := array_fill(NULL::uuid, ARRAY[n]);
    numbers bigint[] := array_fill(NULL::bigint, ARRAY[n]);
    done integer;
    start timestamptz := clock_timestamp();
BEGIN
    IF form = 'bare' THEN
        INSERT INTO bare (root, domain, edition, sequence, created_at, correlation_id,
            type_url, payload, external, ext, isolated, depth, source_domain,
            source_edition, source_root, source_sequence, source_component)
        SELECT * FROM unnest(root, domain, empty, sequence, created_at, empty, type_url,
            payload, bytes, bytes, isolated, depth, texts, texts, roots, numbers, texts);
        GET DIAGNOSTICS done = ROW_COUNT;
        done := done / pages;
    ELSIF form = 'append_batch' THEN
        SELECT count(*) INTO done
        FROM angzarr.append_batch(root, domain, empty, sequence, page, created_at, empty,
            type_url, payload, bytes, bytes, isolated, depth, texts, texts, roots,
            numbers, texts)
        WHERE outcome = 'appended';
    ELSE
        SELECT count(*) INTO done
        FROM angzarr._append_probed(root, domain, empty, sequence, page, created_at, empty,
            type_url, payload, bytes, bytes, isolated, depth, texts, texts, roots,
            numbers, texts)
        WHERE outcome = 'appended';
    END IF;
    COMMIT;
    IF done <> commands THEN
        RAISE EXCEPTION '% appended % of % commands', form, done, commands;
    END IF;
    INSERT INTO runs VALUES (form, commands, pages,
                             extract(epoch FROM clock_timestamp() - start));
END
$$;

CREATE PROCEDURE append_many(commands integer, pages integer, times integer)
LANGUAGE plpgsql
AS $$
BEGIN
    FOR i IN 1 .. times LOOP
        CALL append_once('bare', commands, pages);
        CALL append_once('append_batch', commands, pages);
        CALL append_once('_append_probed', commands, pages);
    END LOOP;
END
$$;

-- The first of each is not counted: plans are made and caches filled there.
CALL append_many(100, 1, 20);
CALL append_many(100, 3, 5);
TRUNCATE runs;
CALL append_many(1, 1, 1000);
CALL append_many(10, 1, 500);
CALL append_many(100, 1, 200);
CALL append_many(500, 1, 60);
CALL append_many(1, 3, 500);
CALL append_many(100, 3, 80);

\pset footer off
SELECT commands, pages,
    round(median.bare) AS bare_per_s,
    round(median.batch) AS append_batch_per_s,
    round((median.batch / median.bare)::numeric, 2) AS ratio,
    round(median.probed) AS append_probed_per_s,
    round((median.probed / median.bare)::numeric, 2) AS ratio
FROM (
    SELECT commands, pages,
        commands * pages / percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)
            FILTER (WHERE form = 'bare') AS bare,
        commands * pages / percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)
            FILTER (WHERE form = 'append_batch') AS batch,
        commands * pages / percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)
            FILTER (WHERE form = '_append_probed') AS probed
    FROM runs
    GROUP BY commands, pages
) AS median
ORDER BY pages, commands;
