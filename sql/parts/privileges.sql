-- Who may do what: nobody anything, until an administrator grants it.

-- The one place that says what each level of access consists of.
CREATE FUNCTION angzarr._access()
RETURNS TABLE (level text, kind text, name text)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _access() -> the functions and tables of each level, by name
    -- A level has those of the levels before it too.  Views, and helpers that
    -- neither write nor run with the owner's rights, are every level's; tables
    -- are for reading, but "write".  "owner": only who owns all of it.
    SELECT a.level, a.kind, unnest(a.names)
    FROM (VALUES
        ('reader', 'function', '{book,events_as_of,events_of,latest_snapshot,
            next_sequence,root_of,from_json,to_json,uuid5,ack,horizon,next_events,_holders,
            _lags,_workers}'::text[]),
        ('reader', 'table', '{editions,events,snapshots,subscriptions}'),
        ('writer', 'function', '{append,append_batch,append_once,create_edition,
            new_event,save_snapshot,subscribe,unsubscribe}'),
        ('admin', 'function', '{activate,delete_dead_letter,delete_edition,disable,
            enable,forget_processed,pause,register_aggregate,register_descriptors,
            register_process_manager,register_projector,register_saga,
            register_upcaster,reset,resume,unregister,verify,_begin_cursor,
            _forget_cursor}'),
        ('admin', 'table', '{components,dead_letters,descriptors,exceptions,inbox,
            inbox_results,outbox,processed,timers}'),
        ('admin', 'write', '{components}'),
        ('owner', 'function', '{grant_access}')
    ) AS a (level, kind, names);
END;
COMMENT ON FUNCTION angzarr._access() IS
    'what each level of access consists of: functions and tables, by name';

CREATE FUNCTION angzarr._check_grant(role text, level text)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_grant(role, level): 22023, 42704 or 42501 unless it may be granted
#variable_conflict use_column
DECLARE
    _owner oid := (SELECT n.nspowner FROM pg_namespace AS n
                   WHERE n.nspname = 'angzarr');
BEGIN
    IF level IN ('reader', 'writer', 'admin') IS NOT TRUE THEN
        RAISE EXCEPTION 'invalid level of access %',
                        coalesce('"' || left(level, 80) || '"', 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Levels are reader, writer and admin.',
                  HINT = 'A writer may do what a reader may, an admin what a writer'
                         ' may.';
    ELSIF NOT pg_has_role(_owner, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied to grant access to angzarr'
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = format('It belongs to role "%s".', pg_get_userbyid(_owner)),
                  HINT = 'Ask that role, or a superuser.';
    ELSIF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'role % does not exist', coalesce('"' || role || '"', 'NULL')
            USING ERRCODE = 'undefined_object',
                  DETAIL = 'Access is granted to one role; never to PUBLIC.',
                  HINT = 'Make one with CREATE ROLE, and give the name as it is stored:'
                         ' in lower case unless it was quoted.';
    ELSIF role = pg_get_userbyid(_owner) THEN
        RAISE EXCEPTION 'role "%" owns angzarr', role
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'An owner may do everything.',
                  HINT = 'Name another role.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_grant(text, text) IS
    'refuses a level of access that cannot be granted, or not to that role';

CREATE FUNCTION angzarr._granted(level text, kind text)
RETURNS SETOF text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _granted(level, kind) -> the names of that kind, with lower levels' too
    SELECT a.name
    FROM angzarr._access() AS a
    WHERE a.kind = _granted.kind
        AND array_position('{reader,writer,admin}', a.level)
            <= array_position('{reader,writer,admin}', _granted.level);
END;
COMMENT ON FUNCTION angzarr._granted(text, text) IS
    'the functions or tables of a level of access, by name';

CREATE FUNCTION angzarr._granted_functions(level text)
RETURNS SETOF regprocedure
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _granted_functions(level) -> those that the level may call
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'angzarr'::regnamespace
        AND p.prorettype <> 'trigger'::regtype
        AND (p.proname = ANY (SELECT angzarr._granted(_granted_functions.level,
                                                      'function'))
             OR starts_with(p.proname::text, '_')
                AND p.provolatile <> 'v' AND NOT p.prosecdef);
END;
COMMENT ON FUNCTION angzarr._granted_functions(text) IS
    'the functions that a level of access may call';

CREATE FUNCTION angzarr._granted_tables(level text, kind text)
RETURNS SETOF regclass
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _granted_tables(level, kind) -> kind "table": those that the level reads,
    -- with all views; kind "write": those that it changes
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'angzarr'::regnamespace
        AND (c.relkind = 'v' AND _granted_tables.kind = 'table'
             OR c.relkind IN ('r', 'p') AND c.relname = ANY (
                SELECT angzarr._granted(_granted_tables.level, _granted_tables.kind)));
END;
COMMENT ON FUNCTION angzarr._granted_tables(text, text) IS
    'the tables and views that a level of access may read or change';

CREATE FUNCTION angzarr.grant_access(role text, level text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- grant_access(role, level): the role is a reader, a writer or an admin
-- It has that level then, and nothing that it had here before.
DECLARE
    _function regprocedure;
    _table regclass;
BEGIN
    PERFORM angzarr._check_grant(role, level);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA angzarr FROM %I', role);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA angzarr FROM %I', role);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA angzarr FROM %I', role);
    EXECUTE format('REVOKE ALL ON TYPE angzarr.new_event, angzarr.cause FROM %I', role);
    EXECUTE format('REVOKE ALL ON SCHEMA angzarr FROM %I', role);
    EXECUTE format('GRANT USAGE ON SCHEMA angzarr TO %I', role);
    FOR _function IN SELECT f FROM angzarr._granted_functions(level) AS f
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', _function, role);
    END LOOP;
    FOR _table IN SELECT t FROM angzarr._granted_tables(level, 'table') AS t
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %I', _table, role);
    END LOOP;
    FOR _table IN SELECT t FROM angzarr._granted_tables(level, 'write') AS t
    LOOP
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO %I', _table, role);
    END LOOP;
    IF level <> 'reader' THEN
        EXECUTE format('GRANT USAGE ON TYPE angzarr.new_event, angzarr.cause TO %I',
                       role);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr.grant_access(text, text) IS
    'makes a role a reader, a writer or an admin of the store';

REVOKE ALL ON SCHEMA angzarr FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA angzarr FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA angzarr FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA angzarr FROM PUBLIC;
REVOKE ALL ON TYPE angzarr.new_event, angzarr.cause FROM PUBLIC;
