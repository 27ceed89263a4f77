"""Compares to_json and from_json with Google's Python library over seeded messages; prints TAP.

compare.py DATABASE SEED COUNT, with the modules that protoc made on the path.
"""
import json
import random
import struct
import subprocess
import sys

import inventory_pb2
import legacy_pb2
from google.protobuf import (any_pb2, descriptor, duration_pb2, empty_pb2, field_mask_pb2, json_format, struct_pb2,
                             timestamp_pb2, wrappers_pb2)

Field = descriptor.FieldDescriptor
MOST_DEPTH = 3
TEXTS = ["", "a", "ä€😀", 'quoted "text" \\ and /', "line\nline\t\x01\x1f\x7f", "\u2028<&>", "x" * 300]
REALS = [0.1, -1.5, 1e300, -1e-300, 5e-324, 1.7976931348623157e308, float("nan"), float("inf"), float("-inf"),
         123456789.123456789, 1e16, 1e21, 3.0, 2 ** 53 + 1.0]
FLOATS = [0.1, -1.5, 3.4028234663852886e38, 1.401298464324817e-45, float("nan"), float("inf"), float("-inf"),
          16777216.0, 1e10, 3.14159274]


class Maker:
    """Makes random messages of any type."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, low, high):
        edges = [low, high, 0 if low <= 0 else low, 1, max(low, -1), high - 1]
        return self.random.choice(edges) if self.random.random() < 0.4 else self.random.randint(low, high)

    def text(self):
        if self.random.random() < 0.5:
            return self.random.choice(TEXTS)
        return "".join(chr(self.random.choice([self.random.randint(32, 126), self.random.randint(160, 0xD7FF),
                                               self.random.randint(0x10000, 0x10FFFF)]))
                       for _ in range(self.random.randint(0, 12)))

    def scalar(self, field):
        kind = field.cpp_type
        if kind == Field.CPPTYPE_INT32:
            return self.pick(-2 ** 31, 2 ** 31 - 1)
        if kind == Field.CPPTYPE_INT64:
            return self.pick(-2 ** 63, 2 ** 63 - 1)
        if kind == Field.CPPTYPE_UINT32:
            return self.pick(0, 2 ** 32 - 1)
        if kind == Field.CPPTYPE_UINT64:
            return self.pick(0, 2 ** 64 - 1)
        if kind == Field.CPPTYPE_DOUBLE:
            return self.random.choice(REALS) if self.random.random() < 0.5 else self.any_double()
        if kind == Field.CPPTYPE_FLOAT:
            return self.random.choice(FLOATS) if self.random.random() < 0.5 else self.any_float()
        if kind == Field.CPPTYPE_BOOL:
            return self.random.random() < 0.5
        if kind == Field.CPPTYPE_ENUM:
            return self.enum(field)
        if field.type == Field.TYPE_BYTES:
            return self.random.randbytes(self.random.randint(0, 9))
        return self.text()

    def any_double(self):
        while True:
            value = struct.unpack("<d", self.random.randbytes(8))[0]
            if value == value and value != 0:
                return value

    def any_float(self):
        while True:
            value = struct.unpack("<f", self.random.randbytes(4))[0]
            if value == value and value != 0:
                return value

    def enum(self, field):
        numbers = [value.number for value in field.enum_type.values]
        is_open = field.file.syntax == "proto3" and len(numbers) > 1
        if is_open and self.random.random() < 0.3:
            return self.random.choice([99, -99, 2 ** 31 - 1])
        return self.random.choice(numbers)

    def fill(self, message, depth=0):
        name = message.DESCRIPTOR.full_name.lower().replace("google.protobuf.", "google_").replace(".", "_")
        special = getattr(self, "fill_" + name, None)
        if special:
            special(message, depth)
            return message
        share = 0.35 if depth == 0 else 0.12
        for field in list(message.DESCRIPTOR.fields):
            required = field.label == Field.LABEL_REQUIRED
            if required or self.random.random() < share:
                self.fill_field(message, field, depth)
        return message

    def fill_field(self, message, field, depth):
        is_message = field.cpp_type == Field.CPPTYPE_MESSAGE
        if is_message and depth >= MOST_DEPTH and field.label != Field.LABEL_REQUIRED:
            return
        if is_message and field.message_type.GetOptions().map_entry:
            self.fill_map(getattr(message, field.name), field.message_type, depth)
        elif field.label == Field.LABEL_REPEATED:
            held = getattr(message, field.name)
            for _ in range(self.random.randint(1, 4)):
                if is_message:
                    self.fill(held.add(), depth + 1)
                else:
                    held.append(self.scalar(field))
        elif is_message:
            held = getattr(message, field.name)
            held.SetInParent()
            self.fill(held, depth + 1)
        else:
            setattr(message, field.name, self.scalar(field))

    def fill_map(self, held, entry, depth):
        key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(self.random.randint(1, 5)):
            key = self.scalar(key_field)
            if value_field.cpp_type == Field.CPPTYPE_MESSAGE:
                self.fill(held[key], depth + 1)
            else:
                held[key] = self.scalar(value_field)

    def nanos(self):
        return self.random.choice([0, 1, 999999999, 500000000, 1000, 123000, self.random.randint(0, 999999999)])

    def fill_google_timestamp(self, message, _):
        message.seconds = self.random.choice([-62135596800, 253402300799, 0, -1, 951782400,
                                              self.random.randint(-62135596800, 253402300799)])
        message.nanos = self.nanos()

    def fill_google_duration(self, message, _):
        sign = self.random.choice([1, -1])
        message.seconds = sign * self.random.choice([0, 1, 315576000000, self.random.randint(0, 10 ** 6)])
        message.nanos = sign * self.nanos()

    def fill_google_fieldmask(self, message, _):
        paths = ["a", "a_b", "a_part.part_name", "x1.y2_z", "long_field_name.inner.count"]
        message.paths.extend(self.random.sample(paths, self.random.randint(0, 4)))

    def fill_google_value(self, message, depth):
        kind = self.random.randint(0, 5 if depth < MOST_DEPTH + 2 else 3)
        if kind == 0:
            message.null_value = 0
        elif kind == 1:
            message.number_value = self.random.choice([1, 0.5, -3e30, 1e-9, self.random.uniform(-1e6, 1e6)])
        elif kind == 2:
            message.string_value = self.text()
        elif kind == 3:
            message.bool_value = self.random.random() < 0.5
        elif kind == 4:
            message.struct_value.SetInParent()
            self.fill_google_struct(message.struct_value, depth + 1)
        else:
            message.list_value.SetInParent()
            self.fill_google_listvalue(message.list_value, depth + 1)

    def fill_google_struct(self, message, depth):
        for _ in range(self.random.randint(0, 4)):
            self.fill_google_value(message.fields[self.text()], depth + 1)

    def fill_google_listvalue(self, message, depth):
        for _ in range(self.random.randint(0, 4)):
            self.fill_google_value(message.values.add(), depth + 1)

    def fill_google_any(self, message, depth):
        kinds = [inventory_pb2.Everything, inventory_pb2.Part, legacy_pb2.Order, timestamp_pb2.Timestamp,
                 duration_pb2.Duration, struct_pb2.Struct, struct_pb2.Value, struct_pb2.ListValue,
                 wrappers_pb2.Int64Value, wrappers_pb2.BytesValue, empty_pb2.Empty, field_mask_pb2.FieldMask]
        if depth < MOST_DEPTH + 2:
            kinds += [any_pb2.Any] * 4
        held = self.fill(self.random.choice(kinds)(), depth + 1)
        message.Pack(held, self.random.choice(["type.googleapis.com/", "example.org/types/", "/"]), deterministic=True)

    def fill_legacy_order(self, message, depth):
        for field in message.DESCRIPTOR.fields:
            if field.label == Field.LABEL_REQUIRED or self.random.random() < 0.4:
                self.fill_field(message, field, depth)
        if self.random.random() < 0.6:
            message.Extensions[legacy_pb2.weight] = self.pick(-2 ** 63, 2 ** 63 - 1)
        if self.random.random() < 0.6:
            message.Extensions[legacy_pb2.label_text] = self.text()
        if self.random.random() < 0.6:
            message.Extensions[legacy_pb2.second_grade] = legacy_pb2.GRADE_A
        if self.random.random() < 0.6:
            message.Extensions[legacy_pb2.Gift.gift].wrapping = self.text()


TYPES = [inventory_pb2.Everything] * 5 + [legacy_pb2.Order] * 3 + [
    any_pb2.Any, timestamp_pb2.Timestamp, duration_pb2.Duration, struct_pb2.Struct, struct_pb2.Value,
    struct_pb2.ListValue, field_mask_pb2.FieldMask, empty_pb2.Empty, wrappers_pb2.DoubleValue, wrappers_pb2.FloatValue,
    wrappers_pb2.Int64Value, wrappers_pb2.UInt64Value, wrappers_pb2.Int32Value, wrappers_pb2.UInt32Value,
    wrappers_pb2.BoolValue, wrappers_pb2.StringValue, wrappers_pb2.BytesValue]


def same_value(text):
    """JSON as a value in which numbers are doubles."""
    return json.loads(text, parse_int=float)


def psql(database, script):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database], input=script, text=True,
                          check=True, stdout=subprocess.PIPE).stdout


def sql_rows(database, messages):
    """For each message: to_json, from_json of that in hex, from_json of Google's JSON in hex."""
    script = ["CREATE TEMP TABLE made (n int, type text, payload bytea, google jsonb);\n"]
    for number, (message, encoded) in enumerate(messages):
        google = json_format.MessageToJson(message).replace("'", "''")
        script.append(f"INSERT INTO made VALUES ({number}, 'type.googleapis.com/{message.DESCRIPTOR.full_name}', "
                      f"'\\x{encoded.hex()}', '{google}');\n")
    script.append("SELECT jsonb_build_array(angzarr.to_json(type, payload)::text,"
                  " encode(angzarr.from_json(type, angzarr.to_json(type, payload)), 'hex'),"
                  " encode(angzarr.from_json(type, google), 'hex')) FROM made ORDER BY n;\n")
    return [json.loads(line) for line in psql(database, "".join(script)).split("\n") if line]


def with_unknown_fields(maker, encoded):
    """Sometimes with a field that no descriptor has: both libraries leave it out."""
    if maker.random.random() < 0.2:
        return encoded + bytes([0xC2, 0xBB, 0x01, 3, 1, 2, 3])
    return encoded


def main():
    database, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    maker = Maker(seed)
    messages = []
    print(f"# seed {seed}, {count} messages")
    for number in range(count):
        message = maker.fill(TYPES[number % len(TYPES)]())
        messages.append((message, with_unknown_fields(maker, message.SerializeToString(deterministic=True))))
    rows = sql_rows(database, messages)
    faults = {"json": [], "back": [], "google": []}
    for number, ((message, _), (text, back, google)) in enumerate(zip(messages, rows)):
        wanted = message.SerializeToString(deterministic=True)
        if same_value(text) != same_value(json_format.MessageToJson(message)):
            faults["json"].append(f"{number} {text}\n{json_format.MessageToJson(message)}")
        for name, hexadecimal in (("back", back), ("google", google)):
            again = type(message).FromString(bytes.fromhex(hexadecimal))
            if again.SerializeToString(deterministic=True) != wanted:
                faults[name].append(f"{number} {text}\n{message}\nbecame\n{again}")
    sentences = {
        "json": f"to_json of {len(rows)} messages is what Google's Python library prints",
        "back": "from_json of that is the same message again",
        "google": "from_json of what Google's Python library prints is the message",
    }
    failed = len(rows) != count or count == 0
    for number, (name, sentence) in enumerate(sentences.items(), 1):
        bad = bool(faults[name]) or len(rows) != count
        failed = failed or bad
        print(f"{'not ok' if bad else 'ok'} {number} - {sentence}")
        for line in "\n".join(faults[name][:2]).splitlines()[:60]:
            print("#", line[:1000])
        if bad:
            print(f"# {len(faults[name])} in all")
    print("1..3")
    return 1 if failed else 0


sys.exit(main())
