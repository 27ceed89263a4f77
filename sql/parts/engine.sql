-- What needs the library: the probe, wake-ups, and the state of the workers.

CREATE FUNCTION angzarr._probe(
    root uuid[],
    domain text[],
    edition text[],
    expected bigint[]
)
RETURNS smallint[]
AS 'MODULE_PATHNAME', 'angzarr_probe'
LANGUAGE C
STRICT
VOLATILE
PARALLEL UNSAFE;
COMMENT ON FUNCTION angzarr._probe(uuid[], text[], text[], bigint[]) IS
    'whether each place is 0 free, 1 taken, 2 being written, 3 ahead; never waits';

CREATE FUNCTION angzarr._probe_pages(
    root uuid[],
    domain text[],
    edition text[],
    sequence bigint[],
    page integer[]
)
RETURNS smallint[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _probe_pages(…) -> per page, what _probe says of its command's first page
#variable_conflict use_column
DECLARE
    _probed smallint[];
BEGIN
    SELECT angzarr._probe(
        array_agg(u.root ORDER BY u.ordinal), array_agg(u.domain ORDER BY u.ordinal),
        array_agg(u.edition ORDER BY u.ordinal),
        array_agg(u.sequence ORDER BY u.ordinal))
    INTO _probed
    FROM unnest(_probe_pages.root, _probe_pages.domain, _probe_pages.edition,
                _probe_pages.sequence, _probe_pages.page)
        WITH ORDINALITY AS u (root, domain, edition, sequence, page, ordinal)
    WHERE u.page = 0;
    RETURN (
        SELECT array_agg(_probed[c.command] ORDER BY c.ordinal)
        FROM (
            SELECT u.ordinal,
                sum((u.page = 0)::int) OVER (ORDER BY u.ordinal) AS command
            FROM unnest(_probe_pages.page) WITH ORDINALITY AS u (page, ordinal)
        ) AS c
    );
END
$$;
COMMENT ON FUNCTION angzarr._probe_pages(uuid[], text[], text[], bigint[], integer[]) IS
    'what the probe says of each page''s command';

CREATE FUNCTION angzarr._append_probed(
    root uuid[],
    domain text[],
    edition text[],
    sequence bigint[],
    page integer[],
    created_at timestamptz[],
    correlation_id text[],
    type_url text[],
    payload bytea[],
    external bytea[],
    ext bytea[],
    isolated boolean[],
    depth integer[],
    source_domain text[],
    source_edition text[],
    source_root uuid[],
    source_sequence bigint[],
    source_component text[]
)
RETURNS TABLE (command integer, outcome text, next_sequence bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
-- _append_probed(18 arrays) -> one row per command, numbered from 0
-- The engine's form of append_batch: commands that would have to wait are
-- "busy" and not begun.  The engine has validated the pages and gives at most
-- one command per stream.  A writer who comes between the look and the insert
-- makes this fail with 23505; then the caller repeats with append_batch.
#variable_conflict use_column
DECLARE
    _singles boolean := 0 = ALL (page);
    _state smallint[];
    _created_at timestamptz[] := _append_probed.created_at;
BEGIN
    -- The probe does not know where a branch may begin.
    IF NOT '' = ALL (edition) THEN
        RETURN QUERY SELECT b.* FROM angzarr.append_batch(
            root, domain, edition, sequence, page, created_at, correlation_id,
            type_url, payload, external, ext, isolated, depth, source_domain,
            source_edition, source_root, source_sequence, source_component) AS b;
        RETURN;
    END IF;
    IF _singles THEN
        _state := angzarr._probe(root, domain, edition, sequence);
    ELSE
        _state := angzarr._probe_pages(root, domain, edition, sequence, page);
    END IF;
    IF array_position(_created_at, NULL) IS NOT NULL THEN
        _created_at := angzarr._stamped(root, domain, edition, sequence, page,
                                        _created_at);
    END IF;
    PERFORM angzarr._insert_pages(
        _state, root, domain, edition, sequence, _created_at, correlation_id, type_url,
        payload, external, ext, isolated, depth, source_domain, source_edition,
        source_root, source_sequence, source_component);
    IF _singles AND 0 = ALL (_state) THEN
        RETURN QUERY SELECT a.* FROM angzarr._all_appended(sequence) AS a;
    ELSE
        RETURN QUERY SELECT o.* FROM angzarr._outcomes(
            _state, root, domain, edition, sequence, page) AS o;
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._append_probed(
    uuid[], text[], text[], bigint[], integer[], timestamptz[], text[], text[],
    bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[],
    text[]) IS
    'appends many commands at once without waiting for other writers';

CREATE FUNCTION angzarr._fast_turn(
    sequence oid,
    OUT horizon bigint,
    OUT holders text[],
    OUT floors bigint[]
)
AS 'MODULE_PATHNAME', 'angzarr_turn'
LANGUAGE C
VOLATILE
STRICT
PARALLEL UNSAFE;
COMMENT ON FUNCTION angzarr._fast_turn(oid) IS
    'the horizon and who holds it, without a look at every lock of the server';

CREATE FUNCTION angzarr._flush()
RETURNS void
AS 'MODULE_PATHNAME', 'angzarr_flush'
LANGUAGE C
VOLATILE
PARALLEL UNSAFE;
COMMENT ON FUNCTION angzarr._flush() IS
    'makes what was read durable, also where its writer did not wait for that';

CREATE FUNCTION angzarr._components_changed()
RETURNS trigger
AS 'MODULE_PATHNAME', 'angzarr_components_changed'
LANGUAGE C
VOLATILE
PARALLEL UNSAFE;
COMMENT ON FUNCTION angzarr._components_changed() IS
    'trigger function: the engine reads the components again at the commit';

CREATE TRIGGER components_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON angzarr.components
    FOR EACH STATEMENT EXECUTE FUNCTION angzarr._components_changed();
COMMENT ON TRIGGER components_changed ON angzarr.components IS
    'tells the engine';

CREATE FUNCTION angzarr._engine_available()
RETURNS boolean
AS 'MODULE_PATHNAME', 'angzarr_engine_available'
LANGUAGE C
STABLE
PARALLEL RESTRICTED;
COMMENT ON FUNCTION angzarr._engine_available() IS
    'whether this server was started with the library, so that engines run in it';

CREATE FUNCTION angzarr._warn_without_engine()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _warn_without_engine(): says what to set when nothing would call components
BEGIN
    IF NOT angzarr._engine_available() THEN
        RAISE WARNING 'no engine runs in this server'
            USING DETAIL = 'Components can be registered, but nothing calls them.',
                  HINT = 'Set shared_preload_libraries = ''angzarr'' and restart the'
                         ' server.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION angzarr._warn_without_engine() IS
    'trigger function: warns when no engine could call what is registered';

CREATE TRIGGER warn_without_engine
    AFTER INSERT ON angzarr.components
    FOR EACH STATEMENT EXECUTE FUNCTION angzarr._warn_without_engine();
COMMENT ON TRIGGER warn_without_engine ON angzarr.components IS
    'says what to set when no engine could call what is registered';

CREATE FUNCTION angzarr._workers()
RETURNS TABLE (
    database name,
    worker integer,
    pid integer,
    state text,
    started_at timestamptz,
    listening text,
    commands bigint,
    events bigint,
    rejected bigint,
    batches bigint,
    transactions bigint,
    connections integer,
    message text
)
AS 'MODULE_PATHNAME', 'angzarr_workers'
LANGUAGE C
VOLATILE
PARALLEL RESTRICTED;
COMMENT ON FUNCTION angzarr._workers() IS
    'the engines of this server; view workers shows them';
