-- What a person meets at the tables themselves.
\set SHOW_CONTEXT never

-- The schema belongs to the extension and goes with it.
SELECT n.nspname, d.deptype
FROM pg_depend AS d
JOIN pg_namespace AS n ON n.oid = d.objid
WHERE d.classid = 'pg_namespace'::regclass AND d.refclassid = 'pg_extension'::regclass
    AND n.nspname = 'angzarr';

-- The rows in the details would name times and positions.
\set VERBOSITY terse

-- An event holds a payload or a reference to one: not both, not neither.
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url)
VALUES ('00000000-0000-0000-0000-00000000c001', 'schema', 0, now(), '/a');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload, external)
VALUES ('00000000-0000-0000-0000-00000000c001', 'schema', 0, now(), '/a', '', 'x');
\echo :LAST_ERROR_SQLSTATE

-- Sequences are those of the wire: 0 to 2^32 - 1.
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
VALUES ('00000000-0000-0000-0000-00000000c001', 'schema', -1, now(), '/a', '');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
VALUES ('00000000-0000-0000-0000-00000000c001', 'schema', 4294967296, now(), '/a', '');
\echo :LAST_ERROR_SQLSTATE

-- Positions come from the log alone.
INSERT INTO angzarr.events (root, domain, sequence, position, created_at, type_url, payload)
VALUES ('00000000-0000-0000-0000-00000000c001', 'schema', 0, 1, now(), '/a', '');
\echo :LAST_ERROR_SQLSTATE

-- Events are never changed, the log is never emptied, not even without rows.
\set VERBOSITY default
UPDATE angzarr.events SET domain = 'other' WHERE false;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE angzarr.events RESTART IDENTITY;
\echo :LAST_ERROR_SQLSTATE

\set VERBOSITY terse

-- A snapshot's retention is one of the contract's three.
INSERT INTO angzarr.snapshots (root, domain, sequence, retention, type_url, state)
VALUES ('00000000-0000-0000-0000-00000000c001', 'schema', 0, 3, '/s', '');
\echo :LAST_ERROR_SQLSTATE

-- What was processed names both ends of its events, or none.
INSERT INTO angzarr.processed (root, domain, kind, digest, first_sequence)
VALUES ('00000000-0000-0000-0000-00000000c001', 'schema', 'fact',
        '00000000-0000-0000-0000-00000000d001', 1);
\echo :LAST_ERROR_SQLSTATE

-- A component is called at an address or is a function here, never both.
INSERT INTO angzarr.components (name, kind, domain, address, handler)
VALUES ('schema', 'aggregate', 'schema', 'unix:/x', 'f');
\echo :LAST_ERROR_SQLSTATE

-- A saga owns no domain.
INSERT INTO angzarr.components (name, kind, domain, address)
VALUES ('schema', 'saga', 'schema', 'unix:/x');
\echo :LAST_ERROR_SQLSTATE

-- The main timeline is no branch.
INSERT INTO angzarr.editions (name, domain) VALUES ('angzarr', 'schema');
\echo :LAST_ERROR_SQLSTATE
