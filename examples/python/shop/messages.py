"""Reads the messages in books, and names aggregates."""

import uuid

from angzarr_v1 import types_pb2
from google.protobuf.message import DecodeError


class UnknownMessage(Exception):
    """A message that is none of those expected, or does not decode."""

    reason = "UNKNOWN_MESSAGE"

    def __init__(self, message):
        super().__init__(message)
        self.message = message


def by_full_name(classes):
    return {message.DESCRIPTOR.full_name: message for message in classes}


def type_name(packed):
    """The type of an Any; what stands before the last "/" is of no meaning."""
    return packed.type_url.rsplit("/", 1)[-1]


def unpack(packed, classes):
    """The message in an Any, which must be one of `classes`."""
    name = type_name(packed)
    if name not in classes:
        known = ", ".join(classes)
        raise UnknownMessage(f'"{name}" is not known here, but {known}')
    return _decode(classes[name], name, packed.value)


def unpack_known(packed, classes):
    """The same for those who listen to events of others: None when it is none
    of `classes`, since most of what happens elsewhere is no concern of theirs."""
    name = type_name(packed)
    if name not in classes:
        return None
    return _decode(classes[name], name, packed.value)


def _decode(message, name, value):
    try:
        return message.FromString(value)
    except DecodeError as error:
        raise UnknownMessage(f'a "{name}" does not decode: {error}') from error


def id_of(cover):
    """The text form of an aggregate's root."""
    return str(uuid.UUID(bytes=cover.root.value))


def cover_of(domain, aggregate_id):
    """The aggregate with this id, the text form of its root."""
    root = types_pb2.UUID(value=uuid.UUID(aggregate_id).bytes)
    return types_pb2.Cover(domain=domain, root=root)


def cover_of_key(domain, key):
    """The aggregate with this business key; its root is the one that the SQL
    function angzarr.root_of makes."""
    root = types_pb2.UUID(value=uuid.uuid5(uuid.NAMESPACE_OID, f"{domain}:{key}").bytes)
    return types_pb2.Cover(domain=domain, root=root)


def command_book(cover, command):
    """One command. Its header is left out: Angzarr stamps it with where it came
    from, so that it runs once, however often it is delivered."""
    book = types_pb2.CommandBook(cover=cover)
    book.pages.add().command.Pack(command)
    return book
