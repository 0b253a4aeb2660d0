"""Areas under curves and when they reach something, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tnverify.analyses.statistics import area_under_curve, reached_at


def test_the_area_is_the_mean_height() -> None:
    assert area_under_curve([0, 10], [20.0, 60.0]) == 40.0
    assert area_under_curve([100, 110, 200], [50.0, 50.0, 50.0]) == 50.0
    # 10 steps at a mean of 30, 90 at a mean of 50.
    assert area_under_curve([0, 10, 100], [20.0, 40.0, 60.0]) == pytest.approx(48.0)


def test_an_accuracy_is_reached_between_evaluations() -> None:
    at, accuracies = [0, 100, 200, 300], [20.0, 40.0, 30.0, 80.0]
    assert reached_at(at, accuracies, 30.0) == 50.0
    assert reached_at(at, accuracies, 40.0) == 100.0
    assert reached_at(at, accuracies, 20.0) == 0.0
    assert reached_at(at, accuracies, 80.1) == math.inf


def test_a_noisy_peak_does_not_count_where_the_curve_must_stay() -> None:
    at, accuracies = [0, 100, 200, 300], [20.0, 40.0, 30.0, 80.0]
    assert reached_at(at, accuracies, 35.0, hold=2) == math.inf
    assert reached_at([*at, 400], [*accuracies, 81.0], 35.0, hold=2) == 210.0
    assert reached_at(at, accuracies, 25.0, hold=3) == 25.0
    assert reached_at(at, accuracies, 25.0, hold=5) == math.inf


def test_a_loss_falls_to_it() -> None:
    assert reached_at([0, 10, 20], [3.0, 2.0, 1.0], 1.5, falling=True) == 15.0
    assert reached_at([0, 10, 20], [3.0, 2.0, 1.0], 0.5, falling=True) == math.inf


@pytest.mark.parametrize(
    ("at", "values", "said"),
    [
        ([0, 0, 1], [1.0, 2.0, 3.0], "rise strictly"),
        ([0, 1], [1.0, 2.0, 3.0], "2 positions have 3 values"),
        ([0, 1], [1.0, np.inf], "must be finite"),
    ],
)
def test_what_is_no_curve_is_refused(at: list[int], values: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        area_under_curve(at, values)


def test_no_evaluation_holds_nothing() -> None:
    with pytest.raises(ValueError, match="hold is 0"):
        reached_at([0, 1], [1.0, 2.0], 1.5, hold=0)
