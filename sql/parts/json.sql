-- Payloads as JSON, and JSON as payloads: canonical protobuf JSON.

CREATE FUNCTION angzarr.to_json(type_url text, payload bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'angzarr_to_json'
LANGUAGE C
STRICT
STABLE
PARALLEL SAFE;
COMMENT ON FUNCTION angzarr.to_json(text, bytea) IS
    'a payload as JSON, by the descriptors that are registered';

CREATE FUNCTION angzarr._shown_json(type_url text, payload bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'angzarr_shown_json'
LANGUAGE C
STRICT
STABLE
PARALLEL SAFE;
COMMENT ON FUNCTION angzarr._shown_json(text, bytea) IS
    'the same, but of a payload that does not decode its bytes and the reason';

CREATE FUNCTION angzarr.from_json(type text, value jsonb)
RETURNS bytea
AS 'MODULE_PATHNAME', 'angzarr_from_json'
LANGUAGE C
STRICT
STABLE
PARALLEL SAFE;
COMMENT ON FUNCTION angzarr.from_json(text, jsonb) IS
    'the payload of a registered type that the JSON describes';

-- No event hides the others: what does not decode is shown as it is.
CREATE VIEW angzarr.events_json AS
SELECT e.position, e.domain, e.edition, e.root, e.sequence, e.created_at,
    e.correlation_id, e.type_url,
    CASE WHEN e.external IS NULL THEN angzarr._shown_json(e.type_url, e.payload)
         ELSE jsonb_build_object(
             '@type', e.type_url,
             'external', angzarr._shown_json('io.angzarr.v1.PayloadReference',
                                             e.external)) END AS payload
FROM angzarr.events AS e;
COMMENT ON VIEW angzarr.events_json IS
    'the log with payloads as JSON, for people';
COMMENT ON COLUMN angzarr.events_json.position IS 'place in the log';
COMMENT ON COLUMN angzarr.events_json.domain IS 'kind of aggregate';
COMMENT ON COLUMN angzarr.events_json.edition IS 'timeline, empty for the main one';
COMMENT ON COLUMN angzarr.events_json.root IS 'which aggregate of the domain';
COMMENT ON COLUMN angzarr.events_json.sequence IS 'place in its stream';
COMMENT ON COLUMN angzarr.events_json.created_at IS 'when it happened';
COMMENT ON COLUMN angzarr.events_json.correlation_id IS
    'what belongs together across aggregates, empty when nothing does';
COMMENT ON COLUMN angzarr.events_json.type_url IS 'protobuf type of the payload';
COMMENT ON COLUMN angzarr.events_json.payload IS
    'its fields; of an unregistered type or broken bytes "value_b64", of one stored'
    ' elsewhere "external"';

-- With the rights of who asks: dead letters are for admins.
CREATE VIEW angzarr.dead_letters_json WITH (security_invoker = true) AS
SELECT d.id, d.domain, d.correlation_id, d.source_component, d.source_component_type,
    d.rejection_type, d.rejection_reason, d.occurred_at, d.created_at, d.replayed_at,
    angzarr._shown_json('io.angzarr.v1.AngzarrDeadLetter', d.payload) AS payload
FROM angzarr.dead_letters AS d;
COMMENT ON VIEW angzarr.dead_letters_json IS
    'what could not be executed or delivered, with payloads as JSON, for admins';
COMMENT ON COLUMN angzarr.dead_letters_json.id IS 'in order of arrival';
COMMENT ON COLUMN angzarr.dead_letters_json.domain IS 'it is filed under';
COMMENT ON COLUMN angzarr.dead_letters_json.correlation_id IS
    'of the command or trigger';
COMMENT ON COLUMN angzarr.dead_letters_json.source_component IS
    'that failed, or sent it';
COMMENT ON COLUMN angzarr.dead_letters_json.source_component_type IS 'its kind';
COMMENT ON COLUMN angzarr.dead_letters_json.rejection_type IS
    'which kind of failure';
COMMENT ON COLUMN angzarr.dead_letters_json.rejection_reason IS
    'the failure in words';
COMMENT ON COLUMN angzarr.dead_letters_json.occurred_at IS 'when it failed';
COMMENT ON COLUMN angzarr.dead_letters_json.created_at IS 'when it was filed';
COMMENT ON COLUMN angzarr.dead_letters_json.replayed_at IS
    'when it was last replayed, or null';
COMMENT ON COLUMN angzarr.dead_letters_json.payload IS
    'the command or events, and the failure in detail';
