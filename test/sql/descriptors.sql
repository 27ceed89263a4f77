-- Descriptors: payload types are told by the files that protoc makes.
-- message Order { string id = 1; int32 count = 2; google.protobuf.Timestamp at = 3; }, with what it imports.
\set first 0aff010a1f676f6f676c652f70726f746f6275662f74696d657374616d702e70726f746f120f676f6f676c652e70726f746f627566223b0a0954696d657374616d7012180a077365636f6e647318012001280352077365636f6e647312140a056e616e6f7318022001280552056e616e6f734285010a13636f6d2e676f6f676c652e70726f746f627566420e54696d657374616d7050726f746f50015a32676f6f676c652e676f6c616e672e6f72672f70726f746f6275662f74797065732f6b6e6f776e2f74696d657374616d707062f80101a20203475042aa021e476f6f676c652e50726f746f6275662e57656c6c4b6e6f776e5479706573620670726f746f330a96010a0a73686f702e70726f746f120473686f701a1f676f6f676c652f70726f746f6275662f74696d657374616d702e70726f746f22590a054f72646572120e0a0269641801200128095202696412140a05636f756e741802200128055205636f756e74122a0a02617418032001280b321a2e676f6f676c652e70726f746f6275662e54696d657374616d7052026174620670726f746f33
-- The same with "string count = 2", and with "string note = 4" added; both without what they import.
\set changed 0a96010a0a73686f702e70726f746f120473686f701a1f676f6f676c652f70726f746f6275662f74696d657374616d702e70726f746f22590a054f72646572120e0a0269641801200128095202696412140a05636f756e741802200128095205636f756e74122a0a02617418032001280b321a2e676f6f676c652e70726f746f6275662e54696d657374616d7052026174620670726f746f33
\set grown 0aaa010a0a73686f702e70726f746f120473686f701a1f676f6f676c652f70726f746f6275662f74696d657374616d702e70726f746f226d0a054f72646572120e0a0269641801200128095202696412140a05636f756e741802200128055205636f756e7412120a046e6f746518042001280952046e6f7465122a0a02617418032001280b321a2e676f6f676c652e70726f746f6275662e54696d657374616d7052026174620670726f746f33

-- Of the set only the user's own file is kept: google's are ours.
SELECT angzarr.register_descriptors(decode(:'first', 'hex'));
SELECT name, length(file) FROM angzarr.descriptors ORDER BY name;
-- It may be told again, and grow.
SELECT angzarr.register_descriptors(decode(:'first', 'hex'));
SELECT angzarr.register_descriptors(decode(:'grown', 'hex'));
SELECT name, length(file) FROM angzarr.descriptors ORDER BY name;
-- A change that stored events could not be read by is refused, and nothing changes.
SELECT angzarr.register_descriptors(decode(:'changed', 'hex'));
\echo :LAST_ERROR_SQLSTATE
SELECT name, length(file) FROM angzarr.descriptors ORDER BY name;

-- Bad sets are named.
SELECT angzarr.register_descriptors(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT angzarr.register_descriptors('not a set');
\echo :LAST_ERROR_SQLSTATE
-- One that imports what it does not bring (file "a.proto" imports "b.proto").
SELECT angzarr.register_descriptors('\x0a120a07612e70726f746f1a07622e70726f746f');
\echo :LAST_ERROR_SQLSTATE
-- A file without a name, and two of one name.
SELECT angzarr.register_descriptors('\x0a00');
SELECT angzarr.register_descriptors('\x0a090a07612e70726f746f0a090a07612e70726f746f');
-- An empty set is no change.
SELECT angzarr.register_descriptors('');
DELETE FROM angzarr.descriptors;
