"""`tf.train.Example` messages, read without TensorFlow or a protocol-buffer library.

    message Example { Features features = 1; }
    message Features { map<string, Feature> feature = 1; }
    message Feature { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2;
                                   Int64List int64_list = 3; } }

Each list has its values in field 1; floats and integers may be packed. A map entry is a message
of a key (1) and a value (2).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Values = list[bytes] | list[float] | list[int]

_VARINT, _EIGHT_BYTES, _CHUNK, _FOUR_BYTES = 0, 1, 2, 5
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
_LONGEST_VARINT = 10


def features(message: bytes) -> dict[str, Values]:
    """The features of an example by name. Raises `ValueError` where it is no such message."""
    found: dict[str, Values] = {}
    for field, chunk in _chunks(message):
        if field != 1:
            continue
        for inner, entry in _chunks(chunk):
            if inner == 1:
                name, values = _entry(entry)
                found[name] = values
    return found


def _entry(message: bytes) -> tuple[str, Values]:
    name, values = "", list[bytes]()
    result: Values = values
    for field, chunk in _chunks(message):
        if field == 1:
            name = chunk.decode("utf-8")
        elif field == 2:
            result = _feature(chunk)
    return name, result


def _feature(message: bytes) -> Values:
    values: Values = list[bytes]()
    for kind, chunk in _chunks(message):
        if kind == _BYTES_LIST:
            values = [value for field, value in _chunks(chunk) if field == 1]
        elif kind == _FLOAT_LIST:
            values = _floats(chunk)
        elif kind == _INT64_LIST:
            values = _integers(chunk)
    return values


def _floats(message: bytes) -> list[float]:
    values: list[float] = []
    for field, wire, value in _fields(message):
        if field != 1:
            continue
        if wire not in (_CHUNK, _FOUR_BYTES) or not isinstance(value, bytes) or len(value) % 4:
            raise ValueError("a list of floats that holds something else")
        values.extend(struct.unpack(f"<{len(value) // 4}f", value))
    return values


def _integers(message: bytes) -> list[int]:
    values: list[int] = []
    for field, _, value in _fields(message):
        if field != 1:
            continue
        if isinstance(value, int):
            values.append(_signed(value))
            continue
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            values.append(_signed(number))
    return values


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _chunks(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(field, content) of the fields that hold messages, text or bytes."""
    for field, wire, value in _fields(message):
        if wire == _CHUNK:
            assert isinstance(value, bytes)
            yield field, value


def _fields(message: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """(field, wire type, value) of every field; the value of a varint is a number."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        value: int | bytes
        if wire == _VARINT:
            value, at = _varint(message, at)
        else:
            if wire == _CHUNK:
                size, at = _varint(message, at)
            elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
                size = 8 if wire == _EIGHT_BYTES else 4
            else:
                raise ValueError(f"a field of unknown kind {wire} at byte {at}")
            value = message[at : at + size]
            if len(value) < size:
                raise ValueError("a message that is cut short")
            at += size
        yield key >> 3, wire, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte from `at` on, and where the next field begins."""
    number = 0
    for i, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * i)
        if not byte & 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at + i + 1
    raise ValueError(f"a number that does not end at byte {at}")
