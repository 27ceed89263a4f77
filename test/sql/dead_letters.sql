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
