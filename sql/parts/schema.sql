-- Tables.  Keys are text COLLATE "C"; edition '' is the main timeline; times
-- are timestamptz; sequences and positions bigint.  There are no foreign keys
-- between tables: they would break a parallel restore.

-- events: the log.  Rows are inserted and never updated; they go only with
-- their edition.  The primary key alone decides who of two writers wins.
CREATE TABLE angzarr.events (
    root uuid NOT NULL,
    domain text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL DEFAULT '',
    sequence bigint NOT NULL,
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    created_at timestamptz NOT NULL,
    correlation_id text COLLATE "C" NOT NULL DEFAULT '',
    type_url text COLLATE "C" NOT NULL,
    payload bytea,
    external bytea,
    ext bytea,
    region text COLLATE "C" NOT NULL
        DEFAULT coalesce(current_setting('angzarr.region', true), ''),
    isolated boolean NOT NULL DEFAULT false,
    depth smallint NOT NULL DEFAULT 0,
    source_domain text COLLATE "C",
    source_edition text COLLATE "C",
    source_root uuid,
    source_sequence bigint,
    source_component text COLLATE "C",
    CONSTRAINT events_sequence_check CHECK (sequence BETWEEN 0 AND 4294967295),
    CONSTRAINT events_payload_check CHECK ((payload IS NULL) <> (external IS NULL))
) WITH (
    -- Insert-only: vacuum by what was inserted, and freeze at the first visit,
    -- so that no freeze storm comes later.
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_freeze_min_age = 0,
    toast.autovacuum_vacuum_insert_threshold = 10000,
    toast.autovacuum_vacuum_insert_scale_factor = 0.02,
    toast.autovacuum_freeze_min_age = 0
);

CREATE INDEX events_position_idx ON angzarr.events (position);
CREATE INDEX events_domain_position_idx ON angzarr.events (domain, position);
CREATE INDEX events_correlation_idx ON angzarr.events (correlation_id, position)
    WHERE correlation_id <> '';
CREATE INDEX events_first_idx ON angzarr.events (domain, edition, root)
    WHERE sequence = 0;
CREATE INDEX events_edition_idx ON angzarr.events (edition, domain)
    WHERE edition <> '';
-- Last on purpose: while the table is young all indexes look equally good to the
-- planner, and it then takes the one that was made last.
ALTER TABLE angzarr.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (root, domain, edition, sequence);

COMMENT ON TABLE angzarr.events IS
    'the log: every event of every aggregate, inserted once and never changed';
COMMENT ON COLUMN angzarr.events.root IS 'which aggregate of the domain';
COMMENT ON COLUMN angzarr.events.domain IS 'kind of aggregate, such as order';
COMMENT ON COLUMN angzarr.events.edition IS
    'timeline: empty for the main one, else the name of a branch';
COMMENT ON COLUMN angzarr.events.sequence IS
    'place in its stream (root, domain, edition), from 0 without gaps, to 4294967295';
COMMENT ON COLUMN angzarr.events.position IS
    'place in the log of this database; rises, with gaps where somebody rolled back';
COMMENT ON COLUMN angzarr.events.created_at IS
    'when it happened, as the writer said, else the clock at the append';
COMMENT ON COLUMN angzarr.events.correlation_id IS
    'what belongs together across aggregates, empty when nothing does';
COMMENT ON COLUMN angzarr.events.type_url IS
    'protobuf type of the payload: the name after the last slash';
COMMENT ON COLUMN angzarr.events.payload IS
    'encoded message; null when it is stored elsewhere';
COMMENT ON COLUMN angzarr.events.external IS
    'encoded PayloadReference when the payload is stored elsewhere, else null';
COMMENT ON COLUMN angzarr.events.ext IS
    'encoded Any that the book''s cover carried, opaque to us, or null';
COMMENT ON COLUMN angzarr.events.region IS
    'where it was first written, empty when there is one region';
COMMENT ON COLUMN angzarr.events.isolated IS
    'true when nothing may ever react to it (sync mode ISOLATED)';
COMMENT ON COLUMN angzarr.events.depth IS
    'length of the chain of causes: 0 for what a client asked for';
COMMENT ON COLUMN angzarr.events.source_domain IS
    'domain of the event that caused it, or null';
COMMENT ON COLUMN angzarr.events.source_edition IS
    'edition of the event that caused it, or null';
COMMENT ON COLUMN angzarr.events.source_root IS
    'root of the event that caused it, or null';
COMMENT ON COLUMN angzarr.events.source_sequence IS
    'sequence of the event that caused it, or null';
COMMENT ON COLUMN angzarr.events.source_component IS
    'component that reacted to the cause, or null';
COMMENT ON SEQUENCE angzarr.events_position_seq IS
    'draws positions; who holds its lock is still appending';
COMMENT ON INDEX angzarr.events_position_idx IS 'reading the log in order';
COMMENT ON INDEX angzarr.events_domain_position_idx IS
    'reading one domain''s log in order';
COMMENT ON INDEX angzarr.events_correlation_idx IS 'what belongs together, in order';
COMMENT ON INDEX angzarr.events_first_idx IS 'which aggregates there are';
COMMENT ON INDEX angzarr.events_edition_idx IS 'what editions have of their own';

-- snapshots: states handlers gave back, so that a book need not start at 0.
CREATE TABLE angzarr.snapshots (
    root uuid NOT NULL,
    domain text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL DEFAULT '',
    sequence bigint NOT NULL,
    created_at timestamptz,
    retention smallint NOT NULL DEFAULT 0,
    type_url text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (root, domain, edition, sequence),
    CONSTRAINT snapshots_sequence_check CHECK (sequence BETWEEN 0 AND 4294967295),
    CONSTRAINT snapshots_retention_check CHECK (retention BETWEEN 0 AND 2)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX snapshots_edition_idx ON angzarr.snapshots (edition, domain)
    WHERE edition <> '';

COMMENT ON TABLE angzarr.snapshots IS
    'states of aggregates: with the events after it a snapshot is the whole story';
COMMENT ON COLUMN angzarr.snapshots.root IS 'which aggregate of the domain';
COMMENT ON COLUMN angzarr.snapshots.domain IS 'kind of aggregate';
COMMENT ON COLUMN angzarr.snapshots.edition IS 'timeline, empty for the main one';
COMMENT ON COLUMN angzarr.snapshots.sequence IS 'of the last event it includes';
COMMENT ON COLUMN angzarr.snapshots.created_at IS
    'when it was stored; null: unknown, so it serves no question about a time';
COMMENT ON COLUMN angzarr.snapshots.retention IS
    '0 default and 2 transient go when a newer one comes, 1 persist stays';
COMMENT ON COLUMN angzarr.snapshots.type_url IS 'protobuf type of the state';
COMMENT ON COLUMN angzarr.snapshots.state IS 'encoded message';
COMMENT ON INDEX angzarr.snapshots_edition_idx IS 'what goes with an edition';

-- processed: what was already done under a key, so that a repeat is harmless.
-- Written in the transaction of the events it stands for.
CREATE TABLE angzarr.processed (
    root uuid NOT NULL,
    domain text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL DEFAULT '',
    kind text COLLATE "C" NOT NULL,
    digest uuid NOT NULL,
    first_sequence bigint,
    last_sequence bigint,
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT processed_pkey PRIMARY KEY (root, domain, edition, kind, digest),
    CONSTRAINT processed_kind_check CHECK (kind IN (
        'command', 'fact', 'process-events', 'reaction', 'settled',
        'rejection-notification', 'compensate-notification', 'notification')),
    CONSTRAINT processed_sequence_check CHECK (
        (first_sequence IS NULL) = (last_sequence IS NULL)
        AND first_sequence BETWEEN 0 AND last_sequence
        AND last_sequence <= 4294967295)
) WITH (
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_freeze_min_age = 0
);
CREATE INDEX processed_created_idx ON angzarr.processed USING brin (created_at);
CREATE INDEX processed_edition_idx ON angzarr.processed (edition, domain)
    WHERE edition <> '';

COMMENT ON TABLE angzarr.processed IS
    'keys already served: a second delivery is answered with what the first one did';
COMMENT ON COLUMN angzarr.processed.root IS 'the aggregate it was done to';
COMMENT ON COLUMN angzarr.processed.domain IS 'the domain it was done in';
COMMENT ON COLUMN angzarr.processed.edition IS 'the timeline it was done on';
COMMENT ON COLUMN angzarr.processed.kind IS
    'what was delivered; reaction: what a component answered to an event; settled: a'
    ' command of such an answer that was given up';
COMMENT ON COLUMN angzarr.processed.digest IS
    '16 bytes of hash over the key: external id, or source and place of origin';
COMMENT ON COLUMN angzarr.processed.first_sequence IS
    'first event it produced, null when none';
COMMENT ON COLUMN angzarr.processed.last_sequence IS
    'last event it produced, null when none';
COMMENT ON COLUMN angzarr.processed.answer IS
    'encoded BusinessResponse when the answer was not events';
COMMENT ON COLUMN angzarr.processed.created_at IS 'when; old keys are forgotten';
COMMENT ON INDEX angzarr.processed_created_idx IS 'forgetting old keys';
COMMENT ON INDEX angzarr.processed_edition_idx IS 'what goes with an edition';

-- editions: branches whose point of divergence was given explicitly.
CREATE TABLE angzarr.editions (
    name text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    divergence bigint,
    description text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT editions_pkey PRIMARY KEY (name, domain),
    CONSTRAINT editions_name_check CHECK (
        name ~ '^[a-z][a-z0-9_-]*$' AND length(name) <= 64 AND name <> 'angzarr'),
    CONSTRAINT editions_domain_check CHECK (
        domain ~ '^[a-z_][a-z0-9_-]*$' AND length(domain) <= 64),
    CONSTRAINT editions_divergence_check CHECK (divergence BETWEEN 0 AND 4294967295)
);
COMMENT ON TABLE angzarr.editions IS
    'branches of the timeline, with the point where each leaves main';
COMMENT ON COLUMN angzarr.editions.name IS 'of the branch';
COMMENT ON COLUMN angzarr.editions.domain IS 'whose streams it branches';
COMMENT ON COLUMN angzarr.editions.divergence IS
    'first sequence that is its own; null: each stream says so by its first event';
COMMENT ON COLUMN angzarr.editions.description IS 'what it is for, in words';
COMMENT ON COLUMN angzarr.editions.created_at IS 'when it was created';

-- components: the business logic that the engine calls.
CREATE TABLE angzarr.components (
    name text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL DEFAULT '',
    inputs text[] COLLATE "C" NOT NULL DEFAULT '{}',
    address text COLLATE "C",
    handler text COLLATE "C",
    deadline interval,
    max_attempts integer,
    max_in_flight integer,
    send_snapshots boolean NOT NULL DEFAULT true,
    contract text COLLATE "C" NOT NULL DEFAULT 'io.angzarr.v1',
    enabled boolean NOT NULL DEFAULT true,
    owner name NOT NULL DEFAULT current_user,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT components_pkey PRIMARY KEY (name),
    CONSTRAINT components_name_check CHECK (
        name ~ '^[a-z_][a-z0-9_-]*$' AND length(name) <= 64),
    CONSTRAINT components_kind_check CHECK (kind IN (
        'aggregate', 'saga', 'projector', 'process_manager', 'upcaster')),
    CONSTRAINT components_domain_check CHECK (
        CASE WHEN kind IN ('aggregate', 'process_manager', 'upcaster')
             THEN domain ~ '^[a-z_][a-z0-9_-]*$' AND length(domain) <= 64
                  AND NOT starts_with(domain, '_angzarr')
             ELSE domain = '' END),
    CONSTRAINT components_handler_check CHECK ((address IS NULL) <> (handler IS NULL)),
    CONSTRAINT components_deadline_check CHECK (
        deadline > interval '0' AND deadline <= interval '1 day'),
    CONSTRAINT components_max_attempts_check CHECK (max_attempts >= 1),
    CONSTRAINT components_max_in_flight_check CHECK (max_in_flight >= 1)
);
CREATE UNIQUE INDEX components_owner_idx ON angzarr.components (domain)
    WHERE kind IN ('aggregate', 'process_manager');
CREATE UNIQUE INDEX components_upcaster_idx ON angzarr.components (domain)
    WHERE kind = 'upcaster';

COMMENT ON TABLE angzarr.components IS
    'registered business logic: what the engine calls, where, and within which limits';
COMMENT ON COLUMN angzarr.components.name IS 'of the component, unique';
COMMENT ON COLUMN angzarr.components.kind IS
    'aggregate, saga, projector, process_manager or upcaster';
COMMENT ON COLUMN angzarr.components.domain IS
    'the domain it owns or upcasts; empty for sagas and projectors';
COMMENT ON COLUMN angzarr.components.inputs IS 'domains whose events it gets';
COMMENT ON COLUMN angzarr.components.address IS
    'where it serves gRPC, such as grpc://host:port or unix:/path; or null';
COMMENT ON COLUMN angzarr.components.handler IS
    'function inside this database, looked up when used; or null';
COMMENT ON COLUMN angzarr.components.deadline IS
    'of one call; null: angzarr.call_timeout';
COMMENT ON COLUMN angzarr.components.max_attempts IS
    'calls in all for one delivery; null: the setting''s default';
COMMENT ON COLUMN angzarr.components.max_in_flight IS
    'calls at one time; null: the setting''s default';
COMMENT ON COLUMN angzarr.components.send_snapshots IS
    'false: its books always begin at sequence 0';
COMMENT ON COLUMN angzarr.components.contract IS
    'protobuf package of the services it implements';
COMMENT ON COLUMN angzarr.components.enabled IS 'false: it is not called';
COMMENT ON COLUMN angzarr.components.owner IS 'role that registered it';
COMMENT ON COLUMN angzarr.components.created_at IS 'when it was registered';
COMMENT ON INDEX angzarr.components_owner_idx IS 'a domain has one owner';
COMMENT ON INDEX angzarr.components_upcaster_idx IS 'a domain has one upcaster';

-- subscriptions: how far each reader has come.  Few rows, updated in place.
CREATE TABLE angzarr.subscriptions (
    component text COLLATE "C" NOT NULL,
    domains text[] COLLATE "C" NOT NULL DEFAULT '{}',
    position bigint NOT NULL DEFAULT 0,
    status text COLLATE "C" NOT NULL DEFAULT 'active',
    failures integer NOT NULL DEFAULT 0,
    last_error text,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    epoch integer NOT NULL DEFAULT 0,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (component),
    CONSTRAINT subscriptions_position_check CHECK (position >= 0),
    CONSTRAINT subscriptions_status_check CHECK (
        status IN ('active', 'paused', 'failing')),
    CONSTRAINT subscriptions_failures_check CHECK (failures >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 50,
        autovacuum_vacuum_scale_factor = 0);
-- No two cursors ever have the same epoch: not a later one of the same name either.
CREATE SEQUENCE angzarr.subscriptions_epoch_seq AS integer CACHE 1;
COMMENT ON TABLE angzarr.subscriptions IS
    'cursors: up to where each component or subscriber has the log';
COMMENT ON COLUMN angzarr.subscriptions.component IS 'who reads';
COMMENT ON COLUMN angzarr.subscriptions.domains IS 'what it reads; empty: everything';
COMMENT ON COLUMN angzarr.subscriptions.position IS
    'all up to here is delivered, but for the exceptions';
COMMENT ON COLUMN angzarr.subscriptions.status IS 'active, paused or failing';
COMMENT ON COLUMN angzarr.subscriptions.failures IS 'in a row, until now';
COMMENT ON COLUMN angzarr.subscriptions.last_error IS 'of the last failure, or null';
COMMENT ON COLUMN angzarr.subscriptions.updated_at IS 'when the row last changed';
COMMENT ON COLUMN angzarr.subscriptions.epoch IS
    'rises when the cursor is set anew: who read another one may not write; 0: of a'
    ' program that pulls';
COMMENT ON SEQUENCE angzarr.subscriptions_epoch_seq IS 'draws subscriptions.epoch';

-- exceptions: events that differ from their cursor; gone when it passes them.
CREATE TABLE angzarr.exceptions (
    component text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    root uuid NOT NULL,
    domain text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    last_error text,
    CONSTRAINT exceptions_pkey PRIMARY KEY (component, position),
    CONSTRAINT exceptions_state_check CHECK (
        state IN ('done', 'reserved', 'waiting', 'parked')),
    CONSTRAINT exceptions_attempts_check CHECK (attempts >= 0)
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.1);
COMMENT ON TABLE angzarr.exceptions IS
    'deliveries that are ahead of their cursor, wait for another try, or are parked';
COMMENT ON COLUMN angzarr.exceptions.component IS 'who was to get the event';
COMMENT ON COLUMN angzarr.exceptions.position IS 'of the event';
COMMENT ON COLUMN angzarr.exceptions.state IS
    'done (ahead of the cursor), reserved (a request is at it), waiting (to be tried'
    ' again) or parked (behind one of its stream that waits)';
COMMENT ON COLUMN angzarr.exceptions.root IS 'of the event''s stream';
COMMENT ON COLUMN angzarr.exceptions.domain IS 'of the event''s stream';
COMMENT ON COLUMN angzarr.exceptions.edition IS 'of the event''s stream';
COMMENT ON COLUMN angzarr.exceptions.attempts IS 'made so far';
COMMENT ON COLUMN angzarr.exceptions.next_attempt_at IS 'when it is due again, or null';
COMMENT ON COLUMN angzarr.exceptions.last_error IS 'of the last attempt, or null';

-- outbox: obligations recorded with the trigger, delivered later.
CREATE TABLE angzarr.outbox (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    kind text COLLATE "C" NOT NULL,
    component text COLLATE "C" NOT NULL,
    root uuid NOT NULL,
    domain text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL DEFAULT '',
    digest uuid NOT NULL,
    envelope bytea NOT NULL,
    depth smallint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_digest_key UNIQUE (digest, kind),
    CONSTRAINT outbox_kind_check CHECK (kind IN (
        'rejection', 'compensate', 'notification')),
    CONSTRAINT outbox_attempts_check CHECK (attempts >= 0)
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX outbox_due_idx ON angzarr.outbox (next_attempt_at);
COMMENT ON TABLE angzarr.outbox IS
    'what must still be delivered; a row goes when that is done or given up';
COMMENT ON COLUMN angzarr.outbox.id IS 'in order of recording';
COMMENT ON COLUMN angzarr.outbox.kind IS
    'rejection (of a command), compensate, or notification (forwarded)';
COMMENT ON COLUMN angzarr.outbox.component IS
    'that issued the command it is about';
COMMENT ON COLUMN angzarr.outbox.root IS 'of its target';
COMMENT ON COLUMN angzarr.outbox.domain IS 'of its target';
COMMENT ON COLUMN angzarr.outbox.edition IS 'of its target';
COMMENT ON COLUMN angzarr.outbox.digest IS
    '16 bytes of hash over the provenance: recorded again, it is still one';
COMMENT ON COLUMN angzarr.outbox.envelope IS
    'encoded CommandBook whose one command is the Notification';
COMMENT ON COLUMN angzarr.outbox.depth IS 'of causation of what it will write';
COMMENT ON COLUMN angzarr.outbox.attempts IS 'made so far';
COMMENT ON COLUMN angzarr.outbox.next_attempt_at IS 'when it is due';
COMMENT ON COLUMN angzarr.outbox.last_error IS 'of the last attempt, or null';
COMMENT ON COLUMN angzarr.outbox.created_at IS 'when it was recorded';
COMMENT ON SEQUENCE angzarr.outbox_id_seq IS 'draws outbox.id';
COMMENT ON INDEX angzarr.outbox_due_idx IS 'what is due next';
COMMENT ON INDEX angzarr.outbox_digest_key IS 'an obligation is recorded once';

-- inbox: commands sent from SQL, and beside them what became of each.  Both
-- insert-only: a queue that is updated in place bloats.
CREATE TABLE angzarr.inbox (
    ticket bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    command bytea NOT NULL,
    sender name NOT NULL DEFAULT current_user,
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT inbox_pkey PRIMARY KEY (ticket)
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE angzarr.inbox IS
    'commands sent from SQL: sent if and only if the sender committed';
COMMENT ON COLUMN angzarr.inbox.ticket IS 'by which the result is found';
COMMENT ON COLUMN angzarr.inbox.command IS 'encoded CommandRequest';
COMMENT ON COLUMN angzarr.inbox.sender IS 'role that sent it';
COMMENT ON COLUMN angzarr.inbox.sent_at IS 'when';
COMMENT ON SEQUENCE angzarr.inbox_ticket_seq IS 'draws inbox.ticket';

CREATE TABLE angzarr.inbox_results (
    ticket bigint NOT NULL,
    code integer NOT NULL,
    message text NOT NULL DEFAULT '',
    response bytea,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT inbox_results_pkey PRIMARY KEY (ticket),
    CONSTRAINT inbox_results_code_check CHECK (code BETWEEN 0 AND 16)
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE angzarr.inbox_results IS
    'what became of the commands of the inbox, kept for a setting''s time';
COMMENT ON COLUMN angzarr.inbox_results.ticket IS 'of the command';
COMMENT ON COLUMN angzarr.inbox_results.code IS 'gRPC status, 0 when it was accepted';
COMMENT ON COLUMN angzarr.inbox_results.message IS 'of the status';
COMMENT ON COLUMN angzarr.inbox_results.response IS
    'encoded CommandResponse, or null when it failed';
COMMENT ON COLUMN angzarr.inbox_results.finished_at IS 'when';

-- timers: when a process manager wants to be woken.
CREATE TABLE angzarr.timers (
    component text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL DEFAULT '',
    root uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    payload bytea,
    scheduled_sequence bigint NOT NULL,
    is_handled boolean NOT NULL DEFAULT false,
    CONSTRAINT timers_pkey PRIMARY KEY (component, edition, root, scheduled_sequence),
    CONSTRAINT timers_sequence_check CHECK (
        scheduled_sequence BETWEEN 0 AND 4294967295)
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
CREATE UNIQUE INDEX timers_name_idx ON angzarr.timers (component, edition, root, name)
    WHERE NOT is_handled;
CREATE INDEX timers_due_idx ON angzarr.timers (component, due_at);
COMMENT ON TABLE angzarr.timers IS 'when which process manager wants to be woken';
COMMENT ON COLUMN angzarr.timers.component IS 'the process manager';
COMMENT ON COLUMN angzarr.timers.edition IS 'timeline of the process';
COMMENT ON COLUMN angzarr.timers.root IS 'of the process';
COMMENT ON COLUMN angzarr.timers.name IS 'of the timer; scheduling it again moves it';
COMMENT ON COLUMN angzarr.timers.due_at IS 'when it elapses';
COMMENT ON COLUMN angzarr.timers.payload IS 'encoded Any to be given back, or null';
COMMENT ON COLUMN angzarr.timers.scheduled_sequence IS
    'of the TimeoutScheduled event that set it';
COMMENT ON COLUMN angzarr.timers.is_handled IS
    'it has elapsed, and what the process manager answered is being done';
COMMENT ON INDEX angzarr.timers_name_idx IS 'a name is one timer of a process';
COMMENT ON INDEX angzarr.timers_due_idx IS 'what elapses next, of each component';

-- dead_letters: what could not be delivered or executed, for a human.
CREATE TABLE angzarr.dead_letters (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    domain text COLLATE "C" NOT NULL,
    correlation_id text COLLATE "C" NOT NULL DEFAULT '',
    source_component text COLLATE "C" NOT NULL DEFAULT '',
    source_component_type text COLLATE "C" NOT NULL DEFAULT '',
    rejection_type text COLLATE "C" NOT NULL,
    rejection_reason text NOT NULL DEFAULT '',
    details text NOT NULL DEFAULT '',
    payload bytea NOT NULL,
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_at timestamptz,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letters_type_check CHECK (rejection_type IN (
        'sequence_mismatch', 'event_processing_failed',
        'payload_retrieval_failed', 'compensation_delivery_failed')),
    CONSTRAINT dead_letters_component_type_check CHECK (source_component_type IN (
        '', 'aggregate', 'saga', 'projector', 'process_manager'))
);
CREATE INDEX dead_letters_domain_idx ON angzarr.dead_letters (domain, id);
COMMENT ON TABLE angzarr.dead_letters IS
    'what could not be executed or delivered, kept until somebody decides';
COMMENT ON COLUMN angzarr.dead_letters.id IS 'in order of arrival';
COMMENT ON COLUMN angzarr.dead_letters.domain IS 'it is filed under';
COMMENT ON COLUMN angzarr.dead_letters.correlation_id IS 'of the command or trigger';
COMMENT ON COLUMN angzarr.dead_letters.source_component IS 'that failed, or sent it';
COMMENT ON COLUMN angzarr.dead_letters.source_component_type IS 'its kind';
COMMENT ON COLUMN angzarr.dead_letters.rejection_type IS 'which kind of failure';
COMMENT ON COLUMN angzarr.dead_letters.rejection_reason IS 'the failure in words';
COMMENT ON COLUMN angzarr.dead_letters.details IS 'of the failure, as JSON';
COMMENT ON COLUMN angzarr.dead_letters.payload IS 'encoded AngzarrDeadLetter';
COMMENT ON COLUMN angzarr.dead_letters.occurred_at IS 'when it failed';
COMMENT ON COLUMN angzarr.dead_letters.created_at IS 'when it was filed';
COMMENT ON COLUMN angzarr.dead_letters.replayed_at IS
    'when it was last replayed, or null';
COMMENT ON SEQUENCE angzarr.dead_letters_id_seq IS 'draws dead_letters.id';
COMMENT ON INDEX angzarr.dead_letters_domain_idx IS 'one domain''s, newest first';

-- descriptors: what users' payload types look like.
CREATE TABLE angzarr.descriptors (
    name text COLLATE "C" NOT NULL,
    file bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT descriptors_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE angzarr.descriptors IS
    'protobuf files of payload types, so that payloads can be shown as JSON';
COMMENT ON COLUMN angzarr.descriptors.name IS 'of the file, as it is imported';
COMMENT ON COLUMN angzarr.descriptors.file IS 'encoded FileDescriptorProto';
COMMENT ON COLUMN angzarr.descriptors.created_at IS 'when it was registered';

-- Events are facts: no statement changes them in place or empties the log.
CREATE FUNCTION angzarr._protect_events()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- _protect_events() -> never returns
-- Statement trigger on events: refuses UPDATE and TRUNCATE.
BEGIN
    RAISE EXCEPTION 'cannot % table "angzarr.events"', lower(TG_OP)
        USING ERRCODE = 'ZA005',
              DETAIL = 'Events are facts: they are inserted once and never changed.',
              HINT = 'Append an event that corrects the earlier one.';
END
$$;
COMMENT ON FUNCTION angzarr._protect_events() IS
    'trigger function: refuses to change persisted events';

CREATE TRIGGER protect_events
    BEFORE UPDATE OR TRUNCATE ON angzarr.events
    FOR EACH STATEMENT EXECUTE FUNCTION angzarr._protect_events();
COMMENT ON TRIGGER protect_events ON angzarr.events IS
    'events are never updated, the log is never truncated';

-- Data of users: dumps must carry it, with the sequences.
SELECT pg_extension_config_dump('angzarr.events', '');
SELECT pg_extension_config_dump('angzarr.events_position_seq', '');
SELECT pg_extension_config_dump('angzarr.snapshots', '');
SELECT pg_extension_config_dump('angzarr.processed', '');
SELECT pg_extension_config_dump('angzarr.editions', '');
SELECT pg_extension_config_dump('angzarr.components', '');
SELECT pg_extension_config_dump('angzarr.subscriptions', '');
SELECT pg_extension_config_dump('angzarr.subscriptions_epoch_seq', '');
SELECT pg_extension_config_dump('angzarr.exceptions', '');
SELECT pg_extension_config_dump('angzarr.outbox', '');
SELECT pg_extension_config_dump('angzarr.outbox_id_seq', '');
SELECT pg_extension_config_dump('angzarr.inbox', '');
SELECT pg_extension_config_dump('angzarr.inbox_ticket_seq', '');
SELECT pg_extension_config_dump('angzarr.inbox_results', '');
SELECT pg_extension_config_dump('angzarr.timers', '');
SELECT pg_extension_config_dump('angzarr.dead_letters', '');
SELECT pg_extension_config_dump('angzarr.dead_letters_id_seq', '');
SELECT pg_extension_config_dump('angzarr.descriptors', '');
