-- What an event may carry beside its payload: the cause it goes back to, and ext.

CREATE TYPE angzarr.cause AS (
    domain text,
    edition text,
    root uuid,
    sequence bigint,
    component text
);
COMMENT ON TYPE angzarr.cause IS
    'the event that new events go back to, and the component that reacted to it';
COMMENT ON COLUMN angzarr.cause.domain IS 'domain of the causing event';
COMMENT ON COLUMN angzarr.cause.edition IS
    'timeline of the causing event, empty for the main one';
COMMENT ON COLUMN angzarr.cause.root IS 'root of the causing event';
COMMENT ON COLUMN angzarr.cause.sequence IS 'sequence of the causing event';
COMMENT ON COLUMN angzarr.cause.component IS 'name of the component that reacted to it';

CREATE FUNCTION angzarr._is_any(message bytea)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _is_any(message) -> whether it is an encoded google.protobuf.Any
-- A type_url of visible ASCII (field 1) and a value (field 2), and nothing else.
DECLARE
    _at bigint := 0::bigint;
    _tag integer;
    _size bigint;
    _shift integer;
    _byte integer;
BEGIN
    WHILE _at < octet_length(message) LOOP
        _tag := get_byte(message, _at::integer);
        _size := 0::bigint;
        _shift := 0;
        LOOP
            _at := _at + 1;
            IF _at >= octet_length(message) OR _shift > 28 THEN
                RETURN false;
            END IF;
            _byte := get_byte(message, _at::integer);
            _size := _size | ((_byte & 127)::bigint << _shift);
            _shift := _shift + 7;
            EXIT WHEN _byte < 128;
        END LOOP;
        IF _tag NOT IN (10, 18) OR _at + _size >= octet_length(message)
            OR _tag = 10 AND encode(substr(message, _at::integer + 2, _size::integer),
                                    'hex') !~ '^(2[1-9a-f]|[3-6].|7[0-9a-e])*$' THEN
            RETURN false;
        END IF;
        _at := _at + 1 + _size;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION angzarr._is_any(bytea) IS
    'whether bytes are an encoded google.protobuf.Any';

CREATE FUNCTION angzarr._check_ext(ext bytea)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_ext(ext): 54000 when it is too large, 22023 when nobody could read it
BEGIN
    IF octet_length(ext) > angzarr._max_payload_size() THEN
        RAISE EXCEPTION 'ext is too large'
            USING ERRCODE = 'program_limit_exceeded',
                  DETAIL = format('It has %s bytes; the limit is %s.',
                                  octet_length(ext), angzarr._max_payload_size()),
                  HINT = 'Raise angzarr.max_payload_size, or store it elsewhere and'
                         ' append a reference.';
    END IF;
    IF NOT angzarr._is_any(ext) THEN
        RAISE EXCEPTION 'invalid ext'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'It is not an encoded google.protobuf.Any.',
                  HINT = 'An ext has a type_url (field 1) and a value (field 2); leave it'
                         ' null or empty where there is none.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_ext(bytea) IS
    'refuses an ext that is too large or could not be read again';

CREATE FUNCTION angzarr._check_cause(cause angzarr.cause)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_cause(cause): 22023 unless all five parts of it are valid
DECLARE
    _fault text := CASE
        WHEN cause.domain IS NULL THEN 'Its domain is null.'
        WHEN cause.edition IS NULL THEN 'Its edition is null.'
        WHEN cause.root IS NULL THEN 'Its root is null.'
        WHEN cause.sequence IS NULL THEN 'Its sequence is null.'
        WHEN cause.component IS NULL THEN 'Its component is null.'
        WHEN cause.sequence NOT BETWEEN 0 AND 4294967295
            THEN 'Its sequence is not one of 0 to 4294967295.'
        WHEN length(cause.component) > 64
            OR cause.component COLLATE "C" !~ '^[a-z_][a-z0-9_-]*$'
            THEN format('"%s" is not the name of a component.',
                        left(cause.component, 80)) END;
BEGIN
    IF _fault IS NOT NULL THEN
        RAISE EXCEPTION 'invalid cause'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = _fault,
                  HINT = 'A cause has domain, edition (empty is the main timeline),'
                         ' root and sequence of an event, and the name of the component'
                         ' that reacted to it.';
    END IF;
    PERFORM angzarr._check_domain(cause.domain);
    PERFORM angzarr._stored_edition(cause.edition);
END
$$;
COMMENT ON FUNCTION angzarr._check_cause(angzarr.cause) IS
    'refuses a cause that is not whole';

CREATE FUNCTION angzarr._depth_after(cause angzarr.cause)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _depth_after(cause) -> length of the chain of causes of what it caused
-- 1 where the causing event is not here.  Fails with 54000 after the longest one.
DECLARE
    _edition text := angzarr._stored_edition(cause.edition);
    _depth integer := (
        SELECT p.depth + 1
        FROM angzarr._pages(
            cause.root, cause.domain, _edition,
            CASE WHEN _edition <> ''
                 THEN angzarr._divergence(cause.root, cause.domain, _edition) END,
            cause.sequence, cause.sequence) AS p);
BEGIN
    IF _depth > 32767 THEN
        RAISE EXCEPTION 'chain of causes is too long'
            USING ERRCODE = 'program_limit_exceeded',
                  DETAIL = format('Event %s of stream %s is at depth 32767, the last'
                                  ' one.', cause.sequence,
                                  angzarr._stream_name(cause.domain, cause.root,
                                                       _edition)),
                  HINT = 'Look for components that react to each other in a circle.';
    END IF;
    RETURN coalesce(_depth, 1);
END
$$;
COMMENT ON FUNCTION angzarr._depth_after(angzarr.cause) IS
    'the depth of events that this cause has';

CREATE FUNCTION angzarr._origin(cause angzarr.cause)
RETURNS TABLE (
    depth integer,
    domain text,
    edition text,
    root uuid,
    sequence bigint,
    component text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
-- _origin(cause) -> what is stored of it with each event, and their depth
-- No cause at all: depth 0 and nulls.
#variable_conflict use_column
BEGIN
    IF cause IS NULL THEN
        _origin.depth := 0;
    ELSE
        PERFORM angzarr._check_cause(cause);
        _origin.depth := angzarr._depth_after(cause);
        _origin.domain := cause.domain;
        _origin.edition := angzarr._stored_edition(cause.edition);
        _origin.root := cause.root;
        _origin.sequence := cause.sequence;
        _origin.component := cause.component;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION angzarr._origin(angzarr.cause) IS
    'the columns that a cause fills, checked; depth 0 and nulls without one';
