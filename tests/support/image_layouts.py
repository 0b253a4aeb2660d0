"""Small data sets written to disk in the layouts that published ones have.

Checksums and messages are written here bit by bit, sharing no code with the readers.
"""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def picture(seed: int, *, height: int = 12, width: int = 12) -> NDArray[np.uint8]:
    """Colours (height, width, 3) of blocks of four pixels: JPEG keeps their order of brightness."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3))
    return np.kron(small, np.ones((4, 4, 1))).astype(np.uint8)


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind)
    return buffer.getvalue()


def stroke(seed: int, side: int = 105) -> NDArray[np.bool_]:
    """A drawing as Omniglot's are: one bit a pixel, black (False) ink on white."""
    rng = np.random.default_rng(seed)
    drawing = np.ones((side, side), dtype=bool)
    top, left = rng.integers(10, 60, 2)
    drawing[top : top + 40, left : left + 8] = False
    drawing[top : top + 6, left : left + 30] = False
    return drawing


def write_character(folder: Path, seed: int, images: int) -> None:
    folder.mkdir(parents=True)
    for i in range(images):
        drawing = Image.fromarray(stroke(seed * 100 + i))
        drawing.save(folder / f"{seed:04d}_{i + 1:02d}.png")


def write_omniglot(
    root: Path, background: Mapping[str, int], evaluation: Mapping[str, int], images: int = 3
) -> None:
    """`images_background` and `images_evaluation` with so many characters for each alphabet."""
    seed = 0
    for part, alphabets in (("background", background), ("evaluation", evaluation)):
        for alphabet, characters in alphabets.items():
            for c in range(1, characters + 1):
                seed += 1
                write_character(
                    root / f"images_{part}" / alphabet / f"character{c:02d}", seed, images
                )


def crc32c_by_bits(content: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def _masked(content: bytes) -> bytes:
    crc = crc32c_by_bits(content)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def record(content: bytes) -> bytes:
    """One record of a TFRecord file."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def _varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _chunk(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def example(**values: bytes | int | Sequence[float]) -> bytes:
    """A `tf.train.Example`: bytes, one whole number, or floats for each name."""
    entries = b""
    for name, value in values.items():
        if isinstance(value, bytes):
            feature = _chunk(1, _chunk(1, value))
        elif isinstance(value, int):
            feature = _chunk(3, _chunk(1, _varint(value)))
        else:
            feature = _chunk(2, _chunk(1, struct.pack(f"<{len(value)}f", *value)))
        entries += _chunk(1, _chunk(1, name.encode()) + _chunk(2, feature))
    return _chunk(1, entries)


def write_records(path: Path, images: Sequence[bytes], label: int) -> None:
    path.write_bytes(b"".join(record(example(image=i, label=label)) for i in images))


def write_record_set(
    folder: Path, split_classes: Mapping[str, int], images: Sequence[int], *, name: str = "tiny"
) -> None:
    """A data set of Meta-Dataset: class c has `images[c]` JPEG files of colours, seeded 100 c."""
    folder.mkdir(parents=True)
    spec = {
        "name": name,
        "classes_per_split": dict(split_classes),
        "images_per_class": {str(c): n for c, n in enumerate(images)},
        "class_names": {str(c): f"class {c}" for c in range(len(images))},
        "path": "/somewhere/else",
        "file_pattern": "{}.tfrecords",
        "__class__": "DatasetSpecification",
    }
    (folder / "dataset_spec.json").write_text(json.dumps(spec))
    for c, n in enumerate(images):
        jpegs = [encoded(picture(100 * c + i), "JPEG") for i in range(n)]
        write_records(folder / f"{c}.tfrecords", jpegs, c)
