#!/usr/bin/env python3
"""A decoder and encoder of logs, written from the byte table in README.md and nothing else.

decode.py decode FILE...   per file a line {"file", "end"}, then a line per record, as `dump` prints it
decode.py encode FILE...   from such lines in FILE writes the log FILE.wal
"""
import json
import struct
import sys
import zlib

MAGIC = 0x0057414C
TYPES = {1: "put", 2: "delete"}
CODES = {name: code for code, name in TYPES.items()}
OVERHEAD = 25


def decode_record(log, at):
    """The record at `at`, or None where no whole valid one stands."""
    if at + 4 + OVERHEAD > len(log):
        return None
    length, magic, sequence, code, key_length = struct.unpack_from("<IIQBI", log, at)
    end = at + 4 + length
    if magic != MAGIC or code not in TYPES or end > len(log) or OVERHEAD + key_length > length:
        return None
    key = log[at + 21 : at + 21 + key_length]
    (value_length,) = struct.unpack_from("<I", log, at + 21 + key_length)
    if length != OVERHEAD + key_length + value_length or (code == 2 and value_length > 0):
        return None
    value = log[at + 25 + key_length : end - 4]
    (crc,) = struct.unpack_from("<I", log, end - 4)
    if crc != zlib.crc32(struct.pack("<QB", sequence, code) + key + value):
        return None
    fields = {"sequence": str(sequence), "type": TYPES[code], "offset": at, "length": 4 + length}
    return {**fields, "crc": f"{crc:08x}", "keyHex": key.hex(), "valueHex": value.hex()}


def decode(path):
    with open(path, "rb") as file:
        log = file.read()
    records, at = [], 0
    while (record := decode_record(log, at)) is not None:
        records.append(record)
        at += record["length"]
    print(json.dumps({"file": path, "end": at}))
    for record in records:
        print(json.dumps(record))


def encode_record(line):
    key, value = bytes.fromhex(line["keyHex"]), bytes.fromhex(line["valueHex"])
    head = struct.pack("<QB", int(line["sequence"]), CODES[line["type"]])
    length = OVERHEAD + len(key) + len(value)
    body = struct.pack("<I", len(key)) + key + struct.pack("<I", len(value)) + value
    return struct.pack("<II", length, MAGIC) + head + body + struct.pack("<I", zlib.crc32(head + key + value))


def encode(path):
    with open(path, encoding="utf-8") as file, open(path + ".wal", "wb") as log:
        for line in file:
            log.write(encode_record(json.loads(line)))


for path in sys.argv[2:]:
    {"decode": decode, "encode": encode}[sys.argv[1]](path)
