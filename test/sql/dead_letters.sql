-- Dead letters: what could not be done is filed, whole and in order.
SELECT angzarr._file_dead_letters('{order,cart}', '{c-1,""}', '{order,to-cart}', '{aggregate,saga}',
    '{sequence_mismatch,event_processing_failed}', '{"it expects 1","it failed"}', '{"{}",""}',
    ARRAY['\x01', '\x02']::bytea[], '{2026-01-01 00:00:00+00,2026-01-02 00:00:00+00}');
SELECT id, domain, correlation_id, source_component, source_component_type, rejection_type,
    rejection_reason, details, payload, occurred_at AT TIME ZONE 'UTC' AS occurred_at,
    created_at > occurred_at AS filed, replayed_at
FROM angzarr.dead_letters ORDER BY id;

\set VERBOSITY terse
-- A kind of failure that there is not is refused, and with it all of the call.
SELECT angzarr._file_dead_letters('{order,order}', '{"",""}', '{order,order}', '{aggregate,aggregate}',
    '{sequence_mismatch,other}', '{"",""}', '{"",""}', ARRAY['\x01', '\x02']::bytea[],
    '{2026-01-01 00:00:00+00,2026-01-01 00:00:00+00}');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM angzarr.dead_letters;
DELETE FROM angzarr.dead_letters;
\set VERBOSITY default

-- Ids are drawn on and on; here they count from the first of these.
ALTER TABLE angzarr.dead_letters ALTER COLUMN id RESTART WITH 1001;
SELECT angzarr._file_dead_letters(
    array_agg(CASE WHEN i % 2 = 0 THEN 'order' ELSE 'cart' END ORDER BY i),
    array_agg('c-' || i ORDER BY i), array_agg('component-' || i % 3 ORDER BY i),
    array_agg('saga'::text ORDER BY i),
    array_agg(CASE WHEN i = 5 THEN 'compensation_delivery_failed'
                   ELSE 'event_processing_failed' END ORDER BY i),
    array_agg('reason ' || i ORDER BY i), array_agg('{}'::text ORDER BY i),
    array_agg(decode(repeat('00', 100), 'hex') ORDER BY i),
    array_agg(timestamptz '2026-01-01 00:00:00+00' + i * interval '1 hour' ORDER BY i))
FROM generate_series(1, 6) AS i;

-- A list is newest first, and its last row says whether there is more.
SELECT found_id, found_domain, found_correlation_id, more
FROM angzarr._list_dead_letters(1000000, NULL, NULL, NULL, NULL, NULL, NULL, 4, 1000000);
SELECT found_id, more
FROM angzarr._list_dead_letters(1003, NULL, NULL, NULL, NULL, NULL, NULL, 4, 1000000);
-- It ends early after so many bytes, but has one row at least.
SELECT found_id, more
FROM angzarr._list_dead_letters(1000000, NULL, NULL, NULL, NULL, NULL, NULL, 4, 150);
SELECT found_id, more
FROM angzarr._list_dead_letters(1000000, NULL, NULL, NULL, NULL, NULL, NULL, 4, 1);
-- Each filter filters, and all of them hold together.
SELECT array_agg(found_id) FROM angzarr._list_dead_letters(
    1000000, 'order', NULL, NULL, NULL, NULL, NULL, 50, 1000000);
SELECT array_agg(found_id) FROM angzarr._list_dead_letters(
    1000000, NULL, 'c-3', NULL, NULL, NULL, NULL, 50, 1000000);
SELECT array_agg(found_id) FROM angzarr._list_dead_letters(
    1000000, NULL, NULL, 'compensation_delivery_failed', NULL, NULL, NULL, 50, 1000000);
SELECT array_agg(found_id) FROM angzarr._list_dead_letters(
    1000000, NULL, NULL, NULL, 'component-1', NULL, NULL, 50, 1000000);
SELECT array_agg(found_id) FROM angzarr._list_dead_letters(
    1000000, NULL, NULL, NULL, NULL, '2026-01-01 02:00:00+00', '2026-01-01 05:00:00+00', 50, 1000000);
SELECT array_agg(found_id) FROM angzarr._list_dead_letters(
    1000000, 'order', NULL, NULL, 'component-1', '2026-01-01 02:00:00+00', NULL, 50, 1000000);

-- One of them, with a correlation id that is new each time.
SELECT found_id, found_component, found_component_type, found_type, found_reason,
    found_details, length(found_payload), found_occurred_at AT TIME ZONE 'UTC' AS occurred_at,
    found_created_at > found_occurred_at AS filed, fresh_correlation_id::uuid IS NOT NULL AS fresh
FROM angzarr._find_dead_letter(1002);
SELECT a.fresh_correlation_id <> b.fresh_correlation_id AS differ
FROM angzarr._find_dead_letter(1002) AS a, angzarr._find_dead_letter(1002) AS b;
SELECT count(*) FROM angzarr._find_dead_letter(1);

-- A replay is noted; of one that is gone there is nothing to note.
SELECT angzarr._mark_replayed(1002) > now() AS noted;
SELECT angzarr._mark_replayed(1) IS NULL AS gone;
SELECT id FROM angzarr.dead_letters WHERE replayed_at IS NOT NULL;

-- People read the payload as JSON; what does not decode hides nothing.
UPDATE angzarr.dead_letters SET payload = angzarr.from_json('io.angzarr.v1.AngzarrDeadLetter',
    '{"cover": {"domain": "order"}, "rejectionReason": "sold out", "metadata": {"topic": "angzarr.dlq.order"},
      "rejectedCommand": {"pages": [{"command": {"@type": "/io.angzarr.v1.Compensate", "reason": "gone"}}]}}')
WHERE id = 1002;
SELECT jsonb_pretty(payload) FROM angzarr.dead_letters_json WHERE id = 1002;
SELECT id, rejection_reason, payload ? 'value_b64' AS bytes FROM angzarr.dead_letters_json WHERE id = 1001;

-- Deleting says whether there was one.
SELECT angzarr.delete_dead_letter(1002), angzarr.delete_dead_letter(NULL) IS NULL AS none;
SELECT angzarr.delete_dead_letter(1002);
SELECT array_agg(id ORDER BY id) FROM angzarr.dead_letters;
DELETE FROM angzarr.dead_letters;
