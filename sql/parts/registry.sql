-- Components: registering business logic.

CREATE FUNCTION angzarr._check_address(address text)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_address(address): 22023 or 0A000 unless the engine can call it
DECLARE
    _host_and_port text[] := regexp_match(address COLLATE "C",
        '^grpc://([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])'
        ':([0-9]{1,5})$');
    _fault text;
BEGIN
    _fault := CASE
        WHEN address IS NULL THEN 'The address is null.'
        WHEN length(address) > 255 THEN 'It has more than 255 characters.'
        WHEN address LIKE 'unix:%' AND address COLLATE "C" !~ '^unix:/[!-~]+$'
            THEN 'After "unix:" comes the absolute path of a socket.'
        WHEN address LIKE 'unix:%' AND length(address) > 5 + 107
            THEN 'A socket''s path has at most 107 characters.'
        WHEN address LIKE 'grpc://%' AND _host_and_port IS NULL
            THEN 'After "grpc://" come a host and, behind ":", a port.'
        WHEN address LIKE 'grpc://%' AND _host_and_port[3]::int NOT BETWEEN 1 AND 65535
            THEN 'Ports are 1 to 65535.'
        WHEN _host_and_port[1] LIKE '169.254.%'
            OR lower(_host_and_port[1]) LIKE '[fe80:%'
            THEN 'Link-local addresses are not called.'
    END;
    IF address LIKE 'grpcs://%' THEN
        RAISE EXCEPTION 'TLS to business logic is not available in this version'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = format('The address is "%s".', left(address, 300)),
                  HINT = 'Use grpc://host:port or unix:/path.';
    END IF;
    IF _fault IS NOT NULL
        OR NOT (starts_with(address, 'grpc://') OR starts_with(address, 'unix:')) THEN
        RAISE EXCEPTION 'invalid address %',
                        coalesce('"' || left(address, 300) || '"', 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = coalesce(_fault,
                      'It begins with neither "grpc://" nor "unix:".'),
                  HINT = 'An address is grpc://host:port or unix:/path.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_address(text) IS
    'refuses an address that the engine could not call';

CREATE FUNCTION angzarr._check_reserved(domain text)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_reserved(domain): 22023 when it is one of the engine's own
BEGIN
    IF starts_with(domain, '_angzarr') THEN
        RAISE EXCEPTION 'domain "%" is reserved', domain
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Domains that begin with "_angzarr" are the engine''s own.',
                  HINT = 'Choose another name for the domain.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_reserved(text) IS
    'refuses a domain that belongs to the engine';

CREATE FUNCTION angzarr._raise_subscribed(name text)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _raise_subscribed(name): 42710, a program has subscribed under it
BEGIN
    RAISE EXCEPTION 'name "%" belongs to a subscription', name
        USING ERRCODE = 'duplicate_object',
              DETAIL = 'A program reads the log under this name.',
              HINT = 'Give the component another name, or call'
                     ' angzarr.unsubscribe(name) if nobody reads any more.';
END
$$;
COMMENT ON FUNCTION angzarr._raise_subscribed(text) IS
    'fails with 42710: a subscription has that name';

CREATE FUNCTION angzarr._check_component(name text, domain text, kind text)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_component(name, domain, kind): 22023 or 42710 unless both are free
-- A domain has one owner, and may have one upcaster.
#variable_conflict use_column
DECLARE
    _owner record;
BEGIN
    IF name IS NULL OR length(name) > 64
        OR name COLLATE "C" !~ '^[a-z_][a-z0-9_-]*$' THEN
        RAISE EXCEPTION 'invalid component name %',
                        coalesce('"' || left(name, 80) || '"', 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'A name has 1 to 64 characters.',
                  HINT = 'A name is a lower-case letter or "_", followed by lower-case'
                         ' letters, digits, "_" and "-".';
    END IF;
    PERFORM angzarr._check_reserved(domain);
    SELECT c.name, c.kind INTO _owner FROM angzarr.components AS c
    WHERE c.domain = _check_component.domain
        AND CASE WHEN _check_component.kind = 'upcaster' THEN c.kind = 'upcaster'
                 ELSE c.kind IN ('aggregate', 'process_manager') END;
    IF FOUND THEN
        RAISE EXCEPTION 'domain "%" already has an %', domain,
                        CASE kind WHEN 'upcaster' THEN 'upcaster' ELSE 'owner' END
            USING ERRCODE = 'duplicate_object',
                  DETAIL = format('It belongs to component "%s".', _owner.name),
                  HINT = format(CASE _owner.kind WHEN 'process_manager'
                      THEN 'Call angzarr.unregister(%L) first, which forgets how far it'
                           ' has come; to move it, set its address in'
                           ' angzarr.components.'
                      ELSE 'Call angzarr.unregister(%L) first; both in one'
                           ' transaction move it without a gap.' END, _owner.name);
    END IF;
    IF EXISTS (SELECT FROM angzarr.components AS c
               WHERE c.name = _check_component.name) THEN
        RAISE EXCEPTION 'component "%" is already registered', name
            USING ERRCODE = 'duplicate_object',
                  DETAIL = (SELECT CASE WHEN c.domain = ''
                                THEN format('It is a %s.', c.kind)
                                ELSE format('It is registered for domain "%s".',
                                            c.domain) END
                            FROM angzarr.components AS c
                            WHERE c.name = _check_component.name),
                  HINT = 'Give another name, or unregister that one first.';
    END IF;
    IF EXISTS (SELECT FROM angzarr.subscriptions AS s
               WHERE s.component = _check_component.name) THEN
        PERFORM angzarr._raise_subscribed(name);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_component(text, text, text) IS
    'refuses a component whose name or domain is invalid or taken';

CREATE FUNCTION angzarr._check_deadline(deadline interval)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_deadline(deadline): 22023 unless it is 1 millisecond to 1 day, or null
BEGIN
    IF deadline < interval '1 millisecond' OR deadline > interval '1 day' THEN
        RAISE EXCEPTION 'invalid deadline %', deadline
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'A deadline is 1 millisecond to 1 day.',
                  HINT = 'Leave it null to use angzarr.call_timeout.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_deadline(interval) IS
    'refuses a deadline of a component that is out of range';

CREATE FUNCTION angzarr.register_aggregate(
    domain text,
    address text,
    name text DEFAULT NULL,
    deadline interval DEFAULT NULL,
    send_snapshots boolean DEFAULT true
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- register_aggregate(domain, address | name, deadline, send_snapshots)
-- -> the component's name, which is the domain by default
-- Commands for the domain are from the commit on handled at the address.
DECLARE
    _name text := coalesce(name, domain);
BEGIN
    PERFORM angzarr._check_domain(domain);
    PERFORM angzarr._check_address(address);
    PERFORM angzarr._check_component(_name, domain, 'aggregate');
    PERFORM angzarr._check_deadline(deadline);
    INSERT INTO angzarr.components
        (name, kind, domain, address, deadline, send_snapshots)
    VALUES (_name, 'aggregate', domain, address, deadline,
            coalesce(send_snapshots, true));
    RETURN _name;
END
$$;
COMMENT ON FUNCTION angzarr.register_aggregate(
    text, text, text, interval, boolean) IS
    'sends the commands of a domain to the business logic at an address';

CREATE FUNCTION angzarr.register_upcaster(
    domain text,
    address text,
    name text DEFAULT NULL,
    deadline interval DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- register_upcaster(domain, address | name, deadline)
-- -> the component's name, which is the domain and "-upcaster" by default
-- Business logic is from the commit on given the domain's events as the
-- upcaster at the address makes them; stored events stay as they are.
DECLARE
    _name text := coalesce(name, domain || '-upcaster');
BEGIN
    PERFORM angzarr._check_domain(domain);
    PERFORM angzarr._check_address(address);
    PERFORM angzarr._check_component(_name, domain, 'upcaster');
    PERFORM angzarr._check_deadline(deadline);
    INSERT INTO angzarr.components (name, kind, domain, address, deadline)
    VALUES (_name, 'upcaster', domain, address, deadline);
    RETURN _name;
END
$$;
COMMENT ON FUNCTION angzarr.register_upcaster(text, text, text, interval) IS
    'gives a domain''s events to business logic in the form that an upcaster makes';

CREATE FUNCTION angzarr._check_inputs(inputs text[], kind text)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_inputs(inputs, kind): 22023 unless a component may listen to these domains
-- None at all is every domain for a projector, and refused for the others.
DECLARE
    _fault text;
    _input text;
BEGIN
    _fault := CASE
        WHEN inputs IS NULL THEN 'The array of domains is null.'
        WHEN array_ndims(inputs) > 1
            THEN format('The array has the dimensions %s.', array_dims(inputs))
        WHEN cardinality(inputs) = 0 AND kind <> 'projector'
            THEN 'The array of domains is empty.'
    END;
    IF _fault IS NOT NULL THEN
        RAISE EXCEPTION 'invalid inputs of a %', replace(kind, '_', ' ')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = _fault,
                  HINT = CASE kind
                      WHEN 'projector' THEN 'Give the domains whose events it gets as'
                          ' an array of one dimension; empty is every domain.'
                      ELSE 'Give the domains whose events it gets as an array of one'
                          ' dimension.' END;
    END IF;
    PERFORM angzarr._check_domain(d) FROM unnest(inputs) AS d;
    PERFORM angzarr._check_reserved(d) FROM unnest(inputs) AS d;
    SELECT d INTO _input FROM unnest(inputs) AS d GROUP BY d HAVING count(*) > 1
    ORDER BY d LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'domain "%" is named twice', _input
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('The inputs are %s.', array_to_string(inputs, ', ')),
                  HINT = 'Name each domain once.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_inputs(text[], text) IS
    'refuses domains that a component cannot listen to';

CREATE FUNCTION angzarr._check_limits(max_attempts integer, max_in_flight integer)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_limits(max_attempts, max_in_flight): 22023 unless in range, or null
BEGIN
    IF max_attempts NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION 'invalid max_attempts %', max_attempts
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'It is 1 to 1000000 calls in all for one delivery.',
                  HINT = 'Leave it null to use angzarr.max_attempts.';
    ELSIF max_in_flight NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'invalid max_in_flight %', max_in_flight
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'It is 1 to 10000 deliveries at a time.',
                  HINT = 'Leave it null to use angzarr.max_deliveries.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_limits(integer, integer) IS
    'refuses limits of a component that are out of range';

CREATE FUNCTION angzarr._begin_cursor(component text, from_position bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- _begin_cursor(component, from_position): from there on it gets its inputs' events
-- Null: from now on, which is behind the position drawn last.
#variable_conflict use_column
DECLARE
    _inputs text[];
    _position bigint := coalesce(from_position, (
        SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END
        FROM angzarr.events_position_seq AS s));
BEGIN
    SELECT c.inputs INTO _inputs FROM angzarr.components AS c
    WHERE c.name = _begin_cursor.component
        AND c.kind IN ('saga', 'projector', 'process_manager');
    IF NOT FOUND THEN
        PERFORM angzarr._raise_unknown(_begin_cursor.component);
    END IF;
    PERFORM angzarr._check_subscribed(_inputs, _position);
    INSERT INTO angzarr.subscriptions (component, domains, position, epoch)
    VALUES (_begin_cursor.component, _inputs, _position,
            nextval('angzarr.subscriptions_epoch_seq'))
    ON CONFLICT ON CONSTRAINT subscriptions_pkey DO NOTHING;
    IF NOT FOUND THEN
        PERFORM angzarr._raise_subscribed(_begin_cursor.component);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._begin_cursor(text, bigint) IS
    'makes the cursor of a component that was just registered';

CREATE FUNCTION angzarr._forget_cursor(component text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- _forget_cursor(component): forgets how far it came, and its timers
-- The cursor first: who writes exceptions has it locked.
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM angzarr.components AS c
               WHERE c.name = _forget_cursor.component) THEN
        RAISE EXCEPTION 'component "%" is registered', component
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Its cursor is forgotten with it.',
                  HINT = 'Call angzarr.unregister(name).';
    END IF;
    DELETE FROM angzarr.subscriptions AS s
    WHERE s.component = _forget_cursor.component;
    DELETE FROM angzarr.exceptions AS x WHERE x.component = _forget_cursor.component;
    DELETE FROM angzarr.timers AS t WHERE t.component = _forget_cursor.component;
END
$$;
COMMENT ON FUNCTION angzarr._forget_cursor(text) IS
    'forgets the cursor, exceptions and timers of a component that is gone';

CREATE FUNCTION angzarr.register_projector(
    name text,
    inputs text[],
    address text,
    deadline interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    max_in_flight integer DEFAULT NULL,
    from_position bigint DEFAULT 0
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- register_projector(name, inputs, address | deadline, max_attempts, max_in_flight,
-- from_position) -> its name
-- It gets the events of these domains, or of all when there are none, from the
-- beginning unless told; a null position: from now on.
BEGIN
    PERFORM angzarr._check_component(name, NULL, 'projector');
    PERFORM angzarr._check_inputs(inputs, 'projector');
    PERFORM angzarr._check_address(address);
    PERFORM angzarr._check_deadline(deadline);
    PERFORM angzarr._check_limits(max_attempts, max_in_flight);
    INSERT INTO angzarr.components
        (name, kind, inputs, address, deadline, max_attempts, max_in_flight)
    VALUES (name, 'projector', inputs, address, deadline, max_attempts, max_in_flight);
    PERFORM angzarr._begin_cursor(name, from_position);
    RETURN name;
END
$$;
COMMENT ON FUNCTION angzarr.register_projector(
    text, text[], text, interval, integer, integer, bigint) IS
    'gives the events of domains to a projector at an address';

CREATE FUNCTION angzarr.register_saga(
    name text,
    input text,
    address text,
    deadline interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    max_in_flight integer DEFAULT NULL,
    from_position bigint DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- register_saga(name, input, address | deadline, max_attempts, max_in_flight,
-- from_position) -> its name
-- It gets the events of that domain from now on unless told, and what it answers
-- is done.
BEGIN
    PERFORM angzarr._check_component(name, NULL, 'saga');
    PERFORM angzarr._check_inputs(ARRAY[input], 'saga');
    PERFORM angzarr._check_address(address);
    PERFORM angzarr._check_deadline(deadline);
    PERFORM angzarr._check_limits(max_attempts, max_in_flight);
    INSERT INTO angzarr.components
        (name, kind, inputs, address, deadline, max_attempts, max_in_flight)
    VALUES (name, 'saga', ARRAY[input], address, deadline, max_attempts,
            max_in_flight);
    PERFORM angzarr._begin_cursor(name, from_position);
    RETURN name;
END
$$;
COMMENT ON FUNCTION angzarr.register_saga(
    text, text, text, interval, integer, integer, bigint) IS
    'gives the events of a domain to a saga at an address, and does what it answers';

CREATE FUNCTION angzarr.register_process_manager(
    name text,
    domain text,
    inputs text[],
    address text,
    deadline interval DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    max_in_flight integer DEFAULT NULL,
    send_snapshots boolean DEFAULT true,
    from_position bigint DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- register_process_manager(name, domain, inputs, address | deadline, max_attempts,
-- max_in_flight, send_snapshots, from_position) -> its name
-- It gets the events of the inputs from now on unless told, and keeps its own in
-- the domain, which may be one of the inputs.
BEGIN
    PERFORM angzarr._check_domain(domain);
    PERFORM angzarr._check_component(name, domain, 'process_manager');
    PERFORM angzarr._check_inputs(inputs, 'process_manager');
    PERFORM angzarr._check_address(address);
    PERFORM angzarr._check_deadline(deadline);
    PERFORM angzarr._check_limits(max_attempts, max_in_flight);
    INSERT INTO angzarr.components (name, kind, domain, inputs, address, deadline,
                                    max_attempts, max_in_flight, send_snapshots)
    VALUES (name, 'process_manager', domain, inputs, address, deadline, max_attempts,
            max_in_flight, coalesce(send_snapshots, true));
    PERFORM angzarr._begin_cursor(name, from_position);
    RETURN name;
END
$$;
COMMENT ON FUNCTION angzarr.register_process_manager(
    text, text, text[], text, interval, integer, integer, boolean, bigint) IS
    'gives the events of domains to a process manager, and does what it answers';

CREATE FUNCTION angzarr._raise_unknown(name text)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _raise_unknown(name): ZA004, with the names there are
BEGIN
    RAISE EXCEPTION 'component % does not exist', coalesce('"' || name || '"', 'NULL')
        USING ERRCODE = 'ZA004',
              DETAIL = coalesce(
                  (SELECT format('Registered are: %s.',
                                 string_agg(c.name, ', ' ORDER BY c.name))
                   FROM angzarr.components AS c
                   HAVING count(*) > 0),
                  'No component is registered.'),
              HINT = 'Names are in column "name" of angzarr.components.';
END
$$;
COMMENT ON FUNCTION angzarr._raise_unknown(text) IS
    'fails with ZA004: no component has that name';

CREATE FUNCTION angzarr.unregister(name text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- unregister(name): from the commit on the component is not called
-- Its events stay; its cursor, and what was still to be delivered to it, go.
#variable_conflict use_column
DECLARE
    _kind text;
BEGIN
    DELETE FROM angzarr.components AS c WHERE c.name = unregister.name
    RETURNING c.kind INTO _kind;
    IF NOT FOUND THEN
        PERFORM angzarr._raise_unknown(unregister.name);
    ELSIF _kind IN ('saga', 'projector', 'process_manager') THEN
        PERFORM angzarr._forget_cursor(unregister.name);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr.unregister(text) IS
    'forgets a component and its cursor; events that it caused stay';

CREATE FUNCTION angzarr.enable(name text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- enable(name): from the commit on the component is called again
#variable_conflict use_column
BEGIN
    UPDATE angzarr.components AS c SET enabled = true WHERE c.name = enable.name;
    IF NOT FOUND THEN
        PERFORM angzarr._raise_unknown(enable.name);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr.enable(text) IS 'lets a disabled component be called again';

CREATE FUNCTION angzarr.disable(name text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- disable(name): from the commit on the component is not called
-- Commands for its domain are then answered with UNAVAILABLE; those of an
-- upcaster's domain as soon as the aggregate has events.
#variable_conflict use_column
BEGIN
    UPDATE angzarr.components AS c SET enabled = false WHERE c.name = disable.name;
    IF NOT FOUND THEN
        PERFORM angzarr._raise_unknown(disable.name);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr.disable(text) IS
    'stops calls to a component until it is enabled again';

CREATE FUNCTION angzarr._components()
RETURNS TABLE (
    name text,
    kind text,
    domain text,
    address text,
    deadline_ms bigint,
    send_snapshots boolean,
    enabled boolean,
    inputs text,
    max_attempts integer,
    max_in_flight integer
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _components() -> what the engine calls, in order of name
    -- inputs: separated by commas, which no domain has.
    SELECT c.name, c.kind, c.domain, c.address,
        ceil(extract(epoch FROM c.deadline) * 1000)::bigint,
        c.send_snapshots, c.enabled, array_to_string(c.inputs, ','),
        c.max_attempts, c.max_in_flight
    FROM angzarr.components AS c
    WHERE c.address IS NOT NULL
    ORDER BY c.name;
END;
COMMENT ON FUNCTION angzarr._components() IS
    'the components that the engine calls at an address';
