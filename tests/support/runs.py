"""Comparing runs bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
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
