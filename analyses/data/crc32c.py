"""CRC-32C (Castagnoli), the checksum of TFRecord files, in NumPy.

Python's own libraries have CRC-32 with another polynomial only. The checksum is linear over
bits, so rows of a fixed length are summed all at once and then folded one after the other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REVERSED = 0x82F63B78
_ALL = 0xFFFFFFFF
_ROW = 512
_LONG = 256
_MASK_DELTA = 0xA282EAD8


def crc32c(content: bytes) -> int:
    """The checksum of the bytes."""
    if len(content) < _LONG:
        return _short(content)
    tables, shift = _tables()
    # Zeros in front change nothing in a register of zeros, and a register of ones at the start is
    # as if the first four bytes were inverted.
    padding = -len(content) % _ROW
    padded = np.zeros(padding + len(content), dtype=np.uint8)
    padded[padding:] = np.frombuffer(content, dtype=np.uint8)
    padded[padding : padding + 4] ^= 0xFF
    rows = padded.reshape(-1, _ROW)
    sums = np.bitwise_xor.reduce(tables[np.arange(_ROW), rows], axis=1)
    register = 0
    for row_sum in sums.tolist():
        register = (
            shift[0][register & 0xFF]
            ^ shift[1][register >> 8 & 0xFF]
            ^ shift[2][register >> 16 & 0xFF]
            ^ shift[3][register >> 24]
            ^ row_sum
        )
    return register ^ _ALL


def masked(checksum: int) -> int:
    """The checksum as TFRecord files store it: turned right by 15 bits, plus a constant."""
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & _ALL


@lru_cache(maxsize=1)
def _byte_table() -> tuple[int, ...]:
    """What each byte leaves in a register of zeros."""
    table = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = register >> 1 ^ (_REVERSED if register & 1 else 0)
        table.append(register)
    return tuple(table)


def _short(content: bytes) -> int:
    table = _byte_table()
    register = _ALL
    for byte in content:
        register = register >> 8 ^ table[(register ^ byte) & 0xFF]
    return register ^ _ALL


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint32], list[list[int]]]:
    """What byte b at place p of a row leaves at the row's end, (row, 256); and what each byte of
    a register becomes while a row of zeros passes."""
    step = np.array(_byte_table(), dtype=np.uint32)
    tables = np.empty((_ROW, 256), dtype=np.uint32)
    tables[-1] = step
    for place in range(_ROW - 2, -1, -1):
        later = tables[place + 1]
        tables[place] = later >> np.uint32(8) ^ step[later & np.uint32(0xFF)]
    # A register that is r before a row is as if its bytes were xored into the row's first four.
    shift = [tables[byte].tolist() for byte in range(4)]
    return tables, shift
