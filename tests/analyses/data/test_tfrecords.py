"""Checksums and frames of TFRecord files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from image_layouts import crc32c_by_bits, record

from tnverify.analyses.data import DataError
from tnverify.analyses.data.crc32c import crc32c, masked
from tnverify.analyses.data.tfrecords import contents, places

if TYPE_CHECKING:
    from pathlib import Path

CONTENTS = (b"", b"a", b"hello" * 100, bytes(range(256)) * 9)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "7.tfrecords"
    path.write_bytes(b"".join(record(content) for content in CONTENTS))
    return path


def read(path: Path) -> list[bytes]:
    return list(contents(path, [(int(at), int(n)) for at, n in places(path)]))


@pytest.mark.parametrize(
    ("content", "checksum"),
    [
        # RFC 3720, appendix B.4, and the usual check word.
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_published_checksums(content: bytes, checksum: int) -> None:
    assert crc32c(content) == checksum


@pytest.mark.parametrize("length", [1, 3, 4, 5, 255, 256, 257, 511, 512, 513, 1024, 2000])
def test_checksums_agree_with_shifting_bits(length: int) -> None:
    content = np.random.default_rng(length).bytes(length)
    assert crc32c(content) == crc32c_by_bits(content)


def test_masks_are_undone_as_published() -> None:
    # The mask's inverse: subtract the constant and turn left by 15 bits.
    for checksum in (0, 1, 0xE3069283, 0xFFFFFFFF):
        turned = (masked(checksum) - 0xA282EAD8) & 0xFFFFFFFF
        assert ((turned >> 17) | (turned << 15)) & 0xFFFFFFFF == checksum


def test_records_are_read_back(file: Path) -> None:
    assert read(file) == list(CONTENTS)
    found = places(file)
    assert found[:, 1].tolist() == [len(c) for c in CONTENTS]
    assert list(contents(file, [(int(found[2, 0]), 500)])) == [CONTENTS[2]]


def test_a_file_without_records_has_none(tmp_path: Path) -> None:
    path = tmp_path / "0.tfrecords"
    path.write_bytes(b"")
    assert places(path).shape == (0, 2)


def test_every_flipped_byte_is_noticed(file: Path) -> None:
    whole = file.read_bytes()
    for at in range(0, len(whole), 31):
        file.write_bytes(whole[:at] + bytes((whole[at] ^ 0x10,)) + whole[at + 1 :])
        with pytest.raises(DataError, match=r"7\.tfrecords: "):
            read(file)


def test_every_cut_inside_a_record_is_noticed(file: Path) -> None:
    whole = file.read_bytes()
    ends = np.cumsum([len(record(c)) for c in CONTENTS]).tolist()
    for kept in range(1, ends[1] + 30):
        file.write_bytes(whole[:kept])
        if kept in ends:
            assert read(file) == list(CONTENTS[: ends.index(kept) + 1])
            continue
        # Noticed when the file is looked through, before anything of it is read.
        start = max((end for end in ends if end < kept), default=0)
        with pytest.raises(DataError, match=rf"cut short in the record at byte {start}$"):
            places(file)


def test_where_the_damage_is_is_said(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    second = len(record(CONTENTS[0]))
    whole[second + 12] ^= 1
    file.write_bytes(bytes(whole))
    with pytest.raises(DataError, match=rf"the record at byte {second} is damaged"):
        read(file)
    whole[second + 9] ^= 1
    file.write_bytes(bytes(whole))
    with pytest.raises(DataError, match=rf"no record at byte {second} \(wrong checksum"):
        places(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tfrecords: No such file"):
        places(tmp_path / "none.tfrecords")
