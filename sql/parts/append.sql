-- Appending: one stream at a time for people, many at once for the engine.

CREATE TYPE angzarr.new_event AS (
    type_url text,
    payload bytea,
    created_at timestamptz
);
COMMENT ON TYPE angzarr.new_event IS
    'an event about to be appended; created_at null: the clock decides';
COMMENT ON COLUMN angzarr.new_event.type_url IS 'protobuf type of the payload';
COMMENT ON COLUMN angzarr.new_event.payload IS 'encoded message';
COMMENT ON COLUMN angzarr.new_event.created_at IS 'when it happened, or null';

CREATE FUNCTION angzarr.new_event(
    type_url text,
    payload bytea,
    created_at timestamptz DEFAULT NULL
)
RETURNS angzarr.new_event
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- new_event(type_url, payload | created_at) -> an event for append()
    -- A bare type name gets the slash that makes it a type URL.
    SELECT ROW(
        CASE WHEN strpos(new_event.type_url, '/') = 0
             THEN '/' || new_event.type_url
             ELSE new_event.type_url END,
        new_event.payload,
        new_event.created_at
    )::angzarr.new_event;
END;
COMMENT ON FUNCTION angzarr.new_event(text, bytea, timestamptz) IS
    'an event for append(): type (with or without a slash), encoded message, time';

CREATE FUNCTION angzarr._max_payload_size()
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _max_payload_size() -> bytes one payload may have
    -- Setting angzarr.max_payload_size, 256 kB when nobody set it.
    SELECT CASE coalesce(current_setting('angzarr.max_payload_size', true), '')
        WHEN '' THEN 262144
        WHEN '256kB' THEN 262144
        ELSE pg_size_bytes(regexp_replace(
            current_setting('angzarr.max_payload_size', true), '(\d)B$', '\1'))
    END;
END;
COMMENT ON FUNCTION angzarr._max_payload_size() IS
    'bytes that one payload may have: setting angzarr.max_payload_size';

CREATE FUNCTION angzarr._check_domain(domain text)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_domain(domain): 22023 unless it is a domain of the wire contract
BEGIN
    IF length(domain) <= 64 AND domain COLLATE "C" ~ '^[a-z_][a-z0-9_-]*$' THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'invalid domain %', coalesce('"' || left(domain, 80) || '"', 'NULL')
        USING ERRCODE = 'invalid_parameter_value',
              DETAIL = CASE
                  WHEN domain IS NULL THEN 'The domain is null.'
                  WHEN domain = '' THEN 'The domain is empty.'
                  WHEN length(domain) > 64
                      THEN format('It has %s characters; the limit is 64.',
                                  length(domain))
                  ELSE 'It has a character that a domain may not have.' END,
              HINT = 'A domain is a lower-case letter or "_", followed by lower-case'
                     ' letters, digits, "_" and "-".';
END
$$;
COMMENT ON FUNCTION angzarr._check_domain(text) IS
    'refuses what is not a domain of the wire contract';

CREATE FUNCTION angzarr._check_correlation_id(correlation_id text)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_correlation_id(correlation_id): 22023 unless the wire contract has it
BEGIN
    IF length(correlation_id) <= 128
        AND correlation_id COLLATE "C" ~ '^[A-Za-z0-9_-]*$' THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'invalid correlation id %',
                    coalesce('"' || left(correlation_id, 144) || '"', 'NULL')
        USING ERRCODE = 'invalid_parameter_value',
              DETAIL = CASE
                  WHEN correlation_id IS NULL THEN 'The correlation id is null.'
                  WHEN length(correlation_id) > 128
                      THEN format('It has %s characters; the limit is 128.',
                                  length(correlation_id))
                  ELSE 'It has a character that a correlation id may not have.' END,
              HINT = 'A correlation id has letters, digits, "_" and "-"; leave it empty'
                     ' where nothing belongs together.';
END
$$;
COMMENT ON FUNCTION angzarr._check_correlation_id(text) IS
    'refuses what is not a correlation id of the wire contract';

CREATE FUNCTION angzarr._check_root(root uuid)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_root(root): 22023 when it is null
BEGIN
    IF root IS NULL THEN
        RAISE EXCEPTION 'invalid root NULL'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The root is null.',
                  HINT = 'A root is the uuid of one aggregate of its domain.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_root(uuid) IS 'refuses a null root';

CREATE FUNCTION angzarr._check_payload_size(size bigint, ordinal bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_payload_size(size, ordinal): 54000 when event "ordinal" is too large
BEGIN
    IF size > angzarr._max_payload_size() THEN
        RAISE EXCEPTION 'payload of event % is too large', ordinal
            USING ERRCODE = 'program_limit_exceeded',
                  DETAIL = format('It has %s bytes; the limit is %s.',
                                  size, angzarr._max_payload_size()),
                  HINT = 'Raise angzarr.max_payload_size, or store the payload'
                         ' elsewhere and append a reference.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_payload_size(bigint, bigint) IS
    'refuses a payload over angzarr.max_payload_size';

CREATE FUNCTION angzarr._check_new_events(events angzarr.new_event[])
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_new_events(events): 22023 or 54000 unless every one can be stored
DECLARE
    _event record;
    _fault text;
BEGIN
    IF coalesce(cardinality(events), 0) = 0 THEN
        RAISE EXCEPTION 'no events to append'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The array of events is empty or null.',
                  HINT = 'Append at least one: ARRAY[angzarr.new_event(type,'
                         ' payload)].';
    END IF;
    IF array_ndims(events) <> 1 OR array_lower(events, 1) <> 1 THEN
        RAISE EXCEPTION 'invalid array of events'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Its dimensions are %s.', array_dims(events)),
                  HINT = 'Give an array of one dimension that begins at 1.';
    END IF;
    FOR _event IN
        SELECT u.type_url, u.payload, u.created_at, u.ordinal
        FROM unnest(events)
            WITH ORDINALITY AS u (type_url, payload, created_at, ordinal)
    LOOP
        _fault := CASE
            WHEN _event.type_url IS NULL THEN 'Its type_url is null.'
            WHEN _event.type_url IN ('', '/') THEN 'Its type_url is empty.'
            WHEN _event.payload IS NULL THEN 'Its payload is null.'
            WHEN _event.created_at < '0001-01-01 00:00:00+00'
                OR _event.created_at >= '10000-01-01 00:00:00+00'
                THEN 'Its created_at is outside the years 1 to 9999.'
        END;
        IF _fault IS NOT NULL THEN
            RAISE EXCEPTION 'invalid event %', _event.ordinal
                USING ERRCODE = 'invalid_parameter_value',
                      DETAIL = _fault,
                      HINT = 'An event has a type URL and an encoded message; an empty'
                             ' message is ''''::bytea.';
        END IF;
        PERFORM angzarr._check_payload_size(octet_length(_event.payload),
                                            _event.ordinal);
    END LOOP;
END
$$;
COMMENT ON FUNCTION angzarr._check_new_events(angzarr.new_event[]) IS
    'refuses events that could not be stored or sent';

CREATE FUNCTION angzarr._stream_name(domain text, root uuid, edition text)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _stream_name(domain, root, edition) -> what messages call a stream
    SELECT format('"%s/%s"', _stream_name.domain, _stream_name.root)
        || CASE WHEN _stream_name.edition = '' THEN ''
                ELSE format(' of edition "%s"', _stream_name.edition) END;
END;
COMMENT ON FUNCTION angzarr._stream_name(text, uuid, text) IS
    'what messages call a stream';

CREATE FUNCTION angzarr._refuse_append(
    domain text,
    root uuid,
    edition text,
    expected_sequence bigint,
    next_sequence bigint,
    count bigint
)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _refuse_append(domain, root, edition, expected_sequence, next_sequence, count)
-- Says why "count" events do not fit: 22023, ZA001 or 54000.
DECLARE
    _stream text := angzarr._stream_name(domain, root, edition);
BEGIN
    IF expected_sequence IS NULL OR expected_sequence NOT BETWEEN -1 AND 4294967295 THEN
        RAISE EXCEPTION 'invalid expected sequence %',
                        coalesce(expected_sequence::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Sequences are 0 to 4294967295.',
                  HINT = 'Give the next sequence of the stream, 0 for a new stream,'
                         ' or -1 to append wherever it is.';
    END IF;
    IF expected_sequence NOT IN (-1, next_sequence) THEN
        RAISE EXCEPTION 'stream % is at sequence %, not %',
                        _stream, next_sequence, expected_sequence
            USING ERRCODE = 'ZA001',
                  DETAIL = format('The append expects sequence %s to be next;'
                                  ' next is %s.', expected_sequence, next_sequence),
                  HINT = 'Reload the stream and decide again.';
    END IF;
    RAISE EXCEPTION 'stream % is full', _stream
        USING ERRCODE = 'program_limit_exceeded',
              DETAIL = format('It is at sequence %s; %s more would pass the last one,'
                              ' 4294967295.', next_sequence, count),
              HINT = 'Go on in another aggregate.';
END
$$;
COMMENT ON FUNCTION angzarr._refuse_append(text, uuid, text, bigint, bigint, bigint) IS
    'says why events do not fit: not the expected sequence, or the stream is full';

CREATE FUNCTION angzarr._check_append(
    domain text,
    root uuid,
    events angzarr.new_event[],
    correlation_id text
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_append(…): 22023 or 54000 unless append() can take these
BEGIN
    PERFORM angzarr._check_domain(domain);
    PERFORM angzarr._check_root(root);
    PERFORM angzarr._check_new_events(events);
    IF correlation_id <> '' THEN
        PERFORM angzarr._check_correlation_id(correlation_id);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_append(text, uuid, angzarr.new_event[], text) IS
    'refuses what append() cannot take';

-- The same as _check_append in short: quick, for the usual case.
CREATE FUNCTION angzarr._is_stream(domain text, root uuid, correlation_id text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _is_stream(domain, root, correlation_id) -> whether events may go there
    SELECT _is_stream.root IS NOT NULL
        AND length(_is_stream.domain) <= 64
        AND _is_stream.domain COLLATE "C" ~ '^[a-z_][a-z0-9_-]*$'
        AND (_is_stream.correlation_id = ''
             OR length(_is_stream.correlation_id) <= 128
             AND _is_stream.correlation_id COLLATE "C" ~ '^[A-Za-z0-9_-]*$');
END;
COMMENT ON FUNCTION angzarr._is_stream(text, uuid, text) IS
    'whether domain, root and correlation id are those of the wire contract';

CREATE FUNCTION angzarr._is_storable(
    type_url text,
    size integer,
    created_at timestamptz,
    max_size bigint
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _is_storable(type_url, size, created_at, max_size) -> whether an event is
    SELECT _is_storable.type_url NOT IN ('', '/')
        AND _is_storable.size <= _is_storable.max_size
        AND (_is_storable.created_at IS NULL
             OR _is_storable.created_at >= '0001-01-01 00:00:00+00'
             AND _is_storable.created_at < '10000-01-01 00:00:00+00');
END;
COMMENT ON FUNCTION angzarr._is_storable(text, integer, timestamptz, bigint) IS
    'whether an event could be stored and sent';

CREATE FUNCTION angzarr._lock_branches(
    root uuid[],
    domain text[],
    edition text[]
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _lock_branches(root, domain, edition): holds the rows of these branches
-- To the end of the transaction.  A statement after it sees what others wrote
-- before; in REPEATABLE READ it fails with 40001 if there were any.
#variable_conflict use_column
BEGIN
    INSERT INTO angzarr._branches (root, domain, edition)
    SELECT DISTINCT ON (u.root, u.domain COLLATE "C", u.edition COLLATE "C")
        u.root, u.domain, u.edition
    FROM unnest(_lock_branches.root, _lock_branches.domain, _lock_branches.edition)
        AS u (root, domain, edition)
    WHERE u.edition <> ''
    ORDER BY u.root, u.domain COLLATE "C", u.edition COLLATE "C"
    ON CONFLICT ON CONSTRAINT _branches_pkey
    DO UPDATE SET created_at = angzarr._branches.created_at;
END
$$;
COMMENT ON FUNCTION angzarr._lock_branches(uuid[], text[], text[]) IS
    'holds the rows of branches, so that of two first writers one wins';

CREATE FUNCTION angzarr._branch_head(
    root uuid,
    domain text,
    edition text,
    expected_sequence bigint
)
RETURNS TABLE (next_sequence bigint, last_at timestamptz)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _branch_head(root, domain, edition, expected_sequence)
--     -> where its next event goes, and the time of the event before
-- Of a branch that may still begin anywhere, that is the expected sequence.
#variable_conflict use_column
DECLARE
    _line record;
BEGIN
    PERFORM angzarr._lock_branches(ARRAY[_branch_head.root],
        ARRAY[_branch_head.domain], ARRAY[_branch_head.edition]);
    SELECT t.* INTO _line
    FROM angzarr._timeline(_branch_head.root, _branch_head.domain,
                           _branch_head.edition) AS t;
    _branch_head.next_sequence :=
        CASE WHEN expected_sequence BETWEEN _line.lowest AND _line.next_sequence
             THEN expected_sequence ELSE _line.next_sequence END;
    _branch_head.last_at := (
        SELECT e.created_at
        FROM angzarr.events AS e
        WHERE e.root = _branch_head.root AND e.domain = _branch_head.domain
            AND e.edition = CASE WHEN _line.is_own THEN _branch_head.edition ELSE '' END
            AND e.sequence < _branch_head.next_sequence
        ORDER BY e.sequence DESC
        LIMIT 1);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION angzarr._branch_head(uuid, text, text, bigint) IS
    'where the next event of a branch goes, whose row it holds from then on';

CREATE FUNCTION angzarr._append_rest(
    domain text,
    root uuid,
    edition text,
    first_sequence bigint,
    last_at timestamptz,
    events angzarr.new_event[],
    correlation_id text,
    ext bytea,
    depth integer,
    cause angzarr.cause
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _append_rest(…): all events but the first, whose place is won
-- An event without a time gets the clock, but never less than one before it.
#variable_conflict use_column
DECLARE
    _now timestamptz := clock_timestamp();
BEGIN
    INSERT INTO angzarr.events
        (root, domain, edition, sequence, created_at, correlation_id, type_url,
         payload, ext, depth, source_domain, source_edition, source_root,
         source_sequence, source_component)
    SELECT _append_rest.root, _append_rest.domain, _append_rest.edition,
        _append_rest.first_sequence + u.ordinal - 1,
        coalesce(u.created_at, greatest(_now, _append_rest.last_at,
                                        max(u.created_at) OVER (ORDER BY u.ordinal))),
        _append_rest.correlation_id, u.type_url, u.payload,
        _append_rest.ext, _append_rest.depth, _append_rest.cause.domain,
        _append_rest.cause.edition, _append_rest.cause.root,
        _append_rest.cause.sequence, _append_rest.cause.component
    FROM unnest(_append_rest.events)
        WITH ORDINALITY AS u (type_url, payload, created_at, ordinal)
    WHERE u.ordinal > 1
    ORDER BY u.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._append_rest(
    text, uuid, text, bigint, timestamptz, angzarr.new_event[], text, bytea, integer,
    angzarr.cause) IS
    'appends the events after the first one of append()';

CREATE FUNCTION angzarr.append(
    domain text,
    root uuid,
    expected_sequence bigint,
    events angzarr.new_event[],
    edition text DEFAULT '',
    correlation_id text DEFAULT '',
    ext bytea DEFAULT NULL,
    cause angzarr.cause DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- append(domain, root, expected_sequence, events | edition, correlation_id, ext,
--     cause) -> next sequence of the stream
-- All or nothing.  expected_sequence: 0 = the stream must be new, n = its next
-- sequence must be n, -1 = append wherever it is.
-- Fails with ZA001 when the stream is elsewhere; the caller reloads and decides
-- again.  No exception block: that would take a second transaction id.
#variable_conflict use_column
DECLARE
    _edition text := CASE WHEN append.edition = '' THEN ''
                          ELSE angzarr._stored_edition(append.edition) END;
    _correlation_id text := coalesce(append.correlation_id, '');
    _count integer := cardinality(append.events);
    _event angzarr.new_event := append.events[1];
    _depth integer := 0;
    _source_domain text;
    _source_edition text;
    _source_root uuid;
    _source_sequence bigint;
    _source_component text;
    _next bigint;
    _last_at timestamptz;
BEGIN
    -- A single event is the usual case, and quick to see; else look closely.
    IF (_count = 1 AND array_lower(append.events, 1) = 1
        AND angzarr._is_stream(append.domain, append.root, _correlation_id)
        AND angzarr._is_storable(_event.type_url, octet_length(_event.payload),
                                 _event.created_at, angzarr._max_payload_size()))
        IS NOT TRUE THEN
        PERFORM angzarr._check_append(append.domain, append.root, append.events,
                                      _correlation_id);
    END IF;
    IF append.ext IS NOT NULL OR NOT append.cause IS NULL THEN
        PERFORM angzarr._check_ext(append.ext);
        SELECT o.* INTO _depth, _source_domain, _source_edition, _source_root,
            _source_sequence, _source_component
        FROM angzarr._origin(append.cause) AS o;
        ext := nullif(append.ext, '');
        cause.edition := _source_edition;
    END IF;
    LOOP
        IF _edition = '' THEN
            SELECT h.next_sequence, h.last_at INTO _next, _last_at
            FROM angzarr._head(append.root, append.domain, '') AS h;
        ELSE
            SELECT b.next_sequence, b.last_at INTO _next, _last_at
            FROM angzarr._branch_head(append.root, append.domain, _edition,
                                      append.expected_sequence) AS b;
        END IF;
        IF append.expected_sequence NOT IN (-1, _next) IS NOT FALSE
            OR _next + _count > 4294967296 THEN
            PERFORM angzarr._refuse_append(append.domain, append.root, _edition,
                append.expected_sequence, _next, _count);
        END IF;
        -- The first event decides: who has its place has those after it too.
        INSERT INTO angzarr.events
            (root, domain, edition, sequence, created_at, correlation_id,
             type_url, payload, ext, depth, source_domain, source_edition,
             source_root, source_sequence, source_component)
        VALUES
            (append.root, append.domain, _edition, _next,
             coalesce(_event.created_at, greatest(clock_timestamp(), _last_at)),
             _correlation_id, _event.type_url, _event.payload,
             append.ext, _depth, _source_domain, _source_edition,
             _source_root, _source_sequence, _source_component)
        ON CONFLICT ON CONSTRAINT events_pkey DO NOTHING
        RETURNING created_at INTO _last_at;
        -- Not inserted: overtaken since the look at the head, so look again.
        EXIT WHEN FOUND;
    END LOOP;
    IF _count > 1 THEN
        PERFORM angzarr._append_rest(append.domain, append.root, _edition, _next,
                                     _last_at, append.events, _correlation_id,
                                     append.ext, _depth, append.cause);
    END IF;
    RETURN _next + _count;
END
$$;
COMMENT ON FUNCTION angzarr.append(
    text, uuid, bigint, angzarr.new_event[], text, text, bytea, angzarr.cause) IS
    'appends events to a stream, all or none, if it is at the expected sequence';

-- What the batch functions share.  A batch is 18 flat arrays with one value
-- per event ("page"); page 0 begins a new command.  Where speed counts the arrays
-- are unnested side by side in a SELECT list: in FROM each would first be written
-- out as a table of its own, twice the work.  append_batch and _append_probed force
-- generic plans, also on what they call: with few pages the planner would find plans
-- for just these values cheaper, and make them anew for each batch.

CREATE FUNCTION angzarr._stamped(
    root uuid[],
    domain text[],
    edition text[],
    sequence bigint[],
    page integer[],
    created_at timestamptz[]
)
RETURNS timestamptz[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
-- _stamped(…) -> created_at with the nulls filled
-- With the clock, but never less than an event before it in the stream has.
-- Sorts are priced out so that the look back never goes by (domain, position): on a
-- young table that plan looks as good as the key's, and would stay.
#variable_conflict use_column
DECLARE
    _now timestamptz := clock_timestamp();
BEGIN
    RETURN (
        SELECT array_agg(coalesce(c.created_at, greatest(_now, c.max_at))
                         ORDER BY c.ordinal)
        FROM (
            SELECT u.ordinal, u.created_at,
                max(greatest(u.created_at, coalesce(e.created_at, m.created_at)))
                    OVER (PARTITION BY u.command ORDER BY u.ordinal) AS max_at
            FROM (
                SELECT p.*, sum((p.page = 0)::int) OVER (ORDER BY p.ordinal) AS command
                FROM unnest(_stamped.root, _stamped.domain, _stamped.edition,
                            _stamped.sequence, _stamped.page, _stamped.created_at)
                    WITH ORDINALITY AS p
                    (root, domain, edition, sequence, page, created_at, ordinal)
            ) AS u
            LEFT JOIN LATERAL (
                SELECT v.created_at
                FROM angzarr.events AS v
                WHERE u.page = 0 AND u.created_at IS NULL
                    AND v.root = u.root AND v.domain = u.domain
                    AND v.edition = u.edition AND v.sequence < u.sequence
                ORDER BY v.sequence DESC
                LIMIT 1
            ) AS e ON true
            LEFT JOIN LATERAL (
                SELECT v.created_at
                FROM angzarr.events AS v
                WHERE u.page = 0 AND u.created_at IS NULL AND u.edition <> ''
                    AND v.root = u.root AND v.domain = u.domain
                    AND v.edition = '' AND v.sequence < u.sequence
                ORDER BY v.sequence DESC
                LIMIT 1
            ) AS m ON true
        ) AS c
    );
END
$$;
COMMENT ON FUNCTION angzarr._stamped(
    uuid[], text[], text[], bigint[], integer[], timestamptz[]) IS
    'times of a batch, with the clock where there was none';

CREATE FUNCTION angzarr._insert_pages(
    state smallint[], root uuid[], domain text[], edition text[], sequence bigint[],
    created_at timestamptz[], correlation_id text[], type_url text[], payload bytea[],
    external bytea[], ext bytea[], isolated boolean[], depth integer[],
    source_domain text[], source_edition text[], source_root uuid[],
    source_sequence bigint[], source_component text[]
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _insert_pages(state, …): the pages whose state is 0, in the order of the key,
-- so that two batches never wait for each other in a circle
#variable_conflict use_column
BEGIN
    INSERT INTO angzarr.events
        (root, domain, edition, sequence, created_at, correlation_id, type_url,
         payload, external, ext, isolated, depth, source_domain, source_edition,
         source_root, source_sequence, source_component)
    SELECT u.root, u.domain, u.edition, u.sequence, u.created_at, u.correlation_id,
        u.type_url, CASE WHEN nullif(u.external, '') IS NULL THEN u.payload END,
        nullif(u.external, ''), nullif(u.ext, ''), u.isolated, u.depth,
        u.source_domain, u.source_edition, u.source_root, u.source_sequence,
        u.source_component
    FROM (
        SELECT
            unnest(_insert_pages.state) AS state,
            unnest(_insert_pages.root) AS root,
            unnest(_insert_pages.domain) AS domain,
            unnest(_insert_pages.edition) AS edition,
            unnest(_insert_pages.sequence) AS sequence,
            unnest(_insert_pages.created_at) AS created_at,
            unnest(_insert_pages.correlation_id) AS correlation_id,
            unnest(_insert_pages.type_url) AS type_url,
            unnest(_insert_pages.payload) AS payload,
            unnest(_insert_pages.external) AS external,
            unnest(_insert_pages.ext) AS ext,
            unnest(_insert_pages.isolated) AS isolated,
            unnest(_insert_pages.depth) AS depth,
            unnest(_insert_pages.source_domain) AS source_domain,
            unnest(_insert_pages.source_edition) AS source_edition,
            unnest(_insert_pages.source_root) AS source_root,
            unnest(_insert_pages.source_sequence) AS source_sequence,
            unnest(_insert_pages.source_component) AS source_component
    ) AS u
    WHERE u.state = 0
    ORDER BY u.root, u.domain COLLATE "C", u.edition COLLATE "C", u.sequence;
END
$$;
COMMENT ON FUNCTION angzarr._insert_pages(
    smallint[], uuid[], text[], text[], bigint[], timestamptz[], text[], text[],
    bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[],
    text[]) IS
    'inserts the pages of a batch whose state is 0';

CREATE FUNCTION angzarr._all_appended(sequence bigint[])
RETURNS TABLE (command integer, outcome text, next_sequence bigint)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _all_appended(sequence) -> the rows of _outcomes, in short: for the usual
    -- batch, whose commands have one event each and all won their place
    SELECT u.command, 'appended', u.sequence + 1
    FROM (
        SELECT generate_series(0, cardinality(_all_appended.sequence) - 1) AS command,
            unnest(_all_appended.sequence) AS sequence
    ) AS u;
END;
COMMENT ON FUNCTION angzarr._all_appended(bigint[]) IS
    'outcomes of a batch of single events that are all in';

CREATE FUNCTION angzarr._outcomes(
    state smallint[],
    root uuid[],
    domain text[],
    edition text[],
    sequence bigint[],
    page integer[]
)
RETURNS TABLE (command integer, outcome text, next_sequence bigint)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _outcomes(state, …) -> one row per command, numbered from 0 in input order
-- state, per page: 0 appended, 2 busy, else in conflict.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT (row_number() OVER (ORDER BY f.ordinal) - 1)::integer,
        CASE f.state WHEN 0 THEN 'appended' WHEN 2 THEN 'busy' ELSE 'conflict' END,
        CASE f.state WHEN 0 THEN f.sequence + f.pages
                     WHEN 2 THEN NULL
                     ELSE coalesce(
                         (SELECT t.next_sequence
                          FROM angzarr._timeline(f.root, f.domain, f.edition) AS t),
                         (SELECT h.next_sequence
                          FROM angzarr._head(f.root, f.domain, f.edition) AS h)) END
    FROM (
        SELECT u.*, lead(u.ordinal, 1, cardinality(_outcomes.page) + 1::bigint)
                        OVER (ORDER BY u.ordinal) - u.ordinal AS pages
        FROM unnest(_outcomes.state, _outcomes.root, _outcomes.domain,
                    _outcomes.edition, _outcomes.sequence, _outcomes.page)
            WITH ORDINALITY
            AS u (state, root, domain, edition, sequence, page, ordinal)
        WHERE u.page = 0
    ) AS f;
END
$$;
COMMENT ON FUNCTION angzarr._outcomes(
    smallint[], uuid[], text[], text[], bigint[], integer[]) IS
    'what became of each command of a batch';

CREATE FUNCTION angzarr._refuse_page(ordinal bigint, fault text)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _refuse_page(ordinal, fault): 22023, naming the page of a batch
BEGIN
    RAISE EXCEPTION 'invalid page % of the batch', ordinal
        USING ERRCODE = 'invalid_parameter_value',
              DETAIL = fault,
              HINT = 'Every array has one value per event; page 0 begins a command,'
                     ' and a batch has one command per stream.';
END
$$;
COMMENT ON FUNCTION angzarr._refuse_page(bigint, text) IS
    'fails with 22023 for a page of a batch';

CREATE FUNCTION angzarr._check_lengths(VARIADIC lengths integer[])
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_lengths(lengths): 22023 unless all arrays of a batch are equally long
BEGIN
    IF lengths[1] = ALL (lengths) IS NOT TRUE THEN
        RAISE EXCEPTION 'arrays of the batch differ in length'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Their lengths are %s.',
                                  array_to_string(lengths, ', ', 'null')),
                  HINT = 'Every array has one value per event; no array is null.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_lengths(integer[]) IS
    'refuses a batch whose arrays differ in length';

CREATE FUNCTION angzarr._rest(state smallint[], page integer[])
RETURNS smallint[]
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _rest(state, page) -> state, but 1 for first pages: they are in already
BEGIN
    RETURN (
        SELECT array_agg(CASE WHEN u.page = 0 THEN 1 ELSE u.state END::smallint
                         ORDER BY u.ordinal)
        FROM unnest(state, page) WITH ORDINALITY AS u (state, page, ordinal)
    );
END
$$;
COMMENT ON FUNCTION angzarr._rest(smallint[], integer[]) IS
    'which pages of a batch are still to be inserted';

CREATE FUNCTION angzarr._check_commands(
    root uuid[],
    domain text[],
    edition text[],
    sequence bigint[],
    page integer[]
)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_commands(…): 22023 unless pages follow each other within their command,
-- and no stream has two commands
#variable_conflict use_column
DECLARE
    _ordinal bigint;
BEGIN
    IF NOT 0 = ALL (_check_commands.page) THEN
        SELECT u.ordinal INTO _ordinal
        FROM (
            SELECT p.*, p.page = 0 OR (p.root, p.domain, p.edition) IS NOT DISTINCT FROM
                    (lag(p.root) OVER w, lag(p.domain) OVER w, lag(p.edition) OVER w)
                AND p.sequence = lag(p.sequence) OVER w + 1
                AND p.page = lag(p.page) OVER w + 1 AS follows
            FROM unnest(_check_commands.root, _check_commands.domain,
                        _check_commands.edition, _check_commands.sequence,
                        _check_commands.page)
                WITH ORDINALITY AS p (root, domain, edition, sequence, page, ordinal)
            WINDOW w AS (ORDER BY p.ordinal)
        ) AS u
        WHERE u.follows IS NOT TRUE
        LIMIT 1;
        IF FOUND THEN
            PERFORM angzarr._refuse_page(_ordinal,
                'It does not follow the page before.');
        END IF;
    END IF;
    -- As many roots as commands: the usual case, and quick to see.
    IF cardinality(array_positions(_check_commands.page, 0)) = (
        SELECT count(DISTINCT u.root)
        FROM (
            SELECT unnest(_check_commands.root) AS root,
                unnest(_check_commands.page) AS page
        ) AS u
        WHERE u.page = 0) THEN
        RETURN;
    END IF;
    SELECT max(u.ordinal) INTO _ordinal
    FROM (
        SELECT
            unnest(_check_commands.root) AS root,
            unnest(_check_commands.domain) AS domain,
            unnest(_check_commands.edition) AS edition,
            unnest(_check_commands.page) AS page,
            generate_series(1::bigint, cardinality(_check_commands.page)) AS ordinal
    ) AS u
    WHERE u.page = 0
    GROUP BY u.root, u.domain, u.edition
    HAVING count(*) > 1
    LIMIT 1;
    IF FOUND THEN
        PERFORM angzarr._refuse_page(_ordinal,
            'It begins a second command for the stream of an earlier page.');
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_commands(uuid[], text[], text[], bigint[], integer[])
    IS 'refuses a batch with pages out of order or two commands for one stream';

CREATE FUNCTION angzarr._check_pages(
    root uuid[], domain text[], edition text[], sequence bigint[], page integer[],
    created_at timestamptz[], correlation_id text[], type_url text[], payload bytea[],
    external bytea[], isolated boolean[], depth integer[]
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_pages(…): 22023 or 54000 unless every page can be stored
#variable_conflict use_column
DECLARE
    _limit bigint := angzarr._max_payload_size();
    _page record;
BEGIN
    SELECT u.* INTO _page
    FROM (
        SELECT
            unnest(_check_pages.root) AS root,
            unnest(_check_pages.domain) AS domain,
            unnest(_check_pages.edition) AS edition,
            unnest(_check_pages.sequence) AS sequence,
            unnest(_check_pages.page) AS page,
            unnest(_check_pages.created_at) AS created_at,
            unnest(_check_pages.correlation_id) AS correlation_id,
            unnest(_check_pages.type_url) AS type_url,
            unnest(_check_pages.payload) AS payload,
            unnest(_check_pages.external) AS external,
            unnest(_check_pages.isolated) AS isolated,
            unnest(_check_pages.depth) AS depth,
            generate_series(1::bigint, cardinality(_check_pages.page)) AS ordinal
    ) AS u
    WHERE (
        angzarr._is_stream(u.domain, u.root, u.correlation_id)
        AND (u.edition = '' OR angzarr._stored_edition(u.edition) = u.edition)
        AND u.sequence BETWEEN 0 AND 4294967295 AND u.page >= 0
        AND u.isolated IS NOT NULL AND u.depth BETWEEN 0 AND 32767
        AND CASE WHEN nullif(u.external, '') IS NULL
                 THEN angzarr._is_storable(u.type_url, octet_length(u.payload),
                                           u.created_at, _limit)
                 ELSE u.type_url IS NOT NULL END
    ) IS NOT TRUE
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM angzarr._check_domain(_page.domain);
    PERFORM angzarr._check_root(_page.root);
    PERFORM angzarr._check_correlation_id(_page.correlation_id);
    PERFORM angzarr._check_payload_size(octet_length(_page.payload), _page.ordinal);
    PERFORM angzarr._refuse_page(_page.ordinal, CASE
        WHEN _page.edition IS NULL OR _page.edition = 'angzarr'
            THEN 'Its edition is not empty, as the main timeline is written here.'
        WHEN _page.sequence BETWEEN 0 AND 4294967295 IS NOT TRUE
            THEN 'Its sequence is not one of 0 to 4294967295.'
        WHEN _page.page >= 0 IS NOT TRUE THEN 'Its page number is null or negative.'
        WHEN _page.type_url IN ('', '/') IS NOT FALSE THEN 'Its type_url is empty.'
        WHEN _page.isolated IS NULL THEN 'Its isolated is null.'
        WHEN _page.depth BETWEEN 0 AND 32767 IS NOT TRUE
            THEN 'Its depth is not one of 0 to 32767.'
        WHEN _page.payload IS NULL THEN 'It has neither payload nor external.'
        ELSE 'Its created_at is outside the years 1 to 9999.' END);
END
$$;
COMMENT ON FUNCTION angzarr._check_pages(
    uuid[], text[], text[], bigint[], integer[], timestamptz[], text[], text[],
    bytea[], bytea[], boolean[], integer[]) IS
    'refuses a batch with a page that could not be stored or sent';

CREATE FUNCTION angzarr._won(
    root uuid[],
    domain text[],
    edition text[],
    page integer[],
    won_root uuid[],
    won_domain text[],
    won_edition text[]
)
RETURNS smallint[]
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _won(…) -> per page, 0 where its stream is among the won ones, else 1
#variable_conflict use_column
BEGIN
    IF cardinality(won_root) = cardinality(array_positions(_won.page, 0)) THEN
        RETURN array_fill(0::smallint, ARRAY[cardinality(_won.page)]);
    END IF;
    RETURN (
        SELECT array_agg(CASE WHEN w.root IS NULL THEN 1 ELSE 0 END::smallint
                         ORDER BY u.ordinal)
        FROM unnest(_won.root, _won.domain, _won.edition)
            WITH ORDINALITY AS u (root, domain, edition, ordinal)
        LEFT JOIN unnest(won_root, won_domain, won_edition) AS w (root, domain, edition)
            ON w.root = u.root AND w.domain = u.domain AND w.edition = u.edition);
END
$$;
COMMENT ON FUNCTION angzarr._won(
    uuid[], text[], text[], integer[], uuid[], text[], text[]) IS
    'which pages of a batch belong to commands that won their place';

CREATE FUNCTION angzarr._may_begin(
    root uuid,
    domain text,
    edition text,
    sequence bigint
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _may_begin(root, domain, edition, sequence) -> whether its next event goes there
-- Of a branch.  A call, and not part of the statement that needs it: batches for
-- the main timeline have nothing to pay.
BEGIN
    RETURN (
        SELECT _may_begin.sequence BETWEEN t.lowest AND t.next_sequence
        FROM angzarr._timeline(root, domain, edition) AS t);
END
$$;
COMMENT ON FUNCTION angzarr._may_begin(uuid, text, text, bigint) IS
    'whether the next event of a branch may have this sequence';

CREATE FUNCTION angzarr._insert_firsts(
    root uuid[], domain text[], edition text[], sequence bigint[], page integer[],
    created_at timestamptz[], correlation_id text[], type_url text[], payload bytea[],
    external bytea[], ext bytea[], isolated boolean[], depth integer[],
    source_domain text[], source_edition text[], source_root uuid[],
    source_sequence bigint[], source_component text[]
)
RETURNS smallint[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _insert_firsts(…) -> per page, 0 where its command won its place, else 1
-- A first page goes in only behind an existing event or snapshot, or first of
-- all; that of a branch where its timeline says.  Of two that want one place the
-- primary key lets the earlier one win.
#variable_conflict use_column
DECLARE
    _root uuid[];
    _domain text[];
    _edition text[];
BEGIN
    WITH won AS (
        INSERT INTO angzarr.events
            (root, domain, edition, sequence, created_at, correlation_id, type_url,
             payload, external, ext, isolated, depth, source_domain, source_edition,
             source_root, source_sequence, source_component)
        SELECT u.root, u.domain, u.edition, u.sequence, u.created_at,
            u.correlation_id, u.type_url,
            CASE WHEN nullif(u.external, '') IS NULL THEN u.payload END,
            nullif(u.external, ''), nullif(u.ext, ''), u.isolated, u.depth,
            u.source_domain, u.source_edition, u.source_root, u.source_sequence,
            u.source_component
        FROM (
            SELECT
                unnest(_insert_firsts.root) AS root,
                unnest(_insert_firsts.domain) AS domain,
                unnest(_insert_firsts.edition) AS edition,
                unnest(_insert_firsts.sequence) AS sequence,
                unnest(_insert_firsts.page) AS page,
                unnest(_insert_firsts.created_at) AS created_at,
                unnest(_insert_firsts.correlation_id) AS correlation_id,
                unnest(_insert_firsts.type_url) AS type_url,
                unnest(_insert_firsts.payload) AS payload,
                unnest(_insert_firsts.external) AS external,
                unnest(_insert_firsts.ext) AS ext,
                unnest(_insert_firsts.isolated) AS isolated,
                unnest(_insert_firsts.depth) AS depth,
                unnest(_insert_firsts.source_domain) AS source_domain,
                unnest(_insert_firsts.source_edition) AS source_edition,
                unnest(_insert_firsts.source_root) AS source_root,
                unnest(_insert_firsts.source_sequence) AS source_sequence,
                unnest(_insert_firsts.source_component) AS source_component
        ) AS u
        WHERE u.page = 0
            AND CASE WHEN u.edition <> ''
                THEN angzarr._may_begin(u.root, u.domain, u.edition, u.sequence)
                WHEN u.sequence = 0
                THEN NOT EXISTS (
                    SELECT FROM angzarr.snapshots AS s
                    WHERE s.root = u.root AND s.domain = u.domain
                        AND s.edition = u.edition)
                ELSE (
                    SELECT e.sequence FROM angzarr.events AS e
                    WHERE e.root = u.root AND e.domain = u.domain
                        AND e.edition = u.edition AND e.sequence < u.sequence
                    ORDER BY e.sequence DESC
                    LIMIT 1) IS NOT DISTINCT FROM u.sequence - 1
                OR EXISTS (
                    SELECT FROM angzarr.snapshots AS s
                    WHERE s.root = u.root AND s.domain = u.domain
                        AND s.edition = u.edition AND s.sequence = u.sequence - 1)
                END
        ORDER BY u.root, u.domain COLLATE "C", u.edition COLLATE "C"
        ON CONFLICT ON CONSTRAINT events_pkey DO NOTHING
        RETURNING root, domain, edition
    )
    SELECT array_agg(w.root), array_agg(w.domain), array_agg(w.edition)
    INTO _root, _domain, _edition
    FROM won AS w;
    RETURN angzarr._won(
        _insert_firsts.root, _insert_firsts.domain, _insert_firsts.edition,
        _insert_firsts.page, _root, _domain, _edition);
END
$$;
COMMENT ON FUNCTION angzarr._insert_firsts(
    uuid[], text[], text[], bigint[], integer[], timestamptz[], text[], text[],
    bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[],
    text[]) IS
    'inserts the first page of each command of a batch, where it fits';

CREATE FUNCTION angzarr.append_batch(
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
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
-- append_batch(18 arrays) -> one row per command, numbered from 0 in input order
-- One value per event; page 0 begins a command, whose sequence is the expected
-- one.  Each command is appended whole or not at all, each on its own:
-- "conflict" is an outcome, not an error.  Waits for other writers of the same
-- place; the engine's form, _append_probed, does not.
#variable_conflict use_column
DECLARE
    _lengths integer[] := ARRAY[
        cardinality(root), cardinality(domain), cardinality(edition),
        cardinality(sequence), cardinality(page), cardinality(created_at),
        cardinality(correlation_id), cardinality(type_url), cardinality(payload),
        cardinality(external), cardinality(ext), cardinality(isolated),
        cardinality(depth), cardinality(source_domain), cardinality(source_edition),
        cardinality(source_root), cardinality(source_sequence),
        cardinality(source_component)];
    _singles boolean := 0 = ALL (page);
    _created_at timestamptz[] := append_batch.created_at;
    _state smallint[];
BEGIN
    IF _lengths[1] = ALL (_lengths) IS NOT TRUE THEN
        PERFORM angzarr._check_lengths(VARIADIC _lengths);
    END IF;
    PERFORM angzarr._check_pages(
        root, domain, edition, sequence, page, created_at, correlation_id, type_url,
        payload, external, isolated, depth);
    PERFORM angzarr._check_commands(root, domain, edition, sequence, page);
    IF array_remove(array_remove(ext, NULL), '') <> '{}' THEN
        PERFORM angzarr._check_ext(e) FROM unnest(ext) AS e WHERE e <> '';
    END IF;
    IF NOT '' = ALL (edition) THEN
        PERFORM angzarr._lock_branches(root, domain, edition);
    END IF;
    IF array_position(_created_at, NULL) IS NOT NULL THEN
        _created_at := angzarr._stamped(root, domain, edition, sequence, page,
                                        _created_at);
    END IF;
    _state := angzarr._insert_firsts(
        root, domain, edition, sequence, page, _created_at, correlation_id, type_url,
        payload, external, ext, isolated, depth, source_domain, source_edition,
        source_root, source_sequence, source_component);
    IF NOT _singles THEN
        PERFORM angzarr._insert_pages(
            angzarr._rest(_state, page),
            root, domain, edition, sequence, _created_at, correlation_id, type_url,
            payload, external, ext, isolated, depth, source_domain, source_edition,
            source_root, source_sequence, source_component);
    END IF;
    IF _singles AND 0 = ALL (_state) THEN
        RETURN QUERY SELECT a.* FROM angzarr._all_appended(sequence) AS a;
    ELSE
        RETURN QUERY SELECT o.* FROM angzarr._outcomes(
            _state, root, domain, edition, sequence, page) AS o;
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr.append_batch(
    uuid[], text[], text[], bigint[], integer[], timestamptz[], text[], text[],
    bytea[], bytea[], bytea[], boolean[], integer[], text[], text[], uuid[], bigint[],
    text[]) IS
    'appends many commands at once, each whole or not at all, and tells each outcome';
