-- Copies: the engine of a restored dump or of a copied database stays paused,
-- so that it never calls the business logic of the original.

-- _activations: where the store was last activated: one row, of this database;
-- a row of another one comes with a dump or a copy.  The name sorts before
-- those of the other tables, so that a restore loads it before the components;
-- and there is no key, because a restore in place brings the same row twice.
CREATE TABLE angzarr._activations (
    system_identifier bigint NOT NULL,
    database oid NOT NULL,
    activated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE angzarr._activations IS
    'where the store was activated; a row of another database: this is a copy';
COMMENT ON COLUMN angzarr._activations.system_identifier IS 'of the server';
COMMENT ON COLUMN angzarr._activations.database IS 'of the database in that server';
COMMENT ON COLUMN angzarr._activations.activated_at IS 'when';
SELECT pg_extension_config_dump('angzarr._activations', '');

CREATE FUNCTION angzarr._is_activated()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _is_activated() -> false in a copy
    SELECT coalesce(bool_and(a.system_identifier = s.system_identifier
                             AND a.database = d.oid), false)
    FROM angzarr._activations AS a
    CROSS JOIN pg_control_system() AS s
    CROSS JOIN pg_catalog.pg_database AS d
    WHERE d.datname = current_database();
END;
COMMENT ON FUNCTION angzarr._is_activated() IS
    'whether this database is the one where the store was last activated';

CREATE FUNCTION angzarr.activate()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- activate() -> true: this was a copy, and its engine starts at the commit
-- False: there was nothing to do.
BEGIN
    IF angzarr._is_activated() THEN
        RETURN false;
    END IF;
    DELETE FROM angzarr._activations;
    INSERT INTO angzarr._activations (system_identifier, database)
    SELECT s.system_identifier, d.oid
    FROM pg_control_system() AS s
    CROSS JOIN pg_database AS d
    WHERE d.datname = current_database();
    RETURN true;
END
$$;
COMMENT ON FUNCTION angzarr.activate() IS
    'lets the engine of a copied or restored database start';
SELECT angzarr.activate();

CREATE FUNCTION angzarr._activation_changed()
RETURNS trigger
AS 'MODULE_PATHNAME', 'angzarr_activation_changed'
LANGUAGE C
VOLATILE
PARALLEL UNSAFE;
COMMENT ON FUNCTION angzarr._activation_changed() IS
    'trigger function: the engine starts anew at the commit';

CREATE TRIGGER activation_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON angzarr._activations
    FOR EACH STATEMENT EXECUTE FUNCTION angzarr._activation_changed();
COMMENT ON TRIGGER activation_changed ON angzarr._activations IS
    'tells the engine';
