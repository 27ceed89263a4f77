-- Installation: who may load this, into what kind of database, and the schema.
\echo Use "CREATE EXTENSION angzarr" to load this file. \quit

DO $$
BEGIN
    -- Every text of the wire contract is UTF-8; in another encoding some of it
    -- could not be stored, and dumps could not be restored.
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'extension "angzarr" needs a database in encoding UTF8'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = format('This database is in encoding %s.',
                                  current_setting('server_encoding')),
                  HINT = 'Make one with CREATE DATABASE … ENCODING ''UTF8'''
                         ' TEMPLATE template0.';
    END IF;
END
$$;

-- Created here, not by the control file: so it is ours, goes with DROP
-- EXTENSION, and one that somebody made before us is refused, not adopted.
CREATE SCHEMA angzarr;
COMMENT ON SCHEMA angzarr IS
    'event sourcing and CQRS: events, books, components and the functions over them';
