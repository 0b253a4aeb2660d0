"""What tables say of means that few seeds stand behind."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tnverify.analyses.paper.findings import _points
from tnverify.analyses.programs.tables import interval, plus_minus, unknown_words
from tnverify.analyses.statistics import Estimate


@pytest.mark.parametrize(
    ("half_width", "shown"), [(0.04, "±0.0"), (3.21, "±3.2"), (105.7, "±?"), (math.inf, "±?")]
)
def test_a_half_width_beyond_what_can_be_is_not_known(half_width: float, shown: str) -> None:
    assert plus_minus(half_width) == shown
    cells = pd.DataFrame({"half_width": [1.0, half_width], "seeds": 2})
    assert unknown_words(cells) == (" ±?: not known from 2 seeds." if shown == "±?" else "")


@pytest.mark.parametrize("half", [105.7, math.inf])
def test_a_difference_has_no_interval_that_cannot_be(half: float) -> None:
    wide, narrow = (Estimate(4.0, 4.0 - h, 4.0 + h) for h in (half, 1.5))
    for text in (interval(wide), _points(wide)):
        assert "[" not in text
        assert "inf" not in text
        assert "seed" in text
    assert interval(narrow) == "+4.0 [+2.5, +5.5]"
    assert _points(narrow) == "+4.00 [+2.50, +5.50]"
