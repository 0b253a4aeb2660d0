"""Messages between processes: whole values, laws by name, and nothing run that is not a result."""

from __future__ import annotations

import pickle
from functools import partial

import pytest

from tnverify.catalogue import load_catalogue
from tnverify.engine.results import LawVerdict
from tnverify.isolation.messages import Frames, MangledError, frame, framed, value_of

CATALOGUE = load_catalogue()
LAW = CATALOGUE.laws[3]
VERDICT = LawVerdict(LAW, "violated", "because", margin=float("inf"))


def read(data: bytes) -> list[object]:
    return [value_of(payload, CATALOGUE.named) for payload in Frames().add(data)]


def test_values_come_back_with_the_very_law() -> None:
    (back,) = read(frame(VERDICT))
    assert back == VERDICT
    assert isinstance(back, LawVerdict)
    assert back.law is LAW


def test_a_stream_may_be_cut_anywhere() -> None:
    frames, found = Frames(), []
    for byte in frame("one") + frame(VERDICT):
        found += [value_of(p, CATALOGUE.named) for p in frames.add(bytes([byte]))]
    assert found == ["one", VERDICT]


@pytest.mark.parametrize("data", [b"no message at all", b"tnv1\xff\xff\xff\xff"])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(MangledError):
        read(data)


def test_a_message_cannot_have_anything_run() -> None:
    class Runs:
        def __reduce__(self) -> tuple[object, ...]:
            return partial(print), ("it ran",)

    with pytest.raises(MangledError, match="functools"):
        read(framed(pickle.dumps(Runs())))


@pytest.mark.parametrize("payload", [b"", b"not a pickle", frame("x")[8:-1]])
def test_a_payload_that_holds_no_value_is_refused(payload: bytes) -> None:
    with pytest.raises(MangledError):
        read(framed(payload))
