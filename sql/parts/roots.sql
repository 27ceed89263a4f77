-- Roots made from names, so that everybody finds the same aggregate.

CREATE FUNCTION angzarr.uuid5(namespace uuid, name text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'angzarr_uuid5'
LANGUAGE C
IMMUTABLE
STRICT
PARALLEL SAFE;
COMMENT ON FUNCTION angzarr.uuid5(uuid, text) IS
    'the uuid of a name in a namespace (RFC 4122, version 5); always the same';

CREATE FUNCTION angzarr.root_of(domain text, business_key text)
RETURNS uuid
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- root_of(domain, business_key) -> the root of the aggregate with that key
    -- In the namespace of OIDs, as the clients of the wire contract have it.
    SELECT angzarr.uuid5('6ba7b812-9dad-11d1-80b4-00c04fd430c8',
                         root_of.domain || ':' || root_of.business_key);
END;
COMMENT ON FUNCTION angzarr.root_of(text, text) IS
    'the root of the aggregate that has this key in its domain; always the same';
