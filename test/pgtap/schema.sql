-- The contract of the tables: names, types, keys, and what must hold of all.
BEGIN;
SELECT no_plan();

SELECT tables_are('angzarr', ARRAY[
    '_activations', '_branches', 'components', 'dead_letters', 'descriptors', 'editions', 'events', 'exceptions',
    'inbox', 'inbox_results', 'outbox', 'processed', 'snapshots', 'subscriptions',
    'timers'], 'there are exactly these tables');
SELECT views_are('angzarr', ARRAY['aggregates', 'branches', 'dead_letters_json', 'events_json', 'stalled_by',
    'subscriptions_lag', 'workers'],
    'there are exactly these views');
SELECT sequences_are('angzarr', ARRAY[
    'dead_letters_id_seq', 'events_position_seq', 'inbox_ticket_seq', 'outbox_id_seq',
    'subscriptions_epoch_seq'],
    'there are exactly these sequences');

-- Columns, with "!" where null is refused.
CREATE FUNCTION pg_temp.columns_of(rel regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s%s', attname, format_type(atttypid, atttypmod),
                             CASE WHEN attnotnull THEN '!' ELSE '' END), ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped
$$;
SELECT is(pg_temp.columns_of(('angzarr.' || t.name)::regclass), t.columns,
          format('table %s has the columns of the design', t.name))
FROM (VALUES
    ('events', 'root uuid!, domain text!, edition text!, sequence bigint!, position bigint!,'
        ' created_at timestamp with time zone!, correlation_id text!, type_url text!,'
        ' payload bytea, external bytea, ext bytea, region text!, isolated boolean!,'
        ' depth smallint!, source_domain text, source_edition text, source_root uuid,'
        ' source_sequence bigint, source_component text'),
    ('snapshots', 'root uuid!, domain text!, edition text!, sequence bigint!,'
        ' created_at timestamp with time zone, retention smallint!, type_url text!,'
        ' state bytea!'),
    ('processed', 'root uuid!, domain text!, edition text!, kind text!, digest uuid!,'
        ' first_sequence bigint, last_sequence bigint, answer bytea,'
        ' created_at timestamp with time zone!'),
    ('_branches', 'root uuid!, domain text!, edition text!,'
        ' created_at timestamp with time zone!'),
    ('editions', 'name text!, domain text!, divergence bigint, description text!,'
        ' created_at timestamp with time zone!'),
    ('components', 'name text!, kind text!, domain text!, inputs text[]!, address text,'
        ' handler text, deadline interval, max_attempts integer, max_in_flight integer,'
        ' send_snapshots boolean!, contract text!, enabled boolean!, owner name!,'
        ' created_at timestamp with time zone!'),
    ('subscriptions', 'component text!, domains text[]!, position bigint!, status text!,'
        ' failures integer!, last_error text, updated_at timestamp with time zone!,'
        ' epoch integer!'),
    ('exceptions', 'component text!, position bigint!, state text!, root uuid!,'
        ' domain text!, edition text!, attempts integer!,'
        ' next_attempt_at timestamp with time zone, last_error text'),
    ('outbox', 'id bigint!, kind text!, component text!, root uuid!, domain text!,'
        ' edition text!, digest uuid!, envelope bytea!, depth smallint!, attempts integer!,'
        ' next_attempt_at timestamp with time zone!, last_error text,'
        ' created_at timestamp with time zone!'),
    ('inbox', 'ticket bigint!, command bytea!, sender name!,'
        ' sent_at timestamp with time zone!'),
    ('inbox_results', 'ticket bigint!, code integer!, message text!, response bytea,'
        ' finished_at timestamp with time zone!'),
    ('timers', 'component text!, edition text!, root uuid!, name text!,'
        ' due_at timestamp with time zone!, payload bytea, scheduled_sequence bigint!,'
        ' is_handled boolean!'),
    ('dead_letters', 'id bigint!, domain text!, correlation_id text!,'
        ' source_component text!, source_component_type text!, rejection_type text!,'
        ' rejection_reason text!, details text!, payload bytea!,'
        ' occurred_at timestamp with time zone!, created_at timestamp with time zone!,'
        ' replayed_at timestamp with time zone'),
    ('_activations', 'system_identifier bigint!, database oid!,'
        ' activated_at timestamp with time zone!'),
    ('descriptors', 'name text!, file bytea!, created_at timestamp with time zone!')
) AS t (name, columns);

-- Keys.
SELECT col_is_pk('angzarr', 'events', ARRAY['root', 'domain', 'edition', 'sequence']::name[], 'the key of events begins with the root');
SELECT col_is_pk('angzarr', 'snapshots', ARRAY['root', 'domain', 'edition', 'sequence']::name[], 'the key of snapshots begins with the root');
SELECT col_is_pk('angzarr', 'processed', ARRAY['root', 'domain', 'edition', 'kind', 'digest']::name[], 'the key of processed begins with the root');
SELECT is_empty(
    $$SELECT i.indexrelid::regclass
      FROM pg_index AS i
      WHERE i.indisunique
          AND i.indrelid IN ('angzarr.events'::regclass, 'angzarr.snapshots'::regclass,
                             'angzarr.processed'::regclass)
          AND NOT EXISTS (
              SELECT FROM pg_attribute AS a
              WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                  AND a.attname = 'root')$$,
    'every unique key of events, snapshots and processed contains the root');
SELECT results_eq(
    $$SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
      FROM pg_index WHERE indrelid = 'angzarr.events'::regclass ORDER BY 1$$,
    $$VALUES
      ('angzarr.events_correlation_idx', 'CREATE INDEX events_correlation_idx ON angzarr.events USING btree (correlation_id, "position") WHERE (correlation_id <> ''''::text)'),
      ('angzarr.events_domain_position_idx', 'CREATE INDEX events_domain_position_idx ON angzarr.events USING btree (domain, "position")'),
      ('angzarr.events_edition_idx', 'CREATE INDEX events_edition_idx ON angzarr.events USING btree (edition, domain) WHERE (edition <> ''''::text)'),
      ('angzarr.events_first_idx', 'CREATE INDEX events_first_idx ON angzarr.events USING btree (domain, edition, root) WHERE (sequence = 0)'),
      ('angzarr.events_pkey', 'CREATE UNIQUE INDEX events_pkey ON angzarr.events USING btree (root, domain, edition, sequence)'),
      ('angzarr.events_position_idx', 'CREATE INDEX events_position_idx ON angzarr.events USING btree ("position")')$$,
    'events has exactly these indexes');
SELECT results_eq(
    $$SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
      FROM pg_index WHERE indrelid = 'angzarr.exceptions'::regclass ORDER BY 1$$,
    $$VALUES
      ('angzarr.exceptions_pkey', 'CREATE UNIQUE INDEX exceptions_pkey ON angzarr.exceptions USING btree (component, "position")'),
      ('angzarr.exceptions_stream_idx', 'CREATE INDEX exceptions_stream_idx ON angzarr.exceptions USING btree (component, root, domain, edition, "position")')$$,
    'exceptions has exactly these indexes');
SELECT is_empty(
    $$SELECT conname FROM pg_constraint
      WHERE contype = 'f' AND connamespace = 'angzarr'::regnamespace$$,
    'no foreign key stands in the way of a parallel restore');
SELECT is_empty(
    $$SELECT conrelid::regclass, conname FROM pg_constraint
      WHERE connamespace = 'angzarr'::regnamespace AND conrelid <> 0
          AND contype = 'c' AND NOT convalidated$$,
    'every check holds for all rows');

-- Texts that are compared or looked up are compared byte by byte.
SELECT is_empty(
    $$SELECT a.attrelid::regclass, a.attname
      FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indrelid
      JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
      WHERE c.relnamespace = 'angzarr'::regnamespace
          AND a.attcollation NOT IN (0, 'pg_catalog."C"'::regcollation)$$,
    'every text in an index has collation "C"');

-- The log draws positions one at a time, so that who drew one can be seen.
SELECT is(seqcache, 1::bigint, format('%s has CACHE 1', seqrelid::regclass))
FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid
WHERE c.relnamespace = 'angzarr'::regnamespace ORDER BY 1;
SELECT is(attidentity::text, 'a', 'positions are always drawn')
FROM pg_attribute WHERE attrelid = 'angzarr.events'::regclass AND attname = 'position';
SELECT triggers_are('angzarr', 'events', ARRAY['protect_events']);

-- The engine hears that a component was paused, resumed or reset, not of each cursor that moves or fails.
SELECT is((SELECT pg_get_triggerdef(t.oid, true) FROM pg_trigger AS t
           WHERE t.tgrelid = 'angzarr.subscriptions'::regclass AND NOT t.tgisinternal),
    'CREATE TRIGGER subscriptions_changed AFTER UPDATE OF status, epoch ON angzarr.subscriptions FOR EACH ROW'
    ' WHEN (old.epoch <> new.epoch OR (old.status = ''paused''::text) <> (new.status = ''paused''::text))'
    ' EXECUTE FUNCTION angzarr._components_changed()',
    'a cursor that moves tells nobody');
SELECT triggers_are('angzarr', '_activations', ARRAY['activation_changed']);
SELECT triggers_are('angzarr', 'components', ARRAY['components_changed', 'warn_without_engine']);

-- Everything a user writes is dumped, with the sequences.
SELECT set_eq(
    $$SELECT unnest(extconfig)::regclass::text FROM pg_extension WHERE extname = 'angzarr'$$,
    $$SELECT oid::regclass::text FROM pg_class
      WHERE relnamespace = 'angzarr'::regnamespace AND relkind IN ('r', 'S')$$,
    'every table and sequence is dumped');
SELECT is_empty(
    $$SELECT attrelid::regclass, attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
      WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
          AND a.atttypid::regtype::text LIKE 'reg%'$$,
    'no column has a type that pg_upgrade refuses');

-- Insert-only tables are vacuumed by what was inserted.
SELECT ok('autovacuum_freeze_min_age=0' = ANY (reloptions), 'events are frozen at the first visit')
FROM pg_class WHERE oid = 'angzarr.events'::regclass;

-- The main timeline has one stored form.
SELECT col_default_is('angzarr', t, 'edition', '', format('%s are of the main timeline by default', t))
FROM unnest(ARRAY['events', 'snapshots', 'processed', 'exceptions', 'outbox', 'timers']) AS t;

SELECT finish();
ROLLBACK;
