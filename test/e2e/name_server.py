"""A name server for tests: answers A records from a file that may change.

    name_server.py ADDRESS FILE

Each line of FILE is a name and an address.  The file is read anew for every
question; a name that is not in it does not exist.  Questions are printed.
"""

import socket
import struct
import sys

TYPE_A = 1
NXDOMAIN = 3


def read_name(packet, at):
    labels = []
    while packet[at]:
        length = packet[at]
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def addresses_of(name, file):
    with open(file, encoding="ascii") as lines:
        pairs = [line.split() for line in lines if line.strip()]
    return [address for known, address in pairs if known == name]


def answer(packet, file):
    name, at = read_name(packet, 12)
    print("asked for", name, flush=True)
    (kind,) = struct.unpack_from("!H", packet, at)
    addresses = addresses_of(name, file)
    records = addresses if kind == TYPE_A else []
    head = struct.pack(
        "!2sHHHHH",
        packet[:2],
        0x8580 | (0 if addresses else NXDOMAIN),
        1,
        len(records),
        0,
        0,
    )
    body = b"".join(
        struct.pack("!HHHIH4s", 0xC00C, TYPE_A, 1, 0, 4, socket.inet_aton(record))
        for record in records
    )
    return head + packet[12 : at + 4] + body


def main():
    address, file = sys.argv[1:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    print("name server: ready on", address, flush=True)
    while True:
        packet, client = server.recvfrom(512)
        server.sendto(answer(packet, file), client)


main()
