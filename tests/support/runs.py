"""Runs that die and go on, and comparing runs bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tnverify.analyses.sweep import Workplace
from tnverify.analyses.training import train_one

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.analyses.sweep import Trained

TIMES = {"seconds", "seconds_per_iteration", "seconds_of_data"}


def expect_same_run(one: Trained, other: Trained) -> None:
    """The same bits in everything but times."""
    results = [{k: v for k, v in run.results.items() if k not in TIMES} for run in (one, other)]
    assert results[0] == results[1]
    arrays = [
        {k: v for k, v in run.arrays.items() if k != "validation/seconds"} for run in (one, other)
    ]
    assert arrays[0].keys() == arrays[1].keys()
    for name in arrays[0]:
        assert np.array_equal(arrays[0][name], arrays[1][name]), name


class Killed(BaseException):
    """What no run may catch."""


class Dying(Workplace):
    """A workplace whose run dies when it has told so many times how far it is."""

    def __init__(self, folder: Path, after: int) -> None:
        super().__init__(folder)
        self.left = after

    def tell(self, done: float, total: float) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed
        super().tell(done, total)


def interrupted(
    configuration: dict[str, Any], folder: Path, after: int, **arguments: Any
) -> Trained:
    """Begun, killed again and again, each time a little later, and at last finished."""
    deaths = 0
    while True:
        try:
            return train_one(configuration, Dying(folder, after), **arguments)
        except Killed:
            deaths += 1
            assert deaths < 50, "a run that was begun again got no further"
