-- How far components have come: pausing, setting their cursors anew, what lags.
--
-- The row of a component is locked before its exceptions are touched, by us as
-- by the engine; whoever writes the cursor says the epoch that it has read.

CREATE TRIGGER subscriptions_changed
    AFTER UPDATE OF status, epoch ON angzarr.subscriptions
    FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch
          OR (OLD.status = 'paused') <> (NEW.status = 'paused'))
    EXECUTE FUNCTION angzarr._components_changed();
COMMENT ON TRIGGER subscriptions_changed ON angzarr.subscriptions IS
    'tells the engine that a component was paused, resumed or reset';

CREATE FUNCTION angzarr._lock_cursor(component text)
RETURNS angzarr.subscriptions
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _lock_cursor(component) -> its row, ours until the transaction ends
-- ZA004 when there is no such component, 42809 when it gets no events.
#variable_conflict use_column
DECLARE
    _kind text;
    _row angzarr.subscriptions;
BEGIN
    SELECT c.kind INTO _kind FROM angzarr.components AS c
    WHERE c.name = _lock_cursor.component;
    IF NOT FOUND THEN
        PERFORM angzarr._raise_unknown(_lock_cursor.component);
    ELSIF _kind NOT IN ('saga', 'projector', 'process_manager') THEN
        RAISE EXCEPTION 'component "%" gets no events', _lock_cursor.component
            USING ERRCODE = 'wrong_object_type',
                  DETAIL = format('It is an %s.', _kind),
                  HINT = 'Projectors, sagas and process managers can be paused and'
                         ' reset; angzarr.disable(name) stops calls to any component.';
    END IF;
    SELECT s.* INTO _row FROM angzarr.subscriptions AS s
    WHERE s.component = _lock_cursor.component
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'component "%" has no cursor', _lock_cursor.component
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'It was written to angzarr.components past the functions'
                           ' that register.',
                  HINT = 'Unregister it, and register it with its function.';
    END IF;
    RETURN _row;
END
$$;
COMMENT ON FUNCTION angzarr._lock_cursor(text) IS
    'the cursor of a component, locked';

CREATE FUNCTION angzarr.pause(component text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- pause(component): from the commit on no delivery to it begins
-- Its cursor stays, and what is under way ends.
#variable_conflict use_column
BEGIN
    PERFORM angzarr._lock_cursor(pause.component);
    UPDATE angzarr.subscriptions AS s
    SET status = 'paused', updated_at = clock_timestamp()
    WHERE s.component = pause.component AND s.status <> 'paused';
END
$$;
COMMENT ON FUNCTION angzarr.pause(text) IS
    'stops deliveries to a component until it is resumed; nothing is skipped';

CREATE FUNCTION angzarr.resume(component text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- resume(component): from the commit on it gets what has come meanwhile
#variable_conflict use_column
BEGIN
    PERFORM angzarr._lock_cursor(resume.component);
    UPDATE angzarr.subscriptions AS s
    SET status = 'active', updated_at = clock_timestamp()
    WHERE s.component = resume.component AND s.status = 'paused';
END
$$;
COMMENT ON FUNCTION angzarr.resume(text) IS
    'lets a paused component go on where it was';

CREATE FUNCTION angzarr._tell_reset(
    component text,
    kind text,
    was_at bigint,
    to_position bigint
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
-- _tell_reset(component, kind, was_at, to_position): a notice of what it means
BEGIN
    IF to_position > was_at THEN
        RAISE NOTICE 'component "%" does not get the events from % to %', component,
                     was_at + 1, to_position
            USING DETAIL = 'Those that had not been delivered are skipped.',
                  HINT = format('angzarr.reset(%L, %s) takes it back.', component,
                                was_at);
    ELSIF kind = 'projector' THEN
        RAISE NOTICE 'component "%" gets all events after position % again', component,
                     to_position
            USING DETAIL = 'What it has made of them before stays where it has put it:'
                           ' to a projector an event may come any number of times.',
                  HINT = 'To build a read model anew: pause, let what is under way end,'
                         ' empty the read model, reset to 0, resume.';
    ELSE
        RAISE NOTICE 'component "%" begins again after position %', component,
                     to_position
            USING DETAIL = 'What it has handled is not handled again while its record'
                           ' is in angzarr.processed: no command is carried out twice.'
                           ' Events that it has not handled, also those from before it'
                           ' was registered, are handled now.',
                  HINT = 'angzarr.forget_processed() forgets such records: do not reset'
                         ' to before what it has forgotten.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._tell_reset(text, text, bigint, bigint) IS
    'tells what setting a cursor anew means';

CREATE FUNCTION angzarr._drop_exceptions(component text, to_position bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _drop_exceptions(component, to_position): tells of those that nobody gets any more
#variable_conflict use_column
DECLARE
    _count bigint;
    _first bigint;
BEGIN
    WITH dropped AS (
        DELETE FROM angzarr.exceptions AS x
        WHERE x.component = _drop_exceptions.component
        RETURNING x.position, x.state
    )
    SELECT count(*), min(d.position) INTO _count, _first FROM dropped AS d
    WHERE d.position <= to_position AND d.state <> 'done';
    IF _count > 0 THEN
        RAISE NOTICE 'deliveries to component "%" that waited are given up: %',
                     component, _count
            USING DETAIL = format('They are of events from position %s up to %s, where'
                                  ' its cursor is set to.', _first, to_position),
                  HINT = format('angzarr.reset(%L, %s) delivers them again, with what'
                                ' came after them.', component, _first - 1);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._drop_exceptions(text, bigint) IS
    'forgets what waits for a component, because its cursor is set anew';

CREATE FUNCTION angzarr.reset(component text, to_position bigint)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- reset(component, to_position) -> position where it was
-- From the commit on it gets the events after that position.  Deliveries that
-- waited or were ahead are forgotten; one that is under way may still end, but no
-- longer moves the cursor.
#variable_conflict use_column
DECLARE
    _row angzarr.subscriptions := angzarr._lock_cursor(component);
BEGIN
    PERFORM angzarr._check_subscribed(_row.domains, to_position);
    UPDATE angzarr.subscriptions AS s
    SET position = reset.to_position,
        epoch = nextval('angzarr.subscriptions_epoch_seq'),
        status = CASE s.status WHEN 'paused' THEN 'paused' ELSE 'active' END,
        failures = 0, last_error = NULL, updated_at = clock_timestamp()
    WHERE s.component = reset.component;
    PERFORM angzarr._drop_exceptions(reset.component, reset.to_position);
    PERFORM angzarr._tell_reset(c.name, c.kind, _row.position, reset.to_position)
    FROM angzarr.components AS c
    WHERE c.name = reset.component;
    RETURN _row.position;
END
$$;
COMMENT ON FUNCTION angzarr.reset(text, bigint) IS
    'sets the cursor of a component anew: it gets the events after that position';

CREATE FUNCTION angzarr._ahead(
    component text,
    domains text[],
    after bigint,
    max_events integer
)
RETURNS SETOF bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
-- _ahead(component, domains, after, max_events) -> positions after the cursor that
-- it has not got; of each domain as many as told, so that a rare one costs little
#variable_conflict use_column
BEGIN
    IF cardinality(domains) = 0 THEN
        RETURN QUERY
        SELECT v.position FROM angzarr.events AS v
        WHERE v.position > after AND NOT v.isolated
            AND NOT EXISTS (
                SELECT FROM angzarr.exceptions AS x
                WHERE x.component = _ahead.component AND x.position = v.position
                    AND x.state = 'done')
        ORDER BY v.position
        LIMIT max_events;
    ELSE
        RETURN QUERY
        SELECT e.position FROM unnest(domains) AS d (domain)
        CROSS JOIN LATERAL (
            SELECT v.position FROM angzarr.events AS v
            WHERE v.domain = d.domain AND v.position > after AND NOT v.isolated
                AND NOT EXISTS (
                    SELECT FROM angzarr.exceptions AS x
                    WHERE x.component = _ahead.component
                        AND x.position = v.position AND x.state = 'done')
            ORDER BY v.position
            LIMIT max_events
        ) AS e;
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._ahead(text, text[], bigint, integer) IS
    'positions of the events that come next for a subscription';

CREATE FUNCTION angzarr._undelivered(
    component text,
    domains text[],
    after bigint,
    max_events integer,
    OUT events bigint,
    OUT first_position bigint,
    OUT since timestamptz
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
-- _undelivered(component, domains, after, max_events) -> how many, the first one,
-- and when that happened
-- What waits stays where it is while the cursor passes.  Counts up to max_events, so
-- that who is far behind costs no more than that.
#variable_conflict use_column
BEGIN
    SELECT least(count(*), max_events), min(u.position) INTO events, first_position
    FROM (
        SELECT a.position
        FROM angzarr._ahead(component, domains, after, max_events) AS a (position)
        UNION ALL
        SELECT x.position FROM angzarr.exceptions AS x
        WHERE x.component = _undelivered.component AND x.position <= after
            AND x.state <> 'done'
    ) AS u;
    SELECT v.created_at INTO since FROM angzarr.events AS v
    WHERE v.position = first_position;
END
$$;
COMMENT ON FUNCTION angzarr._undelivered(text, text[], bigint, integer) IS
    'how many events a subscription has not got yet, up to a limit, and the first one';

CREATE FUNCTION angzarr._silent_input(component text)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
-- _silent_input(component) -> a domain it listens to that seems to be misspelt
-- Nobody owns it, and it has no event.
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT min(i.domain)
        FROM angzarr.components AS c
        CROSS JOIN LATERAL unnest(c.inputs) AS i (domain)
        WHERE c.name = _silent_input.component
            AND NOT EXISTS (
                SELECT FROM angzarr.components AS o
                WHERE o.domain = i.domain
                    AND o.kind IN ('aggregate', 'process_manager'))
            AND NOT EXISTS (
                SELECT FROM angzarr.events AS e WHERE e.domain = i.domain));
END
$$;
COMMENT ON FUNCTION angzarr._silent_input(text) IS
    'a domain that a component listens to, but that has neither an owner nor events';

CREATE FUNCTION angzarr._hindrance(
    component text,
    status text,
    horizon bigint,
    first_position bigint
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- _hindrance(component, status, horizon, first_position) -> why it does not get
    -- on, as far as the catalog tells, or null
    SELECT CASE
        WHEN _hindrance.status = 'disabled'
            THEN 'it is disabled: see angzarr.enable()'
        WHEN _hindrance.status = 'paused'
            THEN 'it is paused: see angzarr.resume()'
        WHEN _hindrance.status <> 'reading' AND NOT angzarr._is_activated()
            THEN 'this database is a copy: see angzarr.activate()'
        WHEN _hindrance.first_position > _hindrance.horizon
            THEN 'its next event is held back: see angzarr.stalled_by'
        -- Null when there is none.
        ELSE 'domain "' || angzarr._silent_input(_hindrance.component)
            || '" has neither an owner nor events'
    END;
END;
COMMENT ON FUNCTION angzarr._hindrance(text, text, bigint, bigint) IS
    'why a subscription does not get on, or null';

CREATE FUNCTION angzarr._lags()
RETURNS TABLE (
    component text,
    kind text,
    status text,
    "position" bigint,
    horizon bigint,
    events_behind bigint,
    seconds_behind numeric,
    waiting bigint,
    parked bigint,
    attempts integer,
    next_attempt_at timestamptz,
    last_error text,
    updated_at timestamptz,
    message text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- _lags() -> how far each subscription has come
-- A standby knows no horizon.
#variable_conflict use_column
DECLARE
    _horizon bigint;
BEGIN
    IF NOT pg_is_in_recovery() THEN
        _horizon := angzarr.horizon();
    END IF;
    RETURN QUERY
    SELECT s.component, coalesce(c.kind, 'program'), w.status, s.position, _horizon,
        u.events,
        greatest(0, round(extract(epoch FROM clock_timestamp() - u.since), 3)),
        x.waiting, x.parked, greatest(s.failures, x.attempts), x.next_attempt_at,
        coalesce(s.last_error, x.last_error), s.updated_at,
        angzarr._hindrance(s.component, w.status, _horizon, u.first_position)
    FROM angzarr.subscriptions AS s
    LEFT JOIN angzarr.components AS c ON c.name = s.component
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.name IS NULL THEN 'reading' WHEN NOT c.enabled
               THEN 'disabled' ELSE s.status END
    ) AS w (status)
    CROSS JOIN LATERAL angzarr._undelivered(
        s.component, coalesce(c.inputs, s.domains), s.position, 10000) AS u
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE v.state = 'waiting') AS waiting,
            count(*) FILTER (WHERE v.state = 'parked') AS parked,
            max(v.attempts) FILTER (WHERE v.state = 'waiting') AS attempts,
            min(v.next_attempt_at) FILTER (WHERE v.state = 'waiting')
                AS next_attempt_at,
            (array_agg(v.last_error ORDER BY v.position)
             FILTER (WHERE v.state = 'waiting' AND v.last_error IS NOT NULL))[1]
                AS last_error
        FROM angzarr.exceptions AS v WHERE v.component = s.component
    ) AS x
    ORDER BY s.component;
END
$$;
COMMENT ON FUNCTION angzarr._lags() IS
    'how far each subscription has come; view subscriptions_lag shows it';

CREATE VIEW angzarr.subscriptions_lag AS
SELECT l.component, l.kind, l.status, l.position, l.horizon, l.events_behind,
    l.seconds_behind, l.waiting, l.parked, l.attempts, l.next_attempt_at, l.last_error,
    l.updated_at, l.message
FROM angzarr._lags() AS l;
COMMENT ON VIEW angzarr.subscriptions_lag IS
    'how far each component, and each program that pulls, is behind the log';
COMMENT ON COLUMN angzarr.subscriptions_lag.component IS
    'name of the component, or of the subscription of a program';
COMMENT ON COLUMN angzarr.subscriptions_lag.kind IS
    'projector, saga, process_manager, or program: it calls next_events()';
COMMENT ON COLUMN angzarr.subscriptions_lag.status IS
    'active, paused, failing or disabled; of a program: reading';
COMMENT ON COLUMN angzarr.subscriptions_lag.position IS
    'all up to here was given to it, but for what waits or is parked';
COMMENT ON COLUMN angzarr.subscriptions_lag.horizon IS
    'position up to which there may be deliveries now; null on a standby';
COMMENT ON COLUMN angzarr.subscriptions_lag.events_behind IS
    'events of its domains that it has not got yet; 10000 means that many or more';
COMMENT ON COLUMN angzarr.subscriptions_lag.seconds_behind IS
    'age of the first of them by its created_at, 0 when there is none';
COMMENT ON COLUMN angzarr.subscriptions_lag.waiting IS
    'deliveries that failed and will be tried again';
COMMENT ON COLUMN angzarr.subscriptions_lag.parked IS
    'events behind one of their aggregate that waits';
COMMENT ON COLUMN angzarr.subscriptions_lag.attempts IS
    'made in vain so far, of what has failed most often';
COMMENT ON COLUMN angzarr.subscriptions_lag.next_attempt_at IS
    'when the next of those that wait is tried again, or null';
COMMENT ON COLUMN angzarr.subscriptions_lag.last_error IS
    'why the last delivery failed, or null';
COMMENT ON COLUMN angzarr.subscriptions_lag.updated_at IS 'when the cursor last moved';
COMMENT ON COLUMN angzarr.subscriptions_lag.message IS
    'what hinders it besides failures, or null';
