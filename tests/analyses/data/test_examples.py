"""`tf.train.Example` messages."""

from __future__ import annotations

import struct

import pytest
from image_layouts import example

from tnverify.analyses.data.examples import features


def test_every_kind_of_value() -> None:
    message = example(image=b"\x00\xff" * 200, label=300, weights=[0.5, -2.0])
    assert features(message) == {
        "image": [b"\x00\xff" * 200],
        "label": [300],
        "weights": [0.5, -2.0],
    }


def test_a_message_written_by_hand() -> None:
    # Example { features { feature { key: "a" value { int64_list { value: [1, 300] } } } } },
    # packed: 01, and 300 as AC 02.
    message = bytes.fromhex("0a0e 0a0c 0a0161 1207 1a05 0a03 01ac02".replace(" ", ""))
    assert features(message) == {"a": [1, 300]}
    # The same list unpacked: field 1 as a number, twice.
    message = bytes.fromhex("0a0e 0a0c 0a0161 1207 1a05 0801 08ac02".replace(" ", ""))
    assert features(message) == {"a": [1, 300]}


def test_negative_numbers_and_unpacked_floats() -> None:
    assert features(example(label=-1)) == {"label": [-1]}
    single = b"\x0d" + struct.pack("<f", 1.5)
    message = bytes((10, 14, 10, 12, 10, 1, 97, 18, 7, 18, 5)) + single
    assert features(message) == {"a": [1.5]}


def test_unknown_fields_are_passed_over() -> None:
    unknown = bytes((0x78, 5)) + bytes((0x71,)) + bytes(8) + bytes((0x75,)) + bytes(4)
    assert features(unknown + example(label=1) + unknown) == {"label": [1]}


def test_nothing_is_no_features() -> None:
    assert features(b"") == {}


@pytest.mark.parametrize("kept", range(1, 20))
def test_a_cut_message_is_refused(kept: int) -> None:
    with pytest.raises(ValueError, match=r"cut short|does not end"):
        features(example(image=b"0123456789")[:kept])


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\xff" * 11, "does not end"),
        (b"\x0b", "unknown kind 3"),
        (bytes((10, 12, 10, 10, 10, 1, 97, 18, 5, 18, 3, 10, 1, 0)), "list of floats that holds"),
    ],
)
def test_other_bytes_are_refused(message: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        features(message)
