-- Editions: branches of the timeline, made, listed and deleted.

CREATE FUNCTION angzarr._check_branch(edition text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_branch(edition) -> its stored form
-- ZA005 for the main timeline, 22023 for what is no edition at all.
DECLARE
    _edition text := angzarr._stored_edition(edition);
BEGIN
    IF _edition = '' THEN
        RAISE EXCEPTION 'the main timeline is protected'
            USING ERRCODE = 'ZA005',
                  DETAIL = 'Empty, "angzarr" and null are names of the main timeline.',
                  HINT = 'It is always there and is never deleted; name another'
                         ' edition.';
    END IF;
    RETURN _edition;
END
$$;
COMMENT ON FUNCTION angzarr._check_branch(text) IS
    'refuses the main timeline where a branch is wanted';

CREATE FUNCTION angzarr._check_isolation()
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_isolation(): 0A000 where a statement cannot see what others just wrote
DECLARE
    _level text := current_setting('transaction_isolation');
BEGIN
    IF _level NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'cannot fix or delete an edition in this transaction'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = format('Its isolation level is %s.', _level),
                  HINT = 'Use READ COMMITTED: events that others just wrote must be'
                         ' seen.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_isolation() IS
    'refuses isolation levels that cannot see what others just wrote';

CREATE FUNCTION angzarr._check_divergence(name text, domain text, divergence bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _check_divergence(name, domain, divergence): 22023 or 55000 unless it may be
-- Some stream of the domain must have come that far, and none may have left
-- the main timeline already.
#variable_conflict use_column
DECLARE
    _next bigint;
BEGIN
    IF EXISTS (
        SELECT FROM angzarr.events AS e
        WHERE e.edition = _check_divergence.name AND e.domain = _check_divergence.domain
    ) THEN
        RAISE EXCEPTION 'edition "%" has events in domain "%" already', name, domain
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Each of its streams diverges at its own first event.',
                  HINT = 'Leave the divergence null, or delete the edition first.';
    END IF;
    SELECT greatest(
        (SELECT max(e.sequence) + 1 FROM angzarr.events AS e
         WHERE e.domain = _check_divergence.domain AND e.edition = ''),
        (SELECT max(s.sequence) + 1 FROM angzarr.snapshots AS s
         WHERE s.domain = _check_divergence.domain AND s.edition = ''),
        0)
    INTO _next;
    IF divergence < 0 OR divergence > least(_next, 4294967295) THEN
        RAISE EXCEPTION 'invalid divergence %', divergence
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('The longest stream of domain "%s" on the main'
                                  ' timeline is at sequence %s.', domain, _next),
                  HINT = 'The divergence is the first sequence that is the edition''s'
                         ' own: 0 to where the main timeline is.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_divergence(text, text, bigint) IS
    'refuses a divergence beyond the main timeline, or of a branch that has begun';

CREATE FUNCTION angzarr.create_edition(
    name text,
    domain text,
    divergence bigint DEFAULT NULL,
    description text DEFAULT ''
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- create_edition(name, domain | divergence, description)
-- Says where the domain's streams leave the main timeline: at "divergence", or
-- where they end if that is earlier; null: each at its own first event.
#variable_conflict use_column
DECLARE
    _name text := angzarr._check_branch(create_edition.name);
BEGIN
    PERFORM angzarr._check_domain(create_edition.domain);
    INSERT INTO angzarr.editions (name, domain, divergence, description)
    VALUES (_name, create_edition.domain,
            -- Looked at below; so far only what the column takes.
            CASE WHEN create_edition.divergence BETWEEN 0 AND 4294967295
                 THEN create_edition.divergence END,
            coalesce(create_edition.description, ''))
    ON CONFLICT ON CONSTRAINT editions_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'edition "%" of domain "%" already exists',
                        _name, create_edition.domain
            USING ERRCODE = 'duplicate_object',
                  DETAIL = 'An edition is created once for each domain.',
                  HINT = format('Call angzarr.delete_edition(%L, %L) first; that'
                                ' deletes its events.', _name, create_edition.domain);
    END IF;
    IF create_edition.divergence IS NOT NULL THEN
        PERFORM angzarr._check_isolation();
        -- First writes in flight end before the look at what there is.
        LOCK TABLE angzarr._branches IN SHARE ROW EXCLUSIVE MODE;
        PERFORM angzarr._check_divergence(_name, create_edition.domain,
                                          create_edition.divergence);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr.create_edition(text, text, bigint, text) IS
    'creates an edition of a domain, with the point where it leaves the main timeline';

CREATE FUNCTION angzarr._delete_branch_rows(name text, domain text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _delete_branch_rows(name, domain): all that an edition has beside its events
#variable_conflict use_column
BEGIN
    DELETE FROM angzarr.snapshots AS t
    WHERE t.edition = _delete_branch_rows.name AND t.edition <> ''
        AND t.domain = _delete_branch_rows.domain;
    DELETE FROM angzarr.processed AS t
    WHERE t.edition = _delete_branch_rows.name AND t.edition <> ''
        AND t.domain = _delete_branch_rows.domain;
    DELETE FROM angzarr.exceptions AS t
    WHERE t.edition = _delete_branch_rows.name
        AND t.domain = _delete_branch_rows.domain;
    DELETE FROM angzarr.outbox AS t
    WHERE t.edition = _delete_branch_rows.name
        AND t.domain = _delete_branch_rows.domain;
    DELETE FROM angzarr.timers AS t
    USING angzarr.components AS c
    WHERE t.edition = _delete_branch_rows.name
        AND c.name = t.component AND c.domain = _delete_branch_rows.domain;
    DELETE FROM angzarr.editions AS t
    WHERE t.name = _delete_branch_rows.name
        AND t.domain = _delete_branch_rows.domain;
END
$$;
COMMENT ON FUNCTION angzarr._delete_branch_rows(text, text) IS
    'deletes what an edition of a domain has beside its events';

CREATE FUNCTION angzarr.delete_edition(name text, domain text)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- delete_edition(name, domain) -> how many events it had
-- With its snapshots, keys, timers and pending work.  One that nobody made has
-- 0.  The main timeline: ZA005.
#variable_conflict use_column
DECLARE
    _name text := angzarr._check_branch(delete_edition.name);
    _count bigint;
BEGIN
    PERFORM angzarr._check_domain(delete_edition.domain);
    PERFORM angzarr._check_isolation();
    -- Waits for whoever is writing to a branch; then all of it can be seen.
    DELETE FROM angzarr._branches AS b
    WHERE b.edition = _name AND b.domain = delete_edition.domain;
    DELETE FROM angzarr.events AS e
    WHERE e.edition = _name AND e.edition <> '' AND e.domain = delete_edition.domain;
    GET DIAGNOSTICS _count = ROW_COUNT;
    PERFORM angzarr._delete_branch_rows(_name, delete_edition.domain);
    RETURN _count;
END
$$;
COMMENT ON FUNCTION angzarr.delete_edition(text, text) IS
    'deletes an edition of a domain with all it has; the main timeline is protected';

CREATE FUNCTION angzarr._delete_stream_part(
    root uuid,
    domain text,
    edition text,
    max_rows bigint
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _delete_stream_part(root, domain, edition, max_rows) -> how many rows went
-- Keys and snapshots before events, and those from the last one on: what is left
-- is the beginning of the stream.  Less than max_rows: nothing is.
#variable_conflict use_column
DECLARE
    _keys bigint;
    _events bigint;
BEGIN
    DELETE FROM angzarr.processed AS t
    WHERE t.ctid = ANY (ARRAY(
        SELECT p.ctid
        FROM angzarr.processed AS p
        WHERE p.root = _delete_stream_part.root
            AND p.domain = _delete_stream_part.domain
            AND p.edition = _delete_stream_part.edition
        LIMIT max_rows));
    GET DIAGNOSTICS _keys = ROW_COUNT;
    DELETE FROM angzarr.snapshots AS t
    WHERE t.root = _delete_stream_part.root AND t.domain = _delete_stream_part.domain
        AND t.edition = _delete_stream_part.edition;
    DELETE FROM angzarr.events AS t
    WHERE t.ctid = ANY (ARRAY(
        SELECT e.ctid
        FROM angzarr.events AS e
        WHERE e.root = _delete_stream_part.root
            AND e.domain = _delete_stream_part.domain
            AND e.edition = _delete_stream_part.edition
        ORDER BY e.sequence DESC
        LIMIT max_rows - _keys));
    GET DIAGNOSTICS _events = ROW_COUNT;
    IF _keys + _events < max_rows THEN
        DELETE FROM angzarr._branches AS t
        WHERE t.root = _delete_stream_part.root
            AND t.domain = _delete_stream_part.domain
            AND t.edition = _delete_stream_part.edition;
    END IF;
    RETURN _keys + _events;
END
$$;
COMMENT ON FUNCTION angzarr._delete_stream_part(uuid, text, text, bigint) IS
    'deletes the end of a stream of an edition, or all of it';

CREATE FUNCTION angzarr._delete_edition_part(name text, domain text, max_rows bigint)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _delete_edition_part(name, domain, max_rows) -> "done", "more" or "busy"
-- delete_edition for the engine, which may neither wait nor be long: about
-- max_rows at a time, stream by stream, without those that others are writing to.
#variable_conflict use_column
DECLARE
    _name text := angzarr._check_branch(_delete_edition_part.name);
    _root uuid;
    _left bigint := max_rows;
BEGIN
    FOR _root IN
        SELECT b.root
        FROM angzarr._branches AS b
        WHERE b.edition = _name AND b.domain = _delete_edition_part.domain
        FOR UPDATE SKIP LOCKED
    LOOP
        -- A stream counts as a row as well.
        _left := _left - 1 - angzarr._delete_stream_part(
            _root, _delete_edition_part.domain, _name, _left);
        IF _left <= 0 THEN
            RETURN 'more';
        END IF;
    END LOOP;
    IF EXISTS (
        SELECT FROM angzarr._branches AS b
        WHERE b.edition = _name AND b.domain = _delete_edition_part.domain
    ) THEN
        RETURN 'busy';
    END IF;
    PERFORM angzarr.delete_edition(_name, _delete_edition_part.domain);
    RETURN 'done';
END
$$;
COMMENT ON FUNCTION angzarr._delete_edition_part(text, text, bigint) IS
    'deletes some of an edition without waiting; done, more or busy';

CREATE FUNCTION angzarr._branch_states(root uuid[], domain text[], edition text[])
RETURNS TABLE (
    ordinal integer,
    is_own boolean,
    fixed bigint,
    next_sequence bigint
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
-- _branch_states(root, domain, edition) -> a row for each stream of an edition
-- Numbered from 0; is_own: it has left the main timeline; fixed: where its
-- edition says that it leaves; next_sequence: where it goes on.
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT (u.ordinal - 1)::integer, t.is_own, d.divergence, t.next_sequence
    FROM unnest(_branch_states.root, _branch_states.domain, _branch_states.edition)
        WITH ORDINALITY AS u (root, domain, edition, ordinal)
    CROSS JOIN LATERAL angzarr._timeline(u.root, u.domain, u.edition) AS t
    LEFT JOIN angzarr.editions AS d ON d.name = u.edition AND d.domain = u.domain
    ORDER BY u.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._branch_states(uuid[], text[], text[]) IS
    'whether streams have left the main timeline, and where they may';

CREATE FUNCTION angzarr._hold_branches(root uuid[], domain text[], edition text[])
RETURNS TABLE (
    ordinal integer,
    is_own boolean
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _hold_branches(root, domain, edition) -> a row for each stream of an edition
-- Whether it has left the main timeline, which nobody else can make it do until
-- the end of the transaction.  Who was told before that it had not, and read main
-- up to where it wants to write, knows then whether that still is its history.
#variable_conflict use_column
BEGIN
    PERFORM angzarr._lock_branches(_hold_branches.root, _hold_branches.domain,
                                   _hold_branches.edition);
    RETURN QUERY
    SELECT s.ordinal, s.is_own
    FROM angzarr._branch_states(_hold_branches.root, _hold_branches.domain,
                                _hold_branches.edition) AS s
    ORDER BY s.ordinal;
END
$$;
COMMENT ON FUNCTION angzarr._hold_branches(uuid[], text[], text[]) IS
    'whether streams have left the main timeline, and nobody else lets them';

CREATE VIEW angzarr.branches AS
SELECT coalesce(e.name, s.edition) AS edition,
    coalesce(e.domain, s.domain) AS domain,
    e.divergence,
    coalesce(s.streams, 0) AS streams,
    coalesce(s.events, 0) AS events,
    coalesce(e.description, '') AS description
FROM angzarr.editions AS e
FULL JOIN (
    SELECT v.edition, v.domain, count(DISTINCT v.root) AS streams, count(*) AS events
    FROM angzarr.events AS v
    WHERE v.edition <> ''
    GROUP BY v.edition, v.domain
) AS s ON s.edition = e.name AND s.domain = e.domain;
COMMENT ON VIEW angzarr.branches IS
    'every edition that was created or written to, for each domain';
COMMENT ON COLUMN angzarr.branches.edition IS 'name of the edition';
COMMENT ON COLUMN angzarr.branches.domain IS 'whose streams it branches';
COMMENT ON COLUMN angzarr.branches.divergence IS
    'where they leave the main timeline; null: each at its own first event';
COMMENT ON COLUMN angzarr.branches.streams IS 'that have events of their own in it';
COMMENT ON COLUMN angzarr.branches.events IS 'that are its own';
COMMENT ON COLUMN angzarr.branches.description IS 'what it is for, in words';
