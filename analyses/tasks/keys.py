"""Random numbers that depend on a key and a number alone, never on what was drawn before."""

from __future__ import annotations

import hashlib
import json
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What numbers are drawn for; a task's streams do not disturb one another, so that a task
    with a style has the classes and images of the one without."""

    CONTENT = 0
    STYLE = 1
    NOISE = 2
    CORRUPTION = 3


def key_of(*parts: object) -> int:
    """A number of 128 bits that stands for JSON-ready values."""
    text = json.dumps(parts, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def generator(key: int, stream: Stream, number: int) -> np.random.Generator:
    """The generator of one stream of one task: a Philox counter far from every other's."""
    return np.random.Generator(np.random.Philox(key=key, counter=(0, 0, int(stream), number)))
