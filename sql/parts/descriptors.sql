-- Descriptors: what users' payload types look like.

CREATE FUNCTION angzarr._checked_descriptors(
    names text[],
    files bytea[],
    descriptor_set bytea,
    OUT name text,
    OUT file bytea
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'angzarr_checked_descriptors'
LANGUAGE C
STRICT
IMMUTABLE
PARALLEL SAFE;
COMMENT ON FUNCTION angzarr._checked_descriptors(text[], bytea[], bytea) IS
    'the files of a set, if they go together with those there are and may follow them';

CREATE FUNCTION angzarr.register_descriptors(descriptor_set bytea)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- register_descriptors(descriptor_set) -> how many files of it are kept
-- An encoded FileDescriptorSet.  All of it is checked before anything changes;
-- a file that is there already is replaced if what was stored by the old one can
-- still be read by the new one.
DECLARE
    _count integer;
BEGIN
    IF descriptor_set IS NULL THEN
        RAISE EXCEPTION 'invalid descriptor set NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The descriptor set is null.',
                  HINT = 'Make one with protoc --include_imports --descriptor_set_out.';
    END IF;
    -- Of two at a time each must see what the other one leaves.
    LOCK TABLE angzarr.descriptors IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO angzarr.descriptors AS d (name, file)
    SELECT c.name, c.file
    FROM angzarr._checked_descriptors(
        ARRAY(SELECT v.name FROM angzarr.descriptors AS v ORDER BY v.name),
        ARRAY(SELECT v.file FROM angzarr.descriptors AS v ORDER BY v.name),
        descriptor_set) AS c
    ON CONFLICT ON CONSTRAINT descriptors_pkey DO UPDATE
    SET file = EXCLUDED.file, created_at = EXCLUDED.created_at;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr.register_descriptors(bytea) IS
    'tells what payload types look like, by an encoded FileDescriptorSet of protoc';

CREATE FUNCTION angzarr._descriptors()
RETURNS TABLE (name text, file bytea)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _descriptors() -> the registered files, in order of name
    SELECT d.name, d.file FROM angzarr.descriptors AS d ORDER BY d.name;
END;
COMMENT ON FUNCTION angzarr._descriptors() IS
    'the files that the engine knows payload types from';

CREATE TRIGGER descriptors_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON angzarr.descriptors
    FOR EACH STATEMENT EXECUTE FUNCTION angzarr._components_changed();
COMMENT ON TRIGGER descriptors_changed ON angzarr.descriptors IS
    'tells the engine';

CREATE FUNCTION angzarr._descriptors_changed()
RETURNS trigger
AS 'MODULE_PATHNAME', 'angzarr_descriptors_changed'
LANGUAGE C
VOLATILE
PARALLEL UNSAFE;
COMMENT ON FUNCTION angzarr._descriptors_changed() IS
    'makes every session forget the payload types that it has kept';

CREATE TRIGGER descriptors_forgotten
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON angzarr.descriptors
    FOR EACH STATEMENT EXECUTE FUNCTION angzarr._descriptors_changed();
COMMENT ON TRIGGER descriptors_forgotten ON angzarr.descriptors IS
    'tells the sessions';
