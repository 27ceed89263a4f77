-- Every function, and what it may do; and what must hold of all of them.
BEGIN;
SELECT no_plan();

-- name, arguments, result; then language, volatility (i s v), parallel (s r u),
-- "definer" where it runs with the owner's rights.
PREPARE functions AS
    SELECT format('%s(%s) -> %s%s', p.proname, oidvectortypes(p.proargtypes),
                  CASE WHEN p.proretset THEN 'setof ' ELSE '' END,
                  format_type(p.prorettype, NULL)) AS function,
        format('%s %s%s%s', l.lanname, p.provolatile, p.proparallel,
               CASE WHEN p.prosecdef THEN ' definer' ELSE '' END) AS flags
    FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.pronamespace = 'angzarr'::regnamespace
    ORDER BY p.proname COLLATE "C", 1;
SELECT set_eq('functions', $$VALUES
    ('_access() -> setof record', 'sql is'),
    ('_activation_changed() -> trigger', 'c vu'),
    ('_ahead(text, text[], bigint, integer) -> setof bigint', 'plpgsql ss'),
    ('_all_appended(bigint[]) -> setof record', 'sql is'),
    ('_append_probed(uuid[], text[], text[], bigint[], integer[], timestamp with time zone[], text[], text[], bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[], text[]) -> setof record', 'plpgsql vu'),
    ('_append_rest(text, uuid, text, bigint, timestamp with time zone, angzarr.new_event[], text, bytea, integer, angzarr.cause) -> void', 'plpgsql vu'),
    ('_begin_cursor(text, bigint) -> void', 'plpgsql vu definer'),
    ('_branch_head(uuid, text, text, bigint) -> setof record', 'plpgsql vu'),
    ('_branch_states(uuid[], text[], text[]) -> setof record', 'plpgsql ss'),
    ('_check_ack(text, bigint, bigint) -> void', 'plpgsql sr'),
    ('_check_address(text) -> void', 'plpgsql is'),
    ('_check_append(text, uuid, angzarr.new_event[], text) -> void', 'plpgsql ss'),
    ('_check_branch(text) -> text', 'plpgsql is'),
    ('_check_cause(angzarr.cause) -> void', 'plpgsql is'),
    ('_check_commands(uuid[], text[], text[], bigint[], integer[]) -> void', 'plpgsql is'),
    ('_check_component(text, text, text) -> void', 'plpgsql ss'),
    ('_check_correlation_id(text) -> void', 'plpgsql is'),
    ('_check_deadline(interval) -> void', 'plpgsql is'),
    ('_check_divergence(text, text, bigint) -> void', 'plpgsql ss'),
    ('_check_ext(bytea) -> void', 'plpgsql ss'),
    ('_check_inputs(text[], text) -> void', 'plpgsql is'),
    ('_check_limits(integer, integer) -> void', 'plpgsql is'),
    ('_check_reserved(text) -> void', 'plpgsql is'),
    ('_depth_after(angzarr.cause) -> integer', 'plpgsql ss'),
    ('_drop_exceptions(text, bigint) -> void', 'plpgsql vu'),
    ('_forget_cursor(text) -> void', 'plpgsql vu definer'),
    ('_hindrance(text, text, bigint, bigint) -> text', 'sql ss'),
    ('_is_any(bytea) -> boolean', 'plpgsql is'),
    ('_lags() -> setof record', 'plpgsql vu definer'),
    ('_lock_cursor(text) -> angzarr.subscriptions', 'plpgsql vu'),
    ('_origin(angzarr.cause) -> setof record', 'plpgsql ss'),
    ('_check_domain(text) -> void', 'plpgsql is'),
    ('_check_grant(text, text) -> void', 'plpgsql ss'),
    ('_check_isolation() -> void', 'plpgsql ss'),
    ('_check_lengths(integer[]) -> void', 'plpgsql is'),
    ('_check_may_read(integer) -> void', 'plpgsql ss'),
    ('_check_new_events(angzarr.new_event[]) -> void', 'plpgsql ss'),
    ('_check_pages(uuid[], text[], text[], bigint[], integer[], timestamp with time zone[], text[], text[], bytea[], bytea[], boolean[], integer[]) -> void', 'plpgsql ss'),
    ('_check_payload_size(bigint, bigint) -> void', 'plpgsql ss'),
    ('_check_point(timestamp with time zone, bigint, boolean) -> void', 'plpgsql is'),
    ('_check_root(uuid) -> void', 'plpgsql is'),
    ('_check_state(text, bytea) -> void', 'plpgsql ss'),
    ('_check_subscribed(text[], bigint) -> void', 'plpgsql vu'),
    ('_check_subscriber(text) -> void', 'plpgsql ss'),
    ('_checked_descriptors(text[], bytea[], bytea) -> setof record', 'c is'),
    ('_components() -> setof record', 'sql ss'),
    ('_components_changed() -> trigger', 'c vu'),
    ('_correlated(text, text, uuid, text, text[], bigint[], bigint, bigint, integer) -> setof record', 'plpgsql ss'),
    ('_correlated_pages(uuid, text, text, bigint, text, bigint[], bigint, bigint, bigint, bigint) -> setof angzarr.events', 'sql ss'),
    ('_delete_branch_rows(text, text) -> void', 'plpgsql vu'),
    ('_delete_edition_part(text, text, bigint) -> text', 'plpgsql vu'),
    ('_delete_stream_part(uuid, text, text, bigint) -> bigint', 'plpgsql vu'),
    ('_delivered() -> jsonb', 'sql sr'),
    ('_descriptors() -> setof record', 'sql ss'),
    ('_descriptors_changed() -> trigger', 'c vu'),
    ('_raise_subscribed(text) -> void', 'plpgsql is'),
    ('_shown_json(text, bytea) -> jsonb', 'c ss'),
    ('_silent_input(text) -> text', 'plpgsql ss'),
    ('_tell_reset(text, text, bigint, bigint) -> void', 'plpgsql sr'),
    ('_undelivered(text, text[], bigint, integer) -> record', 'plpgsql ss'),
    ('_verify_deliveries() -> setof record', 'sql ss'),
    ('_drop_leases(text[]) -> bigint', 'sql vu'),
    ('_held_streams(text[]) -> setof record', 'sql ss'),
    ('_lease_key(text) -> integer', 'sql is'),
    ('_read_deliveries(text[], bigint[], integer[], bigint[], bigint[]) -> setof record', 'plpgsql vu'),
    ('_read_held(text[], uuid[], text[], text[]) -> setof record', 'plpgsql vu'),
    ('_subscription_states(text[]) -> setof record', 'sql ss'),
    ('_take_leases(text[]) -> setof text', 'plpgsql vu'),
    ('_write_cursors(text[], integer[], bigint[], text[], integer[], text[]) -> setof text', 'plpgsql vu'),
    ('_write_exceptions(text[], integer[], bigint[], text[], uuid[], text[], text[], integer[], timestamp with time zone[], text[]) -> bigint', 'plpgsql vu'),
    ('_end_reserved(text[], uuid[], text[], text[], bigint[], bigint[], boolean[]) -> bigint', 'plpgsql vu'),
    ('_reserve_deliveries(text[], uuid[], text[], text[], bigint[], bigint[], timestamp with time zone[]) -> setof integer', 'plpgsql vu'),
    ('_turns(text[], uuid[], text[], text[], bigint[]) -> setof record', 'plpgsql ss'),
    ('from_json(text, jsonb) -> bytea', 'c ss'),
    ('pause(text) -> void', 'plpgsql vu definer'),
    ('register_process_manager(text, text, text[], text, interval, integer, integer, boolean, bigint) -> text', 'plpgsql vu'),
    ('register_projector(text, text[], text, interval, integer, integer, bigint) -> text', 'plpgsql vu'),
    ('register_saga(text, text, text, interval, integer, integer, bigint) -> text', 'plpgsql vu'),
    ('reset(text, bigint) -> bigint', 'plpgsql vu definer'),
    ('resume(text) -> void', 'plpgsql vu definer'),
    ('to_json(text, bytea) -> jsonb', 'c ss'),
    ('_divergence(uuid, text, text, bigint) -> bigint', 'plpgsql ss'),
    ('_digest(text) -> uuid', 'sql is'),
    ('_engine_available() -> boolean', 'c sr'),
    ('_events_between(text[], bigint, bigint, integer) -> setof angzarr.events', 'plpgsql ss'),
    ('_fast_turn(oid) -> record', 'c vu'),
    ('_file_dead_letters(text[], text[], text[], text[], text[], text[], text[], bytea[], timestamp with time zone[]) -> bigint', 'plpgsql vu'),
    ('_drop_leases(text[]) -> bigint', 'sql vu'),
    ('_held_streams(text[]) -> setof record', 'sql ss'),
    ('_lease_key(text) -> integer', 'sql is'),
    ('_read_deliveries(text[], bigint[], integer[], bigint[], bigint[]) -> setof record', 'plpgsql vu'),
    ('_read_held(text[], uuid[], text[], text[]) -> setof record', 'plpgsql vu'),
    ('_subscription_states(text[]) -> setof record', 'sql ss'),
    ('_take_leases(text[]) -> setof text', 'plpgsql vu'),
    ('_write_cursors(text[], integer[], bigint[], text[], integer[], text[]) -> setof text', 'plpgsql vu'),
    ('_write_exceptions(text[], integer[], bigint[], text[], uuid[], text[], text[], integer[], timestamp with time zone[], text[]) -> bigint', 'plpgsql vu'),
    ('_find_dead_letter(bigint) -> setof record', 'plpgsql vs'),
    ('_list_dead_letters(bigint, text, text, text, text, timestamp with time zone, timestamp with time zone, integer, bigint) -> setof record', 'plpgsql ss'),
    ('_mark_replayed(bigint) -> timestamp with time zone', 'plpgsql vu'),
    ('delete_dead_letter(bigint) -> boolean', 'plpgsql vu definer'),
    ('_find_keys(uuid[], text[], text[], text[], bytea[]) -> setof record', 'plpgsql ss'),
    ('_flush() -> void', 'c vu'),
    ('_granted(text, text) -> setof text', 'sql is'),
    ('_granted_functions(text) -> setof regprocedure', 'sql ss'),
    ('_granted_tables(text, text) -> setof regclass', 'sql ss'),
    ('_head(uuid, text, text) -> setof record', 'sql ss'),
    ('_hold_branches(uuid[], text[], text[]) -> setof record', 'plpgsql vu'),
    ('_heads(uuid[], text[]) -> setof record', 'sql ss'),
    ('_holders() -> setof record', 'plpgsql vu definer'),
    ('_insert_firsts(uuid[], text[], text[], bigint[], integer[], timestamp with time zone[], text[], text[], bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[], text[]) -> smallint[]', 'plpgsql vu'),
    ('_insert_pages(smallint[], uuid[], text[], text[], bigint[], timestamp with time zone[], text[], text[], bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[], text[]) -> void', 'plpgsql vu'),
    ('_is_activated() -> boolean', 'sql ss'),
    ('_is_storable(text, integer, timestamp with time zone, bigint) -> boolean', 'sql is'),
    ('_is_stream(text, uuid, text) -> boolean', 'sql is'),
    ('_close_obligations(bigint[]) -> bigint', 'plpgsql vu'),
    ('_postpone_obligations(bigint[], integer[], timestamp with time zone[], text[]) -> bigint', 'plpgsql vu'),
    ('_read_obligations(integer, bigint[]) -> setof record', 'plpgsql ss'),
    ('_record_obligations(text[], text[], uuid[], text[], text[], bytea[], bytea[], integer[]) -> bigint', 'plpgsql vu'),
    ('_settle_keys(uuid[], text[], text[], text[], bytea[], bigint[], bigint[], bytea[]) -> bigint', 'plpgsql vu'),
    ('_drop_timers(text[], text[], uuid[], bigint[]) -> bigint', 'plpgsql vu'),
    ('_due_timers(text[], integer[]) -> setof record', 'plpgsql ss'),
    ('_keep_timers(text[], text[], uuid[], text[], timestamp with time zone[], bytea[], bigint[], boolean[]) -> bigint', 'plpgsql vu'),
    ('_standing_timers(text[], text[], uuid[], bigint[]) -> setof integer', 'plpgsql ss'),
    ('_keep_keys(uuid[], text[], text[], text[], bytea[], bigint[], bigint[], bytea[]) -> bigint', 'plpgsql vu'),
    ('_keep_snapshots(uuid[], text[], text[], bigint[], timestamp with time zone[], integer[], text[], bytea[]) -> bigint', 'plpgsql vu'),
    ('_key_digest(bytea) -> uuid', 'sql is'),
    ('_last_sequence(text, uuid, text, bigint) -> bigint', 'plpgsql ss'),
    ('_last_page(uuid, text, text, bigint, text, bigint[], bigint, bigint, bigint) -> setof angzarr.events', 'plpgsql ss'),
    ('_listed_pages(uuid, text, text, bigint, bigint[], bigint, bigint) -> setof angzarr.events', 'sql ss'),
    ('_load_books(uuid[], text[], text[], boolean[], bigint[], bigint[], timestamp with time zone[], bigint[], bigint[]) -> setof record', 'sql ss'),
    ('_lock_branches(uuid[], text[], text[]) -> void', 'plpgsql vu'),
    ('_lock_subscription(text) -> angzarr.subscriptions', 'plpgsql vu'),
    ('_max_payload_size() -> bigint', 'sql ss'),
    ('_may_begin(uuid, text, text, bigint) -> boolean', 'plpgsql ss'),
    ('_outcomes(smallint[], uuid[], text[], text[], bigint[], integer[]) -> setof record', 'plpgsql ss'),
    ('_own_first(uuid, text, text) -> setof record', 'sql ss'),
    ('_pages(uuid, text, text, bigint, bigint, bigint) -> setof angzarr.events', 'sql ss'),
    ('_read_pages(uuid, text, text, bigint, text, bigint[], bigint, bigint, bigint, bigint, integer, bigint) -> setof angzarr.events', 'plpgsql ss'),
    ('_read_plan(uuid, text, text, bigint, text, bigint[], boolean, bigint, bigint, timestamp with time zone, bigint) -> record', 'plpgsql ss'),
    ('_roots(uuid, text, integer) -> setof record', 'plpgsql ss'),
    ('_plain_turn() -> record', 'plpgsql vu'),
    ('_probe(uuid[], text[], text[], bigint[]) -> smallint[]', 'c vu'),
    ('_probe_pages(uuid[], text[], text[], bigint[], integer[]) -> smallint[]', 'plpgsql vu'),
    ('_protect_events() -> trigger', 'plpgsql vu'),
    ('_raise_unknown(text) -> void', 'plpgsql ss'),
    ('_refuse_append(text, uuid, text, bigint, bigint, bigint) -> void', 'plpgsql is'),
    ('_refuse_page(bigint, text) -> void', 'plpgsql is'),
    ('_read_log(bigint, bigint, integer, bigint, boolean) -> setof record', 'plpgsql vu'),
    ('_remember_delivered(text, bigint, bigint) -> void', 'plpgsql vu'),
    ('_rest(smallint[], integer[]) -> smallint[]', 'plpgsql is'),
    ('_retention(text) -> smallint', 'plpgsql is'),
    ('_run_end(uuid, text, text, bigint, bigint, timestamp with time zone) -> bigint', 'plpgsql ss'),
    ('_snapshots_from(uuid, text, text) -> text', 'plpgsql ss'),
    ('_stamped(uuid[], text[], text[], bigint[], integer[], timestamp with time zone[]) -> timestamp with time zone[]', 'plpgsql vu'),
    ('_store_snapshot(text, uuid, text, bigint, text, bytea, smallint) -> void', 'plpgsql vu'),
    ('_stored_edition(text) -> text', 'plpgsql is'),
    ('_stream_name(text, uuid, text) -> text', 'sql is'),
    ('_timeline(uuid, text, text) -> setof record', 'sql ss'),
    ('_turn() -> record', 'plpgsql vu'),
    ('_verify_log() -> setof record', 'sql sr'),
    ('_verify_rows(text) -> setof record', 'sql ss'),
    ('_verify_sequence() -> setof record', 'sql sr'),
    ('_verify_streams(text) -> setof record', 'sql ss'),
    ('_warn_without_engine() -> trigger', 'plpgsql vu'),
    ('_won(uuid[], text[], text[], integer[], uuid[], text[], text[]) -> smallint[]', 'plpgsql is'),
    ('_workers() -> setof record', 'c vr'),
    ('ack(text, bigint) -> void', 'plpgsql vu definer'),
    ('activate() -> boolean', 'plpgsql vu definer'),
    ('append(text, uuid, bigint, angzarr.new_event[], text, text, bytea, angzarr.cause) -> bigint', 'plpgsql vu definer'),
    ('append_batch(uuid[], text[], text[], bigint[], integer[], timestamp with time zone[], text[], text[], bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[], text[]) -> setof record', 'plpgsql vu definer'),
    ('append_once(text, text, uuid, bigint, angzarr.new_event[], text, text, bytea, angzarr.cause) -> bigint', 'plpgsql vu definer'),
    ('book(text, uuid, text, timestamp with time zone, bigint) -> setof record', 'plpgsql ss'),
    ('create_edition(text, text, bigint, text) -> void', 'plpgsql vu definer'),
    ('delete_edition(text, text) -> bigint', 'plpgsql vu definer'),
    ('disable(text) -> void', 'plpgsql vu'),
    ('enable(text) -> void', 'plpgsql vu'),
    ('events_as_of(text, uuid, bigint, text) -> setof angzarr.events', 'plpgsql ss'),
    ('events_as_of(text, uuid, timestamp with time zone, text) -> setof angzarr.events', 'plpgsql ss'),
    ('events_of(text, uuid, text, bigint, bigint) -> setof angzarr.events', 'plpgsql ss'),
    ('forget_processed(interval) -> bigint', 'plpgsql vu definer'),
    ('grant_access(text, text) -> void', 'plpgsql vu'),
    ('horizon() -> bigint', 'plpgsql vu definer'),
    ('latest_snapshot(text, uuid, text) -> setof angzarr.snapshots', 'plpgsql ss'),
    ('new_event(text, bytea, timestamp with time zone) -> angzarr.new_event', 'sql is'),
    ('next_events(text, integer) -> setof angzarr.events', 'plpgsql vu definer'),
    ('next_sequence(text, uuid, text) -> bigint', 'plpgsql ss'),
    ('register_aggregate(text, text, text, interval, boolean) -> text', 'plpgsql vu'),
    ('register_descriptors(bytea) -> integer', 'plpgsql vu definer'),
    ('register_upcaster(text, text, text, interval) -> text', 'plpgsql vu'),
    ('root_of(text, text) -> uuid', 'sql is'),
    ('save_snapshot(text, uuid, bigint, text, bytea, text, text) -> bigint', 'plpgsql vu definer'),
    ('subscribe(text, text[], bigint) -> bigint', 'plpgsql vu definer'),
    ('unregister(text) -> void', 'plpgsql vu'),
    ('unsubscribe(text) -> void', 'plpgsql vu definer'),
    ('uuid5(uuid, text) -> uuid', 'c is'),
    ('verify(text) -> setof record', 'sql sr definer')
$$, 'there are exactly these functions');

-- Nobody may do anything until it is granted.
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace = 'angzarr'::regnamespace
          AND (p.proacl IS NULL OR EXISTS (
              SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee <> p.proowner))$$,
    'no function is granted to anybody');
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class AS c
      WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind IN ('r', 'v', 'S')
          AND EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)$$,
    'no table, view or sequence is granted to anybody');
SELECT is_empty(
    $$SELECT n.nspname FROM pg_namespace AS n
      WHERE n.nspname = 'angzarr'
          AND EXISTS (SELECT FROM aclexplode(n.nspacl) AS a WHERE a.grantee <> n.nspowner)$$,
    'the schema is granted to nobody');
SELECT is_empty(
    $$SELECT t.oid::regtype FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
      WHERE t.typnamespace = 'angzarr'::regnamespace AND c.relkind = 'c'
          AND (t.typacl IS NULL OR EXISTS (
              SELECT FROM aclexplode(t.typacl) AS a WHERE a.grantee <> t.typowner))$$,
    'no type is granted to anybody');
SET LOCAL client_min_messages = warning;
CREATE ROLE angzarr_test_stranger;
SELECT ok(NOT has_schema_privilege('angzarr_test_stranger', 'angzarr', 'USAGE'),
          'a stranger does not even see the schema');
-- With the right to append, and nothing else, one can append.
GRANT USAGE ON SCHEMA angzarr TO angzarr_test_stranger;
GRANT EXECUTE ON FUNCTION
    angzarr.append(text, uuid, bigint, angzarr.new_event[], text, text, bytea, angzarr.cause),
    angzarr.new_event(text, bytea, timestamptz) TO angzarr_test_stranger;
GRANT USAGE ON TYPE angzarr.new_event TO angzarr_test_stranger;
CREATE FUNCTION pg_temp.as_stranger(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    _result text;
BEGIN
    SET LOCAL ROLE angzarr_test_stranger;
    EXECUTE query INTO _result;
    RESET ROLE;
    RETURN _result;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLSTATE;
END
$$;
SELECT is(pg_temp.as_stranger($$SELECT angzarr.append(
        'pgtap', '00000000-0000-0000-0000-000000000001', 0, ARRAY[angzarr.new_event('a', '')])$$),
    '1', 'who may call append needs no right to the table');
SELECT is(pg_temp.as_stranger($$INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
    VALUES ('00000000-0000-0000-0000-000000000002', 'pgtap', 0, now(), '/a', '') RETURNING 1$$),
    '42501', 'and has none');
SELECT is(pg_temp.as_stranger($$SELECT nextval('angzarr.events_position_seq')$$),
    '42501', 'nor to the sequence of the log');
SELECT is(pg_temp.as_stranger($$SELECT count(*) FROM angzarr.events$$),
    '42501', 'nor may read');

-- Nothing that somebody puts into the search path is ever called.
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
      WHERE p.pronamespace = 'angzarr'::regnamespace
          AND CASE l.lanname
              WHEN 'plpgsql' THEN 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig) IS NOT TRUE
              WHEN 'sql' THEN p.prosqlbody IS NULL
              ELSE p.proconfig IS NOT NULL END$$,
    'every function is immune to the search path');

-- What looks into streams again and again keeps to their key.
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
      WHERE p.pronamespace = 'angzarr'::regnamespace AND l.lanname = 'plpgsql'
          AND p.prosrc ~ '(FROM|JOIN) angzarr\.(events|snapshots|_head|_timeline|_pages|_load_books|_correlated_pages|_listed_pages)\M'
          AND 'enable_seqscan=off' = ANY (p.proconfig) IS NOT TRUE$$,
    'no look at a stream is ever planned as a scan of the whole table');

-- Batches are planned once, however few pages they have.
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc AS p
      WHERE p.pronamespace = 'angzarr'::regnamespace
          AND p.proname IN ('append_batch', '_append_probed')
          AND 'plan_cache_mode=force_generic_plan' = ANY (p.proconfig) IS NOT TRUE$$,
    'no batch is planned for its own values');

-- Everything says what it is for.
SELECT is_empty(
    $$SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
      FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
      WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'angzarr'
          AND NOT EXISTS (SELECT FROM pg_class AS c
                          WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid
                              AND c.relkind = 'c')
          AND NOT EXISTS (SELECT FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
                          WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
                              AND c.relkind <> 'c')
          AND NOT EXISTS (SELECT FROM pg_type AS t
                          WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
                              AND t.typelem <> 0)
          AND obj_description(d.objid, d.classid::regclass::text) IS NULL$$,
    'every object has a comment');
SELECT is_empty(
    $$SELECT a.attrelid::regclass, a.attname
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
      WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind IN ('r', 'v', 'c')
          AND a.attnum > 0 AND NOT a.attisdropped
          AND col_description(a.attrelid, a.attnum) IS NULL$$,
    'every column has a comment');
SELECT is_empty(
    $$SELECT i.indexrelid::regclass FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
      WHERE c.relnamespace = 'angzarr'::regnamespace AND NOT i.indisprimary
          AND obj_description(i.indexrelid, 'pg_class') IS NULL$$,
    'every index but a primary key has a comment');
SELECT is_empty(
    $$SELECT t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
      WHERE c.relnamespace = 'angzarr'::regnamespace AND NOT t.tgisinternal
          AND obj_description(t.oid, 'pg_trigger') IS NULL$$,
    'every trigger has a comment');

-- plpgsql_check finds nothing.
SELECT is_empty(
    $$SELECT p.oid::regprocedure, c.*
      FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
      CROSS JOIN LATERAL plpgsql_check_function(
          p.oid,
          relid => coalesce((SELECT t.tgrelid FROM pg_trigger AS t WHERE t.tgfoid = p.oid), 0),
          all_warnings => true) AS c
      WHERE p.pronamespace = 'angzarr'::regnamespace AND l.lanname = 'plpgsql'$$,
    'plpgsql_check has no remark');

SELECT finish();
ROLLBACK;
