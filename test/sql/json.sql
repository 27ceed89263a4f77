-- Payloads as JSON: canonical protobuf JSON, and back.
-- message Note {
--   string note_text = 1; int32 count = 2; google.protobuf.Any held = 3;
--   google.protobuf.Timestamp at = 4; repeated Note notes = 5; bytes raw = 6;
--   int64 big = 7; double rate = 8; oneof either { bool left = 9; bool right = 10; }
--   map<int32, string> by_number = 11;
-- }
\set first 0aee030a0a6e6f74652e70726f746f120473686f701a19676f6f676c652f70726f746f6275662f616e792e70726f746f1a1f676f6f676c652f70726f746f6275662f74696d657374616d702e70726f746f2295030a044e6f7465121b0a096e6f74655f7465787418012001280952086e6f74655465787412140a05636f756e741802200128055205636f756e7412280a0468656c6418032001280b32142e676f6f676c652e70726f746f6275662e416e79520468656c64122a0a02617418042001280b321a2e676f6f676c652e70726f746f6275662e54696d657374616d705202617412200a056e6f74657318052003280b320a2e73686f702e4e6f746552056e6f74657312100a0372617718062001280c520372617712100a03626967180720012803520362696712120a047261746518082001280152047261746512140a046c656674180920012808480052046c65667412160a057269676874180a2001280848005205726967687412350a0962795f6e756d626572180b2003280b32182e73686f702e4e6f74652e42794e756d626572456e747279520862794e756d6265721a3b0a0d42794e756d626572456e74727912100a036b657918012001280552036b657912140a0576616c7565180220012809520576616c75653a02380142080a06656974686572620670726f746f33
-- The same with "string extra = 12".
\set grown 0a84040a0a6e6f74652e70726f746f120473686f701a19676f6f676c652f70726f746f6275662f616e792e70726f746f1a1f676f6f676c652f70726f746f6275662f74696d657374616d702e70726f746f22ab030a044e6f7465121b0a096e6f74655f7465787418012001280952086e6f74655465787412140a05636f756e741802200128055205636f756e7412280a0468656c6418032001280b32142e676f6f676c652e70726f746f6275662e416e79520468656c64122a0a02617418042001280b321a2e676f6f676c652e70726f746f6275662e54696d657374616d705202617412200a056e6f74657318052003280b320a2e73686f702e4e6f746552056e6f74657312140a056578747261180c200128095205657874726112100a0372617718062001280c520372617712100a03626967180720012803520362696712120a047261746518082001280152047261746512140a046c656674180920012808480052046c65667412160a057269676874180a2001280848005205726967687412350a0962795f6e756d626572180b2003280b32182e73686f702e4e6f74652e42794e756d626572456e747279520862794e756d6265721a3b0a0d42794e756d626572456e74727912100a036b657918012001280552036b657912140a0576616c7565180220012809520576616c75653a02380142080a06656974686572620670726f746f33

-- What is not registered is shown as it is; what PostgreSQL has of NULL is NULL.
SELECT angzarr.to_json('type.googleapis.com/shop.Note', '\x0a0568656c6c6f');
SELECT angzarr.to_json('shop.Note', NULL) IS NULL, angzarr.from_json('shop.Note', NULL) IS NULL;
SELECT angzarr.from_json('shop.Note', '{}');
\echo :LAST_ERROR_SQLSTATE
-- Our own types and well-known ones need no registration.
SELECT angzarr.to_json('google.protobuf.Duration', '\x0803');
SELECT angzarr.from_json('google.protobuf.StringValue', '"a"');

-- A registration that is rolled back leaves nothing in the session.
BEGIN;
SELECT angzarr.register_descriptors(decode(:'first', 'hex'));
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f');
ROLLBACK;
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f');
-- Nor does one of a savepoint.
BEGIN;
SAVEPOINT before;
SELECT angzarr.register_descriptors(decode(:'first', 'hex'));
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f');
ROLLBACK TO before;
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f');
COMMIT;
-- A new version is there at once.
SELECT angzarr.register_descriptors(decode(:'first', 'hex'));
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f62026869');
SELECT angzarr.register_descriptors(decode(:'grown', 'hex'));
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f62026869');

-- There and back.
CREATE TEMPORARY TABLE made AS SELECT angzarr.from_json('type.googleapis.com/shop.Note', '{
    "noteText": "hi", "count": 3, "big": "-9223372036854775808", "raw": "AP8=", "rate": "NaN",
    "at": "2026-01-31T12:00:00.500Z", "left": false, "byNumber": {"-1": "b", "20": "a"},
    "held": {"@type": "type.googleapis.com/google.protobuf.Any", "value":
             {"@type": "example.org/nobody.Knows", "value_b64": "CAE="}},
    "notes": [{}, {"note_text": "inner"}]}') AS payload;
SELECT payload FROM made;
SELECT jsonb_pretty(angzarr.to_json('shop.Note', payload)) FROM made;
SELECT angzarr.from_json('shop.Note', angzarr.to_json('shop.Note', payload)) = payload FROM made;

-- Payloads that are none: cut short, with half a character, with a zero byte, a time out of range.
SELECT angzarr.to_json('shop.Note', '\x0a05686c6c6f');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.to_json('google.protobuf.StringValue', '\x0a01ff');
SELECT angzarr.to_json('shop.Note', '\x2a030a0100');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.to_json('shop.Note', '\x2a00220210ff');
SELECT angzarr.to_json('shop.Note', '\x220608ffffffffffff7f');
SELECT angzarr.to_json('shop.Note', '\x2a0422021801');
SELECT angzarr.to_json('shop.Note', '\x220a10ffffffffffffffff7f');

-- JSON that is no such message: each fault is named with its place.
SELECT angzarr.from_json('shop.Note', '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.from_json('shop.Note', '{"notes": [{}, {"colour": 1}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.from_json('shop.Note', '{"count": "many"}');
SELECT angzarr.from_json('shop.Note', '{"count": 2147483648}');
SELECT angzarr.from_json('shop.Note', '{"count": 1.5}');
SELECT angzarr.from_json('shop.Note', '{"noteText": 1}');
SELECT angzarr.from_json('shop.Note', '{"raw": "*"}');
SELECT angzarr.from_json('shop.Note', '{"rate": 1e400}');
SELECT angzarr.from_json('shop.Note', '{"at": "yesterday"}');
SELECT angzarr.from_json('shop.Note', '{"notes": {}}');
SELECT angzarr.from_json('shop.Note', '{"byNumber": {"one": "a"}}');
SELECT angzarr.from_json('shop.Note', '{"left": true, "right": false}');
SELECT angzarr.from_json('shop.Note', '{"noteText": "a", "note_text": "a"}');
SELECT angzarr.from_json('shop.Note', '{"held": {"noteText": "a"}}');
SELECT angzarr.from_json('shop.Note', '{"held": {"@type": "nobody.Knows", "a": 1}}');

-- The log, as people read it: an event that is broken does not hide the others.
SELECT angzarr.append('note', '00000000-0000-0000-0000-000000000001', 0, ARRAY[
    angzarr.new_event('type.googleapis.com/shop.Note', '\x0a0568656c6c6f'),
    angzarr.new_event('type.googleapis.com/shop.Note', '\x0a05686c6c6f'),
    angzarr.new_event('type.googleapis.com/nobody.Knows', '\x0801')]);
INSERT INTO angzarr.events (domain, root, sequence, created_at, type_url, external)
VALUES ('note', '00000000-0000-0000-0000-000000000001', 3, now(),
        'type.googleapis.com/shop.Note', '\x08011205733a2f2f61');
SELECT sequence, type_url, payload FROM angzarr.events_json WHERE domain = 'note' ORDER BY position;
-- A plan with workers decodes as well.
BEGIN;
SET LOCAL force_parallel_mode = on;
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f'), angzarr.from_json('shop.Note', '{"count": 1}')
FROM angzarr.editions RIGHT JOIN (SELECT 1) AS one ON name = 'nobody';
COMMIT;
DELETE FROM angzarr.descriptors;
SELECT angzarr.to_json('shop.Note', '\x0a0568656c6c6f');
