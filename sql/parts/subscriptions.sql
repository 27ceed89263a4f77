-- The log in order, for programs that pull.
--
-- Positions are drawn before the commit, so a later one may be there before
-- an earlier one.  Nobody may read past the horizon: up to it every
-- transaction that drew a position has ended.

CREATE FUNCTION angzarr._plain_turn(
    OUT horizon bigint,
    OUT holders text[],
    OUT floors bigint[]
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _plain_turn() -> horizon; who has drawn, and what all they draw is above
-- Drawing takes a lock on the sequence first and keeps it to the end of the
-- transaction.  A holder that was not there at this session's last turn draws
-- above what the sequence was at then.
DECLARE
    _sequence oid := 'angzarr.events_position_seq'::regclass::oid;
    _before jsonb := nullif(current_setting('angzarr_log.turn', true), '')::jsonb;
    _last bigint;
BEGIN
    -- Before the holders: who is not among them then draws above it.
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO _last
    FROM angzarr.events_position_seq AS s;
    IF (_before->>'sequence')::oid <> _sequence
        OR (_before->>'last')::bigint > _last THEN
        _before := NULL;
    END IF;
    SELECT coalesce(array_agg(h.holder), '{}'),
        coalesce(array_agg(coalesce((_before->'floors'->>h.holder)::bigint,
                                    (_before->>'last')::bigint, 0)), '{}'),
        least(_last, min(coalesce((_before->'floors'->>h.holder)::bigint,
                                  (_before->>'last')::bigint, 0)))
    INTO holders, floors, horizon
    FROM (SELECT DISTINCT l.virtualtransaction AS holder
          FROM pg_catalog.pg_locks AS l
          WHERE l.locktype = 'relation' AND l.relation = _sequence
              AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                                WHERE d.datname = current_database())
              AND l.mode = 'RowExclusiveLock' AND l.granted
              -- That one has committed and is about to let go.
              AND l.virtualtransaction NOT LIKE '%/0') AS h;
    PERFORM set_config('angzarr_log.turn',
        jsonb_build_object('sequence', _sequence, 'last', _last,
                           'floors', jsonb_object(holders, floors::text[]))::text,
        false);
END
$$;
COMMENT ON FUNCTION angzarr._plain_turn() IS
    'the horizon and who holds it, where the library is not';

CREATE FUNCTION angzarr._turn(
    OUT horizon bigint,
    OUT holders text[],
    OUT floors bigint[]
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _turn() -> horizon; who has drawn, and what all they draw is above
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby has no horizon'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Who is appending is known on the primary server only.',
                  HINT = 'Ask the primary server.';
    END IF;
    IF to_regprocedure('angzarr._fast_turn(oid)') IS NULL THEN
        SELECT * INTO horizon, holders, floors FROM angzarr._plain_turn();
    ELSE
        SELECT * INTO horizon, holders, floors
        FROM angzarr._fast_turn('angzarr.events_position_seq'::regclass);
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._turn() IS
    'the horizon, and which transactions hold it back';

CREATE FUNCTION angzarr.horizon()
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- horizon() -> position up to which everything is settled
-- Not for use inside the query that reads: its snapshot is older than this.
BEGIN
    RETURN (SELECT t.horizon FROM angzarr._turn() AS t);
END
$$;
COMMENT ON FUNCTION angzarr.horizon() IS
    'the position up to which no event can come any more; see next_events()';

CREATE FUNCTION angzarr._holders()
RETURNS TABLE (
    pid integer,
    prepared text,
    application text,
    role name,
    state text,
    since timestamptz,
    floor bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- _holders() -> the transactions that have drawn positions and are still open
#variable_conflict use_column
DECLARE
    _turn record;
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN;
    END IF;
    SELECT t.* INTO _turn FROM angzarr._turn() AS t;
    RETURN QUERY
    SELECT a.pid, p.gid, a.application_name, coalesce(a.usename, p.owner), a.state,
        coalesce(a.xact_start, p.prepared), h.floor
    FROM unnest(_turn.holders, _turn.floors) AS h (holder, floor)
    LEFT JOIN LATERAL (
        SELECT min(l.pid) AS pid,
            min(l.transactionid::text) FILTER (
                WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'
            ) AS transaction
        FROM pg_catalog.pg_locks AS l
        WHERE l.virtualtransaction = h.holder AND l.granted
    ) AS l ON true
    LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
    LEFT JOIN pg_catalog.pg_prepared_xacts AS p
        ON l.pid IS NULL AND p.transaction::text = l.transaction
    ORDER BY h.floor, coalesce(a.xact_start, p.prepared);
END
$$;
COMMENT ON FUNCTION angzarr._holders() IS
    'the transactions that hold the horizon; view stalled_by shows them';

CREATE VIEW angzarr.stalled_by AS
SELECT h.pid, h.prepared, h.application, h.role, h.state, h.since, h.floor
FROM angzarr._holders() AS h;
COMMENT ON VIEW angzarr.stalled_by IS
    'open transactions that have appended: later events wait for their end';
COMMENT ON COLUMN angzarr.stalled_by.pid IS 'of the session, or null when prepared';
COMMENT ON COLUMN angzarr.stalled_by.prepared IS
    'global identifier of a prepared transaction, or null';
COMMENT ON COLUMN angzarr.stalled_by.application IS 'name the session gave itself';
COMMENT ON COLUMN angzarr.stalled_by.role IS 'who appends';
COMMENT ON COLUMN angzarr.stalled_by.state IS
    'of the session: idle in transaction means that somebody forgot it';
COMMENT ON COLUMN angzarr.stalled_by.since IS
    'when the transaction began, or was prepared';
COMMENT ON COLUMN angzarr.stalled_by.floor IS
    'position up to which it does not hold others'' events back';

CREATE FUNCTION angzarr._check_subscriber(name text)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_subscriber(name): 22023 or 42710 unless a subscription may have it
#variable_conflict use_column
BEGIN
    IF name IS NULL OR length(name) > 64
        OR name COLLATE "C" !~ '^[a-z_][a-z0-9_-]*$' THEN
        RAISE EXCEPTION 'invalid subscription name %',
                        coalesce('"' || left(name, 80) || '"', 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'A name has 1 to 64 characters.',
                  HINT = 'A name is a lower-case letter or "_", followed by lower-case'
                         ' letters, digits, "_" and "-".';
    END IF;
    IF EXISTS (SELECT FROM angzarr.components AS c
               WHERE c.name = _check_subscriber.name) THEN
        RAISE EXCEPTION 'name "%" belongs to a component', name
            USING ERRCODE = 'duplicate_object',
                  DETAIL = 'The engine delivers to components by itself.',
                  HINT = 'Give the subscription another name.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_subscriber(text) IS
    'refuses a name that a subscription cannot have';

CREATE FUNCTION angzarr._check_subscribed(domains text[], from_position bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_subscribed(domains, from_position): 22023 unless both are valid
DECLARE
    _last bigint;
BEGIN
    IF array_ndims(domains) > 1 THEN
        RAISE EXCEPTION 'invalid array of domains'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Its dimensions are %s.', array_dims(domains)),
                  HINT = 'Give an array of one dimension; empty is every domain.';
    END IF;
    PERFORM angzarr._check_domain(d) FROM unnest(domains) AS d;
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO _last
    FROM angzarr.events_position_seq AS s;
    IF from_position IS NULL OR from_position NOT BETWEEN 0 AND _last THEN
        RAISE EXCEPTION 'invalid position %', coalesce(from_position::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Positions are 0 to %s so far.', _last),
                  HINT = 'Give 0 to read from the beginning, angzarr.horizon() to read'
                         ' what comes from now on, or the position of an event.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_subscribed(text[], bigint) IS
    'refuses domains and positions that cannot be read';

CREATE FUNCTION angzarr.subscribe(
    name text,
    domains text[] DEFAULT '{}',
    from_position bigint DEFAULT 0
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- subscribe(name | domains, from_position) -> position it has read up to
-- A program may say it whenever it starts: once there, it is left as it is.
#variable_conflict use_column
DECLARE
    _wanted text[];
    _found record;
BEGIN
    PERFORM angzarr._check_subscriber(subscribe.name);
    PERFORM angzarr._check_subscribed(subscribe.domains, subscribe.from_position);
    SELECT coalesce(array_agg(DISTINCT d ORDER BY d), '{}') INTO _wanted
    FROM unnest(subscribe.domains) AS u (d);
    INSERT INTO angzarr.subscriptions (component, domains, position)
    VALUES (subscribe.name, _wanted, subscribe.from_position)
    ON CONFLICT ON CONSTRAINT subscriptions_pkey DO NOTHING;
    -- A component may have been registered meanwhile.
    PERFORM angzarr._check_subscriber(subscribe.name);
    SELECT s.domains, s.position INTO _found
    FROM angzarr.subscriptions AS s WHERE s.component = subscribe.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'subscription "%" was just removed', subscribe.name
            USING ERRCODE = 'serialization_failure',
                  DETAIL = 'Another session has unsubscribed it meanwhile.',
                  HINT = 'Subscribe again.';
    END IF;
    IF _found.domains <> _wanted THEN
        RAISE EXCEPTION 'subscription "%" already exists', subscribe.name
            USING ERRCODE = 'duplicate_object',
                  DETAIL = format('It reads %s.', CASE cardinality(_found.domains)
                      WHEN 0 THEN 'every domain'
                      ELSE array_to_string(_found.domains, ', ') END),
                  HINT = 'Call angzarr.unsubscribe(name) first, or give another name.';
    END IF;
    RETURN _found.position;
END
$$;
COMMENT ON FUNCTION angzarr.subscribe(text, text[], bigint) IS
    'makes a cursor over the log, or finds it again; empty domains: all of them';

CREATE FUNCTION angzarr._lock_subscription(name text)
RETURNS angzarr.subscriptions
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _lock_subscription(name) -> its row, ours until the transaction ends
-- ZA004 when there is none, 55P03 when another transaction has it.
#variable_conflict use_column
DECLARE
    _found angzarr.subscriptions;
BEGIN
    SELECT s.* INTO _found FROM angzarr.subscriptions AS s
    WHERE s.component = _lock_subscription.name
        AND NOT EXISTS (SELECT FROM angzarr.components AS c
                        WHERE c.name = s.component)
    FOR NO KEY UPDATE OF s SKIP LOCKED;
    IF FOUND THEN
        RETURN _found;
    END IF;
    IF EXISTS (SELECT FROM angzarr.subscriptions AS s
               WHERE s.component = _lock_subscription.name)
        AND NOT EXISTS (SELECT FROM angzarr.components AS c
                        WHERE c.name = _lock_subscription.name) THEN
        RAISE EXCEPTION 'subscription "%" is being read', _lock_subscription.name
            USING ERRCODE = 'lock_not_available',
                  DETAIL = 'A transaction that has read or acknowledged is open.',
                  HINT = 'One reads at a time: try again when that one has ended, or'
                         ' subscribe under another name.';
    END IF;
    RAISE EXCEPTION 'subscription % does not exist',
                    coalesce('"' || left(_lock_subscription.name, 80) || '"', 'NULL')
        USING ERRCODE = 'ZA004',
              DETAIL = 'Nobody has subscribed under this name.',
              HINT = 'Call angzarr.subscribe(name) first.';
END
$$;
COMMENT ON FUNCTION angzarr._lock_subscription(text) IS
    'the row of a subscription, locked without waiting';

CREATE FUNCTION angzarr._delivered()
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
BEGIN ATOMIC
    -- _delivered() -> {"name": [after, to]}, what this session was given
    -- Undone with the transaction that read, like the reading itself.
    SELECT coalesce(nullif(current_setting('angzarr_log.delivered', true), ''),
                    '{}')::jsonb;
END;
COMMENT ON FUNCTION angzarr._delivered() IS
    'by subscription: after and up to which position this session was given events';

CREATE FUNCTION angzarr._remember_delivered(name text, after bigint, to_position bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _remember_delivered(name, after, to_position): until it is acknowledged
-- Both null: forgets.
DECLARE
    _known jsonb := angzarr._delivered() - name;
BEGIN
    IF after IS NOT NULL THEN
        _known := _known || jsonb_build_object(name,
                                               jsonb_build_array(after, to_position));
    END IF;
    PERFORM set_config('angzarr_log.delivered', _known::text, false);
END
$$;
COMMENT ON FUNCTION angzarr._remember_delivered(text, bigint, bigint) IS
    'notes what this session was given of a subscription';

CREATE FUNCTION angzarr.unsubscribe(name text)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- unsubscribe(name): forgets the cursor
BEGIN
    PERFORM angzarr._lock_subscription(name);
    DELETE FROM angzarr.subscriptions AS s WHERE s.component = unsubscribe.name;
    PERFORM angzarr._remember_delivered(name, NULL, NULL);
END
$$;
COMMENT ON FUNCTION angzarr.unsubscribe(text) IS
    'forgets a subscription and how far it has read';

CREATE FUNCTION angzarr._check_may_read(max_events integer)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_may_read(max_events): 22023, 55000 or 0A000 unless one may read now
BEGIN
    IF max_events IS NULL OR max_events NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'invalid max_events %', coalesce(max_events::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'It is 1 to 100000 events at one time.',
                  HINT = 'Read again for more.';
    END IF;
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby has no horizon'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Who is appending is known on the primary server only.',
                  HINT = 'Read on the primary server.';
    END IF;
    IF current_setting('transaction_isolation')
        NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'the log cannot be read in isolation level %',
                        upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'The snapshot of this transaction is older than the horizon'
                           ' that it would read up to: events would be skipped.',
                  HINT = 'Use BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_may_read(integer) IS
    'refuses to read the log where or how it cannot be read';

CREATE FUNCTION angzarr._events_between(
    domains text[],
    after bigint,
    horizon bigint,
    max_events integer
)
RETURNS SETOF angzarr.events
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
-- _events_between(domains, after, horizon, max_events) -> the log in order
-- By domain each has its own index scan, so that a rare one costs little.
#variable_conflict use_column
BEGIN
    IF cardinality(domains) = 0 THEN
        RETURN QUERY
        SELECT e.* FROM angzarr.events AS e
        WHERE e.position > after AND e.position <= horizon AND NOT e.isolated
        ORDER BY e.position
        LIMIT max_events;
    ELSE
        RETURN QUERY
        SELECT e.* FROM unnest(domains) AS d (domain)
        CROSS JOIN LATERAL (
            SELECT v.* FROM angzarr.events AS v
            WHERE v.domain = d.domain AND v.position > after AND v.position <= horizon
                AND NOT v.isolated
            ORDER BY v.position
            LIMIT max_events
        ) AS e
        ORDER BY e.position
        LIMIT max_events;
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._events_between(text[], bigint, bigint, integer) IS
    'events between two positions, in order, but for isolated ones';

CREATE FUNCTION angzarr.next_events(
    subscription text,
    max_events integer DEFAULT 100
)
RETURNS SETOF angzarr.events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 100
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- next_events(subscription | max_events) -> the events after its cursor
-- Does not wait, and gives the same again until they are acknowledged.
DECLARE
    _row angzarr.subscriptions;
    _horizon bigint;
    _event angzarr.events;
    _last bigint;
    _known jsonb := angzarr._delivered()->subscription;
BEGIN
    PERFORM angzarr._check_may_read(max_events);
    _row := angzarr._lock_subscription(subscription);
    _horizon := angzarr.horizon();
    -- Only now, in a statement of its own: its snapshot has all up to there.
    FOR _event IN
        SELECT e.* FROM angzarr._events_between(_row.domains, _row.position, _horizon,
                                                max_events) AS e
    LOOP
        _last := _event.position;
        RETURN NEXT _event;
    END LOOP;
    IF _last IS NOT NULL THEN
        IF (_known->>0)::bigint = _row.position THEN
            _last := greatest(_last, (_known->>1)::bigint);
        END IF;
        PERFORM angzarr._remember_delivered(subscription, _row.position, _last);
        IF to_regprocedure('angzarr._flush()') IS NOT NULL THEN
            PERFORM angzarr._flush();
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr.next_events(text, integer) IS
    'the next events of a subscription in log order; ack() moves on';

CREATE FUNCTION angzarr._check_ack(subscription text, at_position bigint, up_to bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
-- _check_ack(subscription, at_position, up_to): 22023 or 55000 unless this session was
-- given the events after "at_position", where the cursor is, up to "up_to"
DECLARE
    _after bigint := (angzarr._delivered()->subscription->>0)::bigint;
    _to bigint := (angzarr._delivered()->subscription->>1)::bigint;
BEGIN
    IF _after <> at_position THEN
        RAISE EXCEPTION 'subscription "%" was moved by another session', subscription
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('This session has read from after position %s; the'
                                  ' subscription is at %s.', _after, at_position),
                  HINT = 'Both were given the same events. Roll back, and read again;'
                         ' read and acknowledge in one transaction to prevent it.';
    END IF;
    IF up_to <= at_position THEN
        RAISE EXCEPTION 'position % is already acknowledged', up_to
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Subscription "%s" is at position %s.',
                                  subscription, at_position),
                  HINT = 'A cursor does not go back: to read again, unsubscribe, and'
                         ' subscribe with from_position.';
    END IF;
    IF _to IS NULL OR up_to > _to THEN
        RAISE EXCEPTION 'position % was not delivered', up_to
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE WHEN _to IS NULL OR _to <= at_position
                      THEN 'This session has nothing unacknowledged.'
                      ELSE format('This session was given events up to position %s.',
                                  _to) END,
                  HINT = 'Acknowledge the position of an event that next_events() has'
                         ' given to this session.';
    END IF;
END
$$;
COMMENT ON FUNCTION angzarr._check_ack(text, bigint, bigint) IS
    'refuses to acknowledge what this session was not given';

CREATE FUNCTION angzarr.ack(subscription text, up_to bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- ack(subscription, up_to): the events up to there are done
-- Exactly once when their effects are in the same transaction.
DECLARE
    _row angzarr.subscriptions;
BEGIN
    IF up_to IS NULL OR up_to < 1 THEN
        RAISE EXCEPTION 'invalid position %', coalesce(up_to::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Positions begin at 1.',
                  HINT = 'Acknowledge the position of the last event that is done.';
    END IF;
    _row := angzarr._lock_subscription(subscription);
    PERFORM angzarr._check_ack(subscription, _row.position, up_to);
    UPDATE angzarr.subscriptions AS s
    SET position = up_to, updated_at = clock_timestamp()
    WHERE s.component = subscription;
    PERFORM angzarr._remember_delivered(subscription, up_to,
        (angzarr._delivered()->subscription->>1)::bigint);
END
$$;
COMMENT ON FUNCTION angzarr.ack(text, bigint) IS
    'moves the cursor of a subscription on to the last event that is done';
