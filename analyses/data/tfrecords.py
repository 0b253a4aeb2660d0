"""TFRecord files, read without TensorFlow.

A record is its length (8 bytes, little-endian), the masked CRC-32C of those bytes (4), the
content, and the masked CRC-32C of the content (4). Nothing stands between records.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .crc32c import crc32c, masked
from .errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_HEAD, _TAIL = 12, 4


def places(path: Path) -> NDArray[np.int64]:
    """Where the records of a file are: an array (records, 2) of first byte and length.

    Only the lengths are read, and their checksums checked; contents are checked when they are
    read. Raises `DataError` naming the file and the byte where it is damaged or cut short.
    """
    found: list[tuple[int, int]] = []
    with _opened(path) as opened:
        size = opened.seek(0, 2)
        at = 0
        while at < size:
            opened.seek(at)
            head = opened.read(_HEAD)
            if len(head) < _HEAD:
                raise DataError(f"{path}: cut short in the record at byte {at}")
            length, checksum = struct.unpack("<QI", head)
            if masked(crc32c(head[:8])) != checksum:
                raise DataError(f"{path}: no record at byte {at} (wrong checksum of its length)")
            if at + _HEAD + length + _TAIL > size:
                raise DataError(f"{path}: cut short in the record at byte {at}")
            found.append((at + _HEAD, length))
            at += _HEAD + length + _TAIL
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def contents(path: Path, wanted: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """The contents of records at these places (of `places`), each checked by its checksum."""
    with _opened(path) as opened:
        for start, length in wanted:
            opened.seek(start)
            read = opened.read(length + _TAIL)
            if len(read) < length + _TAIL:
                raise DataError(f"{path}: cut short in the record at byte {start - _HEAD}")
            content, tail = read[:length], read[length:]
            if masked(crc32c(content)) != struct.unpack("<I", tail)[0]:
                raise DataError(
                    f"{path}: the record at byte {start - _HEAD} is damaged (wrong checksum)"
                )
            yield content


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
